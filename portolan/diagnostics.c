/* Problems of objects from files, as compilers write them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/decode/object-kind.h"
#include "common/decode/status-document.h"
#include "ipc.pb-c.h"
#include "portolan/diagnostics.h"
#include "portolan/field-place.h"

#define CHUNK (64 * 1024)

struct diagnostic {
	const char *file;
	unsigned line, column;
	const char *about; /* "Ingress default/web"; "" for a document */
	const Portolan__Ipc__Problem *problem;
	const char *message;
	size_t order;
};

struct list {
	struct arena *arena;
	struct diagnostic *all;
	size_t n, cap;
	struct diagnostics_counts *counts;
};

/* An origin is "FILE:LINE", or a file alone. */
static void read_origin(struct arena *a, const char *origin, struct diagnostic *d)
{
	const char *colon = origin ? strrchr(origin, ':') : NULL;
	char *end;

	d->file = origin ? origin : "";
	d->line = 1;
	if (!colon || !colon[1])
		return;
	d->line = (unsigned)strtoul(colon + 1, &end, 10);
	if (*end)
		d->line = 1;
	else
		d->file = arena_strndup(a, origin, (size_t)(colon - origin));
}

/* The watcher writes the place inside its sentence, "FILE, document 1, line 5: …" or "… (FILE,
 * document 1, line 5)". Moves it to the front. */
static void move_place(struct arena *a, struct diagnostic *d)
{
	char *front = arena_printf(a, "%s, document ", d->file);
	char *back = arena_printf(a, " (%s, document ", d->file);
	const char *at, *line, *end;

	if (strncmp(d->message, front, strlen(front)) == 0) {
		end = strstr(d->message, ": ");
		line = strstr(d->message, ", line ");
		if (end && line && line < end)
			d->line = (unsigned)strtoul(line + strlen(", line "), NULL, 10);
		if (end)
			d->message = end + 2;
		return;
	}
	at = strstr(d->message, back);
	if (at)
		d->message = arena_strndup(a, d->message, (size_t)(at - d->message));
}

static const char *about(struct arena *a, const struct item *i)
{
	const struct object_kind_row *row = object_kind(i->kind);
	const char *key = item_key(i);

	if (!row || i->kind == OBJECT_DOCUMENT)
		return "";
	return arena_printf(a, "%s %s: ", row->kind, key + (*key == '/'));
}

static void count_verdict(struct diagnostics_counts *c, Portolan__Ipc__Verdict verdict)
{
	size_t *counters[] = { &c->accepted, &c->partial, &c->rejected, &c->ignored };

	c->objects++;
	if ((unsigned)verdict < ARRAY_SIZE(counters))
		++*counters[verdict];
}

static void add(struct list *l, const struct item *i, const Portolan__Ipc__ObjectStatus *s,
		const Portolan__Ipc__Problem *p)
{
	struct diagnostic *d;

	GROW(l->all, l->n, l->cap);
	d = &l->all[l->n];
	*d = (struct diagnostic){ .about = about(l->arena, i),
				  .problem = p,
				  .message = p->message ? p->message : "",
				  .order = l->n };
	l->n++;
	read_origin(l->arena, s->origin, d);
	move_place(l->arena, d);
	l->counts->errors += p->severity == PORTOLAN__IPC__SEVERITY__SEVERITY_ERROR;
	l->counts->warnings += p->severity == PORTOLAN__IPC__SEVERITY__SEVERITY_WARNING;
}

static void add_all(struct list *l, const struct state *s, bool verdicts)
{
	struct item *i;

	for (size_t pos = 0; (i = state_next(s, &pos));) {
		Portolan__Ipc__ObjectStatus *status = portolan__ipc__object_status__unpack(
			arena_pb(l->arena), i->value_len, item_value(i));

		if (!status)
			continue;
		if (verdicts || (status->verdict == PORTOLAN__IPC__VERDICT__VERDICT_REJECTED &&
				 i->kind != OBJECT_DOCUMENT))
			count_verdict(l->counts, status->verdict);
		for (size_t k = 0; k < status->n_problems; k++)
			add(l, i, status, status->problems[k]);
	}
}

static int by_file(const void *a, const void *b)
{
	const struct diagnostic *x = a, *y = b;
	int d = strcmp(x->file, y->file);

	return d ? d : (x->order > y->order) - (x->order < y->order);
}

static int by_place(const void *a, const void *b)
{
	const struct diagnostic *x = a, *y = b;
	int d = strcmp(x->file, y->file);

	d = d ? d : (x->line > y->line) - (x->line < y->line);
	d = d ? d : (x->column > y->column) - (x->column < y->column);
	d = d ? d : strcmp(x->about, y->about);
	d = d ? d : strcmp(x->problem->reason, y->problem->reason);
	return d ? d : strcmp(x->message, y->message);
}

static void find_places(struct list *l)
{
	struct field_places *places = field_places_new();

	if (l->n)
		qsort(l->all, l->n, sizeof(*l->all), by_file);
	for (size_t i = 0; i < l->n; i++)
		field_places_find(places, l->all[i].file, l->all[i].problem->field, &l->all[i].line,
				  &l->all[i].column);
	field_places_free(places);
	if (l->n)
		qsort(l->all, l->n, sizeof(*l->all), by_place);
}

static void write_one(const struct diagnostic *d, struct strbuf *out)
{
	const char *field = d->problem->field ? d->problem->field : "";

	strbuf_printf(out, "%s:%u:", d->file, d->line);
	if (d->column)
		strbuf_printf(out, "%u:", d->column);
	strbuf_printf(out, " %s: %s%s%s%s [%s]\n", status_severity_name(d->problem->severity),
		      d->about, field, *field ? ": " : "", d->message,
		      d->problem->reason ? d->problem->reason : "");
}

void diagnostics_write(const struct state *statuses, const struct state *notes, struct strbuf *out,
		       struct diagnostics_counts *ret)
{
	struct list l = { .arena = arena_new(CHUNK), .counts = ret };

	*ret = (struct diagnostics_counts){ 0 };
	add_all(&l, statuses, true);
	add_all(&l, notes, false);
	find_places(&l);
	for (size_t i = 0; i < l.n; i++)
		write_one(&l.all[i], out);
	free(l.all);
	arena_free(l.arena);
}

static void put_count(struct strbuf *out, const char **separator, size_t n, const char *word,
		      const char *plural)
{
	if (!n)
		return;
	strbuf_printf(out, "%s%zu %s%s", *separator, n, word, n == 1 ? "" : plural);
	*separator = ", ";
}

void diagnostics_summary(const struct diagnostics_counts *c, struct strbuf *out)
{
	const char *separator = ": ";

	strbuf_printf(out, "%zu object%s", c->objects, c->objects == 1 ? "" : "s");
	put_count(out, &separator, c->accepted, "accepted", "");
	put_count(out, &separator, c->partial, "partial", "");
	put_count(out, &separator, c->rejected, "rejected", "");
	put_count(out, &separator, c->ignored, "ignored", "");
	separator = "; ";
	put_count(out, &separator, c->errors, "error", "s");
	put_count(out, &separator, c->warnings, "warning", "s");
	strbuf_putc(out, '\n');
}
