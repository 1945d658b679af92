/* The kinds of objects that say which requests go where: one row each, in place of tests on kinds
 * outside front ends. The table is translator/front-ends.c, for its functions are the front
 * ends'. */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/decode/object-kind.h"

/* A host name in an object. */
struct written_name {
	const char *name;
	const char *field;     /* where it stands */
	const char *tls_field; /* that has it served over TLS; NULL: the object's parents decide */
	bool tls_only;         /* it is in that field: irrelevant without TLS */
};

struct K8s__ParentReference;

struct front_end {
	enum object_kind kind;
	const char *one; /* "an Ingress" */
	/* If Envoy refuses a resource of several objects, those with the lowest number get the
	 * message: a route's author before the Gateway's. */
	unsigned author;
	const char *winner; /* before its name, for one that lost against it: "the older " */
	uint8_t rank;       /* where two kinds want the same host or match: 0 wins */
	bool shares_hosts;  /* of several namespaces: their authors get a message */
	bool waits;         /* an earlier version is served while a backend is on its way */
	bool listens;       /* it has listeners; their behaviour without a route is not a route */
	const char *served; /* for one that listens, before its kind: the fleet that serves it */
	/* The names in the object; NULL if it has none. */
	size_t (*names)(struct arena *a, const ProtobufCMessage *object, struct written_name **ret);
	/* The objects that it is attached to; NULL: it is independent. */
	size_t (*parents)(const ProtobufCMessage *object, struct K8s__ParentReference *const **ret);
};

extern const struct front_end front_ends[];
extern const size_t front_ends_n;

/* NULL for a kind that does not route. */
const struct front_end *front_end(enum object_kind kind);
