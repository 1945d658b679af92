/* ExtensionServices, for the objects that ask them (unit-extension.c). */
#pragma once

#include "proto/model.pb-c.h"
#include "translator/graph/graph.h"
#include "translator/model/message.h"

struct extension {
	const ModelExtensionResult *result; /* without a cluster: missing, with the reason */
	const char *cluster;                /* its name, whether it exists or not */
	const char *authority;
};

void extension_find(struct reader *r, const char *namespace, const char *name,
		    struct extension *ret);
