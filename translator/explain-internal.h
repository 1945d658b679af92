/* What the files of explain share. One noun a file: explain-request.c, explain-path.c, explain-match.c… */
#pragma once

#include "common/document.h"
#include "translator/envoy-filters.h"
#include "translator/explain.h"
#include "translator/host-merge.h"
#include "translator/translator.h"
#include "translator/units.h"

struct explain_header {
	const char *name; /* lower case */
	const char *value;
};

struct explain_request {
	const char *url;
	const char *method;
	bool tls;
	uint32_t port;		/* that the URL names; 0: none */
	const char *host;	/* the URL's, without the port */
	const char *authority;	/* what the request says in Host, as Envoy reads it */
	const char *sni;	/* NULL: none */
	const char *sent_path;	/* with the query */
	const char *path;	/* with the query, as Envoy's routes see it; NULL: it is refused before */
	const char *refused;	/* why */
	const char *bare_path;	/* without the query */
	struct explain_header *headers;
	size_t n_headers;
};

struct explain {
	struct translator *t;
	struct arena *a;	 /* until the answer is there */
	struct arena *scratch;	 /* for what is looked at and left */
	struct item **sent;	 /* all resources, sorted */
	size_t n_sent;
	struct explain_request request;
	const HttpManager *manager; /* that has the connection; NULL: none, or not yet */
	struct document *d;
};

/* ---- explain-request.c ---- */

/* Reads the request out of parsed words; -EINVAL with a sentence. */
struct evkeyvalq;
int explain_request_read(struct explain *e, const struct evkeyvalq *words, const char **ret_why);
/* What the connection manager makes of it before it looks for a route: "path", or "refused". */
void explain_request_take(struct explain *e, const HttpManager *m);
/* Values of the header by that name, pseudo headers included; NULL and 0 if there is none. */
const char **explain_request_header(const struct explain *e, const char *name, size_t *ret_n);

/* ---- explain-path.c ---- */

/* What normalize_path makes of a path with its query; NULL where Envoy answers 400. */
const char *explain_path_normal(struct arena *a, const char *path);
/* What merge_slashes makes of it. */
const char *explain_path_merged(struct arena *a, const char *path);

/* ---- explain-sent.c: what Envoy is sent ---- */

const struct item *explain_sent(const struct explain *e, enum resource_kind kind, const char *name);
/* Its parts: *ret_n items from the one that is returned. */
struct item *const *explain_sent_parts(const struct explain *e, enum resource_kind kind, const char *name,
				       size_t *ret_n);
/* An Any's message if it is of this type, else NULL. */
void *explain_any(struct arena *a, const Google__Protobuf__Any *any,
		  const ProtobufCMessageDescriptor *type);

/* ---- explain-match.c ---- */

typedef Envoy__Config__Route__V3__Route ExplainRoute;

enum explain_fit {
	FIT_PATH_DIFFERS,
	FIT_CONDITIONS_DIFFER,
	FIT,
};

/* Whether the request meets the route; if not, *ret_why says in words what differs, in e->scratch. */
enum explain_fit explain_match(const struct explain *e, const Envoy__Config__Route__V3__RouteMatch *m,
			       const char **ret_why);
/* The match in words. */
const char *explain_match_text(struct arena *a, const Envoy__Config__Route__V3__RouteMatch *m);
/* How well the domain fits the host, which is in lower case: 0 not at all; larger is better. */
unsigned explain_domain_fit(const char *domain, const char *host);

/* ---- explain-host.c: the virtual host ---- */

#define EXPLAIN_HOSTS_MAX 6

struct explain_host {
	const char *domain; /* by which it was found */
	unsigned fit;
	const struct item *part; /* that holds it; NULL: the head */
	size_t index;		 /* in that */
};

struct explain_hosts {
	const char *table;
	const Envoy__Config__Route__V3__RouteConfiguration *head;
	struct explain_host found[EXPLAIN_HOSTS_MAX]; /* best first */
	size_t n;
};

