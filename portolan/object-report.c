/* Verdicts on objects as lines for people. Runs in the portolan command. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/alloc.h"
#include "common/object-kind.h"
#include "portolan/object-report.h"

static const char *text_of(struct json_object *o, const char *key)
{
	struct json_object *v;

	return json_object_object_get_ex(o, key, &v) && json_object_is_type(v, json_type_string) ?
		       json_object_get_string(v) :
		       "";
}

bool object_report_is_bad(struct json_object *status)
{
	const char *verdict = text_of(status, "verdict");

	return strcmp(verdict, "accepted") != 0 && strcmp(verdict, "ignored") != 0;
}

static void put_problem(struct json_object *p, struct strbuf *out)
{
	const char *field = text_of(p, "field");

	strbuf_printf(out, "  %s %s: %s%s%s%s\n", text_of(p, "severity"), text_of(p, "reason"),
		      text_of(p, "message"), *field ? " (" : "", field, *field ? ")" : "");
}

static struct json_object *first_of(struct json_object *list)
{
	return json_object_is_type(list, json_type_array) && json_object_array_length(list) ?
		       json_object_array_get_idx(list, 0) :
		       NULL;
}

/* As the object's status in Kubernetes has it; its errors and warnings are the problems. */
static void put_shown(struct json_object *shown, struct strbuf *out)
{
	struct json_object *list = NULL, *c, *generation;

	(void)json_object_object_get_ex(shown, "conditions", &list);
	c = first_of(list);
	if (*text_of(shown, "currentStatus"))
		strbuf_printf(out, "  status %s: %s\n", text_of(shown, "currentStatus"),
			      text_of(shown, "description"));
	if (!c)
		return;
	strbuf_printf(out, "  condition %s: %s, %s", text_of(c, "type"), text_of(c, "status"), text_of(c, "reason"));
	if (json_object_object_get_ex(c, "observedGeneration", &generation))
		strbuf_printf(out, ", of generation %lld", (long long)json_object_get_int64(generation));
	strbuf_putc(out, '\n');
}

void object_report_text(struct json_object *status, struct strbuf *out)
{
	const char *origin = text_of(status, "origin"), *ns = text_of(status, "namespace");
	struct json_object *problems, *shown;

	strbuf_printf(out, "%s%s%s %s%s%s: %s\n", origin, *origin ? ": " : "", text_of(status, "kind"),
		      ns, *ns ? "/" : "", text_of(status, "name"), text_of(status, "verdict"));
	if (json_object_object_get_ex(status, "status", &shown))
		put_shown(shown, out);
	if (!json_object_object_get_ex(status, "problems", &problems))
		return;
	for (size_t i = 0; i < json_object_array_length(problems); i++)
		put_problem(json_object_array_get_idx(problems, i), out);
}

/* What was typed may be a plural or short form. */
static bool is_kind(const char *typed, size_t len, const char *kind)
{
	_cleanup_free_ char *word = xstrndup(typed, len);
	const struct object_kind_row *row = object_kind(object_kind_named(word));

	return strcasecmp(row ? row->kind : word, kind) == 0;
}

static bool matches(struct json_object *status, const char *name)
{
	const char *ns, *slash = strchr(name, '/');

	if (!slash || !is_kind(name, (size_t)(slash - name), text_of(status, "kind")))
		return false;
	name = slash + 1;
	if (strcmp(name, text_of(status, "name")) == 0)
		return true;
	ns = text_of(status, "namespace");
	return strncmp(name, ns, strlen(ns)) == 0 && name[strlen(ns)] == '/' &&
	       strcmp(name + strlen(ns) + 1, text_of(status, "name")) == 0;
}

static int report(struct json_object *statuses, const char *name, bool json, size_t *ret_n,
		  struct strbuf *out)
{
	struct json_object *found = json_object_new_array();
	bool bad = false;

	for (size_t i = 0; i < json_object_array_length(statuses); i++) {
		struct json_object *s = json_object_array_get_idx(statuses, i);

		if (name ? !matches(s, name) : !object_report_is_bad(s))
			continue;
		bad |= object_report_is_bad(s);
		(void)json_object_array_add(found, json_object_get(s));
		if (!json)
			object_report_text(s, out);
	}
	if (json)
		strbuf_printf(out, "%s\n",
			      json_object_to_json_string_ext(found, JSON_C_TO_STRING_PRETTY |
									    JSON_C_TO_STRING_NOSLASHESCAPE));
	*ret_n = json_object_array_length(found);
	json_object_put(found);
	return bad ? EXIT_FAILURE : EXIT_SUCCESS;
}

int object_report_one(struct json_object *statuses, const char *name, bool json, struct strbuf *out)
{
	size_t n;
	int r = report(statuses, name, json, &n, out);

	if (n)
		return r;
	(void)fprintf(stderr,
		      "portolan status: there is no %s (the form is KIND/NAMESPACE/NAME, as "
		      "ingress/default/web)\n",
		      name);
	return EXIT_FAILURE;
}

int object_report_problems(struct json_object *statuses, bool json, struct strbuf *out)
{
	size_t n;

	return report(statuses, NULL, json, &n, out);
}
