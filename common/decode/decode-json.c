/* JSON to trees: json-c parses, then one pass over the text gives every value its line and finds
 * duplicate keys (json-c silently keeps the last). */
#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/decode/decode-node.h"

/* ---- json-c's tree to ours ---- */

struct converter {
	struct arena *arena;
	const struct decode_limits *limits;
	size_t weight;
	struct decode_problem problem;
};

static bool fail(struct converter *c, const char *reason, const char *message)
{
	c->problem = (struct decode_problem){
		.error = true, .reason = reason, .field = "", .message = message
	};
	return false;
}

static bool convert(struct converter *c, struct json_object *o, unsigned depth, struct node **ret);

static bool convert_map(struct converter *c, struct json_object *o, unsigned depth, struct node *n)
{
	struct node **tail = &n->first;

	n->type = NODE_MAP;
	json_object_object_foreach (o, key, value) {
		if (!convert(c, value, depth + 1, tail))
			return false;
		(*tail)->key = key;
		(*tail)->key_len = (uint32_t)strlen(key);
		tail = &(*tail)->next;
		n->n++;
	}
	return true;
}

static bool convert_list(struct converter *c, struct json_object *o, unsigned depth, struct node *n)
{
	struct node **tail = &n->first;

	n->type = NODE_LIST;
	n->n = (uint32_t)json_object_array_length(o);
	for (size_t i = 0; i < n->n; i++) {
		if (!convert(c, json_object_array_get_idx(o, i), depth + 1, tail))
			return false;
		tail = &(*tail)->next;
	}
	return true;
}

static void convert_int(struct json_object *o, struct node *n)
{
	n->type = NODE_INT;
	n->integer = json_object_get_int64(o);
	/* Beyond 64 bits with a sign: a float, which fields for integers refuse. */
	if (n->integer == INT64_MAX && json_object_get_uint64(o) != INT64_MAX) {
		n->type = NODE_FLOAT;
		n->number = json_object_get_double(o);
	}
}

static bool convert(struct converter *c, struct json_object *o, unsigned depth, struct node **ret)
{
	struct node *n = arena_alloc(c->arena, sizeof(*n));

	*ret = n;
	n->weight = 1;
	if (++c->weight > c->limits->values)
		return fail(c, "TooLarge",
			    arena_printf(c->arena, "holds more than %zu values",
					 c->limits->values));
	if (depth > c->limits->depth)
		return fail(c, "TooDeep",
			    arena_printf(c->arena, "is nested deeper than %u levels",
					 c->limits->depth));
	switch (json_object_get_type(o)) {
	case json_type_null:
		n->type = NODE_NULL;
		return true;
	case json_type_boolean:
		n->type = NODE_BOOL;
		n->integer = json_object_get_boolean(o);
		return true;
	case json_type_int:
		convert_int(o, n);
		break;
	case json_type_double:
		node_set_number(n, json_object_get_double(o));
		break;
	case json_type_string:
		n->type = NODE_STRING;
		n->text = json_object_get_string(o);
		n->len = (uint32_t)json_object_get_string_len(o);
		return true;
	case json_type_object:
		return convert_map(c, o, depth, n);
	case json_type_array:
		return convert_list(c, o, depth, n);
	}
	n->text = arena_strdup(c->arena, json_object_to_json_string(o));
	n->len = (uint32_t)strlen(n->text);
	return true;
}

bool node_from_json(struct arena *arena, const struct decode_limits *limits,
		    struct json_object *object, struct node **ret,
		    struct decode_problem *ret_problem)
{
	struct converter c = { .arena = arena, .limits = limits };
	struct node *n;

	if (!convert(&c, object, 0, &n)) {
		*ret_problem = c.problem;
		return false;
	}
	*ret = n;
	return true;
}

/* ---- lines ---- */

/* Walks text that json-c has accepted, so it needs no checks but the one for its end. */
struct cursor {
	const char *p, *end;
	unsigned line;
	const char *bad_key; /* there twice, or with a NUL */
	size_t bad_key_len;
	unsigned bad_key_line;
	bool nul;
};

static char skip_space(struct cursor *c)
{
	for (; c->p < c->end; c->p++) {
		if (*c->p == '\n')
			c->line++;
		else if (*c->p != ' ' && *c->p != '\t' && *c->p != '\r')
			return *c->p;
	}
	return '\0';
}

