/* ExtensionServices for those that ask them (unit-extension.c). */
#pragma once

#include "translator/units.h"

struct extension {
	const Portolan__Model__ExtensionResult *result; /* without a cluster: not there, and why */
	const char *cluster; /* its name, whether it is there or not */
	const char *authority;
};

void extension_find(struct reader *r, const char *namespace, const char *name, struct extension *ret);
