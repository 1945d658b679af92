/* The status of a policy, or of an XBackend: an entry for each Gateway through which its target is
 * reached. */
#pragma once

#include "translator/gateway/gateway-status.h"

/* use: the key of its FACT_POLICY_USE. */
void policy_status_emit(struct reader *r, enum object_kind kind, const char *key, const char *use,
			const struct conditions *c, const struct flaw *accepted);
/* The policy has no effect on these Gateways, whatever uses its targets. */
void policy_status_refuse(struct reader *r, enum object_kind kind, const char *key,
			  const char *const *gateways, size_t n, const struct flaw *why);
