/* YAML to trees. A file is cut at its "---" lines first, which YAML allows inside nothing else at
 * column 0, and each part is parsed alone: so a syntax error loses its own document. A part that is
 * plain (decode-plain.h) is read by us, any other by libyaml's events. Used by the watcher. */
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "common/base/alloc.h"
#include "common/decode/decode-node.h"
#include "common/decode/decode-plain.h"

#define ANCHORS_MAX 256
#define MERGE_MAX   1024

/* The largest growth by written-out aliases, and the size that is always allowed. */
#define EXPANSION_MAX  8
#define EXPANSION_FREE (256 * 1024)
#define VALUE_BYTES    4 /* that a value takes at least, encoded */

struct anchor {
	const char *name;
	struct node *node;
};

struct builder {
	struct arena *arena;
	const struct decode_limits *limits;
	unsigned line;      /* of the part's first, from 1 */
	struct node **open; /* maps and lists that are not yet closed */
	unsigned depth;
	struct node **tail; /* of the innermost: [depth] */
	struct node *key;   /* of the innermost map: seen, its value not yet */
	struct node **keys; /* the same of the others: [depth] */
	struct node *root;
	struct anchor anchors[ANCHORS_MAX];
	size_t n_anchors;
	size_t weight;
	size_t bytes, bytes_max; /* of the whole file, aliases written out */
	struct decode_problem problem;
};

static bool fail(struct builder *b, const yaml_event_t *e, const char *reason, const char *message)
{
	b->problem = (struct decode_problem){
		.error = true,
		.reason = reason,
		.field = "",
		.message = message,
		.line = b->line + (unsigned)e->start_mark.line,
	};
	return false;
}

static struct node *node_new(struct builder *b, enum node_type type, const yaml_event_t *e)
{
	struct node *n = arena_alloc(b->arena, sizeof(*n));

	n->type = type;
	n->line = b->line + (unsigned)e->start_mark.line;
	n->weight = 1;
	n->bytes = VALUE_BYTES;
	return n;
}

/* ---- placing a value ---- */

/* YAML has keys of any type, JSON only strings: accepts the scalars that sigs.k8s.io/yaml turns
 * into one. */
static bool take_key(struct builder *b, struct node *n, const yaml_event_t *e)
{
	switch (n->type) {
	case NODE_STRING:
		break;
	case NODE_INT:
		n->text = arena_printf(b->arena, "%lld", (long long)n->integer);
		n->len = (uint32_t)strlen(n->text);
		break;
	case NODE_BOOL:
		n->text = n->integer ? "true" : "false";
		n->len = (uint32_t)strlen(n->text);
		break;
	default:
		return fail(b, e, "WrongKey",
			    arena_printf(b->arena, "a key must be a string, not %s: quote it",
					 node_type_name(n)));
	}
	if (memchr(n->text, '\0', n->len))
		return fail(b, e, "WrongKey", "a key must not hold a NUL character");
	b->key = n;
	return true;
}

static bool place(struct builder *b, struct node *n, const yaml_event_t *e)
{
	struct node *parent;

	if (b->depth == 0) {
		b->root = n;
		return true;
	}
	parent = b->open[b->depth - 1];
	if (parent->type == NODE_MAP) {
		if (!b->key) {
			if (n->type == NODE_MAP || n->type == NODE_LIST)
				return fail(b, e, "WrongKey",
					    "a key must be a string, not a mapping or list");
			return take_key(b, n, e);
		}
		n->key = b->key->text;
		n->key_len = b->key->len;
		n->bytes += n->key_len;
		n->line = b->key->line;
		b->key = NULL;
	}
	if (b->tail[b->depth - 1])
		b->tail[b->depth - 1]->next = n;
	else
		parent->first = n;
	b->tail[b->depth - 1] = n;
	parent->n++;
	return true;
}

static bool is_exhausted(const struct builder *b)
{
	return b->bytes > b->bytes_max;
}