/* Skips a string and returns the text between its quotes. */
static const char *skip_string(struct cursor *c, size_t *ret_len, bool *ret_escapes)
{
	const char *start = ++c->p;

	*ret_escapes = false;
	while (c->p < c->end && *c->p != '"') {
		if (*c->p == '\\') {
			*ret_escapes = true;
			c->p++;
		}
		c->p++;
	}
	*ret_len = (size_t)(c->p - start);
	c->p++;
	return start;
}

static void locate(struct cursor *c, struct node *n);

static void check_key(struct cursor *c, const struct node *child, const char *key, size_t len,
		      bool escapes, unsigned line)
{
	bool nul = escapes && memmem(key, len, "\\u0000", 6);
	bool twice = !child ||
		     (!escapes && (child->key_len != len || memcmp(child->key, key, len) != 0));

	if (c->bad_key || (!nul && !twice))
		return;
	c->bad_key = key;
	c->bad_key_len = len;
	c->bad_key_line = line;
	c->nul = nul;
}

/* json-c leaves a key at its first place, so the first key that differs from the tree's next one is
 * a duplicate. */
static void locate_map(struct cursor *c, struct node *n)
{
	struct node *child = n && n->type == NODE_MAP ? n->first : NULL;

	c->p++;
	while (skip_space(c) != '}' && c->p < c->end) {
		unsigned line = c->line;
		bool escapes;
		size_t len;
		const char *key = skip_string(c, &len, &escapes);

		if (n)
			check_key(c, child, key, len, escapes, line);
		(void)skip_space(c);
		c->p++; /* colon */
		locate(c, child);
		if (child) {
			child->line = line;
			child = child->next;
		}
		if (skip_space(c) == ',')
			c->p++;
	}
	c->p++;
}

static void locate(struct cursor *c, struct node *n)
{
	struct node *child;
	bool escapes;
	size_t len;

	switch (skip_space(c)) {
	case '{':
		if (n)
			n->line = c->line;
		locate_map(c, n && n->type == NODE_MAP ? n : NULL);
		return;
	case '[':
		if (n)
			n->line = c->line;
		child = n && n->type == NODE_LIST ? n->first : NULL;
		c->p++;
		while (skip_space(c) != ']' && c->p < c->end) {
			const char *before = c->p;

			locate(c, child);
			child = child ? child->next : NULL;
			if (skip_space(c) == ',' || c->p == before)
				c->p++;
		}
		c->p++;
		return;
	case '"':
		if (n)
			n->line = c->line;
		(void)skip_string(c, &len, &escapes);
		return;
	default:
		if (n)
			n->line = c->line;
		while (c->p < c->end && !memchr(",]} \t\r\n", *c->p, 7))
			c->p++;
	}
}

/* ---- memory ---- */

/* What json-c 0.16 takes for a map, a list and a member of either, empty ones included: up to 300
 * times the text. */
#define MAP_BYTES    800
#define LIST_BYTES   400
#define MEMBER_BYTES 150

/* Adds up what json-c would take for the value at the cursor, before it does, and goes to its end.
 * The text need not be JSON: json-c stops at an error, and takes less then. */
static bool fits(struct cursor *c, const struct decode_limits *limits)
{
	size_t bytes = 0, values = 0, len;
	unsigned depth = 0;
	bool escapes;

	do {
		switch (*c->p) {
		case '"':
			(void)skip_string(c, &len, &escapes);
			continue;
		case '{':
		case '[':
			bytes += *c->p == '{' ? MAP_BYTES : LIST_BYTES;
			depth++;
			break;
		case '}':
		case ']':
			depth -= depth > 0;
			break;
		case ',':
			bytes += MEMBER_BYTES;
			values++;
			break;
		}
		c->p++;
	} while (depth && c->p < c->end);
	c->p = MIN(c->p, c->end);
	return bytes <= limits->memory && values <= limits->values;
}

/* ---- a file ---- */

static unsigned lines_in(const char *p, const char *end)
{
	unsigned n = 0;

	for (; p < end; p++)
		n += *p == '\n';
	return n;
}

struct reading {
	struct arena *arena;
	const struct decode_limits *limits;
	unsigned document;
	unsigned line;
	node_document_fn fn;
	void *ctx;
};

