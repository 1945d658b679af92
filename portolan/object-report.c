/* Verdicts on objects as lines for people. Runs in the portolan command. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/answer/json-print.h"
#include "common/base/alloc.h"
#include "common/base/spelling.h"
#include "common/base/text.h"
#include "common/decode/object-kind.h"
#include "portolan/object-report.h"
#include "portolan/terminal.h"
#include "portolan/text-table.h"

bool object_report_is_bad(struct json_object *status)
{
	const char *verdict = json_text(status, "verdict");

	return strcmp(verdict, "accepted") != 0 && strcmp(verdict, "ignored") != 0;
}

/* A problem of at least a warning. */
static bool has_problem(struct json_object *status)
{
	struct json_object *list = json_member(status, "problems");

	for (size_t i = 0; i < json_length(list); i++)
		if (strcmp(json_text(json_object_array_get_idx(list, i), "severity"), "info") != 0)
			return true;
	return false;
}

/* Colours go to the terminal; control characters of an object's text must not. */
static void put_text(struct strbuf *out, const char *text)
{
	strbuf_text(out, text, strlen(text));
}

static void put_word(const char *word, struct strbuf *out)
{
	enum colour c = terminal_colours() ? terminal_colour_of(word) : COLOUR_NONE;

	strbuf_printf(out, "%s%s%s", c ? terminal_sequence(c) : "", word,
		      c ? terminal_sequence(COLOUR_NONE) : "");
}

static void put_problem(struct json_object *p, struct strbuf *out)
{
	const char *field = json_text(p, "field");

	strbuf_puts(out, "  ");
	put_word(json_text(p, "severity"), out);
	strbuf_putc(out, ' ');
	put_text(out, json_text(p, "reason"));
	strbuf_puts(out, ": ");
	put_text(out, json_text(p, "message"));
	strbuf_puts(out, *field ? " (" : "");
	put_text(out, field);
	strbuf_puts(out, *field ? ")\n" : "\n");
}

static struct json_object *first_of(struct json_object *list)
{
	return json_object_is_type(list, json_type_array) && json_object_array_length(list)
		       ? json_object_array_get_idx(list, 0)
		       : NULL;
}

static void put_shown_text(struct strbuf *out, const char *what, const char *word, const char *text)
{
	strbuf_puts(out, what);
	put_text(out, word);
	strbuf_puts(out, ": ");
	put_text(out, text);
	strbuf_putc(out, '\n');
}

/* The verdict in the object's status in Kubernetes; its errors and warnings are the problems. */
static void put_shown(struct json_object *shown, struct strbuf *out)
{
	struct json_object *list = NULL, *c, *generation;

	(void)json_object_object_get_ex(shown, "conditions", &list);
	c = first_of(list);
	if (*json_text(shown, "currentStatus"))
		put_shown_text(out, "  status ", json_text(shown, "currentStatus"),
			       json_text(shown, "description"));
	if (!c)
		return;
	strbuf_printf(out, "  condition %s: %s, %s", json_text(c, "type"), json_text(c, "status"),
		      json_text(c, "reason"));
	if (json_object_object_get_ex(c, "observedGeneration", &generation))
		strbuf_printf(out, ", of generation %lld",
			      (long long)json_object_get_int64(generation));
	strbuf_putc(out, '\n');
}

/* Whether Envoys have accepted it. */
static void put_propagated(struct json_object *c, struct strbuf *out)
{
	struct json_object *generation;

	strbuf_puts(out, "  ");
	put_text(out, json_text(c, "type"));
	strbuf_printf(out, ": %s, ", json_text(c, "status"));
	put_text(out, json_text(c, "reason"));
	if (json_object_object_get_ex(c, "observedGeneration", &generation))
		strbuf_printf(out, ", of generation %lld",
			      (long long)json_object_get_int64(generation));
	strbuf_puts(out, ": ");
	put_text(out, json_text(c, "message"));
	strbuf_putc(out, '\n');
}

void object_report_text(struct json_object *status, struct strbuf *out)
{
	const char *origin = json_text(status, "origin"), *ns = json_text(status, "namespace");
	struct json_object *problems, *shown;

	put_text(out, origin);
	strbuf_puts(out, *origin ? ": " : "");
	put_text(out, json_text(status, "kind"));
	strbuf_putc(out, ' ');
	put_text(out, ns);
	strbuf_puts(out, *ns ? "/" : "");
	put_text(out, json_text(status, "name"));
	strbuf_puts(out, ": ");
	put_word(json_text(status, "verdict"), out);
	strbuf_putc(out, '\n');
	if (json_object_object_get_ex(status, "status", &shown))
		put_shown(shown, out);
	if (json_member(status, "propagated"))
		put_propagated(json_member(status, "propagated"), out);
	if (!json_object_object_get_ex(status, "problems", &problems))
		return;
	for (size_t i = 0; i < json_object_array_length(problems); i++)
		put_problem(json_object_array_get_idx(problems, i), out);
}

/* The word may be a plural or short form. */
static bool is_kind(const char *typed, size_t len, const char *kind)
{
	_cleanup_free_ char *word = xstrndup(typed, len);
	const struct object_kind_row *row = object_kind(object_kind_named(word));

	return strcasecmp(row ? row->kind : word, kind) == 0;
}

