/* Filters act on requests besides routing them: policies of a host, a route or a target. Each
 * field that is set replaces the same field of the level above (host, route, target). A new
 * filter is a field here and a row in envoy/envoy-route-filter.c. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/go-duration.h"
#include "translator/model/access.h"
#include "translator/model/cookie.h"
#include "translator/model/header-edits.h"
#include "translator/model/match.h"

/* Cross-origin resource sharing (https://fetch.spec.whatwg.org/#http-cors-protocol). */
struct cors_origin {
	enum match_operator op; /* MATCH_EXACT or MATCH_REGEX; "*" as MATCH_EXACT is any origin */
	const char *text;
	bool ignore_case;
};

struct cors {
	struct cors_origin *origins;
	size_t n_origins;
	const char *allow_methods; /* lists with commas, as sent; "" or NULL: the header is not */
	const char *allow_headers;
	const char *expose_headers;
	const char *max_age; /* seconds; NULL: not sent */
	bool allow_credentials;
	bool allow_private_network;
	bool refuse_other_preflights; /* preflights of other origins do not reach the upstream */
};

/* Tokens in each Envoy. */
struct local_limit {
	uint32_t max_tokens;
	uint32_t tokens_per_fill;
	int64_t fill_usec;
	uint32_t status;              /* of the refusal; 0: 429 */
	struct header_edits response; /* of the refusal; only set and added headers */
	const char *stat_prefix;
};

/* A limit that several routes of a host share: each client's address has tokens of its own. */
struct shared_limit {
	const char *key;
	uint32_t max_tokens;
	uint32_t tokens_per_fill;
	int64_t fill_usec;
	bool has_exempt; /* the routes name clients without a limit */
};

struct shared_limits {
	struct shared_limit *all;
	size_t n;
	uint32_t status; /* of the refusal */
};

/* Users and passwords (RFC 7617). */
struct passwords {
	const char *users; /* lines "name:{SHA}…": htpasswd_usable() */
	const char *realm; /* NULL: Envoy's default */
};

/* The keys by which a rate limit service counts. */
enum rate_limit_by {
	RATE_LIMIT_BY_KEY,
	RATE_LIMIT_BY_HEADER,
	RATE_LIMIT_BY_MATCH,
	RATE_LIMIT_BY_ADDRESS,
};

struct rate_limit_entry {
	enum rate_limit_by by;
	const char *key;             /* of the descriptor */
	const char *value;           /* KEY, MATCH: of the descriptor; HEADER: the header's name */
	struct value_match *headers; /* MATCH */
	size_t n_headers;
	bool expect_no_match; /* MATCH */
};

/* One descriptor: all entries together. */
struct rate_limit {
	struct rate_limit_entry *entries;
	size_t n;
};

struct rate_limits {
	struct rate_limit *all;
	size_t n;
};

/* Addresses of clients that may pass, or may not. */
struct address_range {
	const char *address; /* IPv4 or IPv6 */
	uint32_t bits;
	bool peer; /* of the connection itself, not that in X-Forwarded-For */
};

struct address_rules {
	bool deny; /* addresses in a range are refused; else only they pass */
	struct address_range *all;
	size_t n;
	/* Refused, although they are in one of the ranges of an allow list. */
	struct address_range *except;
	size_t n_except;
	bool reported; /* not enforced: struct access gets the result */
};

/* The facts about a route's requests that the authorization service gets. */
struct context_pair {
	const char *key, *value;
};

enum authorization_kind {
	AUTHORIZATION_INHERITED,
	AUTHORIZATION_OFF,
	AUTHORIZATION_WITH_CONTEXT,
};

struct route_authorization {
	enum authorization_kind kind;
	struct context_pair *context; /* sorted by key */
	size_t n;
};

/* A cookie that keeps a client at its first endpoint (envoy.http.stateful_session.cookie), or a
 * header of this name, then without the fields below. */
struct session_cookie {
	bool header;
	const char *name;
	const char *path;
	int64_t ttl_usec;      /* 0: until the browser closes */
	const char *domain;    /* or NULL */
	const char *same_site; /* "None", "Lax", "Strict", or NULL */
	bool secure, http_only;
};

/* The service of a route, or of a listener, that is asked whether a request may pass. */
struct ask {
	bool http; /* else gRPC */
	const char *cluster;
	const char *authority;       /* gRPC */
	const char *path_prefix;     /* HTTP: before the request's path; or NULL */
	const char *const *reported; /* headers of the request; gRPC: none means all */
	size_t n_reported;
	const char *const *upstream; /* HTTP: headers of its answer that the upstream gets */
	size_t n_upstream;
	uint32_t body_max; /* bytes of the body sent to it; 0: none. Larger ones are refused */
};

/* Answers with these statuses are replaced by another route's answer to a GET. */
struct error_pages {
	uint32_t *codes; /* ascending */
	size_t n_codes;
	const char *path;            /* that the other route has */
	struct header_edits request; /* of the request to it; only set headers. X-Code is added */
};

/* Rewrites of an upstream's answer: a text at the start of the value in its Location and Refresh,
 * and in the Path and Domain of its cookies. NULL: none. */
struct answer_rewrites {
	const char *location_from, *location_to;
	const char *path_from, *path_to;
	const char *domain_from, *domain_to;
};

/* NULL and empty fields: no filter, or the setting of the level above. */
struct route_filters {
	const struct cors *cors;
	const struct local_limit *local_limit;
	struct shared_limits limits;           /* a host's */
	struct shared_limits counted;          /* a route's: those of its host that count it */
	const struct address_rules *uncounted; /* their requests are not counted, or NULL */
	struct rate_limits rate_limits;        /* asked of the configuration's rate limit service */
	bool rate_limits_off;                  /* the limits of the host do not count */
	const struct address_rules *addresses;
	const char *jwt; /* the name of one of the host's providers: its token is required */
	bool jwt_off;    /* no token is required, whatever the host's rule */
	struct cookie_rules cookies;
	struct route_authorization authorization;
	const struct ask *ask;
	const struct passwords *passwords;
	const struct session_cookie *session;
	const struct access *access;
	const struct error_pages *error_pages;
	const struct answer_rewrites *rewrites;
	bool proxy_headers; /* requests get those of model/proxy-headers.h, from the plain listener
			     */
	bool uncompressed;  /* answers are not compressed */
	uint32_t bandwidth_kib; /* a second, of all answers of the route together; 0: no limit */
	bool grpc;              /* envoy/ sets it: the route has an upstream that gRPC can get to */
};
