/* Differences between two worlds, and the objects that cause them: both are translated from
 * scratch, and resources and statuses are compared. Runs in portolan-translator --once. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/document.h"
#include "common/decode/object-kind.h"
#include "common/decode/status-document.h"
#include "common/link/resource-kind.h"
#include "translator/graph/cell.h"
#include "translator/print/changes.h"
#include "translator/print/composed.h"
#include "translator/print/print.h"

struct pair {
	const struct world *before, *after;
	struct document *d;
	bool full;
};

static void add(struct document *d, const char *key, const char *value)
{
	document_key(d, key);
	document_string(d, value);
}

static const char *change_word(const struct item *was, const struct item *is)
{
	return !was ? "added" : !is ? "removed" : "changed";
}

/* Calls fn for each item that differs, by kind and key. */
static void each_change(const struct pair *p, const struct state *before, const struct state *after,
			void (*fn)(const struct pair *p, struct item *was, struct item *is))
{
	size_t n_before, n_after, b = 0, a = 0;
	struct item **was = state_sorted(before, &n_before), **is = state_sorted(after, &n_after);

	while (b < n_before || a < n_after) {
		int order = b == n_before ? 1 : a == n_after ? -1 : 0;

		if (!order && was[b]->kind != is[a]->kind)
			order = was[b]->kind < is[a]->kind ? -1 : 1;
		if (!order)
			order = cell_compare_items(was[b], is[a]);
		if (order || !item_equal(was[b], is[a]))
			fn(p, order <= 0 ? was[b] : NULL, order >= 0 ? is[a] : NULL);
		b += order <= 0;
		a += order >= 0;
	}
	free(was);
	free(is);
}

/* "Kind namespace/name" */
static void add_object(struct document *d, enum object_kind kind, const char *key)
{
	const struct object_kind_row *row = object_kind(kind);
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;

	strbuf_printf(&b, "%s %s", row ? row->kind : "?", key);
	document_string(d, strbuf_str(&b));
}

static void on_object(const struct pair *p, struct item *was, struct item *is)
{
	const struct item *i = is ? is : was;

	if (object_kind_is_remark(i->kind))
		return;
	document_map(p->d);
	document_key(p->d, "object");
	add_object(p->d, (enum object_kind)i->kind, item_key(i));
	add(p->d, "change", change_word(was, is));
	document_end(p->d);
}

struct causes {
	const struct pair *p;
	char **found; /* sorted later: "kind key" with the kind in front */
	size_t n, cap;
};

/* A new place in its file is not a cause. */
static bool same_value(const struct item *a, const struct item *b)
{
	return a->value_len == b->value_len &&
	       memcmp(item_value(a), item_value(b), a->value_len) == 0;
}

