/* Pieces of HTML. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/html.h"
#include "common/base/alloc.h"

static const char style[] =
	":root{--bg:#f5f7fa;--card:#fff;--ink:#1b2430;--soft:#5b6675;--line:#dfe4ec;--link:#1d5fbf;"
	"--good:#1f7a45;--soso:#96610b;--bad:#b3261e;--goodbg:#e7f6ed;--sosobg:#fdf3dc;"
	"--badbg:#fdeceb}"
	"@media(prefers-color-scheme:dark){:root{--bg:#10151d;--card:#181f2a;--ink:#e4e9f0;"
	"--soft:#9aa7b8;--line:#2a3442;--link:#7db4ff;--good:#6fd39a;--soso:#e7bd62;--bad:#ff8f86;"
	"--goodbg:#12301f;--sosobg:#33290f;--badbg:#3a1714}}"
	"*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--ink);"
	"font:15px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,sans-serif}"
	"header{background:var(--card);border-bottom:1px solid var(--line);position:sticky;top:0;"
	"z-index:1}header>div{max-width:82rem;margin:auto;padding:.7rem 1.2rem;display:flex;"
	"flex-wrap:wrap;gap:.4rem 1.1rem;align-items:center}"
	"header h1{font-size:1.15rem;margin:0 .4rem 0 0}a{color:var(--link);text-decoration:none}"
	"a:hover{text-decoration:underline}main{max-width:82rem;margin:auto;padding:1rem 1.2rem "
	"3rem}"
	"section{background:var(--card);border:1px solid var(--line);border-radius:12px;"
	"margin:1rem 0;padding:1rem 1.2rem;scroll-margin-top:4rem}"
	"h2{font-size:1.05rem;margin:0 0 .6rem}h2 small{color:var(--soft);font-weight:400}"
	".scroll{overflow-x:auto}table{border-collapse:collapse;width:100%}"
	"th{font-size:.78rem;letter-spacing:.03em;text-transform:uppercase;color:var(--soft);"
	"text-align:left;font-weight:600}th,td{padding:.4rem .8rem .4rem 0;"
	"border-bottom:1px solid var(--line);vertical-align:top}tr:last-child td{border-bottom:0}"
	"td.n{font-variant-numeric:tabular-nums;white-space:nowrap}code{font:.92em ui-monospace,"
	"SFMono-Regular,Menlo,monospace}.b{border-radius:99px;padding:.05rem "
	".6rem;font-size:.85rem;"
	"font-weight:600;white-space:nowrap}.good{color:var(--good);background:var(--goodbg)}"
	".soso{color:var(--soso);background:var(--sosobg)}.bad{color:var(--bad);"
	"background:var(--badbg)}.soft{color:var(--soft)}form{display:flex;flex-wrap:wrap;gap:."
	"5rem}"
	"input{flex:1 1 14rem;font:inherit;padding:.4rem .7rem;border:1px solid var(--line);"
	"border-radius:8px;background:var(--bg);color:var(--ink)}button{font:inherit;"
	"padding:.4rem 1rem;border:0;border-radius:8px;background:var(--link);color:var(--card);"
	"font-weight:600}pre{white-space:pre-wrap;overflow-wrap:anywhere;margin:0;"
	"font:.88em/1.5 ui-monospace,SFMono-Regular,Menlo,monospace}"
	".all{margin:0;color:var(--good);font-weight:600}.pages{display:flex;gap:1rem;"
	"margin-top:.7rem}td ul{margin:0;padding-left:1.1rem}"
	".scroll>svg{max-width:100%;height:auto;display:block}form+.scroll{margin-top:.7rem}"
	"@media(max-width:40rem){table,tbody,tr,td{display:block;width:auto}thead{display:none}"
	"tr{border-bottom:1px solid var(--line);padding:.5rem 0}td{border:0;padding:.1rem 0}"
	"td:empty{display:none}main{padding:.5rem .6rem 2rem}section{padding:.8rem}"
	"header>div{padding:.6rem .8rem}}";

const char html_script[] =
	"\"use strict\";\n"
	"// Shows the page again when something has changed. Without this script it is a plain "
	"page.\n"
	"const events = new EventSource(\"/events\");\n"
	"let busy = false;\n"
	"events.addEventListener(\"change\", async () => {\n"
	"  if (busy || (document.activeElement && document.activeElement.tagName === \"INPUT\")) "
	"return;\n"
	"  busy = true;\n"
	"  try {\n"
	"    const text = await (await fetch(location.href)).text();\n"
	"    const page = new DOMParser().parseFromString(text, \"text/html\");\n"
	"    document.querySelector(\"main\").replaceWith(page.querySelector(\"main\"));\n"
	"    document.querySelector(\"#state\").replaceWith(page.querySelector(\"#state\"));\n"
	"    document.documentElement.dataset.changes = 1 + "
	"Number(document.documentElement.dataset.changes || 0);\n"
	"  } catch (e) {\n"
	"    // The stages restart: the next event shows the page again.\n"
	"  }\n"
	"  busy = false;\n"
	"});\n";

void html_bytes(struct strbuf *out, const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		switch (s[i]) {
		case '<':
			strbuf_puts(out, "&lt;");
			break;
		case '>':
			strbuf_puts(out, "&gt;");
			break;
		case '&':
			strbuf_puts(out, "&amp;");
			break;
		case '"':
			strbuf_puts(out, "&quot;");
			break;
		default:
			strbuf_putc(out, s[i]);
		}
}

void html_text(struct strbuf *out, const char *s)
{
	html_bytes(out, s, strlen(s));
}

void html_begin(struct strbuf *out, const char *title)
{
	strbuf_puts(out, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
			 "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
			 "<meta name=\"color-scheme\" content=\"light dark\"><title>");
	html_text(out, title);
	strbuf_printf(out, "</title>\n<style>%s</style>\n", style);
	strbuf_puts(out, "<script src=\"/page.js\" defer></script></head>\n<body>\n");
}

void html_end(struct strbuf *out)
{
	strbuf_puts(out, "</main></body></html>\n");
}

void html_section(struct strbuf *out, const char *id, const char *title)
{
	strbuf_printf(out, "<section id=\"%s\"><h2>%s</h2>\n", id, title);
}

void html_table(struct strbuf *out, const char *const *heads, size_t n)
{
	strbuf_puts(out, "<div class=\"scroll\"><table><thead><tr>");
	for (size_t i = 0; i < n; i++)
		strbuf_printf(out, "<th>%s</th>", heads[i]);
	strbuf_puts(out, "</tr></thead><tbody>\n");
}

void html_cell(struct strbuf *out, const char *fmt, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		abort();
	va_end(ap);
	strbuf_puts(out, "<td>");
	html_text(out, text);
	strbuf_puts(out, "</td>");
}

void html_badge(struct strbuf *out, const char *class, const char *text)
{
	strbuf_printf(out, "<span class=\"b %s\">", class);
	html_text(out, text);
	strbuf_puts(out, "</span>");
}
