/* Verdicts on objects. Runs in the portolan command. */
#include <stdlib.h>
#include <string.h>

#include "common/answer/json-print.h"
#include "common/base/alloc.h"
#include "common/decode/object-kind.h"
#include "common/decode/status-document.h"
#include "ipc.pb-c.h"
#include "portolan/surface.h"
#include "portolan/verdicts.h"

static void put(struct json_object *o, const char *key, const char *value)
{
	(void)json_object_object_add(o, key, json_object_new_string(value ? value : ""));
}

/* ---- reading ---- */

static struct json_object *problems_of(const Portolan__Ipc__ObjectStatus *s)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < s->n_problems; i++) {
		const Portolan__Ipc__Problem *p = s->problems[i];
		struct json_object *o = json_object_new_object();

		put(o, "severity", status_severity_name(p->severity));
		put(o, "reason", p->reason);
		put(o, "field", p->field);
		put(o, "message", p->message);
		(void)json_object_array_add(list, o);
	}
	return list;
}

struct json_object *verdict_of(const struct item *i, const struct state *objects)
{
	const struct object_kind_row *row = object_kind(i->kind);
	const char *key = item_key(i), *slash = row ? strchr(key, '/') : NULL;
	Portolan__Ipc__ObjectStatus *s =
		portolan__ipc__object_status__unpack(NULL, i->value_len, item_value(i));
	_cleanup_free_ char *namespace = xstrndup(key, slash ? (size_t)(slash - key) : 0);
	struct json_object *o;

	if (!s)
		return NULL;
	o = json_object_new_object();
	put(o, "kind", row ? row->kind : "Document");
	put(o, "namespace", namespace);
	put(o, "name", slash ? slash + 1 : key);
	put(o, "verdict", status_verdict_name(s->verdict));
	put(o, "origin", objects ? status_origin(i, s, objects) : s->origin);
	(void)json_object_object_add(o, "problems", problems_of(s));
	portolan__ipc__object_status__free_unpacked(s, NULL);
	return o;
}

static char *name_of(struct json_object *o)
{
	const char *ns = json_text(o, "namespace");

	return xasprintf("%s %s%s%s", json_text(o, "kind"), ns, *ns ? "/" : "",
			 json_text(o, "name"));
}

/* Adds the watcher's notes to the translator's verdicts. */
static void add_item(struct json_object *table, const struct item *i, const struct state *objects)
{
	struct json_object *o = verdict_of(i, objects), *there, *list;
	_cleanup_free_ char *name = o ? name_of(o) : NULL;

	if (!o)
		return;
	there = json_member(table, name);
	if (!there) {
		(void)json_object_object_add(table, name, o);
		return;
	}
	list = json_member(o, "problems");
	for (size_t k = 0; k < json_length(list); k++)
		(void)json_object_array_add(json_member(there, "problems"),
					    json_object_get(json_object_array_get_idx(list, k)));
	if (verdict_is_bad(o) && !verdict_is_bad(there))
		put(there, "verdict", json_text(o, "verdict"));
	json_object_put(o);
}

static void add_state(struct json_object *table, const struct state *s, const struct state *objects)
{
	struct item **all;
	size_t n;

	if (!s)
		return;
	all = state_sorted(s, &n);
	for (size_t i = 0; i < n; i++)
		add_item(table, all[i], objects);
	free(all);
}

struct json_object *verdicts_read(const struct state *statuses, const struct state *notes,
				  const struct state *objects)
{
	struct json_object *table = json_object_new_object();

	add_state(table, statuses, objects);
	add_state(table, notes, objects);
	return table;
}

/* ---- words ---- */

bool verdict_is_bad(struct json_object *v)
{
	const char *word = json_text(v, "verdict");

	return strcmp(word, "partial") == 0 || strcmp(word, "rejected") == 0;
}

static struct json_object *heaviest(struct json_object *v)
{
	static const char *const severities[] = { "error", "warning" };
	struct json_object *list = json_member(v, "problems");

