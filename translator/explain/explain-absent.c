/* Objects that name a host but have no part in how it is served: rejected ones, and those of
 * another class. It looks at all objects, since no index knows these. */
#include <stdlib.h>
#include <string.h>

#include "translator/explain/explain-internal.h"
#include "translator/kinds.h"
#include "translator/model/front-end.h"
#include "translator/model/host-name.h"

#define FOUND_MAX 256
#define SHOWN_MAX 8

struct absent {
	const struct item *object;
	const char *field;
	const char *why;   /* NULL: its status says it */
	const char *lacks; /* the object serves the host, but without this; NULL: it does not serve
			      it */
};

/* Whether the host, or one of its routes, is the object's. */
static bool has_share(const ModelHostRoutes *host, const struct item *object)
{
	if (host->object_kind != object->kind)
		return false;
	if (strcmp(host->object_key, item_key(object)) == 0)
		return true;
	for (size_t i = 0; i < host->n_routes; i++) {
		const ModelHostRoute *r = host->routes[i];

		if ((r->owner && strcmp(r->owner, item_key(object)) == 0) ||
		    (r->also && strcmp(r->also, item_key(object)) == 0))
			return true;
	}
	return false;
}

/* Whether the object has routes for the name that it has written there, and with tls serves it over
 * TLS. */
static bool is_served(struct explain *e, const struct item *object, const char *name, bool tls)
{
	const struct item *const *facts;
	size_t n, routes = 0;
	const char *why, *host = host_name_normal(e->scratch, name, &why);
	ModelHostRoutes **specs;

	if (!host)
		return false;
	facts = graph_facts(e->world.graph, FACT_HOST, host, strlen(host), &n);
	specs = host_merge_unpack(e->scratch, facts, n, &routes);
	for (size_t i = 0; i < n; i++)
		if (has_share(specs[i], object))
			return !tls || specs[i]->tls || specs[i]->tcp;
	return false;
}

/* Facts for all hosts are not about this one. */
static bool is_for(const char *name, const char *host)
{
	return *name && explain_domain_fit(name, host) > 1;
}

/* Whether a route with parents is attached somewhere: its status says it. */
static bool is_attached(struct explain *e, const struct item *object)
{
	const Portolan__Ipc__ObjectStatus *s =
		explain_status(e, (enum object_kind)object->kind, item_key(object));

	return s && s->verdict != PORTOLAN__IPC__VERDICT__VERDICT_REJECTED &&
	       s->verdict != PORTOLAN__IPC__VERDICT__VERDICT_IGNORED;
}

/* Whether the object is absent from the host, though it has written this name. */
static bool is_absent(struct explain *e, const struct written_name *w, bool tls, struct absent *ret)
{
	if (!w->tls_field) {
		ret->why = explain_gateway_why(e, ret->object);
		return ret->why || !is_attached(e, ret->object);
	}
	if ((w->tls_only && !tls) || is_served(e, ret->object, w->name, tls))
		return false;
	if (w->tls_only || is_served(e, ret->object, w->name, false))
		ret->lacks = w->tls_field;
	return true;
}

static bool has_part(struct explain *e, const char *host, bool tls, struct absent *ret)
{
	const struct item *object = ret->object;
	const struct front_end *f = front_end((enum object_kind)object->kind);
	struct written_name *names;
	ProtobufCMessage *m;
	size_t n;

	if (!f || !f->names)
		return false;
	m = protobuf_c_message_unpack(object_kind(object->kind)->descriptor, arena_pb(e->scratch),
				      object->value_len, item_value(object));
	n = m ? f->names(e->scratch, m, &names) : 0;
	for (size_t i = 0; i < n; i++)
		if (is_for(names[i].name, host) && is_absent(e, &names[i], tls, ret)) {
			ret->field = arena_strndup(e->a, names[i].field, strlen(names[i].field));
			return true;
		}
	return false;
}

static int compare(const void *a, const void *b)
{
	const struct item *x = ((const struct absent *)a)->object,
			  *y = ((const struct absent *)b)->object;

	return x->kind != y->kind ? (x->kind < y->kind ? -1 : 1) : strcmp(item_key(x), item_key(y));
}

/* The reason in its status: the first error, or else the first problem. If the host lacks a field,
 * the status's problem with that field. */
static const char *why(struct explain *e, const struct absent *a)
{
	const Portolan__Ipc__ObjectStatus *s =
		explain_status(e, (enum object_kind)a->object->kind, item_key(a->object));
	size_t len = a->lacks ? strlen(a->lacks) : 0;
	const Portolan__Ipc__Problem *best = NULL;

	if (a->why)
		return a->why;
	for (size_t i = 0; s && i < s->n_problems; i++) {
		const Portolan__Ipc__Problem *p = s->problems[i];

		if (len && (!p->field || strncmp(p->field, a->lacks, len) != 0))
			continue;
		if (!best || p->severity > best->severity)
			best = p;
	}
	if (!best && a->lacks)
		return arena_printf(e->a, "it has no %s for the host", a->lacks);
	if (!best)
		return "it has no route of its own there";
	explain_problems_said(e, best->message);
	return arena_printf(e->a, "%s: %s", best->reason, best->message);
}

void explain_absent_write(struct explain *e, const char *host, bool tls)
{
	struct absent *all = arena_new_of(e->a, struct absent, FOUND_MAX);
	_cleanup_free_ struct item **objects = NULL;
	size_t n = 0, n_objects;

	objects = state_sorted(e->world.objects, &n_objects);
	for (size_t i = 0; i < n_objects && n < FOUND_MAX; i++) {
		struct absent one = { .object = objects[i] };

		if (has_part(e, host, tls, &one))
			all[n++] = one;
		arena_reset(e->scratch);
	}
	if (n)
		qsort(all, n, sizeof(*all), compare);
	document_list(e->d);
	for (size_t k = 0; k < n && k < SHOWN_MAX; k++) {
		document_map(e->d);
		document_key(e->d, "made_by");
		explain_object_write(e, (enum object_kind)all[k].object->kind,
				     item_key(all[k].object), all[k].field);
		explain_string(e, "why", why(e, &all[k]));
		document_end(e->d);
	}
	document_end(e->d);
}
