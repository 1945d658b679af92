/* Pieces of HTML. Text from objects and Envoys stays text, never markup. */
#pragma once

#include "common/base/strbuf.h"

/* Escaped, for text and for values of attributes. */
void html_text(struct strbuf *out, const char *s);
void html_bytes(struct strbuf *out, const char *s, size_t len);
/* The page up to its contents; title is escaped. */
void html_begin(struct strbuf *out, const char *title);
void html_end(struct strbuf *out);
/* A section with a heading: "<section id=…><h2>". */
void html_section(struct strbuf *out, const char *id, const char *title);
/* A table's head; the cells' names are ours. */
void html_table(struct strbuf *out, const char *const *heads, size_t n);
/* A cell. */
void html_cell(struct strbuf *out, const char *fmt, ...) _printf_(2, 3);
/* A cell with a coloured word: class "good", "soso", "bad" or "". */
void html_badge(struct strbuf *out, const char *class, const char *text);

/* The page's own script; the page works without it. */
extern const char html_script[];
