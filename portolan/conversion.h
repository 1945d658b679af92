/* Routes as other objects: HTTPProxies, or Gateway API's. They are made of the routes that clients
 * can reach (portolan/surface.h), whatever objects those came from, and proven: both are translated
 * and compared. */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>

#include "common/base/strbuf.h"
#include "portolan/migration.h"

#define CONVERTED_GATEWAY           "portolan"
#define CONVERTED_GATEWAY_NAMESPACE "default"

enum conversion_target {
	CONVERT_NOT,
	CONVERT_GATEWAY,
	CONVERT_PROXY,
};

struct conversion {
	enum conversion_target target;
	bool gateway_taken;          /* the source has a Gateway of that name */
	bool with_differences;       /* write hosts that are not quite the same, too */
	struct json_object *objects; /* of Kubernetes, in the order of writing */
	struct json_object *hosts;   /* [{"host", "written", "equal", "notes": ["…"]}] */
	size_t n_written, n_equal;
};
void conversion_done(struct conversion *c);

/* Makes objects for all hosts of m, and keeps those that are proven equal. Negative after a
 * sentence on stderr. */
int conversion_make(struct conversion *c, const struct migration *m, const struct world_options *o);
/* The objects as YAML, with comments for the parts that could not be written. */
void conversion_write(const struct conversion *c, struct strbuf *out);

/* ---- for the two targets: conversion-route.c ---- */

/* One host with its routes, plain and over TLS. */
struct converted_host {
	const char *name;
	struct json_object *http, *https; /* of the surface; NULL: absent */
	struct json_object *notes;        /* why a part cannot be expressed */
};

/* How a route's path is matched. */
enum path_form {
	PATH_FORM_PREFIX, /* of the text */
	PATH_FORM_BELOW,  /* of whole elements */
	PATH_FORM_EXACT,
	PATH_FORM_REGEX,
};
enum path_form converted_path(struct json_object *route, const char **ret_path);
/* Splits "namespace/service:port"; false: the cluster belongs to no Service. The buffers are 254
 * bytes. */
bool converted_service(const char *cluster, char *ret_namespace, char *ret_name, int *ret_port);
/* The namespace of all Services that the route goes to, or of the object that made it; NULL: there
 * are several. The buffer is 254 bytes. */
const char *converted_namespace(struct json_object *route, char *buffer);
/* A route that answers by itself and that no object asks for: too large bodies. */
bool converted_is_limit(struct json_object *route);
/* A condition that comes with a wildcard by itself: its star is one label. */
bool converted_is_star(struct json_object *header);
/* A name for an object that is about the host. */
char *converted_name(const char *host, const char *suffix);
struct json_object *converted_object(const char *api_version, const char *kind,
				     const char *namespace, const char *name);
void converted_note(struct converted_host *h, const char *fmt, ...) _printf_(2, 3);
/* How a cluster's backends are spoken to. NULL: without TLS. */
bool converted_is_http2(struct json_object *cluster);
struct json_object *converted_tls(struct json_object *cluster);
/* Members added to o: set and remove, in the form of both targets. False: the headers have other
 * edits, which are left out: a variable that the target does not know would reach backends as
 * text. */
bool converted_headers(struct json_object *settings, const char *which, struct json_object *o,
		       bool proxy);

/* ---- conversion-proxy.c, conversion-gateway.c ---- */

/* Adds the host's objects to the list, or notes why it cannot be said. */
void conversion_proxy(struct converted_host *h, struct json_object *objects);
void conversion_gateway(struct converted_host *h, struct json_object *objects);
/* The Gateway for the routes, and the objects that it needs; n: hosts with TLS among them. */
void conversion_gateway_frame(const struct converted_host *hosts, size_t n,
			      struct json_object *objects);
