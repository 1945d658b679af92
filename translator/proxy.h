/* What the files of an HTTPProxy's translation share: unit-proxy.c walks the tree, proxy-route.c makes
 * routes, proxy-upstream.c clusters, proxy-headers.c header policies, proxy-rewrite.c prefixes. */
#pragma once

#include "translator/envoy-cookie.h"
#include "translator/proxy-condition.h"
#include "translator/proxy-headers.h"
#include "translator/units.h"

/* A route before it is encoded: it may still be split by prefix rewriting. */
struct proxy_route {
	const char *owner; /* "namespace/name" of the HTTPProxy that it stands in */
	const char *field; /* in that */
	struct proxy_match match;
	Envoy__Config__Route__V3__Route *route; /* without its match */
	const char *replacement;		/* of the prefix; NULL: none */
	bool insecure;				/* served over plain HTTP beside TLS, too */
	struct cookie_rules cookies;		/* its own; services may have more */
	bool rewrites_cookies;			/* its own or a service's */
};

struct proxy_routes {
	struct proxy_route *all;
	size_t n, cap; /* in the arena */
};

/* The providers of a root, by which routes of its tree may have tokens verified. */
struct proxy_jwt {
	const char **names;
	size_t n;
	const char *by_default; /* or NULL */
};

/* The HTTPProxy that is being read, in the tree of a root. */
struct proxy_node {
	struct reader *r;
	struct arena *a;
	const char *key; /* "namespace/name" */
	const char *namespace;
	const char *host; /* the root's */
	const K8s__HTTPProxy *proxy;
	const struct proxy_jwt *jwt; /* the root's; NULL: it has none */
	const struct proxy_node *parent; /* that includes this one; NULL: a root */
	const struct proxy_conditions *conditions; /* of the includes above */
	const struct proxy_authorization *authorization; /* the root's, or NULL */
	bool bad; /* an error in a route: nothing of it is served */
};

/* Contour's words: "RouteError/HeaderMatchConditionsNotValid". Marks the node as bad. */
#define proxy_error(node, reason, field, ...)                                                      \
	do {                                                                                       \
		(node)->bad = true;                                                                \
		units_error((node)->r, OBJECT_HTTP_PROXY, (node)->key, (reason), (field), __VA_ARGS__); \
	} while (0)
#define proxy_warning(node, reason, field, ...)                                                    \
	units_warning((node)->r, OBJECT_HTTP_PROXY, (node)->key, (reason), (field), __VA_ARGS__)

void proxy_routes_add(struct arena *a, struct proxy_routes *l, const struct proxy_route *route);

/* proxy-route.c: adds the node's i-th own route, or says what is wrong with it. */
void proxy_route_plan(struct proxy_node *node, size_t index, struct proxy_routes *ret);

/* proxy-rewrite.c: the replacement for the route's prefix, or NULL; -EINVAL when it is in error. */
int proxy_rewrite_choose(struct proxy_node *node, const K8s__ProxyRoute *route,
			 const struct proxy_match *match, const char *field, const char **ret);
/* Splits "/foo" with a replacement in two, so that slashes come out right. */
void proxy_rewrite_expand(struct arena *a, struct proxy_routes *l);

/* proxy-upstream.c: sets where the route goes: a cluster, weighted clusters, mirrors; or 503 if none is
 * there. */
void proxy_upstream_plan(struct proxy_node *node, const K8s__ProxyRoute *route, struct proxy_route *ret);

/* The cluster of a tcpproxy's Service, or NULL: said in the status. */
const char *proxy_upstream_tcp(struct proxy_node *node, const K8s__ProxyTCP *tcp, const K8s__ProxyService *s,
			       const char *field);

/* proxy-tcp.c: where the node's tcpproxy goes, or that of the one that it includes; root: key of the root.
 * -EINVAL: said in a status. */
int proxy_tcp_plan(struct proxy_node *node, const char *root, Portolan__Model__HostTcp *ret);

/* proxy-client.c: what is asked of clients' certificates. -EINVAL: said in the status. */
int proxy_client_plan(struct proxy_node *node, const K8s__ProxyClientValidation *v,
		      Portolan__Model__HostTls *ret);

/* proxy-fallback.c: whether clients that name no host are served, too. -EINVAL: said in the status. */
int proxy_fallback_plan(struct proxy_node *node, Portolan__Model__HostTls *ret);

struct proxy_filters;

/* proxy-jwt.c: whether its host may have providers at all. -EINVAL: said in the status, as with the others. */
int proxy_jwt_check(struct proxy_node *node, const K8s__HTTPProxySpec *spec);
/* The root's providers, into the node and the host's TLS. */
int proxy_jwt_plan(struct proxy_node *node, const K8s__ProxyVirtualHost *v, Portolan__Model__HostTls *ret);
/* What the route requires. */
int proxy_jwt_route(struct proxy_node *node, const K8s__ProxyRoute *route, struct proxy_route *ret,
		    struct proxy_filters *filters);
bool proxy_jwt_has(const struct proxy_jwt *jwt, const char *name);

/* proxy-headers.c */
/* response: no Host. service, port: of the Service that it is for, or NULL. -EINVAL with a sentence. */
int proxy_headers_parse(struct proxy_node *node, const K8s__ProxyHeaders *policy, bool response,
			const char *service, const char *port, struct header_policy *ret,
			const char **ret_why);
