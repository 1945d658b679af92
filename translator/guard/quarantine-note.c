/* Notes about refusals. */
#include "translator/guard/quarantine-note.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/strbuf.h"
#include "translator/kinds.h"
#include "translator/model/front-end.h"

#define NOT_AN_AUTHOR UINT_MAX

struct note {
	enum object_kind kind;
	char *key;
	struct item *item;
	struct item *fact; /* the same, for units that read it */
};

static void note_free(struct note *n)
{
	item_unref(n->item);
	item_unref(n->fact);
	free(n->key);
	free(n);
}

static void add_object(void *ctx, enum object_kind kind, const char *key)
{
	struct note *n = xnew(struct note, 1);

	*n = (struct note){ .kind = kind, .key = xstrdup(key) };
	vec_add(ctx, n);
}

static unsigned author_rank(const struct note *n)
{
	const struct front_end *f = front_end(n->kind);

	return f ? f->author : NOT_AN_AUTHOR;
}

/* If objects of a front end are among them, only their authors can act: drops the others. */
static void keep_authors(struct vec *notes)
{
	unsigned best = NOT_AN_AUTHOR;

	for (uint32_t i = 0; i < notes->n; i++)
		best = MIN(best, author_rank(vec_at(notes, i)));
	for (uint32_t i = notes->n; i-- > 0;) {
		struct note *n = vec_at(notes, i);

		if (author_rank(n) == best)
			continue;
		vec_close_up(notes, i);
		note_free(n);
	}
}

char *notes_who(char *const *nodes, size_t n_nodes, size_t n_all)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	size_t more = n_all > n_nodes ? n_all - n_nodes : 0;

	strbuf_puts(&b, n_nodes + more > 1 ? "Envoys" : "Envoy");
	for (size_t i = 0; i < n_nodes; i++)
		strbuf_printf(&b, "%s %s",
			      i == 0                      ? ""
			      : i + 1 == n_nodes && !more ? " and"
							  : ",",
			      nodes[i]);
	if (more)
		strbuf_printf(&b, " and %zu more", more);
	strbuf_puts(&b, n_nodes + more > 1 ? " refuse" : " refuses");
	return strbuf_take(&b);
}

void notes_add(struct graph *g, const struct refused *what, struct vec *ret_notes)
{
	Portolan__Ipc__Problem p = PORTOLAN__IPC__PROBLEM__INIT;
	_cleanup_free_ char *text = NULL, *who = NULL;

	who = notes_who(what->nodes, what->n_nodes, what->n_all);
	text = xasprintf(!what->whole ? "%s what this object makes of %s: %s. %s"
			 : what->kind == RESOURCE_PART + RESOURCE_LISTENER
				 ? "%s the listener %s, which has a filter chain of this object: "
				   "%s. %s"
				 : "%s the table %s, which has routes of this object: %s. %s",
			 who, what->name, what->message, what->outcome);
	p.has_severity = 1;
	p.severity = what->taken ? PORTOLAN__IPC__SEVERITY__SEVERITY_WARNING
				 : PORTOLAN__IPC__SEVERITY__SEVERITY_ERROR;
	p.reason = (char *)(what->taken ? "RejectedBySomeEnvoys" : "RejectedByEnvoy");
	p.message = text;
	graph_provenance(g, what->kind, what->key, what->key_len, add_object, ret_notes);
	keep_authors(ret_notes);
	for (uint32_t i = 0; i < ret_notes->n; i++) {
		struct note *n = vec_at(ret_notes, i);
		_cleanup_free_ char *key = xasprintf("%u %s", n->kind, n->key);

		n->item = item_ref(graph_note_add(g, n->kind, n->key, what->verdict, &p));
		if (what->taken)
			continue;
		n->fact = item_new(FACT_REFUSED, key, strlen(key), NULL, 0, text, strlen(text) + 1);
		graph_inject(g, FACT_REFUSED, key, strlen(key), n->fact);
	}
}

void notes_remove(struct graph *g, struct vec *notes)
{
	for (uint32_t i = 0; i < notes->n; i++) {
		struct note *n = vec_at(notes, i);
		_cleanup_free_ char *key = xasprintf("%u %s", n->kind, n->key);

		graph_note_remove(g, n->kind, n->key, n->item);
		if (n->fact)
			graph_uninject(g, FACT_REFUSED, key, strlen(key), n->fact);
	}
	notes_free(notes);
}

void notes_free(struct vec *notes)
{
	for (uint32_t i = 0; i < notes->n; i++)
		note_free(vec_at(notes, i));
	vec_done(notes);
}