static bool count(struct builder *b, size_t weight, size_t bytes, const yaml_event_t *e)
{
	b->weight += weight;
	b->bytes += bytes;
	if (is_exhausted(b))
		return fail(b, e, "TooLarge",
			    arena_printf(b->arena,
					 "the file becomes larger than %zu KiB when its aliases "
					 "are written out: the rest of it is not read",
					 b->bytes_max >> 10));
	if (b->weight > b->limits->values)
		return fail(b, e, "TooLarge",
			    arena_printf(b->arena, "holds more than %zu values",
					 b->limits->values));
	return true;
}

static bool add_anchor(struct builder *b, const yaml_char_t *name, struct node *n,
		       const yaml_event_t *e)
{
	if (!name)
		return true;
	if (b->n_anchors == ANCHORS_MAX)
		return fail(b, e, "TooLarge",
			    arena_printf(b->arena, "has more than %d anchors", ANCHORS_MAX));
	b->anchors[b->n_anchors++] =
		(struct anchor){ arena_strdup(b->arena, (const char *)name), n };
	return true;
}

/* ---- merge keys ---- */

static bool is_merge(const struct node *n)
{
	return n->key_len == 2 && memcmp(n->key, "<<", 2) == 0;
}

static bool merge_from(struct builder *b, struct node *map, const struct node *from,
		       const yaml_event_t *e)
{
	if (from->type != NODE_MAP)
		return fail(b, e, "WrongType", "<< must be a mapping or a list of them");
	if (from->n > MERGE_MAX || map->n > MERGE_MAX)
		return fail(b, e, "TooLarge",
			    arena_printf(b->arena, "<< merges more than %d keys", MERGE_MAX));
	for (const struct node *c = from->first; c; c = c->next) {
		struct node *copy, **at = &map->first;

		for (; *at; at = &(*at)->next)
			if ((*at)->key_len == c->key_len &&
			    memcmp((*at)->key, c->key, c->key_len) == 0)
				break;
		if (*at)
			continue;
		if (!count(b, c->weight, c->bytes, e))
			return false;
		copy = arena_memdup(b->arena, c, sizeof(*c));
		copy->next = NULL;
		*at = copy;
		map->n++;
	}
	return true;
}

/* "<<: *base" or "<<: [*a, *b]": members that the map lacks come from there. */
static bool merge(struct builder *b, struct node *map, const yaml_event_t *e)
{
	for (struct node **at = &map->first; *at; at = &(*at)->next) {
		struct node *m = *at;

		if (!is_merge(m))
			continue;
		*at = m->next;
		map->n--;
		if (m->type != NODE_LIST)
			return merge_from(b, map, m, e);
		for (struct node *c = m->first; c; c = c->next)
			if (!merge_from(b, map, c, e))
				return false;
		return true;
	}
	return true;
}

/* ---- events ---- */

static bool check_tag(struct builder *b, const yaml_char_t *tag, const yaml_event_t *e,
		      const char *wanted)
{
	static const char prefix[] = "tag:yaml.org,2002:";
	const char *t = (const char *)tag;

	if (!t)
		return true;
	if (strncmp(t, prefix, sizeof(prefix) - 1) == 0 &&
	    strcmp(t + sizeof(prefix) - 1, wanted) == 0)
		return true;
	return fail(b, e, "UnknownTag",
		    arena_printf(b->arena, "the tag %.64s is not understood here", t));
}

static struct node *scalar_new(struct builder *b, const char *text, size_t len,
			       const yaml_event_t *e)
{
	struct node *n = node_new(b, NODE_STRING, e);
	char *copy = arena_alloc(b->arena, len + 1);

	memcpy(copy, text, len);
	n->text = copy;
	n->len = (uint32_t)len;
	n->bytes += len;
	return n;
}

