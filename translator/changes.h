/* Two worlds compared: objects, resources with the objects that made them different, statuses. */
#pragma once

#include "translator/translator.h"

/* Prints a document on standard output: objects, resources, statuses, of each what is different. format:
 * yaml or json. full: with the resources as they were and are. Private keys are not printed. */
int changes_print(struct translator *before, struct translator *after, const char *format, bool full);
