/* The sample configuration: every key with its description, commented out. */
#pragma once

#include "common/base/strbuf.h"

void configuration_example(struct strbuf *out);
