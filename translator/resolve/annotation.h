/* Annotations for another controller, or on the wrong kind: each is named in the status. */
#pragma once

#include "k8s/meta.pb-c.h"
#include "translator/graph/graph.h"

/* Names those of our prefixes that are unknown, count on other kinds, or have the old
 * prefix. */
void annotation_check(struct reader *r, enum object_kind kind, const char *key,
		      const K8s__ObjectMeta *meta);

/* Names those of other controllers, above all the ones that restrict access. served: prefixes that
 * the front end serves, NULL at the end; or NULL. */
void annotation_check_foreign(struct reader *r, enum object_kind kind, const char *key,
			      const K8s__ObjectMeta *meta, const char *const *served);

/* "true" or "false" in any case; for another text it warns and returns the fallback. */
bool annotation_read_bool(struct reader *r, enum object_kind kind, const char *key,
			  const K8s__ObjectMeta *meta, const char *name, bool fallback);
