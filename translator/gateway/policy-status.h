/* The status of a policy, or of an XBackend: an entry for each Gateway through which its target is
 * reached. */
#pragma once

#include "translator/gateway/gateway-status.h"

/* use: the key of its FACT_POLICY_USE. */
void policy_status_emit(struct reader *r, enum object_kind kind, const char *key, const char *use,
			const struct conditions *c, const struct flaw *accepted);
/* The same with each Gateway's own conditions, and nothing else. */
struct policy_ancestor {
	const char *gateway;
	struct conditions conditions;
};
void policy_status_write(struct reader *r, enum object_kind kind, const char *key,
			 const struct policy_ancestor *all, size_t n);
/* It is in effect, but not for this target: another policy has it. */
void policy_tell_lost(struct reader *r, enum object_kind kind, const char *key, size_t target,
		      const char *winner);
