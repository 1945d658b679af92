/* Declarations that the files of explain share. One noun a file: explain-request.c,
 * explain-match.c… */
#pragma once

#include "common/base/document.h"
#include "k8s/networking.pb-c.h"
#include "k8s/projectcontour.pb-c.h"
#include "translator/envoy/envoy-filters.h"
#include "translator/explain/explain.h"
#include "translator/host/domain-merge.h"
#include "translator/host/host-merge.h"
#include "translator/model/message.h"

struct explain_header {
	const char *name; /* lower case */
	const char *value;
};

enum explain_http {
	EXPLAIN_HTTP_1_0,
	EXPLAIN_HTTP_1_1,
	EXPLAIN_HTTP_2,
};

struct explain_request {
	const char *url;
	const char *method;
	bool tls;
	uint32_t port;         /* in the URL; 0: none */
	const char *host;      /* the URL's, without the port */
	const char *authority; /* the request's Host, as Envoy reads it */
	const char *sni;       /* NULL: absent */
	enum explain_http http;
	const char *client;    /* its address; NULL: not known */
	const char *upgrade;   /* its upgrade, as Envoy accepts it; NULL: none */
	const char *sent_path; /* with the query */
	const char *path; /* with the query, as Envoy's routes see it; NULL: it is refused before */
	const char *refused;   /* why */
	bool taken;            /* by a connection manager: headers are as routes see them */
	bool moved;            /* to path: its slashes were escaped */
	const char *bare_path; /* without the query */
	struct explain_header *headers;
	size_t n_headers;
};

struct explain {
	struct world world;
	struct arena *a;       /* until the answer is made */
	struct arena *scratch; /* for objects that are looked at briefly */
	struct item **sent;    /* all resources, sorted */
	size_t n_sent;
	struct explain_request request;
	const char *listener; /* its name; NULL: no listener, or not yet known */
	const EnvoyHttpConnectionManager
		*manager; /* of the connection; NULL: none, or not yet known */
	const char
		*taken_by; /* "Gateway namespace/name listener"; NULL: no Gateway's, or not yet */
	uint32_t status;   /* of the answer, as far as it is known */
	struct explain_problems *problems;
	struct explain_refusals *refusals; /* NULL: not asked for */
	struct document *d;
};

/* ---- explain-request.c ---- */

/* Reads the request out of parsed words; -EINVAL with a sentence. */
struct evkeyvalq;
int explain_request_read(struct explain *e, const struct evkeyvalq *words, const char **ret_why);
/* The path as the connection manager makes it before it looks for a route: "path", or "refused". */
void explain_request_take(struct explain *e, const EnvoyHttpConnectionManager *m);
/* Values of the header with that name, pseudo headers included; NULL and 0 if absent. */
const char **explain_request_header(const struct explain *e, const char *name, size_t *ret_n);

/* ---- explain-client.c ---- */

/* "1.0", "1.1", "2". */
bool explain_http_parse(const char *word, enum explain_http *ret);
bool explain_address_is_valid(const char *text);
/* Why a request cannot come by this version of HTTP; NULL: it can. */
const char *explain_http_refused(const struct explain *e, const EnvoyHttpConnectionManager *m);
/* The protocols that the request offers, without those that Envoy ignores; NULL: none. */
const char *explain_upgrade(struct explain *e, const EnvoyHttpConnectionManager *m);
/* Whether Envoy answers the offer with 403. */
bool explain_upgrade_refused(struct explain *e, const EnvoyRoute *route);
void explain_upgrade_write(struct explain *e);

enum explain_pass {
	EXPLAIN_PASSES,
	EXPLAIN_STOPS,
	EXPLAIN_PASS_UNKNOWN, /* it depends on the client's address, which is not known */
};

/* Whether a filter of addresses lets the client through. */
enum explain_pass explain_address_pass(struct explain *e, const GoogleAny *any);

/* ---- explain-sent.c: the resources that Envoy gets ---- */