static bool matches(struct json_object *status, const char *name)
{
	const char *ns, *slash = strchr(name, '/');

	if (!slash || !is_kind(name, (size_t)(slash - name), json_text(status, "kind")))
		return false;
	name = slash + 1;
	if (strcmp(name, json_text(status, "name")) == 0)
		return true;
	ns = json_text(status, "namespace");
	return strncmp(name, ns, strlen(ns)) == 0 && name[strlen(ns)] == '/' &&
	       strcmp(name + strlen(ns) + 1, json_text(status, "name")) == 0;
}

bool object_name_check(const char *command, const char *name)
{
	const char *slash = strchr(name, '/');
	_cleanup_free_ char *kind = slash ? xstrndup(name, (size_t)(slash - name)) : NULL;
	struct spelling s;

	if (!kind || object_kind_named(kind))
		return true;
	spelling_init(&s, kind, strlen(kind));
	for (unsigned k = 0; k < OBJECT_DOCUMENT; k++)
		if (object_kind(k))
			spelling_try(&s, object_kind(k)->kind);
	if (!s.best)
		return true;
	(void)fprintf(stderr, "portolan %s: there is no kind \"%s\"; did you mean \"%s\"?\n",
		      command, kind, s.best);
	return false;
}

/* The nearest name of an object of that kind, for a mistyped one; "" if no name is near. */
static char *nearest(struct json_object *statuses, const char *name)
{
	const char *slash = strchr(name, '/'), *typed = strrchr(name, '/');
	struct spelling s;

	if (!slash)
		return xstrdup("");
	spelling_init(&s, typed + 1, strlen(typed + 1));
	for (size_t i = 0; i < json_length(statuses); i++) {
		struct json_object *o = json_object_array_get_idx(statuses, i);

		if (is_kind(name, (size_t)(slash - name), json_text(o, "kind")))
			spelling_try(&s, json_text(o, "name"));
	}
	return s.best ? xasprintf("; did you mean \"%s\"?", s.best) : xstrdup("");
}

int object_report_one(struct json_object *statuses, const char *name, struct json_object **ret)
{
	bool bad = false;

	*ret = json_object_new_array();
	for (size_t i = 0; i < json_length(statuses); i++) {
		struct json_object *s = json_object_array_get_idx(statuses, i);

		if (!matches(s, name))
			continue;
		bad |= object_report_is_bad(s);
		(void)json_object_array_add(*ret, json_object_get(s));
	}
	return bad || !json_length(*ret) ? EXIT_FAILURE : EXIT_SUCCESS;
}

void object_report_missing(struct json_object *statuses, const char *name)
{
	_cleanup_free_ char *near = nearest(statuses, name);

	(void)fprintf(stderr,
		      "portolan status: there is no %s%s (the form is KIND/NAMESPACE/NAME, as "
		      "ingress/default/web)\n",
		      name, near);
}

int object_report_select(struct json_object *statuses, const struct object_filter *f,
			 struct json_object **ret)
{
	bool bad = false;

	*ret = json_object_new_array();
	for (size_t i = 0; i < json_length(statuses); i++) {
		struct json_object *s = json_object_array_get_idx(statuses, i);

		if (f->namespace && strcmp(f->namespace, json_text(s, "namespace")) != 0)
			continue;
		if (f->problems && !object_report_is_bad(s) && !has_problem(s))
			continue;
		bad |= object_report_is_bad(s);
		(void)json_object_array_add(*ret, json_object_get(s));
	}
	return bad ? EXIT_FAILURE : EXIT_SUCCESS;
}

static void add_row(struct text_table *t, struct json_object *s, bool wide)
{
	struct json_object *problems = json_member(s, "problems"), *first = first_of(problems);
	const char *verdict = json_text(s, "verdict");

	text_table_add(t, "%s", json_text(s, "kind"));
	text_table_add(t, "%s", *json_text(s, "namespace") ? json_text(s, "namespace") : "-");
	text_table_add(t, "%s", json_text(s, "name"));
	text_table_add_coloured(t, terminal_colour_of(verdict), "%s", verdict);
	text_table_add(t, "%zu", json_length(problems));
	text_table_add(t, "%s", first ? json_text(first, "reason") : "-");
	if (!wide)
		return;
	text_table_add(t, "%s", *json_text(s, "origin") ? json_text(s, "origin") : "-");
	text_table_add(t, "%s", first ? json_text(first, "message") : "-");
}

void object_report_table(struct json_object *list, bool wide, struct strbuf *out)
{
	static const char *const head[] = { "KIND",     "NAMESPACE", "NAME",   "VERDICT",
					    "PROBLEMS", "FIRST",     "ORIGIN", "MESSAGE" };
	size_t columns = wide ? ARRAY_SIZE(head) : ARRAY_SIZE(head) - 2;
	struct text_table t;

	text_table_init(&t, columns);
	for (size_t i = 0; i < columns; i++)
		text_table_add(&t, "%s", head[i]);
	for (size_t i = 0; i < json_length(list); i++)
		add_row(&t, json_object_array_get_idx(list, i), wide);
	text_table_write(&t, out);
	text_table_done(&t);
}
