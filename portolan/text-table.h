/* Columns for a terminal: as wide as their widest cell. */
#pragma once

#include <stdbool.h>

#include "common/strbuf.h"

#define TEXT_TABLE_COLUMNS 8

struct text_table {
	struct strbuf cells; /* NUL after each */
	size_t columns, n;
	size_t widths[TEXT_TABLE_COLUMNS];
};

/* columns: at most TEXT_TABLE_COLUMNS. */
void text_table_init(struct text_table *t, size_t columns);
void text_table_done(struct text_table *t);
/* The next cell, row by row. Control characters become '?'. */
void text_table_add(struct text_table *t, const char *fmt, ...) _printf_(2, 3);
void text_table_write(const struct text_table *t, struct strbuf *out);