const struct item *explain_sent(const struct explain *e, enum resource_kind kind, const char *name);
/* Its parts: *ret_n items from the one that is returned. */
struct item *const *explain_sent_parts(const struct explain *e, enum resource_kind kind,
				       const char *name, size_t *ret_n);
/* The key of a part of a resource: both names, with a NUL between them. */
const char *explain_part_key(struct arena *a, const char *name, const char *part, size_t *ret_len);
/* One of them. */
const struct item *explain_sent_part(const struct explain *e, enum resource_kind kind,
				     const char *name, const char *part);
/* An Any's message if it is of this type, else NULL. */
void *explain_any(struct arena *a, const GoogleAny *any, const ProtobufCMessageDescriptor *type);

/* ---- explain-match.c ---- */

enum explain_fit {
	FIT_PATH_DIFFERS,
	FIT_CONDITIONS_DIFFER,
	FIT,
};

/* Whether the request matches the route; if not, *ret_why names the difference, in e->scratch. */
enum explain_fit explain_match(const struct explain *e, const EnvoyRouteMatch *m,
			       const char **ret_why);
bool explain_string_matches(const EnvoyStringMatcher *m, const char *s);
/* The match in words. */
const char *explain_match_text(struct arena *a, const EnvoyRouteMatch *m);
/* How well the domain fits the host, which is in lower case: 0 not at all; larger is better. */
unsigned explain_domain_fit(const char *domain, const char *host);

/* ---- explain-host.c: the virtual host ---- */

#define EXPLAIN_HOSTS_MAX 6

struct explain_host {
	const char *domain; /* the one that matched */
	unsigned fit;
	const struct item *part; /* that holds it; NULL: the head */
	size_t index;            /* in that */
};

struct explain_hosts {
	const char *table;
	const EnvoyRouteConfiguration *head;
	struct explain_host found[EXPLAIN_HOSTS_MAX]; /* best first */
	size_t n;
};

/* The virtual hosts of the table that could match. -ENOENT if there is no such table. */
int explain_host_find(struct explain *e, const char *table, struct explain_hosts *ret);
/* The virtual host itself, in the arena. */
const EnvoyVirtualHost *explain_host_get(struct explain *e, const struct explain_hosts *l,
					 const struct explain_host *h);

/* ---- explain-origin.c: the owner of a route ---- */

struct explain_origin {
	enum object_kind kind; /* 0: Portolan's own */
	const char *key;
	const char *field;
	const char *root; /* key of the HTTPProxy that includes it; NULL: no such */
	bool earlier; /* it is of an earlier version of the objects: Envoy refused the present one
		       */
	const struct host_route *route;   /* the source of the route; NULL: not known */
	const ProtobufCBinaryData *order; /* of a Gateway's route: its precedence */
};

/* One host, as host/ has settled it: each served route with its object and field. */
struct explain_origins {
	struct host_settled host;
	const struct host_merge *routes; /* those of it that are served this way */
	struct domain_settled domain;    /* of a listener with a table of its own */
	bool tls;
	bool present; /* the served version is the present one: routes are in the same places */
};

void explain_origins_read(struct explain *e, const char *domain, bool tls,
			  struct explain_origins *ret);
/* The same for a virtual host of this table. */
void explain_origins_of_table(struct explain *e, const char *table, const char *domain, bool tls,
			      struct explain_origins *ret);

/* ---- explain-domain.c: host names of listeners with tables of their own ---- */

/* The routes wanted for the domain, if the listener has this table. */
void explain_domain_settle(struct explain *e, const char *table, const char *domain,
			   struct domain_settled *ret);

struct explain_domain {
	const char *label; /* "shop.com:8090" */
	const char *domain;
	bool stream; /* connections that are passed on: streams, the first has them */
	uint32_t port, protocol;
	const char *certificate;     /* or NULL */
	struct domain_entry *routes; /* its own, in Envoy's order */
	size_t n_routes;
	ModelStreamTargets **streams;
	size_t n_streams;
};

