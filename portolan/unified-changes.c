/* Changes of objects as comments, changes of resources and statuses as hunks of their YAML. */
#include <stdlib.h>
#include <string.h>

#include "common/answer/json-print.h"
#include "common/base/alloc.h"
#include "portolan/text-diff.h"
#include "portolan/unified-changes.h"

static char *yaml_of(struct json_object *o)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;

	if (o)
		json_print(o, DOCUMENT_YAML, &b);
	return xstrdup(strbuf_str(&b));
}

/* NULL means absent: the object is new, or is gone. */
static void put_diff(struct json_object *was, struct json_object *is, const char *name,
		     struct strbuf *out)
{
	_cleanup_free_ char *before = yaml_of(was), *after = yaml_of(is);
	_cleanup_free_ char *from = xasprintf("a/%s", name), *to = xasprintf("b/%s", name);

	text_diff(before, after, was ? from : "/dev/null", is ? to : "/dev/null", out);
}

static void put_causes(struct json_object *list, struct strbuf *out)
{
	if (!json_length(list))
		return;
	strbuf_puts(out, "# because of");
	for (size_t i = 0; i < json_length(list); i++)
		strbuf_printf(out, "%s %s", i ? "," : "",
			      json_object_get_string(json_object_array_get_idx(list, i)));
	strbuf_putc(out, '\n');
}

static void put_resource(struct json_object *r, struct strbuf *out)
{
	_cleanup_free_ char *name = xasprintf("%s/%s", json_text(r, "kind"), json_text(r, "name"));
	struct json_object *was = json_member(r, "was"), *is = json_member(r, "is");

	/* A part is shown with the resource that it belongs to. */
	if (*json_text(r, "part"))
		return;
	put_causes(json_member(r, "because"), out);
	put_diff(json_member(was, "resource"), json_member(is, "resource"), name, out);
}

static void put_status(struct json_object *s, struct strbuf *out)
{
	struct json_object *was = json_member(s, "was"), *is = json_member(s, "is");
	struct json_object *o = is ? is : was;
	const char *ns = json_text(o, "namespace");
	_cleanup_free_ char *name = xasprintf("status/%s/%s%s%s", json_text(o, "kind"), ns,
					      *ns ? "/" : "", json_text(o, "name"));

	put_diff(was, is, name, out);
}

static void each(struct json_object *list, void (*put)(struct json_object *o, struct strbuf *out),
		 struct strbuf *out)
{
	for (size_t i = 0; i < json_length(list); i++)
		put(json_object_array_get_idx(list, i), out);
}

static void put_object(struct json_object *o, struct strbuf *out)
{
	strbuf_printf(out, "# %s: %s\n", json_text(o, "object"), json_text(o, "change"));
}

void unified_changes(struct json_object *changes, struct strbuf *out)
{
	each(json_member(changes, "objects"), put_object, out);
	each(json_member(changes, "resources"), put_resource, out);
	each(json_member(changes, "statuses"), put_status, out);
}
