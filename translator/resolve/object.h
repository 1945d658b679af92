/* Reads the parts that every object has: key, annotations and references. Reports faults in
 * them. */
#pragma once

#include "k8s/contour-configuration.pb-c.h"
#include "k8s/core.pb-c.h"
#include "translator/graph/graph.h"

/* Namespace and name of the object with the key "namespace/name", in the reader's arena. */
void object_split_key(struct reader *r, const char *key, const char **ret_namespace,
		      const char **ret_name);
/* An annotation's value, or NULL. */
const char *object_annotation(const K8s__ObjectMeta *meta, const char *name);
/* A sentence about a missing object that is referred to: "there is no Service a/b", or why it
 * cannot be read. */
const char *object_missing(struct reader *r, enum object_kind kind, const char *key);
/* The same where the object has been named: "it does not exist". */
const char *object_missing_why(struct reader *r, enum object_kind kind, const char *key);
/* A reference in the configuration as "namespace/name"; NULL if it names no object. */
const char *object_reference(struct reader *r, const K8s__ConfigReference *ref);

/* A problem in an object's status. field: its path in the object, or NULL. */
#define object_error(r, kind, key, reason, field, ...)                                      \
	emit_problem((r), (kind), (key), PORTOLAN__IPC__SEVERITY__SEVERITY_ERROR, (reason), \
		     (field), __VA_ARGS__)
#define object_warning(r, kind, key, reason, field, ...)                                      \
	emit_problem((r), (kind), (key), PORTOLAN__IPC__SEVERITY__SEVERITY_WARNING, (reason), \
		     (field), __VA_ARGS__)
