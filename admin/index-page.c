/* The page that lists all pages, in plain HTML without scripts. */
#include <event2/buffer.h>
#include <event2/http.h>
#include <string.h>

#include "admin/html.h"
#include "admin/index-page.h"

static const char head[] =
	"<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Portolan</title>\n"
	"<style>body{font:16px/1.5 system-ui,sans-serif;margin:2em auto;max-width:60em;padding:0 "
	"1em}"
	"table{border-collapse:collapse;width:100%}td,th{border-bottom:1px solid #ccc;padding:.4em;"
	"text-align:left;vertical-align:top}pre{margin:0;white-space:pre-wrap}.ok{color:#06712b}"
	".bad{color:#b00020}</style></head>\n<body><h1>Portolan " PACKAGE_VERSION "</h1>\n"
	"<p><a href=\"/readyz\">/readyz</a> · <a href=\"/healthz\">/healthz</a> · "
	"<a href=\"/metrics\">/metrics</a></p>\n"
	"<table><tr><th>Stage</th><th>State</th><th>Pages</th></tr>\n";

static const struct gather_answer *find(const struct gather *g, const struct stage_row *stage,
					int which)
{
	for (size_t i = 0; i < g->n; i++)
		if (g->answers[i].stage == stage && which-- == 0)
			return &g->answers[i];
	return NULL;
}

static void put_state(struct strbuf *out, const struct gather_answer *a)
{
	bool ok = a->error == 0 && a->status == HTTP_OK;

	strbuf_printf(out, "<td><pre class=\"%s\">", ok ? "ok" : "bad");
	if (a->error)
		strbuf_puts(out, control_error(a->error));
	else
		html_bytes(out, (const char *)evbuffer_pullup(a->body, -1),
			   evbuffer_get_length(a->body));
	strbuf_puts(out, "</pre></td>");
}

/* Lines "/debug/status" become links to /debug/STAGE/status. */
static void put_pages(struct strbuf *out, const struct gather_answer *a)
{
	static const char debug[] = "/debug/";
	size_t len = a->error ? 0 : evbuffer_get_length(a->body);
	const char *text = len ? (const char *)evbuffer_pullup(a->body, -1) : NULL;

	strbuf_puts(out, "<td>");
	while (len) {
		const char *end = memchr(text, '\n', len);
		size_t line = end ? (size_t)(end - text) : len, n = strlen(debug);

		if (line > n && memcmp(text, debug, n) == 0) {
			strbuf_printf(out, "<a href=\"/debug/%s/", a->stage->name);
			html_bytes(out, text + n, line - n);
			strbuf_puts(out, "\">");
			html_bytes(out, text + n, line - n);
			strbuf_puts(out, "</a> ");
		}
		text += line + (end != NULL);
		len -= line + (end != NULL);
	}
	strbuf_puts(out, "</td>");
}

void index_page_write(struct gather *g, struct strbuf *out)
{
	strbuf_puts(out, head);
	for (size_t i = 0; i < STAGES; i++) {
		const struct gather_answer *ready = find(g, &stages[i], 0);

		strbuf_printf(out, "<tr><td><b>%s</b><br>%s</td>", stages[i].name, stages[i].what);
		put_state(out, ready);
		put_pages(out, find(g, &stages[i], 1));
		strbuf_puts(out, "</tr>\n");
	}
	strbuf_puts(out, "</table></body></html>\n");
}
