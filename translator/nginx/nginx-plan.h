/* The plan of one host: the Ingresses with paths on it, oldest first, and their routes, in the
 * order in which Envoy must try them. */
#pragma once

#include "k8s/core.pb-c.h"
#include "translator/model/host.h"
#include "translator/nginx/nginx-ingress.h"
#include "translator/nginx/nginx-location.h"
#include "translator/resolve/object.h"

#define nginx_error(p, in, reason, field, ...)                                             \
	do {                                                                               \
		if (!(p)->quiet)                                                           \
			object_error((p)->r, OBJECT_INGRESS, (in)->key, (reason), (field), \
				     __VA_ARGS__);                                         \
	} while (0)
#define nginx_warning(p, in, reason, field, ...)                                             \
	do {                                                                                 \
		if (!(p)->quiet)                                                             \
			object_warning((p)->r, OBJECT_INGRESS, (in)->key, (reason), (field), \
				       __VA_ARGS__);                                         \
	} while (0)

/* What a proxy before Envoy says, where it is believed (envoy/envoy-forwarded.c): name, uri,
 * scheme, port, given. */
#define NGINX_FORWARDED(key) "%DYNAMIC_METADATA(portolan.forwarded:" key ")%"

/* Where a path comes from. */
struct nginx_source {
	const struct nginx_ingress *ingress;
	const K8s__IngressBackend *backend; /* NULL: the implicit / without a default backend */
	const char *text;                   /* the path as written */
	const char *field;
	bool implicit;
	const struct nginx_ingress *canary; /* the backend, or a part of the path's requests, is
					       this one's; NULL: all is the Ingress's */
};

struct nginx_outcome;

/* The snippets' effects on the requests of the routes being made. */
struct nginx_snippet {
	const struct nginx_outcome *outcome; /* nginx-program.h */
	struct header_edits request, response;
	const char *closed; /* why the path must answer 503: it restricts and is not translated */
};

/* The server-snippet's effects on all paths of the host. */
struct nginx_server {
	struct header_edits response;
	const char *type;                      /* of texts that return answers, or NULL */
	const struct address_rules *addresses; /* or NULL */
	const char *closed;
};

/* A canary, attached to a Service of the host. */
struct nginx_canary {
	const struct nginx_ingress *ingress;
	const K8s__IngressBackend *backend;
	const char *field;
	const char *main; /* nginx_upstream_key() of the main Service */
};

/* The demands of auth-tls-* on the host's clients: nginx-client.c. */
struct nginx_client {
	const struct nginx_ingress *in;             /* the source of the annotations; NULL: none */
	const struct client_validation *validation; /* NULL: clients need no certificate */
	bool may_be_absent, may_be_unverified;
	const char *match;                  /* auth-tls-match-cn, as a condition on a header */
	const struct nginx_ingress *closed; /* its demands cannot be met */
};

/* Services with error pages for the host. */
#define NGINX_PAGES_MAX 32

struct nginx_pages {
	const char *services[NGINX_PAGES_MAX]; /* "namespace/name" */
	size_t n;
};

struct nginx_plan {
	struct reader *r;
	struct arena *a;
	const char *host; /* "*": the hosts that no Ingress names */
	const char *main; /* the host whose alias it is; NULL: it is none */
	struct nginx_ingress **mains;
	size_t n_mains;
	struct nginx_path *paths; /* of the mains */
	size_t n_paths;
	struct nginx_canary *canaries;
	size_t n_canaries;
	bool quiet;   /* nothing is reported */
	bool has_tls; /* the host, or the wildcard above it, has a TLS section */
	bool tls;     /* the routes that are made now are for HTTPS */
	struct nginx_client client;
	struct nginx_snippet snippet; /* of the location that is made now */
	bool passthrough;             /* the host's TLS connections are passed on */
	struct nginx_server server;
	struct nginx_pages pages;
	struct shared_limits limits;        /* of its Ingresses */
	const struct nginx_ingress *affine; /* the one that was read last for its affinity */
	struct routes routes;
	size_t forward; /* of the location's routes: the first with filters or an upstream */
};

/* The path of an Ingress without rules: all requests to hosts that no Ingress names. Redirects and
 * rewrites in its annotations have no effect. */
static inline bool nginx_is_catch_all(const struct nginx_plan *p, const struct nginx_source *s)
{
	return s->implicit && *p->host == '*' && !p->host[1] && s->backend;
}

/* $server_name: the host as the Ingress names it. */
static inline const char *nginx_server_name(const struct nginx_plan *p)
{
	const char *host = p->main ? p->main : p->host;

	return *host == '*' && !host[1] ? "_" : host;
}

/* ---- nginx-unknown.c ---- */

/* /healthz of the hosts that no Ingress names. */
void nginx_unknown_health(struct nginx_plan *p, const struct nginx_source *s);
/* Hosts that no Ingress names, where no Ingress is for all hosts. */
void nginx_unknown_want(struct reader *r);

/* ---- nginx-route.c ---- */

/* Adds the routes of all locations for HTTP, and for HTTPS. */
void nginx_routes_add(struct nginx_plan *p, const struct nginx_locations *l, bool tls);
/* Appends a route. */
void nginx_route_append(struct nginx_plan *p, const struct nginx_source *s, struct route *route);

/* ---- nginx-redirect.c ---- */

/* "http" or "https": the scheme of the connection. */
const char *nginx_scheme(const struct nginx_plan *p);
/* The redirect of app-root, before all paths. */
void nginx_redirect_app_root(struct nginx_plan *p);
/* permanent-redirect and temporal-redirect: they answer for every request of the path. Returns
 * whether the Ingress has one. */
