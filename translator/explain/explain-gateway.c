/* Gateway API: which listener took a request, where a route is attached and why not elsewhere, and
 * the routes of a Gateway's listeners. */
#include <stdlib.h>
#include <string.h>

#include "k8s/gateway-route.pb-c.h"
#include "k8s/gateway.pb-c.h"
#include "translator/explain/explain-internal.h"
#include "translator/kinds.h"
#include "translator/model/front-end.h"
#include "translator/model/host-name.h"

#define SHOWN_MAX 20

typedef Portolan__Ipc__ObjectStatus ObjectStatus;

/* ---- the listener that took a request ---- */

struct taking {
	struct explain *e;
	const char *table, *domain;
	const char *parent; /* "Gateway namespace/name" */
	const ModelParentListener *best;
};

static bool is_better(const struct taking *t, const ModelParentListener *l)
{
	if (strcmp(l->table, t->table) != 0 || !l->accepted ||
	    !host_name_is_within(t->domain, l->host))
		return false;
	return !t->best || explain_domain_fit(l->host, t->domain) >
				   explain_domain_fit(t->best->host, t->domain);
}

static void on_parent(void *ctx, const char *key, size_t key_len)
{
	struct taking *t = ctx;
	const struct item *const *facts;
	const ModelParent *p;
	size_t n;

	facts = graph_facts(t->e->world.graph, FACT_PARENT, key, key_len, &n);
	p = n ? message_unpack(t->e->a, ModelParent, facts[0]) : NULL;
	for (size_t i = 0; p && i < p->n_listeners; i++) {
		if (!is_better(t, p->listeners[i]))
			continue;
		t->best = p->listeners[i];
		t->parent = arena_strndup(t->e->a, key, key_len);
	}
}

bool explain_gateway_listener_write(struct explain *e, const char *table, const char *domain)
{
	struct taking t = { e, table, domain, NULL, NULL };
	const char *space;

	graph_fact_keys(e->world.graph, FACT_PARENT, on_parent, &t);
	if (!t.best)
		return false;
	space = strchr(t.parent, ' ');
	e->taken_by = arena_printf(e->a, "%s %s", t.parent, t.best->name);
	document_key(e->d, "taken_by");
	document_map(e->d);
	document_key(e->d, "parent");
	explain_object_write(
		e, object_kind_named(arena_strndup(e->a, t.parent, (size_t)(space - t.parent))),
		space + 1, NULL);
	explain_string(e, "listener", t.best->name);
	explain_string(e, "hostname", t.best->host);
	document_end(e->d);
	return true;
}

/* ---- parents of a route ---- */

static size_t parents_of(const struct explain *e, const struct item *object,
			 K8s__ParentReference *const **ret)
{
	const struct front_end *f = front_end((enum object_kind)object->kind);
	const ProtobufCMessage *m;

	if (!f || !f->parents)
		return 0;
	m = protobuf_c_message_unpack(object_kind((enum object_kind)object->kind)->descriptor,
				      arena_pb(e->a), object->value_len, item_value(object));
	return m ? f->parents(m, ret) : 0;
}

struct parent {
	const char *kind, *namespace, *name, *key;
	const char *section; /* or NULL */
	uint32_t port;       /* or 0 */
};

static bool same_text(const char *x, const char *y)
{
	return strcmp(x ? x : "", y ? y : "") == 0;
}

static const Portolan__Ipc__ParentStatus *entry_of(const ObjectStatus *s, const struct parent *p)
{
	for (size_t i = 0; s && i < s->n_parents; i++) {
		const Portolan__Ipc__ParentStatus *x = s->parents[i];

		if (same_text(x->kind, p->kind) && same_text(x->namespace_, p->namespace) &&
		    same_text(x->name, p->name) && same_text(x->section_name, p->section) &&
		    x->port == p->port)
			return x;
	}
	return NULL;
}

static const Portolan__Ipc__Condition *condition(Portolan__Ipc__Condition *const *all, size_t n,
						 const char *type)
{
	for (size_t i = 0; i < n; i++)
		if (same_text(all[i]->type, type))
			return all[i];
	return NULL;
}