/* The virtual hosts of the table that would do. -ENOENT if there is no such table. */
int explain_host_find(struct explain *e, const char *table, struct explain_hosts *ret);
/* The virtual host itself, in the arena. */
const Envoy__Config__Route__V3__VirtualHost *explain_host_get(struct explain *e, const struct explain_hosts *l,
							      const struct explain_host *h);

/* ---- explain-origin.c: whose it is ---- */

struct explain_origin {
	enum object_kind kind; /* 0: Portolan's own */
	const char *key;
	const char *field;
	const char *root; /* key of the HTTPProxy that includes it; NULL: none */
	bool earlier; /* it is of an earlier version of the objects: Envoy refused the present one */
	const struct host_route *route; /* what it was made of; NULL: not known */
};

struct explain_loss {
	const struct host_route *loser, *winner;
};

/* The routes of one host, as objects want them. */
struct explain_origins {
	struct host_merge routes; /* in Envoy's order, with the losers taken out */
	struct explain_loss *losses;
	size_t n_losses;
	Portolan__Model__HostRoutes **wishes;
	size_t n_wishes;
	bool tls;
};

void explain_origins_read(struct explain *e, const char *domain, bool tls, struct explain_origins *ret);
/* Whose the index-th route of the virtual host is. */
void explain_origin_of(struct explain *e, const struct explain_origins *o, const ExplainRoute *route,
		       size_t index, struct explain_origin *ret);
void explain_origin_set(const struct host_route *route, struct explain_origin *ret);
/* Why a route of two with the same match is not sent. */
const char *explain_loss_text(struct explain *e, const struct explain_loss *l);
/* As a map: kind, namespace, name, field, origin, problems that its status has there. */
void explain_origin_write(struct explain *e, const struct explain_origin *o);
void explain_object_write(struct explain *e, enum object_kind kind, const char *key, const char *field);
/* Whether the object's status has an error at the field or below. */
bool explain_origin_faulty(struct explain *e, const struct explain_origin *o);
/* A list of all objects that the resource is made from. */
void explain_made_from(struct explain *e, enum resource_kind kind, const char *name);
/* What is said of the object; NULL: nothing. */
const Portolan__Ipc__ObjectStatus *explain_status(struct explain *e, enum object_kind kind, const char *key);

/* ---- explain-absent.c ---- */

/* Objects that name the host but of which it has nothing: a list of them, with why. */
void explain_absent_write(struct explain *e, const char *host);

/* ---- explain-action.c: what a route or a chain does ---- */

/* "action", "status" and what goes with them, into the present map. Returns whether that is an answer
 * which somebody wanted: something is there to serve it. */
bool explain_action_write(struct explain *e, const ExplainRoute *route,
			  const Envoy__Config__Route__V3__VirtualHost *host);
/* The list of clusters and their endpoints. Returns how many endpoints could serve. */
size_t explain_clusters_write(struct explain *e, char *const *names, const uint32_t *weights, size_t n);

/* ---- explain-listener.c ---- */

/* Writes "listener" and what follows from it. Returns as explain_action_write(). */
bool explain_listener_write(struct explain *e);

/* ---- explain-route.c ---- */

/* Writes "virtual_host", "route" and what follows. */
bool explain_route_write(struct explain *e, const char *table);
/* "action", "status" and a sentence, where nothing was found to answer. */
void explain_nothing(struct explain *e, const char *action, uint32_t status, const char *why);

/* ---- explain-object.c ---- */

/* Writes all that the object made; returns the HTTP status. */
int explain_object(struct explain *e, const char *name);

/* ---- small things: explain.c ---- */

/* Writes "error"; returns the status. */
int explain_refuse(struct explain *e, int status, const char *why);

void explain_string(struct explain *e, const char *key, const char *value);
void explain_uint(struct explain *e, const char *key, uint64_t value);