static void on_cause(void *ctx, enum object_kind kind, const char *key)
{
	struct causes *c = ctx;
	const struct item *was = state_get(c->p->before->objects, kind, key, strlen(key));
	const struct item *is = state_get(c->p->after->objects, kind, key, strlen(key));
	char *name;

	if (was && is && same_value(was, is))
		return;
	name = xasprintf("%02u%s", (unsigned)kind, key);
	for (size_t i = 0; i < c->n; i++)
		if (strcmp(c->found[i], name) == 0) {
			free(name);
			return;
		}
	GROW(c->found, c->n, c->cap);
	c->found[c->n++] = name;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* For a resource with a head and parts, the parts that differ have the causes. */
static void find_part_causes(const struct world *in, const struct world *other,
			     const struct item *head, struct causes *c)
{
	const struct item *i;

	for (size_t pos = 0; (i = state_next(in->resources, &pos));) {
		const struct item *there;

		if (i->kind != RESOURCE_PART + head->kind || i->key_len <= head->key_len ||
		    memcmp(i->data, head->data, head->key_len + 1) != 0)
			continue;
		there = state_get(other->resources, i->kind, i->data, i->key_len);
		if (!there || !item_equal(i, there))
			graph_provenance(in->graph, i->kind, i->data, i->key_len, on_cause, c);
	}
}

static void find_causes(const struct pair *p, const struct item *was, const struct item *is,
			struct causes *c)
{
	const struct item *i = is ? is : was;

	if (was)
		graph_provenance(p->before->graph, was->kind, item_key(was), was->key_len, on_cause,
				 c);
	if (is)
		graph_provenance(p->after->graph, is->kind, item_key(is), is->key_len, on_cause, c);
	/* It came or went though its own objects are unchanged: an object that refers to it is the
	 * cause. */
	if (!c->n && was)
		graph_referrers(p->before->graph, was->kind, item_key(was), was->key_len, on_cause,
				c);
	if (!c->n && is)
		graph_referrers(p->after->graph, is->kind, item_key(is), is->key_len, on_cause, c);
	if (!c->n && i->kind < RESOURCE_PART) {
		find_part_causes(p->before, p->after, i, c);
		find_part_causes(p->after, p->before, i, c);
	}
}

/* The changed objects from which the resource, before or after, is made. */
static void add_causes(const struct pair *p, const struct item *was, const struct item *is)
{
	struct causes c = { .p = p };

	find_causes(p, was, is, &c);
	if (c.n)
		qsort(c.found, c.n, sizeof(*c.found), compare);
	document_key(p->d, "because");
	document_list(p->d);
	for (size_t i = 0; i < c.n; i++) {
		add_object(p->d,
			   (enum object_kind)strtoul((char[]){ c.found[i][0], c.found[i][1], 0 },
						     NULL, 10),
			   c.found[i] + 2);
		free(c.found[i]);
	}
	document_end(p->d);
	free(c.found);
}

static void add_resource(const struct pair *p, const char *key, const struct state *s,
			 const struct item *i)
{
	_cleanup_strbuf_ struct strbuf bytes = STRBUF_INIT;
	struct item **all;
	size_t n;

	if (!i || !p->full)
		return;
	all = state_sorted(s, &n);
	composed_bytes(all, n, i, &bytes);
	document_key(p->d, key);
	(void)print_resource(p->d, i->kind, item_key(i), item_meta(i),
			     (const uint8_t *)strbuf_str(&bytes), bytes.len, PRINT_REDACT);
	free(all);
}

static void on_resource(const struct pair *p, struct item *was, struct item *is)
{
	const struct item *i = is ? is : was;
	bool part = i->kind > RESOURCE_PART;
	const struct resource_kind_row *row =
		resource_kind(part ? i->kind - RESOURCE_PART : i->kind);

	/* It is not sent to Envoys. */
	if (!row)
		return;
	document_map(p->d);
	add(p->d, "kind", row->name);
	add(p->d, part ? "part" : "name", item_key(i));
	add(p->d, "change", change_word(was, is));
	add_causes(p, was, is);
	if (!part) {
		add_resource(p, "was", p->before->resources, was);
		add_resource(p, "is", p->after->resources, is);
	}
	document_end(p->d);
}

static void on_status(const struct pair *p, struct item *was, struct item *is)
{
	if ((is ? is : was)->kind == OBJECT_DESIRED)
		return;
	document_map(p->d);
	add(p->d, "change", change_word(was, is));
	document_key(p->d, "was");
	if (was)
		status_document_one(p->d, was, p->before->objects);
	else
		document_null(p->d);
	document_key(p->d, "is");
	if (is)
		status_document_one(p->d, is, p->after->objects);
	else
		document_null(p->d);
	document_end(p->d);
}

int changes_print(const struct world *before, const struct world *after, const char *format,
		  bool full)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	struct document d;
	struct pair p = { before, after, &d, full };

	document_init(&d, &out, strcmp(format, "json") == 0 ? DOCUMENT_JSON : DOCUMENT_YAML);
	document_map(&d);
	document_key(&d, "objects");
	document_list(&d);
	each_change(&p, before->objects, after->objects, on_object);
	document_end(&d);
	document_key(&d, "resources");
	document_list(&d);
	each_change(&p, before->resources, after->resources, on_resource);
	document_end(&d);
	document_key(&d, "statuses");
	document_list(&d);
	each_change(&p, before->statuses, after->statuses, on_status);
	document_end(&d);
	document_end(&d);
	return fwrite(out.s, 1, out.len, stdout) == out.len && fflush(stdout) == 0 ? 0 : -EIO;
}
