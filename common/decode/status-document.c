/* Objects' statuses as documents. Used by watcher and translator. */
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/decode/object-kind.h"
#include "common/decode/status-document.h"

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

static void add_uint(struct document *d, const char *key, uint32_t n)
{
	document_key(d, key);
	document_int(d, n);
}

static const char *condition_status(Portolan__Ipc__ConditionStatus status)
{
	static const char *const names[] = { "False", "True", "Unknown" };

	return (unsigned)status < ARRAY_SIZE(names) ? names[status] : "Unknown";
}

static void add_condition(struct document *d, const Portolan__Ipc__Condition *c,
			  protobuf_c_boolean has_generation, int64_t generation)
{
	document_map(d);
	add(d, "type", c->type);
	add(d, "status", condition_status(c->status));
	add(d, "reason", c->reason);
	add(d, "message", c->message);
	if (has_generation) {
		document_key(d, "observedGeneration");
		document_int(d, generation);
	}
	document_end(d);
}

static void add_conditions(struct document *d, const Portolan__Ipc__ObjectStatus *s,
			   Portolan__Ipc__Condition *const *list, size_t n)
{
	if (!n)
		return;
	document_key(d, "conditions");
	document_list(d);
	for (size_t i = 0; i < n; i++)
		add_condition(d, list[i], s->has_observed_generation, s->observed_generation);
	document_end(d);
}

static void add_parents(struct document *d, const char *key, const char *ref,
			const Portolan__Ipc__ObjectStatus *s,
			Portolan__Ipc__ParentStatus *const *list, size_t n)
{
	if (!n)
		return;
	document_key(d, key);
	document_list(d);
	for (size_t i = 0; i < n; i++) {
		document_map(d);
		document_key(d, ref);
		document_map(d);
		add(d, "group", list[i]->group);
		add(d, "kind", list[i]->kind);
		add(d, "namespace", list[i]->namespace_);
		add(d, "name", list[i]->name);
		add(d, "sectionName", list[i]->section_name);
		if (list[i]->has_port)
			add_uint(d, "port", list[i]->port);
		document_end(d);
		add(d, "controllerName", s->controller);
		add_conditions(d, s, list[i]->conditions, list[i]->n_conditions);
		document_end(d);
	}
	document_end(d);
}

static void add_listener(struct document *d, const Portolan__Ipc__ObjectStatus *s,
			 const Portolan__Ipc__ListenerStatus *l)
{
	document_map(d);
	add(d, "name", l->name);
	add_uint(d, "attachedRoutes", l->attached_routes);
	document_key(d, "supportedKinds");
	document_list(d);
	for (size_t i = 0; i < l->n_supported_kinds; i++) {
		document_map(d);
		add(d, "group", l->supported_kinds[i]->group);
		add(d, "kind", l->supported_kinds[i]->kind);
		document_end(d);
	}
	document_end(d);
	add_conditions(d, s, l->conditions, l->n_conditions);
	document_end(d);
}

static void add_addresses(struct document *d, const Portolan__Ipc__ObjectStatus *s)
{
	if (!s->n_addresses)
		return;
	document_key(d, "addresses");
	document_list(d);
	for (size_t i = 0; i < s->n_addresses; i++) {
		document_map(d);
		add(d, "type", s->addresses[i]->type);
		add(d, "value", s->addresses[i]->value);
		add(d, "routability", s->addresses[i]->routability);
		document_end(d);
	}
	document_end(d);
}

/* Fields of Gateway API's kinds, named as in their status. */
static void add_api_status(struct document *d, const Portolan__Ipc__ObjectStatus *s)
{
	add_conditions(d, s, s->conditions, s->n_conditions);
	add_parents(d, "parents", "parentRef", s, s->parents, s->n_parents);
	add_parents(d, "ancestors", "ancestorRef", s, s->ancestors, s->n_ancestors);
	add_addresses(d, s);
	if (s->has_attached_listener_sets)
		add_uint(d, "attachedListenerSets", s->attached_listener_sets);
	if (s->n_listeners) {
		document_key(d, "listeners");
		document_list(d);
		for (size_t i = 0; i < s->n_listeners; i++)
			add_listener(d, s, s->listeners[i]);
		document_end(d);
	}
	if (s->n_supported_features) {
		document_key(d, "supportedFeatures");
		document_list(d);
		for (size_t i = 0; i < s->n_supported_features; i++)
			document_string(d, s->supported_features[i]);
		document_end(d);
	}
}

const char *status_origin(const struct item *status, const Portolan__Ipc__ObjectStatus *s,
			  const struct state *objects)
{
	const struct item *object;

	if (s->origin)
		return s->origin;
	object = state_get(objects, status->kind, item_key(status), status->key_len);
	return object && object->meta_len ? item_meta(object) : NULL;
}

void status_document_members(struct document *d, const struct item *status,
			     const struct state *objects)
{
	Portolan__Ipc__ObjectStatus *s =
		portolan__ipc__object_status__unpack(NULL, status->value_len, item_value(status));

	add_name(d, status);
	if (s) {
		add(d, "verdict", status_verdict_name(s->verdict));
		add(d, "origin", status_origin(status, s, objects));
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
		add_api_status(d, s);
		if (s->propagated) {
			document_key(d, "propagated");
			add_condition(d, s->propagated, s->has_propagated_generation,
				      s->propagated_generation);
		}
	}
	portolan__ipc__object_status__free_unpacked(s, NULL);
}

void status_document_one(struct document *d, const struct item *status, const struct state *objects)
{
	document_map(d);
	status_document_members(d, status, objects);
	document_end(d);
}

void status_document_list(struct document *d, const struct state *statuses,
			  const struct state *objects)
{
	_cleanup_free_ struct item **all = NULL;
	size_t n;

	all = state_sorted(statuses, &n);
	document_list(d);
	for (size_t k = 0; k < n; k++)
		if (all[k]->kind != OBJECT_DESIRED)
			status_document_one(d, all[k], objects);
	document_end(d);
}
