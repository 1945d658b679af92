/* Attachment: parents, sections and ports, kinds, namespaces, host names, in this order, which
 * is the API's own (G-ATT-1). */
#include "translator/gateway/attach.h"

#include <string.h>

#include "translator/gateway/gateway.h"
#include "translator/kinds.h"
#include "translator/model/host-name.h"
#include "translator/model/listener.h"
#include "translator/resolve/label-selector.h"

typedef Portolan__Model__Parent Parent;
typedef Portolan__Model__ParentListener ParentListener;

struct attaching {
	struct reader *r;
	struct arena *a;
	const struct route_head *head;
	const char **hosts; /* of the route, normalized */
	size_t n_hosts;
	struct route_parent *parents;
	size_t n;
};

enum attach_from attach_from_word(const char *word)
{
	if (strcmp(word, "All") == 0)
		return ATTACH_FROM_ALL;
	return strcmp(word, "Selector") == 0 ? ATTACH_FROM_SELECTED : ATTACH_FROM_SAME;
}

const char *attach_count_key(struct arena *a, enum object_kind kind, const char *parent,
			     const char *section)
{
	return arena_printf(a, "%s %s %s", object_kind(kind)->kind, parent, section);
}

/* ---- the steps ---- */

static bool is_meant(const struct route_parent *p, const ParentListener *l)
{
	return (!p->section || strcmp(p->section, l->name) == 0) &&
	       (!p->port || p->port == l->port);
}

static bool is_allowed(struct attaching *t, const Parent *parent, const ParentListener *l)
{
	const struct route_head *h = t->head;
	bool kind = false;

	if (!l->accepted)
		return false;
	for (size_t i = 0; i < l->n_kinds; i++)
		kind |= l->kinds[i] == h->kind;
	if (!kind || l->from == ATTACH_FROM_ALL)
		return kind;
	if (l->from == ATTACH_FROM_SAME)
		return strcmp(parent->namespace_, h->namespace) == 0;
	return l->has_selector &&
	       label_selector_has_namespace(t->r,
					    k8s__label_selector__unpack(arena_pb(t->a),
									l->selector.len,
									l->selector.data),
					    h->namespace);
}

/* "*" last, exact names first, of two wildcards the longer one. */
static bool is_more_specific(const char *x, const char *y)
{
	bool xw = *x == '*', yw = *y == '*';

	return xw != yw ? yw : strlen(x) > strlen(y);
}

static bool is_taken(const ParentListener *l, const char *domain)
{
	for (size_t i = 0; i < l->n_taken; i++)
		if (host_name_is_within(domain, l->taken[i]))
			return true;
	return false;
}

static void add_name(struct attachment *at, const char *domain, const char *own)
{
	for (size_t i = 0; i < at->n_names; i++) {
		struct attached_name *n = &at->names[i];

		if (strcmp(n->domain, domain) != 0)
			continue;
		if (is_more_specific(own, n->own))
			n->own = own;
		return;
	}
	at->names[at->n_names++] = (struct attached_name){ domain, own };
}

/* Whether any host name of the route is one of the listener's; names that a more specific listener
 * has are not served here (G-ISO-2). */
static bool find_names(struct attaching *t, struct attachment *at)
{
	const ParentListener *l = at->listener;
	bool any = !t->head->has_hosts || !t->n_hosts;

	at->names = arena_new_of(t->a, struct attached_name, t->n_hosts + 1);
	if (any)
		add_name(at, l->host, "*");
	for (size_t i = 0; i < t->n_hosts; i++) {
		const char *domain = host_name_intersect(l->host, t->hosts[i]);

		any |= domain != NULL;
		if (domain && !is_taken(l, domain))
			add_name(at, domain, t->hosts[i]);
	}
	return any;
}

/* ---- one parent ---- */

static bool is_attached(const struct attaching *t, const ParentListener *l)
{
	for (size_t i = 0; i < t->n; i++)
		for (size_t k = 0; k < t->parents[i].n_attachments; k++)
			if (strcmp(t->parents[i].attachments[k].listener->table, l->table) == 0 &&
			    strcmp(t->parents[i].attachments[k].listener->host, l->host) == 0 &&
			    t->parents[i].attachments[k].listener->protocol == l->protocol)
				return true;
	return false;
}

static void count(struct attaching *t, const struct route_parent *p, const ParentListener *l)
{
	const char *parent = arena_printf(t->a, "%s/%s", p->namespace, p->name);
	enum object_kind kind = strcmp(p->kind, "Gateway") == 0 ? OBJECT_GATEWAY
								: OBJECT_LISTENER_SET;
	const char *key = attach_count_key(t->a, kind, parent, l->name);
	const char *sort = arena_printf(t->a, "%d %s", t->head->kind, t->head->key);

	emit_fact(t->r, FACT_ATTACHED, key, strlen(key), sort, strlen(sort), NULL, 0);
}

