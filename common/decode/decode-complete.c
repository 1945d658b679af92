/* The API server's defaults and checks, done to objects from files. Used by the decoder of
 * files. */
#include <inttypes.h>
#include <json-c/json.h>
#include <regex.h>
#include <stdio.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/decode/builtin-rules.h"
#include "common/decode/decode-complete.h"
#include "common/decode/field-rules.h"
#include "common/decode/gateway-rules.h"

/* For a list without a limit of its own: items after this many are not compared. */
#define COMPARED_MAX 1024

struct completion {
	struct arena *arena;
	struct schemas *schemas;
	struct problems *problems;
	bool zero_is_absent;
};

static void refuse(struct completion *c, const struct path *path, const struct node *n,
		   const char *reason, const char *message)
{
	problems_add(c->problems, true, reason, path, n->line, "%s", message);
}

/* ---- scalars ---- */

static size_t characters(const struct node *n)
{
	size_t count = 0;

	for (size_t i = 0; i < n->len; i++)
		count += ((unsigned char)n->text[i] & 0xc0) != 0x80;
	return count;
}

static bool is_among(const char *words, const char *word, size_t n)
{
	for (const char *at = words; *at; at += strspn(at, " ")) {
		size_t len = strcspn(at, " ");

		if (len == n && memcmp(at, word, n) == 0)
			return true;
		at += len;
	}
	return false;
}

static void check_string(struct completion *c, const struct value_rule *rule, const regex_t *regex,
			 const struct node *n, const struct path *path)
{
	size_t length = characters(n);

	if (rule->min_length && length < rule->min_length)
		refuse(c, path, n, "WrongValue", "must not be empty");
	else if (rule->max_length && length > rule->max_length)
		problems_add(c->problems, true, "WrongValue", path, n->line,
			     "must have at most %zu characters, not %zu", rule->max_length, length);
	else if (rule->words && !is_among(rule->words, n->text, n->len))
		problems_add(c->problems, true, "WrongValue", path, n->line,
			     "must be one of %s, not \"%.64s\"", rule->words, n->text);
	else if (regex && regexec(regex, n->text, 0, NULL, 0) != 0)
		problems_add(c->problems, true, "WrongValue", path, n->line,
			     "must match %s, unlike \"%.64s\"", rule->pattern, n->text);
}

static void check_number(struct completion *c, const struct value_rule *rule, const struct node *n,
			 const struct path *path)
{
	char digits[24];

	(void)snprintf(digits, sizeof(digits), "%" PRId64, n->integer);
	if (rule->has_minimum && n->integer < rule->minimum)
		problems_add(c->problems, true, "OutOfRange", path, n->line,
			     "must be %" PRId64 " or more", rule->minimum);
	else if (rule->has_maximum && n->integer > rule->maximum)
		problems_add(c->problems, true, "OutOfRange", path, n->line,
			     "must be at most %" PRId64, rule->maximum);
	else if (rule->words && !is_among(rule->words, digits, strlen(digits)))
		problems_add(c->problems, true, "WrongValue", path, n->line, "must be one of %s",
			     rule->words);
}

static void check_scalar(struct completion *c, const struct value_rule *rule, const regex_t *regex,
			 const struct node *n, const struct path *path)
{
	if (n->type == NODE_STRING)
		check_string(c, rule, regex, n, path);
	else if (n->type == NODE_INT)
		check_number(c, rule, n, path);
}

/* ---- lists and maps ---- */

static bool same_scalar(const struct node *a, const struct node *b)
{
	if (!a || !b || a->type != b->type)
		return a == b;
	return a->type == NODE_INT ? a->integer == b->integer
				   : a->type == NODE_STRING && a->len == b->len &&
					     memcmp(a->text, b->text, a->len) == 0;
}

/* The first item before n that agrees with it in all keys ("group,kind,name"). */
static bool is_double(const struct node *list, const struct node *n, const char *keys)
{
	for (const struct node *other = list->first; other != n; other = other->next) {
		bool same = true;

		for (const char *at = keys; *at && same; at += strspn(at, ",")) {
			size_t len = strcspn(at, ",");
			char key[32];

			(void)snprintf(key, sizeof(key), "%.*s", (int)len, at);
			same = same_scalar(node_member(other, key), node_member(n, key));
			at += len;
		}
		if (same)
			return true;
	}
	return false;
}

static bool is_repeated(const struct node *list, const struct node *n)
{
	for (const struct node *other = list->first; other != n; other = other->next)
		if (same_scalar(other, n))
			return true;
	return false;
}

/* Items of a list; members of a map that are present and, if there is a schema, known. */
static size_t count(const struct node *n, const struct schema *schema)
{
	size_t members = 0;

	if (n->type == NODE_LIST)
		return n->n;
	for (const struct node *e = n->first; e; e = e->next)
		members += e->type != NODE_NULL &&
			   (!schema || schema_find(schema, e->key, e->key_len));
	return members;
}

static void check_count(struct completion *c, const struct field_rule *rule, const struct node *n,
			const struct schema *schema, const struct path *path)
{
	size_t there = count(n, schema);

	if (rule->min_items && there < rule->min_items)
		problems_add(c->problems, true, "WrongValue", path, n->line,
			     "must have at least %zu of them", rule->min_items);
	if (rule->max_items && there > rule->max_items)
		problems_add(c->problems, true, "WrongValue", path, n->line,
			     "must have at most %zu of them, not %zu", rule->max_items, there);
}