static bool on_scalar(struct builder *b, const yaml_event_t *e)
{
	const char *tag = (const char *)e->data.scalar.tag;
	struct node *n =
		scalar_new(b, (const char *)e->data.scalar.value, e->data.scalar.length, e);

	if (tag && strcmp(tag, "!") != 0) {
		static const char *const words[] = { "null", "bool", "int", "float", NULL };
		const char *word = strrchr(tag, ':');
		size_t i = 0;

		while (words[i] && (!word || strcmp(word + 1, words[i]) != 0))
			i++;
		if (!check_tag(b, e->data.scalar.tag, e, words[i] ? words[i] : "str"))
			return false;
		if (words[i])
			node_resolve_plain(n);
		if (words[i] && n->type != (enum node_type)i &&
		    !(i == NODE_FLOAT && n->type == NODE_INT))
			return fail(b, e, "WrongType", "the value does not fit its tag");
	} else if (!tag && e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE) {
		node_resolve_plain(n);
	}
	return add_anchor(b, e->data.scalar.anchor, n, e) && place(b, n, e) &&
	       count(b, 1, n->bytes, e);
}

static bool on_open(struct builder *b, enum node_type type, const yaml_char_t *anchor,
		    const yaml_event_t *e)
{
	struct node *n = node_new(b, type, e);

	if (b->depth == b->limits->depth)
		return fail(b, e, "TooDeep",
			    arena_printf(b->arena, "is nested deeper than %u levels",
					 b->limits->depth));
	if (!add_anchor(b, anchor, n, e) || !place(b, n, e) || !count(b, 1, VALUE_BYTES, e))
		return false;
	b->keys[b->depth] = b->key;
	b->tail[b->depth] = NULL;
	b->open[b->depth++] = n;
	b->key = NULL;
	return true;
}

static bool on_close(struct builder *b, const yaml_event_t *e)
{
	struct node *n = b->open[--b->depth];
	const struct node *twice;

	b->key = b->keys[b->depth];
	if (n->type == NODE_MAP) {
		twice = node_duplicate(b->arena, n);
		if (twice) {
			fail(b, e, "DuplicateKey",
			     arena_printf(b->arena, "the key \"%.64s\" is there twice",
					  twice->key));
			b->problem.line = twice->line;
			return false;
		}
		if (!merge(b, n, e))
			return false;
	}
	for (const struct node *c = n->first; c; c = c->next) {
		n->weight += c->weight;
		n->bytes += c->bytes;
	}
	return true;
}

static bool on_alias(struct builder *b, const yaml_event_t *e)
{
	const char *name = (const char *)e->data.alias.anchor;

	/* An anchor may be redefined: the last one counts. */
	for (size_t i = b->n_anchors; i-- > 0;) {
		struct node *copy, *n = b->anchors[i].node;

		if (strcmp(b->anchors[i].name, name) != 0)
			continue;
		for (unsigned d = 0; d < b->depth; d++)
			if (b->open[d] == n)
				return fail(b, e, "Syntax",
					    arena_printf(b->arena, "the alias *%.64s holds itself",
							 name));
		copy = arena_memdup(b->arena, n, sizeof(*n));
		copy->next = NULL;
		copy->key = NULL;
		copy->bytes -= n->key_len;
		copy->key_len = 0;
		return place(b, copy, e) && count(b, n->weight, copy->bytes, e);
	}
	return fail(b, e, "Syntax", arena_printf(b->arena, "the alias *%.64s has no anchor", name));
}

static bool on_event(struct builder *b, const yaml_event_t *e)
{
	switch (e->type) {
	case YAML_SCALAR_EVENT:
		return on_scalar(b, e);
	case YAML_ALIAS_EVENT:
		return on_alias(b, e);
	case YAML_MAPPING_START_EVENT:
		return check_tag(b, e->data.mapping_start.tag, e, "map") &&
		       on_open(b, NODE_MAP, e->data.mapping_start.anchor, e);
	case YAML_SEQUENCE_START_EVENT:
		return check_tag(b, e->data.sequence_start.tag, e, "seq") &&
		       on_open(b, NODE_LIST, e->data.sequence_start.anchor, e);
	case YAML_MAPPING_END_EVENT:
	case YAML_SEQUENCE_END_EVENT:
		return on_close(b, e);
	default:
		return true;
	}
}

/* ---- one part of a file ---- */

struct reading {
	struct builder b;
	const char *text; /* of the part */
	size_t len;
	unsigned document; /* documents so far */
	unsigned document_line;
	bool by_libyaml; /* all parts */
	node_document_fn fn;
	void *ctx;
};