/* fact: FACT_DOMAIN or FACT_STREAM, with its key. */
void explain_domain_read(struct explain *e, unsigned fact, const char *key, size_t key_len,
			 struct explain_domain *ret);
const char *explain_domain_label(struct explain *e, unsigned fact, const char *key, size_t key_len);
const char *explain_domain_scheme(const struct explain_domain *d);
/* Why a route with the same match as another is never reached; NULL: it is. */
const char *explain_domain_lost_to(struct explain *e, const struct domain_entry *r);

/* ---- explain-gateway.c: parents and listeners ---- */

/* Writes "taken_by": the listener of a Gateway or ListenerSet that has the table (or socket) and is
 * closest to the domain. If no Gateway has it, writes nothing and returns false. */
bool explain_gateway_listener_write(struct explain *e, const char *table, const char *domain);
/* Why a route is attached to no listener, or not to the one that took the request; NULL: it is. */
const char *explain_gateway_why(struct explain *e, const struct item *object);
/* Writes "parents" of a route, or "listeners" of a Gateway or ListenerSet. */
void explain_gateway_object_write(struct explain *e, const struct item *object);

/* ---- explain-origin.c ---- */

/* The owner of the index-th route of the virtual host. */
void explain_origin_of(struct explain *e, const struct explain_origins *o, const EnvoyRoute *route,
		       size_t index, struct explain_origin *ret);
void explain_origin_set(const struct host_route *route, struct explain_origin *ret);
/* Why a route of two with the same match is not sent. */
const char *explain_loss_text(struct explain *e, const struct host_loss *l);
/* As a map: kind, namespace, name, field, origin, and its status's problems with that field. */
void explain_origin_write(struct explain *e, const struct explain_origin *o);
void explain_object_write(struct explain *e, enum object_kind kind, const char *key,
			  const char *field);
/* Whether the object's status has an error at the field or below, or Envoy's own answer stands for
 * what is wrong with it. */
bool explain_origin_faulty(struct explain *e, const struct explain_origin *o);
/* A list of all objects that the resource is made from. */
void explain_made_from(struct explain *e, enum resource_kind kind, const char *name);
/* The object's status; NULL: it has none. */
const Portolan__Ipc__ObjectStatus *explain_status(struct explain *e, enum object_kind kind,
						  const char *key);

/* ---- explain-absent.c ---- */

/* A list of the objects that name the host but have no part in it, each with the reason. With tls:
 * no part in it over TLS. */
void explain_absent_write(struct explain *e, const char *host, bool tls);

/* ---- explain-problem.c: what is wrong with the objects that an answer names ---- */

struct explain_problems *explain_problems_new(struct explain *e);
/* The answer names the object. */
void explain_problems_of(struct explain *e, enum object_kind kind, const char *key);
/* The answer has said this of it. */
void explain_problems_said(struct explain *e, const char *message);
/* Writes "problems": errors and warnings of the objects that were named, but what was said. */
void explain_problems_write(struct explain *e);
/* Whether the object's status has a problem, or with errors an error. */
bool explain_problems_any(struct explain *e, enum object_kind kind, const char *key, bool errors);

/* ---- explain-refusal.c: what Envoys refuse of it ---- */

struct explain_refusals *explain_refusals_new(struct explain *e);
/* The answer depends on the resource, and on the part with this key if it has parts; effect: a
 * sentence about Envoys that do not have it. If Envoys refuse it and nobody has accepted it, says
 * so in words; else NULL. */
const char *explain_refusal_of(struct explain *e, enum resource_kind kind, const char *name,
			       const char *part, size_t part_len, const char *effect);
/* The same without the effect, and nothing is noted. */
const char *explain_refusal_of_all(struct explain *e, enum resource_kind kind, const char *name);
/* Why no Envoy gets the host in this resource, which is made of parts for hosts; NULL: it is there,
 * or no object wants it. */