static void complete(struct completion *c, const struct schema *schema, struct node *map,
		     const struct path *path);

static void complete_list(struct completion *c, const struct schema_field *f, struct node *list,
			  const struct path *parent)
{
	struct path path = { .parent = parent };

	for (struct node *n = list->first; n; n = n->next, path.index++) {
		if (f->class == FIELD_MESSAGE && n->type == NODE_MAP)
			complete(c, schemas_get(c->schemas, f->field->descriptor), n, &path);
		if (!f->rule)
			continue;
		check_scalar(c, &f->rule->items, f->items_regex, n, &path);
		if (path.index >= COMPARED_MAX)
			continue;
		if (f->rule->keys && n->type == NODE_MAP && is_double(list, n, f->rule->keys))
			problems_add(c->problems, true, "Duplicate", &path, n->line,
				     "another one has the same %s", f->rule->keys);
		if (f->rule->set && is_repeated(list, n))
			refuse(c, &path, n, "Duplicate", "is there twice");
	}
}

/* Values that are null are dropped, as the server does. */
static void complete_map(struct completion *c, const struct schema_field *f, struct node *map,
			 const struct path *parent)
{
	for (struct node **at = &map->first, *n; (n = *at);) {
		const struct path path = {
			.parent = parent, .key = n->key, .key_len = n->key_len, .in_map = true
		};

		if (n->type == NODE_NULL) {
			*at = n->next;
			map->n--;
			continue;
		}
		if (f->rule)
			check_scalar(c, &f->rule->items, f->items_regex, n, &path);
		at = &n->next;
	}
}

static void complete_field(struct completion *c, const struct schema_field *f, struct node *n,
			   const struct path *path)
{
	const struct schema *schema = NULL;

	if (n->type == NODE_LIST && f->field->label == PROTOBUF_C_LABEL_REPEATED) {
		complete_list(c, f, n, path);
	} else if (n->type == NODE_MAP && f->class == FIELD_MAP) {
		complete_map(c, f, n, path);
	} else if (n->type == NODE_MAP && f->class == FIELD_MESSAGE) {
		schema = schemas_get(c->schemas, f->field->descriptor);
		complete(c, schema, n, path);
	} else if (f->rule) {
		check_scalar(c, &f->rule->value, f->value_regex, n, path);
	}
	if (f->rule && (n->type == NODE_LIST || n->type == NODE_MAP))
		check_count(c, f->rule, n, schema, path);
}

/* ---- messages ---- */

static bool is_value(const struct completion *c, const struct node *n)
{
	if (!n || n->type == NODE_NULL)
		return false;
	if (!c->zero_is_absent)
		return true;
	return !(n->type == NODE_STRING && !n->len) && !(n->type == NODE_INT && !n->integer);
}

static void add_fallback(struct completion *c, const struct schema_field *f, struct node *map)
{
	const struct decode_limits limits = DECODE_LIMITS_DEFAULT;
	struct decode_problem problem;
	struct node *n, **at = &map->first;

	if (!node_from_json(c->arena, &limits, f->fallback, &n, &problem))
		return;
	n->key = f->json;
	n->key_len = (uint32_t)f->json_len;
	while (*at && !node_key_is(*at, f->json))
		at = &(*at)->next;
	/* Replaces a null, or goes to the end. */
	n->next = *at ? (*at)->next : NULL;
	map->n += !*at;
	*at = n;
}

static bool is_zero(const struct node *map, const char *key)
{
	const struct node *n = node_member(map, key);

	return n && n->type == NODE_INT && !n->integer;
}

static void add_absent(struct completion *c, const struct schema *schema, struct node *map,
		       const struct path *parent)
{
	for (size_t i = 0; i < schema->n_fields; i++) {
		const struct schema_field *f = &schema->fields[i];
		const struct path path = { .parent = parent,
					   .key = f->json,
					   .key_len = f->json_len };

		if (!f->rule || is_value(c, node_member(map, f->json)))
			continue;
		if (f->fallback)
			add_fallback(c, f, map);
		else if (f->rule->required && f->rule->value.has_minimum && is_zero(map, f->json))
			check_number(c, &f->rule->value, node_member(map, f->json), &path);
		else if (f->rule->required)
			refuse(c, &path, map, "Required", "must be there");
	}
}

static void complete(struct completion *c, const struct schema *schema, struct node *map,
		     const struct path *parent)
{
	if (!schema->has_rules)
		return;
	add_absent(c, schema, map, parent);
	for (struct node *n = map->first; n; n = n->next) {
		const struct path path = { .parent = parent, .key = n->key, .key_len = n->key_len };
		const struct schema_field *f = schema_find(schema, n->key, n->key_len);

		if (f && is_value(c, n))
			complete_field(c, f, n, &path);
	}
	if (!schema->has_checks)
		return;
	gateway_rules_check(schema->type->name, map, parent, c->problems);
	builtin_rules_check(schema->type->name, map, parent, c->problems);
}

void object_complete(struct arena *arena, struct schemas *schemas,
		     const ProtobufCMessageDescriptor *type, struct node *node,
		     const struct path *path, struct problems *problems, bool zero_is_absent)
{
	struct completion c = { arena, schemas, problems, zero_is_absent };

	complete(&c, schemas_get(schemas, type), node, path);
}
