/* Declarations that the files of an HTTPProxy's translation share: unit-proxy.c walks the tree,
 * proxy-route.c makes routes, proxy-upstream.c their targets, proxy-rewrite.c prefixes. */
#pragma once

#include "translator/httpproxy/proxy-condition.h"
#include "translator/model/host.h"
#include "translator/model/message.h"
#include "translator/policy/headers.h"
#include "translator/resolve/object.h"

/* The providers of a root: routes of its tree may have tokens verified by them. */
struct proxy_jwt {
	const char **names;
	size_t n;
	const char *by_default; /* or NULL */
	bool required;          /* a route names one of them */
};

/* The HTTPProxy that is being read, in the tree of a root. */
struct proxy_node {
	struct reader *r;
	struct arena *a;
	const char *key; /* "namespace/name" */
	const char *namespace;
	const char *host; /* the root's */
	const K8s__HTTPProxy *proxy;
	struct proxy_jwt *jwt;                           /* the root's; NULL: none */
	const struct proxy_node *parent;                 /* that includes this one; NULL: a root */
	const struct proxy_conditions *conditions;       /* of the includes above */
	const struct proxy_authorization *authorization; /* the root's, or NULL */
	bool bad; /* a route has an error: none of the node's routes is served */
};

/* Contour's words: "RouteError/HeaderMatchConditionsNotValid". Marks the node as bad. */
#define proxy_error(node, reason, field, ...)                                              \
	do {                                                                               \
		(node)->bad = true;                                                        \
		object_error((node)->r, OBJECT_HTTP_PROXY, (node)->key, (reason), (field), \
			     __VA_ARGS__);                                                 \
	} while (0)
#define proxy_warning(node, reason, field, ...) \
	object_warning((node)->r, OBJECT_HTTP_PROXY, (node)->key, (reason), (field), __VA_ARGS__)

/* proxy-route.c: adds the node's i-th own route, or reports its fault. */
void proxy_route_plan(struct proxy_node *node, size_t index, struct routes *ret);

/* proxy-advice.c: warns about what the route says without effect. */
void proxy_route_advise(struct proxy_node *node, const K8s__ProxyRoute *route,
			const struct route *made);

/* The same of the own conditions of a route or include; made: with those of the includes above. */
void proxy_conditions_advise(struct proxy_node *node, const struct proxy_conditions *own,
			     const struct route_match *made, const char *field);

/* proxy-rewrite.c: the replacement of the route's prefix. -EINVAL: reported in the status. */
int proxy_rewrite_choose(struct proxy_node *node, const K8s__ProxyRoute *route,
			 const struct route_match *match, const char *field, struct rewrite *ret);
/* Splits "/foo" with a replacement in two, so that slashes come out right. */
void proxy_rewrite_expand(struct arena *a, struct routes *l);

/* proxy-upstream.c: sets where the route goes: targets and mirrors. */
void proxy_upstream_plan(struct proxy_node *node, const K8s__ProxyRoute *route, struct route *ret);

/* The cluster of a tcpproxy's Service, or NULL: said in the status. */
const char *proxy_upstream_tcp(struct proxy_node *node, const K8s__ProxyTCP *tcp,
			       const K8s__ProxyService *s, const char *field);

/* proxy-tcp.c: the backends of the node's tcpproxy, or of the one that it includes; root: key of
 * the root. -EINVAL: reported in a status. */
int proxy_tcp_plan(struct proxy_node *node, const char *root, struct host_tcp *ret);
/* Settings of the root that do nothing beside a tcpproxy; -EINVAL: one of them would protect it. */
int proxy_tcp_check(struct proxy_node *node, const K8s__HTTPProxySpec *spec);

/* proxy-client.c: the demands on clients' certificates. -EINVAL: reported in the status. */
int proxy_client_plan(struct proxy_node *node, const K8s__ProxyClientValidation *v,
		      struct host_tls *ret);

/* proxy-fallback.c: whether clients that name no host are served, too. -EINVAL: said in the status.
 */
int proxy_fallback_plan(struct proxy_node *node, struct host_tls *ret);

/* proxy-jwt.c: whether its host may have providers at all. -EINVAL: said in the status, as with the
 * others. */
int proxy_jwt_check(struct proxy_node *node, const K8s__HTTPProxySpec *spec);
/* The root's providers, into the node and the host's TLS. */
int proxy_jwt_plan(struct proxy_node *node, const K8s__ProxyVirtualHost *v, struct host_tls *ret);
/* The tokens that the route requires. */
int proxy_jwt_route(struct proxy_node *node, const K8s__ProxyRoute *route, struct route *ret);
/* Once all routes are planned: warns of providers that none of them requires. */
void proxy_jwt_look(struct proxy_node *node);
bool proxy_jwt_has(const struct proxy_jwt *jwt, const char *name);
/* Warns of a strategy that is unknown: RoundRobin counts then. */
void proxy_upstream_check_strategy(struct proxy_node *node, const K8s__ProxyLoadBalancer *policy,
				   const char *reason, const char *field);