/* ---- why not ---- */

#define NAMED_MAX 5

/* "http, web and 3 more"; text: of one listener, or NULL to leave it out. */
static const char *list_listeners(struct attaching *t, const Parent *parent,
				  const struct route_parent *p,
				  const char *(*text)(struct attaching *t, const Parent *parent,
						      const ParentListener *l))
{
	const char *list = NULL;
	size_t n = 0;

	for (size_t i = 0; i < parent->n_listeners; i++) {
		const ParentListener *l = parent->listeners[i];

		if ((p && !is_meant(p, l)) || n++ >= NAMED_MAX)
			continue;
		list = list ? arena_printf(t->a, "%s, %s", list, text(t, parent, l))
			    : text(t, parent, l);
	}
	return n > NAMED_MAX ? arena_printf(t->a, "%s and %zu more", list, n - NAMED_MAX)
	       : list        ? list
			     : "none";
}

static const char *name_and_port(struct attaching *t, const Parent *parent _unused_,
				 const ParentListener *l)
{
	return arena_printf(t->a, "%s on port %u", l->name, l->port);
}

static const char *why_not_meant(struct attaching *t, const Parent *parent)
{
	return arena_printf(t->a, "it has no listener of this name and port; it has: %s",
			    list_listeners(t, parent, NULL, name_and_port));
}

static bool has_kind(const struct attaching *t, const ParentListener *l)
{
	for (size_t i = 0; i < l->n_kinds; i++)
		if (l->kinds[i] == t->head->kind)
			return true;
	return false;
}

static const char *refusal_of(struct attaching *t, const Parent *parent, const ParentListener *l)
{
	if (!l->accepted)
		return arena_printf(t->a, "%s is not valid itself", l->name);
	if (!has_kind(t, l))
		return arena_printf(t->a, "%s takes no %s", l->name,
				    object_kind(t->head->kind)->kind);
	if (l->from == ATTACH_FROM_SAME)
		return arena_printf(t->a, "%s takes routes of namespace %s only", l->name,
				    parent->namespace_);
	return arena_printf(t->a, "the labels of namespace %s do not fit the selector of %s",
			    t->head->namespace, l->name);
}

static const char *why_not_allowed(struct attaching *t, const Parent *parent,
				   const struct route_parent *p)
{
	return arena_printf(t->a, "no listener allows routes of this kind and namespace: %s",
			    list_listeners(t, parent, p, refusal_of));
}

static const char *name_and_host(struct attaching *t, const Parent *parent _unused_,
				 const ParentListener *l)
{
	return arena_printf(t->a, "%s has %s", l->name, l->host);
}

static const char *why_no_name(struct attaching *t, const Parent *parent,
			       const struct route_parent *p)
{
	return arena_printf(t->a, "no listener has one of its host names: %s",
			    list_listeners(t, parent, p, name_and_host));
}

static void attach(struct attaching *t, const Parent *parent, struct route_parent *p)
{
	bool meant = false, allowed = false, attached = false;

	p->attachments = arena_new_of(t->a, struct attachment, parent->n_listeners + 1);
	for (size_t i = 0; i < parent->n_listeners; i++) {
		struct attachment *at = &p->attachments[p->n_attachments];

		*at = (struct attachment){ .parent = parent, .listener = parent->listeners[i] };
		if (!is_meant(p, at->listener))
			continue;
		meant = true;
		if (!is_allowed(t, parent, at->listener))
			continue;
		allowed = true;
		if (!find_names(t, at))
			continue;
		attached = true;
		if (is_attached(t, at->listener))
			continue;
		if (!t->head->silent)
			count(t, p, at->listener);
		reader_fleet(t->r, parent->fleet ? parent->fleet : "");
		p->n_attachments++;
	}
	/* The furthest step that any listener came to (G-ATT-1). */
	if (!meant)
		p->accepted = (struct flaw){ "NoMatchingParent", why_not_meant(t, parent) };
	else if (!allowed)
		p->accepted =
			(struct flaw){ "NotAllowedByListeners", why_not_allowed(t, parent, p) };
	else if (!attached)
		p->accepted =
			(struct flaw){ "NoMatchingListenerHostname", why_no_name(t, parent, p) };
}

