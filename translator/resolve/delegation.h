/* TLSCertificateDelegation: which namespaces may use a Secret of another. */
#pragma once

#include "translator/graph/graph.h"

/* Index: delegations by their namespace. */
int delegation_index(const struct item *object, struct arena *scratch, const char **ret_key);
/* The Secret that an object in `from` means by "name" or "namespace/name", as "namespace/name".
 * -EACCES with a sentence if it may not use it: one of its own namespace it always may. */
int delegation_resolve(struct reader *r, const char *text, const char *from, const char **ret_key,
		       const char **ret_why);
