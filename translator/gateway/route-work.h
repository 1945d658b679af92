/* An HTTPRoute or GRPCRoute while it is translated. A GRPCRoute's rules are read as those of an
 * HTTPRoute with other matches. */
#pragma once

#include "translator/gateway/gateway.h"
#include "translator/gateway/route-status.h"
#include "translator/model/route.h"

#define XBACKEND_GROUP "gateway.networking.x-k8s.io"

struct route_work {
	struct reader *r;
	struct arena *a;
	struct route_head head;
	const K8s__ObjectMeta *meta;
	bool grpc;
	struct route_flaws flaws;
	/* Set by the first backend with such a policy, until reset; other: a policy of another
	 * backend that asks for something else. */
	const K8s__SessionPersistence *session;
	ProtobufCBinaryData session_packed;
	const char *session_policy, *session_other;
	bool has_valid_rule; /* but for references, and on some listener */
	bool waits;          /* a missing backend may be on its way */
	bool held;           /* its status is written, but nothing is served */
	/* The listener of the rules being made. */
	const struct attachment *at;
};

/* ---- rule-match.c ---- */

/* A condition, with the values that decide its place. */
struct rule_match {
	struct route_match match;
	uint8_t path_rank;    /* exact, regex, prefix; of gRPC always 0 */
	size_t first, second; /* lengths, the longer first: of the path; of service and method */
	size_t n_headers;
	size_t n_queries;
};

/* A match of an HTTPRoute; NULL: all requests. -EINVAL with a sentence. */
int rule_match_http(struct arena *a, const K8s__HTTPRouteMatch *m, struct rule_match *ret,
		    const char **ret_why);
int rule_match_grpc(struct arena *a, const K8s__GRPCRouteMatch *m, struct rule_match *ret,
		    const char **ret_why);
/* The preflights of a rule with CORS that would miss the match: same path (E-CO-8). */
bool rule_match_preflight(struct arena *a, const struct rule_match *m, struct rule_match *ret);
/* The requests of the match with a port in Host. */
void rule_match_with_port(struct arena *a, const struct rule_match *m, struct rule_match *ret);

/* ---- rule-filter.c ---- */

/* The settings that filters of a rule, or of one of its backends, ask for. */
struct rule_filters {
	struct header_edits request, response;
	struct rewrite rewrite;
	const K8s__HTTPRequestRedirectFilter *redirect;
	const K8s__HTTPCORSFilter *cors;
	const struct ask *ask;
	K8s__HTTPRequestMirrorFilter **mirrors;
	const char **mirror_fields;
	size_t n_mirrors;
	bool has_more_than_headers;
};

/* With a sentence: the rule cannot be served; -EINVAL, or -ENOENT if the fault is that of a
 * reference, which may become right by itself. prefix: the path that a prefix rewrite replaces, or
 * NULL. */
int rule_filters_parse(struct route_work *w, K8s__HTTPRouteFilter *const *all, size_t n,
		       const char *field, const char *prefix, struct rule_filters *ret,
		       const char **ret_why);
/* The service that an ExternalAuth filter names; -EINVAL or -ENOENT with a sentence. */
int rule_filter_ask(struct route_work *w, const K8s__HTTPExternalAuthFilter *f, const char *field,
		    const struct ask **ret, const char **ret_why);
struct cors *rule_filter_cors(struct arena *a, const K8s__HTTPCORSFilter *f);

/* ---- rule-backend.c ---- */

struct backend_ref {
	const char *group, *kind, *namespace, *name; /* namespace: or NULL */
	uint32_t port;                               /* 0: not given */
	bool udp;
	bool grpc; /* speak gRPC to it, whatever the route's kind */
};

/* A backend that can be reached. */
struct backend_found {
	const Portolan__Model__ClusterSpec *spec;
	const char *cluster;
	bool http2;
	/* Backends of the same shape can be one cluster; NULL: it cannot be joined. */
	const char *endpoints, *shape;
};

/* The cluster, or NULL with the route's flaw set; NULL without a flaw where the backend exists but
 * must not be reached (a policy that is not valid, G-BTP-6). ret: or NULL; empty without a
 * cluster. */
const char *rule_backend_find(struct route_work *w, const struct backend_ref *ref,
			      const char *field, struct backend_found *ret);

/* A reference of a rule that is wrong. */
void rule_reference_fails(struct route_work *w, const char *reason, const char *field,
			  const char *message);

/* ---- rule-session.c ---- */

/* A backend of a rule, and the share of the requests that it gets. */
struct backend_share {
	struct backend_found found;
	uint32_t weight;
};

/* The session of the rule with this number: its own, or that of its backends' policy; or NULL. */
const struct session_cookie *rule_session_find(struct route_work *w,
					       const K8s__SessionPersistence *own, size_t index);
/* Requests that have such a session, perhaps an outdated one. */
void rule_session_match(struct arena *a, const struct session_cookie *s, struct route_match *ret);
/* One cluster with the endpoints of all these backends, in which a session keeps a client at its
 * endpoint, whatever the weights; NULL: they differ in more than their endpoints, or there is only
 * one. */
const char *rule_session_cluster(struct route_work *w, size_t index,
				 const struct backend_share *all, size_t n);
bool rule_session_has_endpoints(struct route_work *w, const struct backend_found *b);

/* ---- rule.c ---- */

/* A route of the model with its place: memcmp order, the first is tried first. */
struct placed_route {
	struct route route;
	const uint8_t *order;
	size_t order_len;
};

struct placed_routes {
	struct placed_route *all; /* in the arena */
	size_t n, cap;
};

/* The routes of one rule for one host name of the listener in `w`. */
void rule_plan(struct route_work *w, const K8s__HTTPRouteRule *rule, const K8s__GRPCRouteRule *grpc,
	       size_t index, const struct attached_name *name, struct placed_routes *ret);
/* A GRPCRoute's rule without its matches. */
const K8s__HTTPRouteRule *rule_of_grpc(struct arena *a, const K8s__GRPCRouteRule *rule);