static bool on_error(struct reading *r, unsigned line, const char *reason, const char *message)
{
	struct decode_problem p = {
		.error = true, .reason = reason, .field = "", .message = message, .line = line
	};

	(void)r->fn(r->ctx, r->document, r->line, NULL, &p);
	return false;
}

static bool on_too_large(struct reading *r, const char *text, const char *end)
{
	unsigned line = r->line;
	struct decode_problem p = {
		.error = true,
		.reason = "TooLarge",
		.field = "",
		.line = line,
		.message = arena_printf(r->arena,
					"holds more than %zu values, or needs more than %zu MiB of "
					"memory to be read: split it",
					r->limits->values, r->limits->memory >> 20),
	};

	r->line += lines_in(text, end);
	return r->fn(r->ctx, r->document, line, NULL, &p);
}

static bool on_value(struct reading *r, struct json_object *o, const char *text, size_t len)
{
	struct converter v = { .arena = r->arena, .limits = r->limits };
	struct cursor c = { .p = text, .end = text + len, .line = r->line };
	struct node *root;

	arena_reset(r->arena);
	if (!convert(&v, o, 0, &root)) {
		v.problem.line = r->line;
		return r->fn(r->ctx, r->document, r->line, NULL, &v.problem);
	}
	locate(&c, root);
	if (c.bad_key) {
		struct decode_problem p = {
			.error = true,
			.reason = c.nul ? "WrongKey" : "DuplicateKey",
			.field = "",
			.line = c.bad_key_line,
			.message = arena_printf(r->arena, "the key \"%.*s\" %s",
						(int)MIN(c.bad_key_len, 64u), c.bad_key,
						c.nul ? "must not hold a NUL character"
						      : "is there twice"),
		};

		return r->fn(r->ctx, r->document, r->line, NULL, &p);
	}
	return r->fn(r->ctx, r->document, root->line, root, NULL);
}

/* Reads one value; false at the end or when no more can be made of the text. */
static bool next_value(struct reading *r, struct json_tokener *tok, const char **p, const char *end)
{
	struct cursor c = { .p = *p, .end = end, .line = r->line }, whole;
	struct json_object *o;
	enum json_tokener_error error;
	size_t n;
	bool more;

	if (skip_space(&c) == '\0' && c.p == c.end)
		return false;
	r->line = c.line;
	r->document++;
	whole = c;
	if (!fits(&whole, r->limits)) {
		*p = whole.p;
		return on_too_large(r, c.p, whole.p);
	}
	json_tokener_reset(tok);
	n = MIN((size_t)(end - c.p), (size_t)INT32_MAX);
	o = json_tokener_parse_ex(tok, c.p, (int)n);
	error = json_tokener_get_error(tok);
	n = json_tokener_get_parse_end(tok);
	if (error == json_tokener_continue && c.p + n == end) {
		/* A number at the very end: only the end says that it is whole. */
		o = json_tokener_parse_ex(tok, "", 1);
		error = json_tokener_get_error(tok);
	}
	if (error != json_tokener_success)
		return on_error(r, r->line + lines_in(c.p, c.p + n), "Syntax",
				error == json_tokener_continue ||
						error == json_tokener_error_parse_eof
					? "not valid JSON: it ends too early"
					: arena_printf(r->arena, "not valid JSON: %s",
						       json_tokener_error_desc(error)));
	more = on_value(r, o, c.p, n);
	(void)json_object_put(o);
	r->line += lines_in(c.p, c.p + n);
	*p = c.p + n;
	return more;
}

void node_read_json(struct arena *arena, const struct decode_limits *limits, const char *text,
		    size_t len, node_document_fn fn, void *ctx)
{
	struct reading r = { arena, limits, 0, 1, fn, ctx };
	struct json_tokener *tok = json_tokener_new_ex((int)limits->depth + 1);
	const char *p = text, *end = text + len;

	if (!tok)
		abort();
	json_tokener_set_flags(tok, JSON_TOKENER_STRICT | JSON_TOKENER_ALLOW_TRAILING_CHARS |
					    JSON_TOKENER_VALIDATE_UTF8);
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		p += 3;
	while (next_value(&r, tok, &p, end))
		;
	json_tokener_free(tok);
}
