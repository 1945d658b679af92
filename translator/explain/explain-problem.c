/* What is wrong with the objects that the answer to a request names: errors and warnings in their
 * statuses. Where no Gateway took the request, those of Gateways are said, too: a listener that has
 * no certificate takes nothing; where one took it, those of policies for its backends. */
#include <stdlib.h>
#include <string.h>

#include "translator/explain/explain-internal.h"
#include "translator/model/front-end.h"

#define NAMED_MAX   32
#define SAID_MAX    64
#define SHOWN_MAX   16
#define UNNAMED_MAX 4

struct explain_problems {
	struct {
		enum object_kind kind;
		const char *key;
	} named[NAMED_MAX + UNNAMED_MAX];
	size_t n_named;
	const char *said[SAID_MAX];
	size_t n_said;
};

struct explain_problems *explain_problems_new(struct explain *e)
{
	struct explain_problems *p = arena_new_of(e->a, struct explain_problems, 1);

	*p = (struct explain_problems){ 0 };
	return p;
}

void explain_problems_of(struct explain *e, enum object_kind kind, const char *key)
{
	struct explain_problems *p = e->problems;

	if (!p)
		return;
	for (size_t i = 0; i < p->n_named; i++)
		if (p->named[i].kind == kind && strcmp(p->named[i].key, key) == 0)
			return;
	if (p->n_named == NAMED_MAX)
		return;
	p->named[p->n_named].kind = kind;
	p->named[p->n_named++].key = arena_strdup(e->a, key);
}

/* In the same words, or with more around them: what follows from it, or whose it is. */
static bool was_said(const struct explain_problems *p, const char *message)
{
	const char *end = strstr(message, "; ");
	size_t len = end ? (size_t)(end - message) : strlen(message);

	for (size_t i = 0; i < p->n_said; i++)
		if (strstr(message, p->said[i]) ||
		    memmem(p->said[i], strlen(p->said[i]), message, len))
			return true;
	return false;
}

void explain_problems_said(struct explain *e, const char *message)
{
	struct explain_problems *p = e->problems;

	if (p && p->n_said < SAID_MAX && !was_said(p, message))
		p->said[p->n_said++] = arena_strdup(e->a, message);
}

bool explain_problems_any(struct explain *e, enum object_kind kind, const char *key, bool errors)
{
	const Portolan__Ipc__ObjectStatus *s = explain_status(e, kind, key);

	for (size_t i = 0; s && i < s->n_problems; i++)
		if (s->problems[i]->severity >=
		    (errors ? PORTOLAN__IPC__SEVERITY__SEVERITY_ERROR
			    : PORTOLAN__IPC__SEVERITY__SEVERITY_WARNING))
			return true;
	return false;
}

/* No answer names these, and yet they may be its cause. */
static bool stands_before(const struct explain *e, enum object_kind kind)
{
	const struct front_end *f = front_end(kind);

	return e->taken_by ? kind == OBJECT_BACKEND_TLS_POLICY : f && f->listens;
}

static void add_unnamed(struct explain *e)
{
	struct explain_problems *p = e->problems;
	size_t n, added = 0;
	struct item **all = state_sorted(e->world.objects, &n);

	for (size_t i = 0; i < n && added < UNNAMED_MAX; i++) {
		enum object_kind kind = (enum object_kind)all[i]->kind;

		if (!stands_before(e, kind) ||
		    !explain_problems_any(e, kind, item_key(all[i]), true))
			continue;
		p->named[p->n_named].kind = kind;
		p->named[p->n_named++].key = arena_strdup(e->a, item_key(all[i]));
		added++;
	}
	free(all);
}

static void write_problem(struct explain *e, size_t named, const Portolan__Ipc__Problem *problem)
{
	const struct explain_problems *p = e->problems;

	document_map(e->d);
	document_key(e->d, "made_by");
	explain_object_write(e, p->named[named].kind, p->named[named].key, problem->field);
	explain_string(e, "why", arena_printf(e->a, "%s: %s", problem->reason, problem->message));
	document_end(e->d);
}

void explain_problems_write(struct explain *e)
{
	struct explain_problems *p = e->problems;
	size_t shown = 0;

	add_unnamed(e);
	document_key(e->d, "problems");
	document_list(e->d);
	for (size_t i = 0; i < p->n_named; i++) {
		const Portolan__Ipc__ObjectStatus *s =
			explain_status(e, p->named[i].kind, p->named[i].key);

		for (size_t k = 0; s && k < s->n_problems && shown < SHOWN_MAX; k++) {
			const Portolan__Ipc__Problem *problem = s->problems[k];

			if (problem->severity < PORTOLAN__IPC__SEVERITY__SEVERITY_WARNING ||
			    was_said(p, problem->message))
				continue;
			explain_problems_said(e, problem->message);
			write_problem(e, i, problem);
			shown++;
		}
	}
	document_end(e->d);
}
