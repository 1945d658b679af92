/* Columns for a terminal. Runs in the portolan command. */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "portolan/text-table.h"

void text_table_init(struct text_table *t, size_t columns)
{
	assert(columns <= TEXT_TABLE_COLUMNS);
	*t = (struct text_table){ .columns = columns };
}

void text_table_done(struct text_table *t)
{
	strbuf_done(&t->cells);
}

/* Bytes of UTF-8 that begin a character. */
static size_t characters(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += (*s & 0xc0) != 0x80;
	return n;
}

void text_table_add(struct text_table *t, const char *fmt, ...)
{
	_cleanup_free_ char *cell = NULL;
	size_t column = t->n++ % t->columns, width;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&cell, fmt, ap) < 0)
		abort();
	va_end(ap);
	for (char *p = cell; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
	width = characters(cell);
	if (width > t->widths[column])
		t->widths[column] = width;
	strbuf_add(&t->cells, cell, strlen(cell) + 1);
}

void text_table_write(const struct text_table *t, struct strbuf *out)
{
	const char *cell = t->cells.s;

	for (size_t i = 0; i < t->n; i++) {
		bool last = i % t->columns == t->columns - 1;
		size_t fill = t->widths[i % t->columns] - characters(cell);

		strbuf_puts(out, cell);
		if (last) {
			while (out->len && out->s[out->len - 1] == ' ')
				out->s[--out->len] = '\0';
			strbuf_putc(out, '\n');
		} else {
			strbuf_printf(out, "%*s", (int)fill + 2, "");
		}
		cell += strlen(cell) + 1;
	}
}
