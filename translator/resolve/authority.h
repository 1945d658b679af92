/* Certificates of authorities that an object of Gateway API refers to: in a ConfigMap or Secret
 * under the key "ca.crt", or in a ClusterTrustBundle. */
#pragma once

#include "translator/graph/graph.h"

struct authority_ref {
	const char *group, *kind, *namespace, *name;
};

/* PEM, borrowed. -ENOTSUP: objects of this kind hold no certificates; -ENOENT: there is no such
 * object, or nothing readable in it. Both with a sentence. */
int authority_read(struct reader *r, const struct authority_ref *ref, ProtobufCBinaryData *ret,
		   const char **ret_why);
/* Appends the certificates to *all, of *len bytes, in the arena. */
void authority_append(struct arena *a, const ProtobufCBinaryData *pem, const void **all,
		      size_t *len);
