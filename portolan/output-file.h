/* Files that the command writes: whole or not at all. */
#pragma once

#include "common/base/strbuf.h"

/* Writes aside, with mode 0600 plus other_bits, and renames. Negative errno. */
int output_file_write(const char *path, const struct strbuf *content, unsigned other_bits);
/* Copies a file in the same way. */
int output_file_copy(const char *from, const char *path, unsigned other_bits);