const char *explain_refusal_of_host(struct explain *e, enum resource_kind kind, const char *name,
				    const char *host);
/* Writes "refused": what was noted. */
void explain_refusals_write(struct explain *e);

/* ---- explain-action.c: the action of a route or a chain ---- */

/* Writes "action", "status" and related members into the present map. Returns whether that is a
 * wanted answer, as opposed to one for a missing backend. */
bool explain_action_write(struct explain *e, const EnvoyRoute *route, const EnvoyVirtualHost *host);
/* Its endpoints, if it holds those of several backends: a locality each, which has the name of the
 * backend's own endpoints; else NULL. */
const EnvoyClusterLoadAssignment *explain_joined(struct explain *e, const EnvoyCluster *c);
/* Of several clusters, and their endpoints. */
struct explain_targets {
	size_t endpoints;    /* that could serve */
	size_t there;        /* clusters that there are */
	const char *refused; /* why there is no other: Envoys refuse it */
};

/* The list of clusters and their endpoints; effect: of a connection or request that gets none. */
struct explain_targets explain_clusters_write(struct explain *e, char *const *names,
					      const uint32_t *weights, size_t n,
					      const char *effect);

/* ---- explain-listener.c ---- */

/* Why Envoys lack a Secret of the context, as explain_refusal_of(). */
const char *explain_secrets_refused(struct explain *e, const EnvoyCommonTlsContext *c,
				    const char *effect);
/* Writes "listener" and the members that depend on it. Returns as explain_action_write(). */
bool explain_listener_write(struct explain *e);

/* ---- explain-route.c ---- */

/* Writes "virtual_host", "route" and the members that depend on it. */
bool explain_route_write(struct explain *e, const char *table);
/* Writes "action", "status" and a sentence, if there is nothing that answers. */
void explain_nothing(struct explain *e, const char *action, uint32_t status, const char *why);

/* ---- explain-object.c ---- */

/* Writes all that the object made; returns the HTTP status. */
int explain_object(struct explain *e, const char *name);

/* A route as the model keeps it: encoded, in a virtual host of its own. NULL if absent. */
const EnvoyRoute *explain_route_unpack(struct arena *a, ProtobufCBinaryData element);
/* "forward", "redirect" or "direct-response". */
const char *explain_route_action(const EnvoyRoute *r);
/* "http", "https" or "http and https". */
const char *explain_route_scheme(const struct explain_origins *o, const ModelHostRoute *r);

/* The object KIND/NAMESPACE/NAME: the HTTP status, with *ret_why if it is not 200. */
int explain_object_find(struct explain *e, const char *name, const struct item **ret,
			const char **ret_why);

/* ---- explain-routes.c ---- */

struct explain_routes_question {
	const char *host;          /* this one; NULL: all */
	const char *search;        /* in their names; NULL: all */
	const struct item *object; /* only routes that it makes; NULL: all */
	size_t offset, limit;      /* of hosts, in order of their names */
};

/* Writes "hosts_total", "offset" and "hosts" with their routes. */
void explain_routes(struct explain *e, const struct explain_routes_question *q);

/* ---- explain-surface.c ---- */

/* Writes "hosts" and "certificates": everything that clients can reach, for comparisons. */
void explain_surface(struct explain *e);

/* ---- explain-surface-route.c ---- */

/* The route as a map. */
void explain_surface_route(struct explain *e, const EnvoyRoute *r, const struct explain_origin *o);
/* Writes "clusters" into the present map; weights may be NULL. */
void explain_surface_clusters(struct explain *e, const char *const *names, const uint32_t *weights,
			      size_t n);

/* ---- explain-write.c ---- */

/* Writes "error"; returns the status. */
int explain_refuse(struct explain *e, int status, const char *why);

void explain_string(struct explain *e, const char *key, const char *value);
void explain_uint(struct explain *e, const char *key, uint64_t value);
