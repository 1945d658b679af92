/* ReferenceGrant (gateway.networking.k8s.io): which objects may refer to objects of another
 * namespace. */
#pragma once

#include "translator/graph/graph.h"

#define GATEWAY_GROUP "gateway.networking.k8s.io"

/* One end of a reference; group and kind as in the API. */
struct grant_end {
	const char *group, *kind, *namespace;
	const char *name; /* of the target only */
};

/* Index: grants by their namespace, which is the targets'. */
int reference_grant_index(const struct item *object, struct arena *scratch, const char **ret_key);
/* Whether the reference is allowed: one within a namespace always is (G-RG-1…3). */
bool reference_grant_permits(struct reader *r, const struct grant_end *from,
			     const struct grant_end *to);
/* The sentence for a reference that is not. */
const char *reference_grant_missing(struct arena *a, const struct grant_end *to);