static unsigned lines_until(const char *text, size_t n)
{
	unsigned lines = 0;
	const char *end = text + n;

	while (text < end && (text = memchr(text, '\n', (size_t)(end - text)))) {
		lines++;
		text++;
	}
	return lines;
}

static bool indented_by_tab(const struct reading *r, unsigned line)
{
	const char *p = r->text, *end = r->text + r->len;

	for (; line > 0 && p < end; line--) {
		p = memchr(p, '\n', (size_t)(end - p));
		if (!p)
			return false;
		p++;
	}
	while (p < end && *p == ' ')
		p++;
	return p < end && *p == '\t';
}

static void on_syntax_error(struct reading *r, const yaml_parser_t *p)
{
	struct builder *b = &r->b;
	bool reader = p->error == YAML_READER_ERROR;
	unsigned line = reader ? lines_until(r->text, MIN(p->problem_offset, r->len))
			       : (unsigned)p->problem_mark.line;
	bool tab = !reader && indented_by_tab(r, line);

	b->problem = (struct decode_problem){
		.error = true,
		.reason = "Syntax",
		.field = "",
		.line = b->line + line,
		.message =
			arena_printf(b->arena, "not valid YAML: %s%s%s%s", p->problem,
				     p->context ? ", " : "", p->context ? p->context : "",
				     tab ? " (the line is indented with a tab: use spaces)" : ""),
	};
}

/* line: in the part, from 0 */
static void document_begin(struct reading *r, size_t line)
{
	struct builder *b = &r->b;

	arena_reset(b->arena);
	b->open = arena_new_of(b->arena, struct node *, b->limits->depth);
	b->tail = arena_new_of(b->arena, struct node *, b->limits->depth);
	b->keys = arena_new_of(b->arena, struct node *, b->limits->depth);
	b->root = NULL;
	b->key = NULL;
	b->depth = 0;
	b->n_anchors = 0;
	b->weight = 0;
	r->document++;
	r->document_line = b->line + (unsigned)line;
}

/* Returns false to end the reading of this part. */
static bool next_event(struct reading *r, yaml_parser_t *p, bool *ret_stop)
{
	yaml_event_t e;
	bool ok = true, last;

	if (!yaml_parser_parse(p, &e)) {
		on_syntax_error(r, p);
		return false;
	}
	last = e.type == YAML_STREAM_END_EVENT;
	if (e.type == YAML_DOCUMENT_START_EVENT)
		document_begin(r, e.start_mark.line);
	else if (e.type == YAML_DOCUMENT_END_EVENT)
		*ret_stop = !r->fn(r->ctx, r->document,
				   r->b.root ? r->b.root->line : r->document_line, r->b.root, NULL);
	else
		ok = on_event(&r->b, &e);
	yaml_event_delete(&e);
	return ok && !last && !*ret_stop;
}

/* A chart's template that was not rendered fails in ways that say little about the cause. */
static void hint_template(struct reading *r)
{
	struct decode_problem *p = &r->b.problem;

	if (memmem(r->text, r->len, "{{", 2) && strcmp(p->reason, "TooLarge") != 0)
		p->message = arena_printf(r->b.arena, "%s: %s", DECODE_TEMPLATE_HINT, p->message);
}

/* ---- the plain part of YAML ---- */

static yaml_event_t event_at(unsigned line)
{
	return (yaml_event_t){ .start_mark.line = line };
}

static bool plain_open(void *ctx, bool map, unsigned line)
{
	const yaml_event_t e = event_at(line);

	return on_open(ctx, map ? NODE_MAP : NODE_LIST, NULL, &e);
}

static bool plain_close(void *ctx, unsigned line)
{
	const yaml_event_t e = event_at(line);

	return on_close(ctx, &e);
}

static bool plain_scalar(void *ctx, const char *text, size_t len, bool quoted, unsigned line)
{
	const yaml_event_t e = event_at(line);
	struct node *n = scalar_new(ctx, text, len, &e);

	if (!quoted)
		node_resolve_plain(n);
	return place(ctx, n, &e) && count(ctx, 1, n->bytes, &e);
}