static const Parent *find_parent(struct attaching *t, enum object_kind kind, const char *key)
{
	const char *id = gateway_parent_key(t->a, kind, key);
	const struct item *const *facts;
	size_t n;

	facts = read_facts(t->r, FACT_PARENT, id, strlen(id), &n);
	return n ? message_unpack(t->a, ModelParent, facts[0]) : NULL;
}

enum object_kind attach_parent_kind(const K8s__ParentReference *ref)
{
	if (ref->group && strcmp(ref->group, GATEWAY_GROUP) != 0)
		return 0;
	if (!*ref->kind || strcmp(ref->kind, "Gateway") == 0)
		return OBJECT_GATEWAY;
	return strcmp(ref->kind, "ListenerSet") == 0 ? OBJECT_LISTENER_SET : 0;
}

static bool same_text(const char *x, const char *y)
{
	return x && y ? strcmp(x, y) == 0 : x == y;
}

static bool is_repeated(const struct attaching *t, const struct route_parent *p)
{
	for (size_t i = 0; i < t->n; i++) {
		const struct route_parent *o = &t->parents[i];

		if (strcmp(o->kind, p->kind) == 0 && strcmp(o->namespace, p->namespace) == 0 &&
		    strcmp(o->name, p->name) == 0 && same_text(o->section, p->section) &&
		    o->port == p->port)
			return true;
	}
	return false;
}

static void add_parent(struct attaching *t, enum object_kind kind, struct route_parent p)
{
	const Parent *parent =
		find_parent(t, kind, arena_printf(t->a, "%s/%s", p.namespace, p.name));

	if (!parent || is_repeated(t, &p))
		return;
	t->parents[t->n] = p;
	attach(t, parent, &t->parents[t->n]);
	t->n++;
}

static void add_ref(struct attaching *t, const K8s__ParentReference *ref)
{
	enum object_kind kind = attach_parent_kind(ref);

	if (!kind)
		return;
	add_parent(t, kind,
		   (struct route_parent){
			   .group = GATEWAY_GROUP,
			   .kind = object_kind(kind)->kind,
			   .namespace = ref->namespace_ ? ref->namespace_ : t->head->namespace,
			   .name = ref->name,
			   .section = ref->section_name,
			   .port = ref->has_port ? (uint32_t)ref->port : 0,
		   });
}

/* Every Gateway of ours with defaultScope All (G-ATT-7). */
static void add_defaults(struct attaching *t, const struct item *const *gateways, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const char *key = item_key(gateways[i]), *slash = strchr(key, '/');

		add_parent(t, OBJECT_GATEWAY,
			   (struct route_parent){
				   .group = GATEWAY_GROUP,
				   .kind = "Gateway",
				   .namespace = arena_strndup(t->a, key, (size_t)(slash - key)),
				   .name = slash + 1,
			   });
	}
}

static void read_hosts(struct attaching *t)
{
	const struct route_head *h = t->head;

	t->hosts = arena_new_of(t->a, const char *, h->n_hosts + 1);
	for (size_t i = 0; i < h->n_hosts; i++) {
		size_t len = strlen(h->hosts[i]);
		const char *why, *host;

		if (len && h->hosts[i][len - 1] == '.')
			len--;
		host = host_name_normal(t->a, arena_strndup(t->a, h->hosts[i], len), &why);
		if (host)
			t->hosts[t->n_hosts++] = host;
		else if (!h->silent)
			emit_problem(t->r, h->kind, h->key, PORTOLAN__IPC__SEVERITY__SEVERITY_ERROR,
				     "InvalidHost", arena_printf(t->a, "spec.hostnames[%zu]", i),
				     "host \"%s\": %s", h->hosts[i], why);
	}
}

struct route_parent *attach_find(struct reader *r, const struct route_head *head, size_t *ret_n)
{
	struct attaching t = { .r = r, .a = reader_arena(r), .head = head };
	const struct item *const *defaults = NULL;
	size_t n_defaults = 0;

	read_hosts(&t);
	if (head->use_default_gateways)
		defaults = read_facts(r, FACT_DEFAULT_GATEWAY, "", 0, &n_defaults);
	t.parents = arena_new_of(t.a, struct route_parent, head->n_refs + n_defaults + 1);
	for (size_t i = 0; i < head->n_refs; i++)
		add_ref(&t, head->refs[i]);
	add_defaults(&t, defaults, n_defaults);
	/* Host names that are all invalid must not become "all hosts". */
	for (size_t i = 0; i < t.n && head->n_hosts && !t.n_hosts; i++) {
		t.parents[i].accepted =
			(struct flaw){ "UnsupportedValue", "none of its host names is valid" };
		t.parents[i].n_attachments = 0;
	}
	*ret_n = t.n;
	return t.parents;
}
