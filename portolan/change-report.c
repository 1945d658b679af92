/* Lists of changes, written out. Runs in the portolan command. */
#include <stdlib.h>
#include <string.h>

#include "common/answer/json-print.h"
#include "common/base/alloc.h"
#include "common/base/text.h"
#include "portolan/change-report.h"

bool change_format_read(const char *word, enum change_format *ret)
{
	static const char *const words[] = { "text", "json", "github" };

	*ret = CHANGES_TEXT;
	for (size_t i = 0; word && i < ARRAY_SIZE(words); i++)
		if (strcmp(words[i], word) == 0) {
			*ret = (enum change_format)i;
			return true;
		}
	return !word;
}

static bool is_worse(struct json_object *c)
{
	return json_object_get_boolean(json_member(c, "worse"));
}

static size_t count_worse(struct json_object *changes)
{
	size_t n = 0;

	for (size_t i = 0; i < json_length(changes); i++)
		n += is_worse(json_object_array_get_idx(changes, i));
	return n;
}

int change_report_exit(struct json_object *changes)
{
	return count_worse(changes)   ? CHANGES_WORSE
	       : json_length(changes) ? CHANGES_SOME
				      : EXIT_SUCCESS;
}

/* "route-removed" → "route removed" */
static char *words_of(const char *change)
{
	char *words = xstrdup(change);

	for (char *p = words; *p; p++)
		if (*p == '-')
			*p = ' ';
	return words;
}

static char sign(struct json_object *c)
{
	const char *change = json_text(c, "change");

	if (strstr(change, "added"))
		return '+';
	if (strstr(change, "removed") || strstr(change, "lost"))
		return '-';
	return '~';
}

static void put_object(struct strbuf *b, struct json_object *o)
{
	const char *ns = json_text(o, "namespace"), *origin = json_text(o, "origin");

	if (!*json_text(o, "kind"))
		return;
	strbuf_printf(b, " (%s %s%s%s", json_text(o, "kind"), ns, *ns ? "/" : "",
		      json_text(o, "name"));
	strbuf_printf(b, "%s%s)", *origin ? ", " : "", origin);
}

static void put_message(struct strbuf *b, struct json_object *c)
{
	if (*json_text(c, "host"))
		strbuf_printf(b, "%s%s%s: ", json_text(c, "host"),
			      *json_text(c, "match") ? " " : "", json_text(c, "match"));
	strbuf_puts(b, json_text(c, "text"));
	put_object(b, json_member(c, "object"));
}

/* ---- for people ---- */

static void write_text(struct json_object *changes, struct strbuf *out)
{
	size_t n = json_length(changes), worse = count_worse(changes);

	for (size_t i = 0; i < n; i++) {
		struct json_object *c = json_object_array_get_idx(changes, i);
		_cleanup_free_ char *words = words_of(json_text(c, "change"));
		_cleanup_strbuf_ struct strbuf line = STRBUF_INIT;
		_cleanup_free_ char *text = NULL;

		put_message(&line, c);
		text = text_of(strbuf_str(&line));
		strbuf_printf(out, "%c%c %-18s %s\n", is_worse(c) ? '!' : ' ', sign(c), words,
			      text);
	}
	if (!n)
		strbuf_puts(out, "nothing changes for clients\n");
	else
		strbuf_printf(out, "%zu change%s, %zu for the worse\n", n, n == 1 ? "" : "s",
			      worse);
}

/* ---- for GitHub: workflow commands, which become annotations ---- */

static void put_escaped(struct strbuf *b, const char *text, bool property)
{
	for (; *text; text++) {
		if (*text == '%' || *text == '\r' || *text == '\n' ||
		    (property && (*text == ':' || *text == ',')))
			strbuf_printf(b, "%%%02X", (unsigned char)*text);
		else
			strbuf_putc(b, *text);
	}
}

/* "file=web.yaml,line=3". A document that cannot be read is named after its place. */
static void put_place(struct strbuf *b, struct json_object *object)
{
	bool document = strcmp(json_text(object, "kind"), "Document") == 0;
	const char *origin = json_text(object, document ? "name" : "origin");
	const char *colon = strrchr(origin, ':');
	_cleanup_free_ char *file = NULL;

	if (!colon || !colon[1] || strspn(colon + 1, "0123456789") != strlen(colon + 1))
		return;
	file = xstrndup(origin, (size_t)(colon - origin));
	strbuf_puts(b, " file=");
	put_escaped(b, file, true);
	strbuf_printf(b, ",line=%s", colon + 1);
}

static void write_github(struct json_object *changes, struct strbuf *out)
{
	for (size_t i = 0; i < json_length(changes); i++) {
		struct json_object *c = json_object_array_get_idx(changes, i);
		_cleanup_free_ char *words = words_of(json_text(c, "change"));
		_cleanup_strbuf_ struct strbuf line = STRBUF_INIT, place = STRBUF_INIT;

		put_place(&place, json_member(c, "object"));
		put_message(&line, c);
		strbuf_printf(out, "::%s%s%stitle=", is_worse(c) ? "error" : "notice",
			      strbuf_str(&place), place.len ? "," : " ");
		put_escaped(out, words, true);
		strbuf_puts(out, "::");
		put_escaped(out, strbuf_str(&line), false);
		strbuf_putc(out, '\n');
	}
}

/* ---- for programs ---- */

static void write_json(struct json_object *changes, struct strbuf *out)
{
	struct json_object *o = json_object_new_object();

	(void)json_object_object_add(o, "changes", json_object_get(changes));
	(void)json_object_object_add(o, "total", json_object_new_uint64(json_length(changes)));
	(void)json_object_object_add(o, "worse", json_object_new_uint64(count_worse(changes)));
	json_print(o, DOCUMENT_JSON, out);
	json_object_put(o);
}

void change_report_write(struct json_object *changes, enum change_format format, FILE *to)
{
	static void (*const writers[])(struct json_object *changes, struct strbuf *out) = {
		[CHANGES_TEXT] = write_text,
		[CHANGES_JSON] = write_json,
		[CHANGES_GITHUB] = write_github,
	};
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;

	writers[format](changes, &out);
	(void)fwrite(strbuf_str(&out), 1, out.len, to);
}
