/* Two texts as a unified diff, as diff -u writes it. */
#pragma once

#include "common/base/strbuf.h"

/* Appends "--- FROM", "+++ TO" and the hunks, with three lines of context; nothing if they are
 * equal. */
void text_diff(const char *was, const char *is, const char *from, const char *to,
	       struct strbuf *out);