/* The status has no entry for it: it is not ours. */
static const char *why_not_ours(struct explain *e, const struct parent *p)
{
	enum object_kind kind = object_kind_named(p->kind);
	const struct front_end *f = front_end(kind);
	const ObjectStatus *s;

	if (!f || !f->listens)
		return arena_printf(e->a, "a %s is not a parent here", p->kind);
	if (!state_get(e->world.objects, kind, p->key, strlen(p->key)))
		return arena_printf(e->a, "there is no %s %s", p->kind, p->key);
	s = explain_status(e, kind, p->key);
	if (s && s->n_problems)
		return arena_printf(e->a, "%s %s is not served here: %s", p->kind, p->key,
				    s->problems[0]->message);
	return arena_printf(e->a, "%s%s %s is not served here", f->served, p->kind, p->key);
}

/* The listeners that the route is attached to. */
struct attaching {
	struct explain *e;
	const char *prefix; /* "Gateway namespace/name " */
	const char *route;  /* "kind-number namespace/name" */
	const struct parent *parent;
};

static void on_attached(void *ctx, const char *key, size_t key_len)
{
	struct attaching *t = ctx;
	struct explain *e = t->e;
	size_t len = strlen(t->prefix), n;
	const struct item *const *facts;
	const char *section;

	if (key_len <= len || memcmp(key, t->prefix, len) != 0)
		return;
	section = arena_strndup(e->a, key + len, key_len - len);
	if (t->parent->section && strcmp(section, t->parent->section) != 0)
		return;
	facts = graph_facts(e->world.graph, FACT_ATTACHED, key, key_len, &n);
	for (size_t i = 0; i < n; i++)
		if (strcmp(item_key(facts[i]), t->route) == 0)
			document_string(e->d, section);
}

static void write_parent(struct explain *e, const struct item *object, const ObjectStatus *status,
			 const struct parent *p)
{
	const Portolan__Ipc__ParentStatus *entry = entry_of(status, p);
	const Portolan__Ipc__Condition *c =
		entry ? condition(entry->conditions, entry->n_conditions, "Accepted") : NULL;
	struct attaching t = { e, arena_printf(e->a, "%s %s ", p->kind, p->key),
			       arena_printf(e->a, "%u %s", object->kind, item_key(object)), p };

	document_map(e->d);
	explain_string(e, "kind", p->kind);
	explain_string(e, "namespace", p->namespace);
	explain_string(e, "name", p->name);
	if (p->section)
		explain_string(e, "section", p->section);
	if (p->port)
		explain_uint(e, "port", p->port);
	document_key(e->d, "accepted");
	document_bool(e->d, c && c->status == PORTOLAN__IPC__CONDITION_STATUS__CONDITION_TRUE);
	explain_string(e, "reason", c ? c->reason : "NotServedHere");
	explain_string(e, "message", c ? c->message : why_not_ours(e, p));
	document_key(e->d, "listeners");
	document_list(e->d);
	graph_fact_keys(e->world.graph, FACT_ATTACHED, on_attached, &t);
	document_end(e->d);
	document_end(e->d);
}

static struct parent parent_of(struct explain *e, const struct item *object,
			       const K8s__ParentReference *r)
{
	const char *key = item_key(object), *slash = strchr(key, '/');
	struct parent p = {
		.kind = *r->kind ? r->kind : "Gateway",
		.namespace = r->namespace_ ? r->namespace_
					   : arena_strndup(e->a, key, (size_t)(slash - key)),
		.name = r->name,
		.section = r->section_name,
		.port = r->has_port ? (uint32_t)r->port : 0,
	};

	p.key = arena_printf(e->a, "%s/%s", p.namespace, p.name);
	return p;
}

static void write_parents(struct explain *e, const struct item *object,
			  K8s__ParentReference *const *refs, size_t n)
{
	const ObjectStatus *s = explain_status(e, (enum object_kind)object->kind, item_key(object));

	document_key(e->d, "parents");
	document_list(e->d);
	for (size_t i = 0; i < n; i++) {
		struct parent p = parent_of(e, object, refs[i]);

		write_parent(e, object, s, &p);
	}
	document_end(e->d);
}

/* ---- why a route has no part in a request ---- */

struct attached {
	struct explain *e;
	const char *route; /* "kind-number namespace/name" */
	struct strbuf *names;
	bool here; /* to the listener that took the request */
};

