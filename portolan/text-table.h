/* Columns for a terminal: as wide as their widest cell. */
#pragma once

#include <stdbool.h>

#include "common/base/strbuf.h"
#include "portolan/terminal.h"

#define TEXT_TABLE_COLUMNS 8

struct text_table {
	struct strbuf cells; /* each: a byte for its colour, the text, a NUL */
	size_t columns, n;
	bool colours;
	size_t widths[TEXT_TABLE_COLUMNS];
};

/* columns: at most TEXT_TABLE_COLUMNS. */
void text_table_init(struct text_table *t, size_t columns);
void text_table_done(struct text_table *t);
/* In this colour, if colours are on. */
void text_table_add_coloured(struct text_table *t, enum colour c, const char *fmt, ...)
	_printf_(3, 4);
/* The next cell, row by row. Control characters become '?'. */
void text_table_add(struct text_table *t, const char *fmt, ...) _printf_(2, 3);
void text_table_write(const struct text_table *t, struct strbuf *out);
