/* Differences of two JSON values, member by member. Runs in the portolan command. */
#include <stdlib.h>
#include <string.h>

#include "common/answer/json-print.h"
#include "common/base/alloc.h"
#include "portolan/json-diff.h"

#define VALUE_SHOWN 80

void json_diff_init(struct json_diff *d)
{
	*d = (struct json_diff){ .text = STRBUF_INIT };
}

static void put_value(struct strbuf *b, struct json_object *o)
{
	const char *text = !o ? "nothing"
			   : json_object_is_type(o, json_type_string)
				   ? json_object_get_string(o)
				   : json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN);

	strbuf_printf(b, "%.*s%s", VALUE_SHOWN, text, strlen(text) > VALUE_SHOWN ? "…" : "");
}

static void say(struct json_diff *d, const char *at, struct json_object *was,
		struct json_object *is)
{
	if (d->n++ >= JSON_DIFF_SHOWN)
		return;
	strbuf_printf(&d->text, "%s%s ", d->text.len ? "; " : "", *at ? at : "it");
	put_value(&d->text, was);
	strbuf_puts(&d->text, " → ");
	put_value(&d->text, is);
}

static void add_members(struct json_diff *d, const char *at, struct json_object *was,
			struct json_object *is)
{
	json_object_object_foreach (was, key, value) {
		_cleanup_free_ char *path = xasprintf("%s%s%s", at, *at ? "." : "", key);

		json_diff_add(d, path, value, json_member(is, key));
	}
	json_object_object_foreach (is, other, added) {
		_cleanup_free_ char *path = xasprintf("%s%s%s", at, *at ? "." : "", other);

		if (!json_object_object_get_ex(was, other, NULL))
			json_diff_add(d, path, NULL, added);
	}
}

void json_diff_add(struct json_diff *d, const char *at, struct json_object *was,
		   struct json_object *is)
{
	if (json_object_equal(was, is))
		return;
	if (json_object_is_type(was, json_type_object) && json_object_is_type(is, json_type_object))
		add_members(d, at, was, is);
	else
		say(d, at, was, is);
}

char *json_diff_text(struct json_diff *d)
{
	char *text = NULL;

	if (d->n > JSON_DIFF_SHOWN)
		strbuf_printf(&d->text, "; and %zu more", d->n - JSON_DIFF_SHOWN);
	if (d->n)
		text = xstrdup(strbuf_str(&d->text));
	strbuf_done(&d->text);
	return text;
}