bool nginx_redirect_fixed(struct nginx_plan *p, const struct nginx_source *s,
			  const struct route *base);
/* A format of a Location: a path alone becomes a whole address, unless relative-redirects says
 * otherwise. */
const char *nginx_redirect_location(struct nginx_plan *p, const struct nginx_ingress *in,
				    const char *format);
/* Whether plain HTTP is redirected to HTTPS at this path; with use-forwarded-headers that is what a
 * proxy before Envoy says, on every listener. */
bool nginx_redirect_is_secured(struct nginx_plan *p, const struct nginx_source *s);
void nginx_redirect_secure(struct nginx_plan *p, const struct nginx_source *s,
			   const struct route *base);
/* All requests to the same address of another host. */
void nginx_redirect_name(struct nginx_plan *p, const struct nginx_source *s,
			 const struct route *base, const char *host);
/* /app to /app/. */
void nginx_redirect_slash(struct nginx_plan *p, const struct nginx_source *s,
			  const struct route *base);

/* ---- nginx-upstream.c ---- */

/* Gives the target the upstream of a path's backend. Its cluster is NULL if that cannot be made;
 * the Ingress's status reports why. The annotations are those of `in`, or of the Service's first
 * Ingress if they belong to the Service. */
void nginx_upstream_find(struct nginx_plan *p, const struct nginx_source *s, struct target *ret);
/* A reference to a Service "namespace/name" of the settings; its first port. */
void nginx_upstream_default(struct nginx_plan *p, const struct nginx_source *s, const char *service,
			    struct target *ret);

/* ---- nginx-cipher.c ---- */

/* The ciphers of a list that Envoy has. Others are reported. *ret_n 0: the configuration's
 * count. */
void nginx_ciphers_read(struct nginx_plan *p, const struct nginx_ingress *in, const char *list,
			const char *annotation, char ***ret, size_t *ret_n);

/* ---- nginx-forward.c ---- */

/* Timeouts, retries, rewrites, Host, balancing: all that forwarding of a path needs but its
 * targets. */
void nginx_forward_read(struct nginx_plan *p, const struct nginx_source *s, struct route *route);
/* Headers that nginx sets on requests to backends. */
void nginx_forward_headers(struct nginx_plan *p, const struct nginx_source *s, struct route *route);
/* Response headers of every answer of a path: HSTS, custom-headers, translated snippets. */
void nginx_response_headers(struct nginx_plan *p, const struct nginx_source *s,
			    struct header_edits *ret);

/* The ConfigMap of custom-headers, if the path has one and all of its headers may be sent; else
 * NULL, with a sentence if the fault closes the path. */
const K8s__ConfigMap *nginx_forward_custom(struct nginx_plan *p, const struct nginx_source *s,
					   const char **ret_why);

/* ---- nginx-cors.c ---- */

struct nginx_cors {
	bool enabled;
	const char *origins; /* RE2 over the whole Origin; NULL: all */
	struct header_edits response;
};

void nginx_cors_read(struct nginx_plan *p, const struct nginx_source *s, struct nginx_cors *ret);
/* The answer to OPTIONS, before redirects and authentication. */
void nginx_cors_preflight(struct nginx_plan *p, const struct nginx_source *s,
			  const struct nginx_cors *cors, const struct route *base);
/* The condition on Origin under which the headers are sent; adds it to the match. */
void nginx_cors_match(struct nginx_plan *p, const struct nginx_cors *cors, struct route_match *m);

/* ---- nginx-client.c ---- */

void nginx_client_read(struct nginx_plan *p);
/* The first routes of the host, for HTTP or HTTPS as plan->tls says: they answer clients without a
 * good certificate. */
void nginx_client_append(struct nginx_plan *p);
/* Headers that tell backends of the client's certificate; CLIENT_ANY: it is verified. */
void nginx_client_headers(struct nginx_plan *p, enum client_certificate which,
			  struct header_edits *ret);

/* ---- nginx-access.c ---- */

/* Adds address lists, passwords, external authorization and limits to the route's filters. NULL, or
 * why the path must answer 503: its protection is not possible. */
const char *nginx_access_read(struct nginx_plan *p, const struct nginx_source *s,
			      struct route_filters *ret);

/* proxy-body-size: larger bodies are answered with 413, before anything else is asked. */
void nginx_access_bound(struct nginx_plan *p, const struct nginx_source *s,
			const struct route *base);

/* ---- nginx-canary.c ---- */

/* Makes the routes of a forwarding route: those of its canary first. */
void nginx_canary_append(struct nginx_plan *p, const struct nginx_source *s,
			 const struct route *route);

/* ---- nginx-authorization.c ---- */

/* auth-url and related annotations, or the ConfigMap's global-auth-url. NULL, or the fault and its
 * field: the path must be closed. */
const char *nginx_authorization_read(struct nginx_plan *p, const struct nginx_source *s,
				     struct access *ret, const char **ret_field);

/* ---- nginx-edits.c ---- */

/* value: plain text, which is not read as a format. */
void nginx_edits_set(struct arena *a, struct header_edits *e, const char *name, const char *value);
/* value: a format of Envoy's. */
void nginx_edits_set_format(struct arena *a, struct header_edits *e, const char *name,
			    const char *format);
/* Only where there is no such header. */
void nginx_edits_set_absent(struct arena *a, struct header_edits *e, const char *name,
			    const char *value);
/* One more line. */
void nginx_edits_add_format(struct arena *a, struct header_edits *e, const char *name,
			    const char *format);
void nginx_edits_remove(struct arena *a, struct header_edits *e, const char *name);
/* Appends all of `more`. */
void nginx_edits_join(struct arena *a, struct header_edits *e, const struct header_edits *more);