static const struct plain_ops plain_ops = { plain_open, plain_close, plain_scalar };

/* False: libyaml has to read the part. So it finds the same errors at the same places. */
static bool read_plain(struct reading *r, bool *ret_stop)
{
	struct builder *b = &r->b;
	size_t bytes = b->bytes;

	if (r->by_libyaml)
		return false;
	document_begin(r, 0);
	if (!plain_read(r->text, r->len, &plain_ops, b)) {
		r->document--;
		b->bytes = bytes;
		return false;
	}
	*ret_stop = !r->fn(r->ctx, r->document, b->root->line, b->root, NULL);
	return true;
}

static bool read_part(struct reading *r)
{
	unsigned before = r->document;
	yaml_parser_t p;
	bool stop = false;

	if (read_plain(r, &stop))
		return !stop;
	/* libyaml fails here for lack of memory only. */
	if (!yaml_parser_initialize(&p))
		abort();
	yaml_parser_set_encoding(&p, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&p, (const unsigned char *)r->text, r->len);
	r->b.problem = (struct decode_problem){ 0 };
	r->document_line = r->b.line;
	while (next_event(r, &p, &stop))
		;
	if (r->b.problem.error) {
		if (r->document == before)
			r->document++;
		hint_template(r);
		stop = !r->fn(r->ctx, r->document, r->document_line, NULL, &r->b.problem);
	}
	yaml_parser_delete(&p);
	return !stop && !is_exhausted(&r->b);
}

/* ---- a file ---- */

static bool is_document_start(const char *line, size_t n)
{
	return n >= 3 && memcmp(line, "---", 3) == 0 &&
	       (n == 3 || line[3] == ' ' || line[3] == '\t' || line[3] == '\r');
}

/* Length of the part at text: up to the next "---" line other than its own first, or the one after
 * its directives ("%YAML"). */
static size_t part_length(const char *text, size_t len, unsigned *ret_lines)
{
	const char *line = text, *end = text + len, *eol;
	bool directives = false, content = false;

	for (*ret_lines = 0; line < end; line = eol + 1, (*ret_lines)++) {
		eol = memchr(line, '\n', (size_t)(end - line));
		if (!eol)
			eol = end;
		if (*line == '%' && !content) {
			directives = true;
		} else if (*line == '-' && is_document_start(line, (size_t)(eol - line))) {
			if (line > text && !directives)
				return (size_t)(line - text);
			directives = false;
			content = true;
		} else if (*line == '.') {
			/* Perhaps the end of a document: directives may follow. */
			content = false;
		} else if (*line != '#' && *line != '\r' && eol > line) {
			directives = false;
			content = true;
		}
		if (eol == end)
			break;
	}
	return len;
}

static void read_file(struct arena *arena, const struct decode_limits *limits, const char *text,
		      size_t len, node_document_fn fn, void *ctx, bool by_libyaml)
{
	struct reading r = { .b = { .arena = arena,
				    .limits = limits,
				    .line = 1,
				    .bytes_max = len * EXPANSION_MAX + EXPANSION_FREE },
			     .by_libyaml = by_libyaml,
			     .fn = fn,
			     .ctx = ctx };

	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		text += 3;
		len -= 3;
	}
	while (len > 0) {
		unsigned lines;
		size_t n = part_length(text, len, &lines);

		r.text = text;
		r.len = n;
		arena_reset(arena);
		if (!read_part(&r))
			return;
		text += n;
		len -= n;
		r.b.line += lines;
	}
}

void node_read_yaml(struct arena *arena, const struct decode_limits *limits, const char *text,
		    size_t len, node_document_fn fn, void *ctx)
{
	read_file(arena, limits, text, len, fn, ctx, false);
}

void node_read_libyaml(struct arena *arena, const struct decode_limits *limits, const char *text,
		       size_t len, node_document_fn fn, void *ctx)
{
	read_file(arena, limits, text, len, fn, ctx, true);
}
