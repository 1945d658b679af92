/* Gateway API v1.7.0's rules over several fields (CEL in its schema), for objects from files.
 * Limits of single fields are in field-rules.h. Inside libdecode only. */
#pragma once

#include "common/decode/decode-node.h"
#include "common/decode/decode-problem.h"

/* message: "k8s.HTTPRouteRule". map: one, with its defaults. */
void gateway_rules_check(const char *message, const struct node *map, const struct path *path,
			 struct problems *problems);
/* Whether the table has rules for this message. */
bool gateway_rules_has(const char *message);
