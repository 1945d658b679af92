/* What a GatewayClass says by our own annotation. Used by the translator and the watcher. */
#pragma once

#include <stdbool.h>

#include "k8s/gateway.pb-c.h"

/* Whether the class's Gateways share their Envoys. *ret_word: what the annotation says, borrowed;
 * NULL: the class does not have it. Any word but "false" counts: after a slip of the pen running
 * Envoys would go. */
bool gateway_class_merges(const K8s__GatewayClass *c, const char **ret_word);
