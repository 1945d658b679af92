/* Objects that name a host and yet have no part in how it is served: rejected ones, those of another class.
 * Found by looking at all objects, since nothing else knows them. Runs in the translator. */
#include <stdlib.h>
#include <string.h>

#include "translator/explain-internal.h"
#include "translator/host-name.h"

#define FOUND_MAX 256
#define SHOWN_MAX 8

struct absent {
	const struct item *object;
	const char *field;
};

/* Whether the object has routes for the name that it has written there. */
static bool is_served(struct explain *e, const struct item *object, const char *name)
{
	const struct item *const *facts;
	size_t n, routes = 0;
	const char *why, *host = host_name_normal(e->scratch, name, &why);
	Portolan__Model__HostRoutes **wishes;

	if (!host)
		return false;
	facts = graph_facts(e->t->graph, FACT_HOST, host, strlen(host), &n);
	wishes = host_merge_unpack(e->scratch, facts, n, &routes);
	for (size_t i = 0; i < n; i++)
		if (wishes[i]->object_kind == object->kind &&
		    strcmp(wishes[i]->object_key, item_key(object)) == 0)
			return true;
	return false;
}

/* What is for all hosts is not about this one. */
static bool is_for(const char *name, const char *host)
{
	return *name && explain_domain_fit(name, host) > 1;
}

static const char *ingress_field(struct explain *e, const struct item *object, const K8s__Ingress *i,
				 const char *host)
{
	for (size_t k = 0; i->spec && k < i->spec->n_rules; k++) {
		const char *name = i->spec->rules[k]->host;

		if (is_for(name, host) && !is_served(e, object, name))
			return arena_printf(e->a, "spec.rules[%zu].host", k);
	}
	return NULL;
}

static const char *proxy_field(struct explain *e, const struct item *object, const K8s__HTTPProxy *p,
			       const char *host)
{
	const char *name = p->spec && p->spec->virtualhost ? p->spec->virtualhost->fqdn : "";

	return is_for(name, host) && !is_served(e, object, name) ? "spec.virtualhost.fqdn" : NULL;
}

static const char *field_of(struct explain *e, const struct item *object, const char *host)
{
	const struct object_kind_row *row;
	ProtobufCMessage *m;

	if (object->kind != OBJECT_INGRESS && object->kind != OBJECT_HTTP_PROXY)
		return NULL;
	row = object_kind(object->kind);
	m = protobuf_c_message_unpack(row->descriptor, arena_pb(e->scratch), object->value_len,
				      item_value(object));
	if (!m)
		return NULL;
	return object->kind == OBJECT_INGRESS ? ingress_field(e, object, (K8s__Ingress *)m, host) :
						proxy_field(e, object, (K8s__HTTPProxy *)m, host);
}

static int compare(const void *a, const void *b)
{
	const struct item *x = ((const struct absent *)a)->object, *y = ((const struct absent *)b)->object;

	return x->kind != y->kind ? (x->kind < y->kind ? -1 : 1) : strcmp(item_key(x), item_key(y));
}

/* What its status says: the first error, or else the first of all. */
static const char *why(struct explain *e, const struct item *object)
{
	const Portolan__Ipc__ObjectStatus *s =
		explain_status(e, (enum object_kind)object->kind, item_key(object));
	const Portolan__Ipc__Problem *best = NULL;

	for (size_t i = 0; s && i < s->n_problems; i++)
		if (!best || s->problems[i]->severity > best->severity)
			best = s->problems[i];
	if (!best)
		return "it defines nothing there";
	return arena_printf(e->a, "%s: %s%s", best->reason, best->message,
			    s->n_problems > 1 ? " (its status says more)" : "");
}

void explain_absent_write(struct explain *e, const char *host)
{
	struct absent *all = arena_new_of(e->a, struct absent, FOUND_MAX);
	const struct item *i;
	size_t pos = 0, n = 0;

	while (n < FOUND_MAX && (i = state_next(e->t->objects, &pos))) {
		const char *field = field_of(e, i, host);

		if (field)
			all[n++] = (struct absent){ i, field };
		arena_reset(e->scratch);
	}
	if (n)
		qsort(all, n, sizeof(*all), compare);
	document_list(e->d);
	for (size_t k = 0; k < n && k < SHOWN_MAX; k++) {
		document_map(e->d);
		document_key(e->d, "made_by");
		explain_object_write(e, (enum object_kind)all[k].object->kind, item_key(all[k].object),
				     all[k].field);
		explain_string(e, "why", why(e, all[k].object));
		document_end(e->d);
	}
	document_end(e->d);
}
