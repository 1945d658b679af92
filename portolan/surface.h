/* Compares the routes that clients can reach in two worlds. A surface is a translator's answer to
 * "surface=1" (translator/explain/explain-surface.c). */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>

#include "common/base/strbuf.h"

struct surface_options {
	bool no_ports;       /* listeners' ports and names do not matter, only the scheme */
	bool no_counts;      /* nor how many endpoints there are */
	bool no_connections; /* nor limits and filters of listeners; how TLS is done does */
};

/* Adds to the list of changes, each a map:
 *	{"change": "route-removed", "worse": true, "host": "https://a.example", "match": "prefix /",
 *	 "text": "…", "object": {"kind", "namespace", "name", "origin"}} */
void surface_compare(struct json_object *before, struct json_object *after,
		     const struct surface_options *o, struct json_object *changes);

/* A change; the object may be NULL. text is taken. */
void surface_add(struct json_object *changes, const char *change, bool worse, const char *host,
		 const char *match, char *text, struct json_object *object);
