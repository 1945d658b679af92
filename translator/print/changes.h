/* Two worlds compared: objects, resources with the objects that made them different, statuses. */
#pragma once

#include "translator/graph/world.h"

/* Prints a document on standard output: the differences in objects, resources and statuses. format:
 * yaml or json. full: with the resources before and after. Private keys are not printed. */
int changes_print(const struct world *before, const struct world *after, const char *format,
		  bool full);
