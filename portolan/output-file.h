/* Files that the command writes: whole or not at all. */
#pragma once

#include "common/strbuf.h"

/* Writes aside, mode 0600 but for other_bits, and renames. Negative errno. */
int output_file_write(const char *path, const struct strbuf *content, unsigned other_bits);
