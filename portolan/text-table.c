/* Columns for a terminal. Runs in the portolan command. */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/text.h"
#include "portolan/text-table.h"

void text_table_init(struct text_table *t, size_t columns)
{
	assert(columns <= TEXT_TABLE_COLUMNS);
	*t = (struct text_table){ .columns = columns, .colours = terminal_colours() };
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

static void _printf_(3, 0) add(struct text_table *t, enum colour c, const char *fmt, va_list ap)
{
	_cleanup_free_ char *text = NULL, *cell = NULL;
	size_t column = t->n++ % t->columns, width;

	if (vasprintf(&text, fmt, ap) < 0)
		abort();
	cell = text_of(text);
	width = characters(cell);
	if (width > t->widths[column])
		t->widths[column] = width;
	strbuf_putc(&t->cells, (char)('0' + c));
	strbuf_add(&t->cells, cell, strlen(cell) + 1);
}

void text_table_add(struct text_table *t, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(t, COLOUR_NONE, fmt, ap);
	va_end(ap);
}

void text_table_add_coloured(struct text_table *t, enum colour c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(t, c, fmt, ap);
	va_end(ap);
}

static void put_cell(const struct text_table *t, const char *cell, bool head, struct strbuf *out)
{
	enum colour c = head ? COLOUR_HEAD : (enum colour)(cell[0] - '0');
	bool coloured = t->colours && c != COLOUR_NONE && cell[1];

	if (coloured)
		strbuf_puts(out, terminal_sequence(c));
	strbuf_puts(out, cell + 1);
	if (coloured)
		strbuf_puts(out, terminal_sequence(COLOUR_NONE));
}

void text_table_write(const struct text_table *t, struct strbuf *out)
{
	const char *cell = t->cells.s;

	for (size_t i = 0; i < t->n; i++) {
		bool last = i % t->columns == t->columns - 1;
		size_t fill = t->widths[i % t->columns] - characters(cell + 1);

		put_cell(t, cell, i < t->columns, out);
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
