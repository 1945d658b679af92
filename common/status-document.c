/* Objects' statuses as documents. Used by watcher and translator. */
#include <stdlib.h>
#include <string.h>

#include "common/alloc.h"
#include "common/object-kind.h"
#include "common/status-document.h"

const char *status_verdict_name(Portolan__Ipc__Verdict verdict)
{
	static const char *const names[] = { "accepted", "partial", "rejected", "ignored" };

	return (unsigned)verdict < ARRAY_SIZE(names) ? names[verdict] : "unknown";
}

const char *status_severity_name(Portolan__Ipc__Severity severity)
{
	static const char *const names[] = { "info", "warning", "error" };

	return (unsigned)severity < ARRAY_SIZE(names) ? names[severity] : "unknown";
}

static void add(struct document *d, const char *key, const char *value)
{
	if (!value || !*value)
		return;
	document_key(d, key);
	document_string(d, value);
}

static void add_name(struct document *d, const struct item *status)
{
	const struct object_kind_row *row = object_kind(status->kind);
	const char *key = item_key(status), *slash = strchr(key, '/');

	add(d, "kind", row ? row->kind : "Document");
	if (row && slash) {
		if (slash > key) {
			document_key(d, "namespace");
			document_string_n(d, key, (size_t)(slash - key));
		}
		key = slash + 1;
	}
	add(d, "name", key);
}

static void add_problem(struct document *d, const Portolan__Ipc__Problem *p)
{
	document_map(d);
	add(d, "severity", status_severity_name(p->severity));
	add(d, "reason", p->reason);
	add(d, "field", p->field);
	add(d, "message", p->message);
	document_end(d);
}

void status_document_members(struct document *d, const struct item *status)
{
	Portolan__Ipc__ObjectStatus *s =
		portolan__ipc__object_status__unpack(NULL, status->value_len, item_value(status));

	add_name(d, status);
	if (s) {
		add(d, "verdict", status_verdict_name(s->verdict));
		add(d, "origin", s->origin);
		if (s->has_observed_generation) {
			document_key(d, "observedGeneration");
			document_int(d, s->observed_generation);
		}
		if (s->n_problems) {
			document_key(d, "problems");
			document_list(d);
			for (size_t i = 0; i < s->n_problems; i++)
				add_problem(d, s->problems[i]);
			document_end(d);
		}
	}
	portolan__ipc__object_status__free_unpacked(s, NULL);
}

void status_document_one(struct document *d, const struct item *status)
{
	document_map(d);
	status_document_members(d, status);
	document_end(d);
}

static int compare(const void *a, const void *b)
{
	const struct item *x = *(const struct item *const *)a, *y = *(const struct item *const *)b;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	return strcmp(x->data, y->data);
}

void status_document_list(struct document *d, const struct state *statuses)
{
	_cleanup_free_ struct item **all = xnew(struct item *, state_count(statuses) + 1);
	struct item *i;
	size_t pos = 0, n = 0;

	while ((i = state_next(statuses, &pos)))
		all[n++] = i;
	if (n)
		qsort(all, n, sizeof(struct item *), compare);
	document_list(d);
	for (size_t k = 0; k < n; k++)
		status_document_one(d, all[k]);
	document_end(d);
}
