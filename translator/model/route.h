/* One route: front ends fill it, envoy/ encodes it. Independent of Envoy and Kubernetes: texts and
 * numbers are checked already (check/ knows what Envoy would refuse), and names of clusters come
 * from resolve/. All memory is the arena's or borrowed.
 *
 * A route is encoded once, in host/ (want_host(), want_domain()), into one of Envoy's routes. A new
 * field: here, and in envoy/envoy-route.c or envoy/envoy-forward.c. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/go-duration.h"
#include "translator/model/filters.h"
#include "translator/model/header-edits.h"
#include "translator/model/match.h"

/* The object and field of the route: for messages, statuses and explain. */
struct route_origin {
	const char *object; /* "namespace/name"; NULL: the object that wants the host */
	const char *also;   /* another of the kind that takes a part of its requests, or NULL */
	const char *field;  /* "spec.rules[0].http.paths[1]" */
	const char *rule;   /* the rule's own name, or NULL */
};

/* ---- forwarding ---- */

enum rewrite_kind {
	REWRITE_NONE,
	REWRITE_PREFIX,   /* the matched prefix becomes `text`, as a plain string */
	REWRITE_ELEMENTS, /* replaces the matched path elements by `text`, with the right slashes:
			     with "/a" to "/" "/a/b" becomes "/b". For PATH_SEGMENTS, and
			     PATH_PREFIX "/" */
	REWRITE_PATH,     /* the whole path becomes `text`; the query stays */
	REWRITE_REGEX, /* replaces the part of the path that `pattern` matches by `text`, with \1…\9
			*/
};

struct rewrite {
	enum rewrite_kind kind;
	const char *text;
	const char *pattern; /* RE2 */
};

/* A share of the requests. Envoy applies its edits before the route's: where both edit a header,
 * the route's count. */
struct target {
	const char *cluster; /* NULL: no such upstream; answered with missing_status */
	uint32_t weight;     /* 0: no requests, unless all are 0 and equal_if_zero */
	struct header_edits request, response;
	struct cookie_rules cookies;
	bool http2; /* is spoken there: gRPC can get there */
	bool empty; /* it has no endpoints, as far as the front end that made it knows */
};

/* A copy of each request; its answer is dropped. */
struct mirror {
	const char *cluster;
	uint32_t numerator;
	uint32_t denominator; /* 100, 10000 or 1000000; 0: all requests */
	bool same_host;       /* keeps Host; else "-shadow" is added to it */
	const char *host;     /* Host becomes this; NULL: stays */
};

/* Not set: Envoy's or the configuration's default. Infinite: no limit. */
struct route_timeouts {
	struct go_duration request; /* of the whole exchange, retries included */
	struct go_duration idle;    /* without a byte in either direction */
};

struct retries {
	const char *on; /* words that retry_word_is_known(), with commas; NULL: no retries */
	bool has_count;
	uint32_t count;
	uint32_t *codes; /* for "retriable-status-codes" */
	size_t n_codes;
	struct go_duration per_try;      /* holds without retries, too */
	struct go_duration per_try_idle; /* without a byte of the answer; without retries, too */
	struct go_duration backoff;      /* between tries, at least */
	bool other_endpoints;            /* endpoints that were tried are passed over */
	bool idempotent_only;            /* POST, LOCK and PATCH are not tried again */
};

/* The values that balancing by hash uses to tell requests apart. */
enum hash_by {
	HASH_BY_HEADER,
	HASH_BY_QUERY,
	HASH_BY_COOKIE, /* Envoy sets it if absent */
	HASH_BY_ADDRESS,
};

struct hash_key {
	enum hash_by by;
	const char *name;
	const char *path; /* of the cookie */
	bool cut_query;   /* of the header's value, an address */
	int64_t ttl_usec; /* of the cookie; 0: until the browser closes */
	bool terminal;    /* later keys do not count if this one is present */
};

/* Redirects of the upstream that Envoy follows itself. */
struct internal_redirect {
	uint32_t max; /* 0: Envoy's default */
	uint32_t *codes;
	size_t n_codes;
	bool cross_scheme;
	bool safe_cross_scheme; /* not from https to http */
	bool no_repeats;        /* not to a route that it came from */
};

struct forward {
	struct target *targets;
	size_t n_targets;
	bool equal_if_zero; /* if all weights are 0, all get the same share; else none gets any */
	uint32_t missing_status; /* the answer where no target gets any, and to a missing target's
				  * share: 404, 500 or 503 (also for 0) */
	struct mirror *mirrors;
	size_t n_mirrors;
	struct route_timeouts timeouts;
	const struct retries *retries; /* NULL: none */
	struct rewrite rewrite;
	struct hash_key *hash;
	size_t n_hash;
	const struct internal_redirect *internal_redirect; /* NULL: none */
	bool websocket;
};

/* ---- answering ---- */

/* Unset fields stay as in the request. */
struct redirect {
	uint32_t status; /* 301, 302, 303, 307 or 308 */
	const char *scheme;
	const char *host;
	uint32_t port; /* 0: as in Host */
	struct rewrite path;
	bool strip_query;
};

struct answer {
	uint32_t status;
	const char *body; /* or NULL */
};

/* ---- the route ---- */

enum route_kind {
	ROUTE_FORWARD,
	ROUTE_REDIRECT,
	ROUTE_ANSWER,
};

/* How a route of a host with TLS is served over plain HTTP. */
enum plain_http {
	PLAIN_SERVED,
	PLAIN_REDIRECTED, /* to HTTPS */
	PLAIN_ABSENT,
	PLAIN_ONLY, /* and not over HTTPS at all */
};

/* Tried before anything else is compared. */
enum route_tier {
	TIER_FIRST = -1, /* before all others of its host */
	TIER_ORDINARY = 0,
	TIER_FALLBACK = 1, /* a default backend: after all others */
	TIER_LAST = 2,     /* after every default backend */
};

/* Traces of requests, where the configuration has a collector for them. */
enum route_tracing {
	TRACING_INHERITED,
	TRACING_OFF,
	TRACING_ALL,
};

struct route {
	struct route_origin origin;
	struct route_match match;
	enum route_tier tier;
	enum route_kind kind;
	union {
		struct forward forward;
		struct redirect redirect;
		struct answer answer;
	};
	struct header_edits request, response;
	struct route_filters filters;
	enum plain_http plain;
	/* Its place where the front end has decided the order: such routes go before all without a
	 * place, in the order of their places. 0: its match decides. */
	uint32_t place;
	const char *name; /* for access logs, or NULL */
	bool quiet;       /* its requests are not in Envoy's log of requests */
	enum route_tracing tracing;
	const char *operation; /* of its spans, or NULL */
	/* If two routes have as many conditions, the older object's route goes first, whatever the
	 * order of the conditions' texts. */
	bool by_age;
};

struct routes {
	struct route *all; /* in the arena */
	size_t n, cap;
};

void routes_add(struct arena *a, struct routes *l, const struct route *route);

/* Whether retries.on may have this word: Envoy passes over others silently. */
bool retry_word_is_known(const char *word, size_t len);
