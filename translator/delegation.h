/* TLSCertificateDelegation: which namespaces may use a Secret of another. */
#pragma once

#include "translator/graph.h"

/* Index: delegations by their namespace. */
int delegation_index(const struct item *object, struct arena *scratch, const char **ret_key);
/* Whether an object in `from` may use the Secret; always in the same namespace. */
bool delegation_permits(struct reader *r, const char *secret_namespace, const char *secret,
			const char *from);
