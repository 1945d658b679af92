/* Sessions of rules, among several backends, too. */
#include <string.h>

#include "common/base/strbuf.h"
#include "translator/gateway/route-work.h"
#include "translator/kinds.h"
#include "translator/model/cluster.h"
#include "translator/resolve/upstream.h"

typedef Portolan__Model__ClusterShare ClusterShare;

/* A name of its own for each rule or policy, which does not change. */
static const char *session_name(const struct route_work *w, size_t index, bool by_policy)
{
	const char *key = by_policy ? w->session_policy : w->head.key;
	uint32_t h = 2166136261u; /* FNV-1a */

	for (const char *p = key; *p; p++)
		h = (h ^ (unsigned char)*p) * 16777619u;
	return by_policy ? arena_printf(w->a, "portolan-session-%08x", h)
			 : arena_printf(w->a, "portolan-session-%08x-%zu", h, index);
}

/* v1.7's shape, and the names that went before it (N-1). */
const struct session_cookie *rule_session_find(struct route_work *w,
					       const K8s__SessionPersistence *own, size_t index)
{
	/* The rule's persistence comes before that of its backend's policy (G-SP-1). */
	const K8s__SessionPersistence *p = own ? own : w->session;
	const K8s__SessionCookie *c = p ? p->cookie ? p->cookie : p->cookie_config : NULL;
	struct go_duration lifetime = { 0 };
	struct session_cookie *s;
	const char *name;

	if (!p)
		return NULL;
	s = arena_new_of(w->a, struct session_cookie, 1);
	*s = (struct session_cookie){ .header = strcmp(p->type, "Header") == 0, .path = "/" };
	name = s->header ? p->header ? p->header->name : NULL : c ? c->name : NULL;
	name = name && *name ? name : p->session_name;
	s->name = name && *name ? name : session_name(w, index, !own);
	if (c && c->path && *c->path)
		s->path = c->path;
	if (c && strcmp(c->lifetime_type, "Permanent") == 0 && p->absolute_timeout &&
	    go_duration_parse(p->absolute_timeout, &lifetime) == 0)
		s->ttl_usec = lifetime.usec;
	return s;
}

void rule_session_match(struct arena *a, const struct session_cookie *s, struct route_match *ret)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;

	for (const char *p = s->name; !s->header && *p; p++)
		strbuf_printf(&b, "%s%c", strchr(".+*?()[]{}|^$\\", *p) ? "\\" : "", *p);
	if (s->header)
		match_add_header(a, ret,
				 (struct value_match){ .name = match_lower(a, s->name),
						       .op = MATCH_PRESENT,
						       .value = "" });
	else
		match_add_header(a, ret,
				 (struct value_match){ .name = "cookie",
						       .op = MATCH_REGEX,
						       .value = arena_printf(a, "(?:.*;\\s*)?%s=.*",
									     strbuf_str(&b)) });
	match_finish(a, ret);
}

bool rule_session_has_endpoints(struct route_work *w, const struct backend_found *b)
{
	const Portolan__Model__EndpointsResult *result;
	const struct item *item;

	if (!b->endpoints)
		return true;
	item = read_unit(w->r, UNIT_ENDPOINTS, b->endpoints, strlen(b->endpoints));
	result = portolan__model__endpoints_result__unpack(arena_pb(w->a), item->value_len,
							   item_value(item));
	return !result->why;
}

/* A backend that is named twice has the sum of its shares. */
static void add_share(struct route_work *w, const struct backend_share *from,
		      Portolan__Model__ClusterTogether *ret)
{
	ClusterShare *s;

	for (size_t i = 0; i < ret->n_shares; i++)
		if (strcmp(ret->shares[i]->endpoints, from->found.endpoints) == 0) {
			ret->shares[i]->weight += from->weight;
			return;
		}
	s = arena_new_of(w->a, ClusterShare, 1);
	portolan__model__cluster_share__init(s);
	s->endpoints = (char *)from->found.endpoints;
	s->weight = from->weight;
	ret->shares[ret->n_shares++] = s;
}

const char *rule_session_cluster(struct route_work *w, size_t index,
				 const struct backend_share *all, size_t n)
{
	Portolan__Model__ClusterTogether together = PORTOLAN__MODEL__CLUSTER_TOGETHER__INIT;
	Portolan__Model__ClusterSpec spec;

	for (size_t i = 0; i < n; i++)
		if (!all[i].found.shape || strcmp(all[i].found.shape, all[0].found.shape) != 0)
			return NULL;
	if (n < 2)
		return NULL;
	together.namespace_ = arena_printf(w->a, JOINED_CLUSTERS "%s:%s",
					   object_kind(w->head.kind)->kind, w->head.namespace);
	together.name = (char *)w->head.key + strlen(w->head.namespace) + 1;
	together.index = (uint32_t)index;
	together.shape = (char *)all[0].found.shape;
	together.shares = arena_new_of(w->a, ClusterShare *, n);
	for (size_t i = 0; i < n; i++)
		add_share(w, &all[i], &together);
	spec = *all[0].found.spec;
	spec.together = &together;
	return upstream_find(w->r, &spec)->name;
}