static void on_listener(void *ctx, const char *key, size_t key_len)
{
	struct attached *t = ctx;
	const struct item *const *facts;
	size_t n;

	facts = graph_facts(t->e->world.graph, FACT_ATTACHED, key, key_len, &n);
	for (size_t i = 0; i < n; i++) {
		if (strcmp(item_key(facts[i]), t->route) != 0)
			continue;
		if (t->e->taken_by && strlen(t->e->taken_by) == key_len &&
		    memcmp(t->e->taken_by, key, key_len) == 0)
			t->here = true;
		strbuf_printf(t->names, "%s%.*s", t->names->len ? ", " : "", (int)key_len, key);
	}
}

static const char *not_attached(struct explain *e, const struct item *object)
{
	const ObjectStatus *s = explain_status(e, (enum object_kind)object->kind, item_key(object));
	K8s__ParentReference *const *refs = NULL;
	size_t n = parents_of(e, object, &refs);

	for (size_t i = 0; i < n; i++) {
		struct parent p = parent_of(e, object, refs[i]);
		const Portolan__Ipc__ParentStatus *entry = entry_of(s, &p);
		const Portolan__Ipc__Condition *c =
			entry ? condition(entry->conditions, entry->n_conditions, "Accepted")
			      : NULL;

		if (!c)
			return why_not_ours(e, &p);
		if (c->status == PORTOLAN__IPC__CONDITION_STATUS__CONDITION_TRUE)
			continue;
		explain_problems_said(e, c->message);
		return arena_printf(e->a, "%s: %s", c->reason, c->message);
	}
	return "it is attached to no listener";
}

const char *explain_gateway_why(struct explain *e, const struct item *object)
{
	_cleanup_strbuf_ struct strbuf names = STRBUF_INIT;
	struct attached t = { e, arena_printf(e->a, "%u %s", object->kind, item_key(object)),
			      &names, false };

	graph_fact_keys(e->world.graph, FACT_ATTACHED, on_listener, &t);
	if (t.here)
		return NULL;
	if (!names.len)
		return not_attached(e, object);
	return arena_printf(e->a, "it is attached to other listeners only: %s", strbuf_str(&names));
}

/* ---- listeners of a Gateway ---- */

static void write_attached(struct explain *e, const struct item *object, const char *listener)
{
	const char *key = arena_printf(e->a, "%s %s %s",
				       object_kind((enum object_kind)object->kind)->kind,
				       item_key(object), listener);
	const struct item *const *facts;
	size_t n;

	facts = graph_facts(e->world.graph, FACT_ATTACHED, key, strlen(key), &n);
	explain_uint(e, "attached_total", n);
	document_key(e->d, "attached");
	document_list(e->d);
	for (size_t i = 0; i < n && i < SHOWN_MAX; i++) {
		const char *route = strchr(item_key(facts[i]), ' ');

		explain_object_write(e, (enum object_kind)strtoul(item_key(facts[i]), NULL, 10),
				     route + 1, NULL);
	}
	document_end(e->d);
}

static void write_condition(struct explain *e, const Portolan__Ipc__ListenerStatus *l)
{
	const Portolan__Ipc__Condition *c = condition(l->conditions, l->n_conditions, "Programmed");

	document_key(e->d, "programmed");
	document_bool(e->d, c && c->status == PORTOLAN__IPC__CONDITION_STATUS__CONDITION_TRUE);
	if (!c)
		return;
	explain_string(e, "reason", c->reason);
	explain_string(e, "message", c->message);
}

static void write_listeners(struct explain *e, const struct item *object)
{
	const ObjectStatus *s = explain_status(e, (enum object_kind)object->kind, item_key(object));

	document_key(e->d, "listeners");
	document_list(e->d);
	for (size_t i = 0; s && i < s->n_listeners; i++) {
		const Portolan__Ipc__ListenerStatus *l = s->listeners[i];

		document_map(e->d);
		explain_string(e, "name", l->name);
		write_condition(e, l);
		write_attached(e, object, l->name);
		document_end(e->d);
	}
	document_end(e->d);
}

void explain_gateway_object_write(struct explain *e, const struct item *object)
{
	const struct front_end *f = front_end((enum object_kind)object->kind);
	K8s__ParentReference *const *refs = NULL;
	size_t n = parents_of(e, object, &refs);

	if (f && f->listens)
		write_listeners(e, object);
	else if (n)
		write_parents(e, object, refs, n);
}
