/* The kinds of objects that we may write for a Gateway, and their required form. The translator
 * reads everything that users write, so its requests are checked here: an object that does not pass
 * is not written. */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/base/strbuf.h"

#define OWNED_FLEET_LABEL        "portolan.io/fleet"
#define OWNED_GATEWAY_ANNOTATION "portolan.io/gateway"
/* The controllerName of the Portolan that wrote the object: several may be in one cluster. */
#define OWNED_CONTROLLER_ANNOTATION "portolan.io/controller"

struct owned_kind {
	const char *kind, *api_version, *plural;
};

#define OWNED_KINDS 5

const struct owned_kind *owned_kind(size_t i);
/* NULL if we do not write that kind. */
const struct owned_kind *owned_kind_named(const char *kind);

/* The path of one object, or of all that there are. */
char *owned_kind_path(const struct owned_kind *k, const char *namespace, const char *name);
char *owned_kind_collection(const struct owned_kind *k);

/* NULL, or a sentence that says why the object is not written. name: of all of the Gateway's
 * objects but the Secret. */
const char *owned_kind_refuses(const struct owned_kind *k, struct json_object *o,
			       const char *namespace, const char *name);

/* A member of members: owned_get(o, "metadata", "labels", NULL); NULL if one is missing. */
struct json_object *owned_get(struct json_object *o, ...);
const char *owned_text(struct json_object *o);
