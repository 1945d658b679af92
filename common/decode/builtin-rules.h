/* The API server's rules over several fields of Kubernetes' own kinds, for objects from files.
 * Limits of single fields are in field-rules.h. Inside libdecode only. */
#pragma once

#include "common/decode/decode-node.h"
#include "common/decode/decode-problem.h"

/* message: "k8s.ServiceSpec". */
void builtin_rules_check(const char *message, const struct node *map, const struct path *path,
			 struct problems *problems);
/* Whether the table has rules for this message. */
bool builtin_rules_has(const char *message);