	for (size_t s = 0; s < ARRAY_SIZE(severities); s++)
		for (size_t i = 0; i < json_length(list); i++) {
			struct json_object *p = json_object_array_get_idx(list, i);

			if (strcmp(json_text(p, "severity"), severities[s]) == 0)
				return p;
		}
	return NULL;
}

char *verdict_words(struct json_object *v)
{
	struct json_object *p = heaviest(v);

	return xasprintf("%s%s%s", json_text(v, "verdict"), p ? " " : "", json_text(p, "reason"));
}

/* ---- comparing ---- */

static bool has_problem(struct json_object *v, struct json_object *p)
{
	struct json_object *list = json_member(v, "problems");

	for (size_t i = 0; i < json_length(list); i++) {
		struct json_object *other = json_object_array_get_idx(list, i);

		if (strcmp(json_text(other, "reason"), json_text(p, "reason")) == 0 &&
		    strcmp(json_text(other, "field"), json_text(p, "field")) == 0 &&
		    strcmp(json_text(other, "severity"), json_text(p, "severity")) == 0)
			return true;
	}
	return false;
}

static bool is_severity(struct json_object *p, const char *word)
{
	return strcmp(json_text(p, "severity"), word) == 0;
}

/* Adds new problems other than those that came with a change of verdict. */
static void say_problems(struct json_object *changes, const char *name, struct json_object *was,
			 struct json_object *is, struct json_object *named)
{
	struct json_object *list = json_member(is, "problems");

	for (size_t i = 0; i < json_length(list); i++) {
		struct json_object *p = json_object_array_get_idx(list, i);

		if (p == named || is_severity(p, "info") || has_problem(was, p))
			continue;
		surface_add(changes, "problem-added", is_severity(p, "error"), NULL, NULL,
			    xasprintf("%s: %s %s: %s%s%s%s", name, json_text(p, "severity"),
				      json_text(p, "reason"), json_text(p, "message"),
				      *json_text(p, "field") ? " (" : "", json_text(p, "field"),
				      *json_text(p, "field") ? ")" : ""),
			    is);
	}
}

/* Routes refer to these kinds: an unused one is no loss. */
static bool is_referred_to(struct json_object *v)
{
	static const char *const kinds[] = { "Service",   "EndpointSlice", "Secret",
					     "ConfigMap", "Namespace",     "IngressClass",
					     "XBackend",  "ReferenceGrant" };

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (strcmp(kinds[i], json_text(v, "kind")) == 0)
			return true;
	return false;
}

static void say_turn(struct json_object *changes, const char *name, struct json_object *was,
		     struct json_object *is, struct json_object **ret_named)
{
	_cleanup_free_ char *from = was ? verdict_words(was) : xstrdup("nothing"),
			    *to = verdict_words(is);
	struct json_object *p = heaviest(is);
	bool good = strcmp(json_text(was, "verdict"), "accepted") == 0;
	bool bad = verdict_is_bad(is), unserved = strcmp(json_text(is, "verdict"), "accepted") != 0;
	bool worse = (bad && !verdict_is_bad(was)) || (good && unserved) ||
		     (strcmp(json_text(was, "verdict"), "partial") == 0 &&
		      strcmp(json_text(is, "verdict"), "rejected") == 0);

	*ret_named = NULL;
	if (was ? strcmp(json_text(was, "verdict"), json_text(is, "verdict")) == 0 : !bad)
		return;
	if (!bad && !verdict_is_bad(was) && is_referred_to(is))
		return;
	*ret_named = bad ? p : NULL;
	surface_add(changes, "status-turned", worse, NULL, NULL,
		    xasprintf("%s: %s → %s%s%s", name, from, to, *ret_named ? ": " : "",
			      json_text(*ret_named, "message")),
		    is);
}

void verdicts_compare(struct json_object *before, struct json_object *after,
		      struct json_object *changes)
{
	struct json_object *named;

	json_object_object_foreach (after, name, is) {
		struct json_object *was = json_member(before, name);

		say_turn(changes, name, was, is, &named);
		say_problems(changes, name, was, is, named);
	}
}
