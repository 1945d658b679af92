/* Documents to objects: kinds, Lists, metadata, and the canonical bytes. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/decode/decode-complete.h"
#include "common/decode/decode-message.h"
#include "common/decode/decode-rules.h"
#include "common/decode/decode.h"
#include "common/decode/object-kind.h"

struct decoder {
	struct decode_limits limits;
	struct schemas schemas;
	struct arena *tree;    /* nodes of the document at hand */
	struct arena *objects; /* messages and problems */
};

struct decoder *decoder_new(const struct decode_limits *limits)
{
	struct decoder *d = xnew(struct decoder, 1);

	d->limits = limits ? *limits : DECODE_LIMITS_DEFAULT;
	schemas_init(&d->schemas);
	d->tree = arena_new(64 * 1024);
	d->objects = arena_new(64 * 1024);
	return d;
}

void decoder_free(struct decoder *d)
{
	if (!d)
		return;
	schemas_done(&d->schemas);
	arena_free(d->tree);
	arena_free(d->objects);
	free(d);
}

/* ---- one object ---- */

struct run {
	struct decoder *d;
	struct problems problems;
	unsigned document;
	decode_fn fn;
	void *ctx;
	struct decode_counts counts;
	bool full; /* the limit of objects is reached */
};

static void begin(struct run *r)
{
	arena_reset(r->d->objects);
	problems_begin(&r->problems, r->d->objects, r->d->limits.problems);
}

static void emit(struct run *r, struct decoded *o)
{
	problems_end(&r->problems);
	o->document = r->document;
	o->problems = r->problems.list;
	o->n_problems = r->problems.n;
	if (o->value)
		r->counts.objects++;
	else
		r->counts.unreadable++;
	r->fn(r->ctx, o);
}

static void emit_unreadable(struct run *r, unsigned line)
{
	struct decoded o = { .line = line };

	emit(r, &o);
}

static K8s__ObjectMeta *metadata_of(ProtobufCMessage *object)
{
	assert(object->descriptor->fields[0].descriptor == &k8s__object_meta__descriptor);
	return *(K8s__ObjectMeta **)((char *)object + object->descriptor->fields[0].offset);
}

static void check_namespace(struct run *r, const struct object_kind_row *row, K8s__ObjectMeta *m,
			    unsigned line)
{
	static const struct path metadata = { .key = "metadata", .key_len = 8 };
	static const struct path path = { .parent = &metadata, .key = "namespace", .key_len = 9 };
	const char *wrong;

	if (!row->namespaced && *m->namespace_) {
		problems_add(&r->problems, false, "NotNamespaced", &path, line,
			     "objects of kind %s are in no namespace: not read", row->kind);
		m->namespace_ = k8s__object_meta__namespace__default_value;
	}
	if (!row->namespaced)
		return;
	if (!*m->namespace_)
		m->namespace_ = (char *)"default";
	wrong = rule_namespace_problem(m->namespace_);
	if (wrong)
		problems_add(&r->problems, true, "WrongValue", &path, line, "%s", wrong);
}

/* Fills in the key, or reports why there is no key. */
static unsigned line_of(const struct node *tree, const char *key, unsigned fallback)
{
	const struct node *metadata = tree ? node_member(tree, "metadata") : NULL;
	const struct node *n = metadata ? node_member(metadata, key) : NULL;

	return n && n->line ? n->line : metadata && metadata->line ? metadata->line : fallback;
}

/* There is a name, and what is wrong with it has been said: it, or metadata, is of another type. */
static bool name_is_refused(const struct node *tree)
{
	const struct node *metadata = tree ? node_member(tree, "metadata") : NULL;
	const struct node *name =
		metadata && metadata->type == NODE_MAP ? node_member(metadata, "name") : NULL;

	if (metadata && metadata->type != NODE_MAP)
		return metadata->type != NODE_NULL;
	return name && name->type != NODE_STRING && name->type != NODE_NULL;
}

/* tree: of the object, where there is one, for lines. */
static void identify(struct run *r, struct decoded *o, const struct node *tree,
		     ProtobufCMessage *object)
{
	static const struct path metadata = { .key = "metadata", .key_len = 8 };
	static const struct path path = { .parent = &metadata, .key = "name", .key_len = 4 };
	const struct object_kind_row *row = object_kind(o->kind);
	K8s__ObjectMeta *m = metadata_of(object);
	const char *wrong;

	if (!m || !*m->name) {
		if (!name_is_refused(tree))
			problems_add(&r->problems, true, "Required", &path,
				     line_of(tree, "name", o->line), "must be there");
		return;
	}
	wrong = strstr(m->name, "{{") ? DECODE_TEMPLATE_HINT : rule_name_problem(o->kind, m->name);
	if (wrong)
		problems_add(&r->problems, true, "WrongValue", &path,
			     line_of(tree, "name", o->line), "%s", wrong);
	check_namespace(r, row, m, line_of(tree, "namespace", o->line));
	/* A look-up by this key must not find another object under it. */
	if (strchr(m->name, '/') || strchr(m->namespace_, '/'))
		return;
	o->key = arena_printf(r->d->objects, "%s/%s", m->namespace_, m->name);
	o->key_len = strlen(o->key);
}

static void finish(struct run *r, struct decoded *o, const struct node *tree,
		   ProtobufCMessage *object, bool defaults)
{
	struct arena *arena = r->d->objects;
	uint8_t *value;

	identify(r, o, tree, object);
	if (!r->problems.failed) {
		if (defaults)
			rules_default(arena, o->kind, object);
		rules_canonical(arena, o->kind, object);
		o->value_len = protobuf_c_message_get_packed_size(object);
		value = arena_alloc(arena, o->value_len + 1);
		(void)protobuf_c_message_pack(object, value);
		o->value = value;
		o->metadata = metadata_of(object);
	}
	emit(r, o);
}

static bool is_builtin(const struct object_kind_row *row)
{
	return !*row->group || strcmp(row->group, "networking.k8s.io") == 0 ||
	       strcmp(row->group, "discovery.k8s.io") == 0;
}

static void decode_object(struct run *r, unsigned kind, struct node *n, const struct path *path,
			  bool defaults)
{
	struct decoded o = { .kind = kind, .line = n->line };

	if (defaults)
		object_complete(r->d->tree, &r->d->schemas, object_kind(kind)->descriptor, n, path,
				&r->problems, is_builtin(object_kind(kind)));

	finish(r, &o, n,
	       message_from_node(r->d->objects, &r->d->schemas, object_kind(kind)->descriptor, n,
				 path, &r->problems),
	       defaults);
}

/* True, with a problem added, if the rest of this file is to be skipped. */
static bool is_full(struct run *r, unsigned line)
{
	if (r->counts.objects + r->counts.unreadable < r->d->limits.objects)
		return false;
	r->full = true;
	problems_add(&r->problems, true, "TooLarge", NULL, line,
		     "the file has more than %zu objects: the rest is not read",
		     r->d->limits.objects);
	emit_unreadable(r, line);
	return true;
}

/* ---- which kind ---- */

static const char *required_string(struct run *r, const struct node *n, const char *key,
				   const char *inherited, const struct path *parent)
{
	const struct node *v = node_member(n, key);
	const struct path path = { .parent = parent, .key = key, .key_len = strlen(key) };

	if (v && v->type == NODE_STRING && *v->text)
		return v->text;
	if (!v && inherited)
		return inherited;
	problems_add(&r->problems, true, "Required", &path, v ? v->line : n->line,
		     v ? "must be a string" : "must be there");
	return NULL;
}

static void pass_over(struct run *r, const char *api, const char *kind, size_t n)
{
	struct decode_counts *c = &r->counts;
	struct decode_passed row = { .n = n };
	const char *slash = strchr(api, '/');
	size_t i = 0;

	c->ignored += n;
	(void)snprintf(row.kind, sizeof(row.kind), "%s", kind);
	(void)snprintf(row.group, sizeof(row.group), "%.*s", slash ? (int)(slash - api) : 0, api);
	while (i < c->n_passed && (strcmp(c->passed[i].kind, row.kind) != 0 ||
				   strcmp(c->passed[i].group, row.group) != 0))
		i++;
	if (i < c->n_passed)
		c->passed[i].n += n;
	else if (i < DECODE_PASSED_MAX)
		c->passed[c->n_passed++] = row;
}

struct list {
	const char *api, *item_kind; /* for items that do not say: NULL in a plain List */
	size_t index;
	const struct path *path; /* of its items; NULL: it is a document */
};

/* An object of a kind or version that is nearly ours was meant for us. */
static bool is_near_miss(struct run *r, const struct node *n, const char *api, const char *kind,
			 const struct path *parent)
{
	const struct node *at;
	struct path path = { .parent = parent };
	struct near_kind near;
	unsigned line;

	if (!object_kind_near(api, kind, &near))
		return false;
	path.key = near.is_api ? "apiVersion" : "kind";
	path.key_len = strlen(path.key);
	at = node_member(n, path.key);
	line = at ? at->line : n->line;
	if (near.is_api)
		problems_add(&r->problems, true, "UnsupportedVersion", &path, line,
			     "%s of %.64s is not read: use %s%s%s", kind, api, near.row->group,
			     *near.row->group ? "/" : "", near.row->version);
	else
		problems_add(&r->problems, true, "UnknownKind", &path, line,
			     "%s is not a kind of %.64s: did you mean %s?", kind, api,
			     near.row->kind);
	return true;
}

static void on_object(struct run *r, struct node *n, struct list *list);

/* parent: the path of the list itself; NULL: it is a document. Lists may be in lists, as deep as
 * the limits of a document let them. */
static void on_list(struct run *r, struct node *items, const char *api, const char *kind,
		    const struct path *parent)
{
	const struct path path = { .parent = parent, .key = "items", .key_len = 5 };
	struct list list = { .path = &path };
	size_t len = strlen(kind) - 4;

	if (len) {
		list.api = api;
		list.item_kind = arena_strndup(r->d->tree, kind, len);
		/* A long list of another kind is skipped. */
		if (!object_kind_find(api, list.item_kind)) {
			pass_over(r, api, list.item_kind, items->n);
			return;
		}
	}
	for (struct node *n = items->first; n && !r->full; n = n->next, list.index++)
		on_object(r, n, &list);
}

static bool is_list(const struct node *n, const char *kind, struct node **ret_items)
{
	size_t len = strlen(kind);
	struct node *items = (struct node *)node_member(n, "items");

	if (len < 4 || strcmp(kind + len - 4, "List") != 0 || !items || items->type != NODE_LIST)
		return false;
	*ret_items = items;
	return true;
}

static void on_object(struct run *r, struct node *n, struct list *list)
{
	const struct path item = { .parent = list->path, .index = list->index };
	const struct path *path = list->path ? &item : NULL;
	struct node *inner;
	const char *api, *kind;
	unsigned k;

	begin(r);
	if (is_full(r, n->line))
		return;
	if (n->type != NODE_MAP) {
		problems_add(&r->problems, true, "WrongType", path, n->line,
			     "must be an object with apiVersion and kind, not %s",
			     node_type_name(n));
		emit_unreadable(r, n->line);
		return;
	}
	api = required_string(r, n, "apiVersion", list->api, path);
	kind = required_string(r, n, "kind", list->item_kind, path);
	if (!api || !kind) {
		emit_unreadable(r, n->line);
		return;
	}
	k = object_kind_find(api, kind);
	if (k) {
		decode_object(r, k, n, path, true);
	} else if (is_list(n, kind, &inner)) {
		on_list(r, inner, api, kind, path);
	} else if (is_near_miss(r, n, api, kind, path)) {
		emit_unreadable(r, n->line);
	} else {
		pass_over(r, api, kind, 1);
	}
}

/* ---- files ---- */

static bool on_document(void *ctx, unsigned document, unsigned line, struct node *root,
			const struct decode_problem *p)
{
	struct run *r = ctx;
	struct list none = { 0 };

	r->document = document;
	if (!root) {
		begin(r);
		if (p && !is_full(r, line)) {
			problems_add(&r->problems, p->error, p->reason, NULL, p->line, "%s",
				     p->message);
			emit_unreadable(r, line);
		}
	} else if (root->type != NODE_NULL) {
		on_object(r, root, &none);
	}
	return !r->full;
}

void decode_text(struct decoder *d, enum decode_format format, const char *text, size_t len,
		 decode_fn fn, void *ctx, struct decode_counts *ret_counts)
{
	struct run r = { .d = d, .fn = fn, .ctx = ctx };

	if (len > d->limits.bytes) {
		begin(&r);
		problems_add(&r.problems, true, "TooLarge", NULL, 0, "is larger than %zu bytes",
			     d->limits.bytes);
		emit_unreadable(&r, 0);
	} else if (format == DECODE_YAML) {
		node_read_yaml(d->tree, &d->limits, text, len, on_document, &r);
	} else {
		node_read_json(d->tree, &d->limits, text, len, on_document, &r);
	}
	if (ret_counts)
		*ret_counts = r.counts;
}

/* ---- the API's objects ---- */

void decode_json_object(struct decoder *d, unsigned kind, struct json_object *object, decode_fn fn,
			void *ctx)
{
	struct run r = { .d = d, .fn = fn, .ctx = ctx };
	struct decode_problem p;
	struct node *n;

	begin(&r);
	arena_reset(d->tree);
	if (!node_from_json(d->tree, &d->limits, object, &n, &p)) {
		problems_add(&r.problems, true, p.reason, NULL, 0, "%s", p.message);
	} else if (n->type != NODE_MAP) {
		problems_add(&r.problems, true, "WrongType", NULL, 0, "must be an object, not %s",
			     node_type_name(n));
	} else {
		decode_object(&r, kind, n, NULL, false);
		return;
	}
	emit_unreadable(&r, 0);
}

void decode_protobuf(struct decoder *d, unsigned kind, const void *bytes, size_t len, decode_fn fn,
		     void *ctx)
{
	struct run r = { .d = d, .fn = fn, .ctx = ctx };
	struct decoded o = { .kind = kind };
	ProtobufCMessage *m = NULL;

	begin(&r);
	arena_reset(d->tree);
	if (len <= d->limits.bytes)
		m = protobuf_c_message_unpack(object_kind(kind)->descriptor, arena_pb(d->tree), len,
					      bytes);
	if (m && message_canonical(&d->schemas, m)) {
		finish(&r, &o, NULL, m, false);
		return;
	}
	problems_add(&r.problems, true, "Syntax", NULL, 0, "not a valid protobuf encoding of %s",
		     object_kind(kind)->kind);
	emit(&r, &o);
}

/* ---- other messages ---- */

struct one {
	struct decoder *d;
	const ProtobufCMessageDescriptor *type;
	struct problems problems;
	ProtobufCMessage *message;
};

/* Its strings are the tree's, which goes with the document. */
static ProtobufCMessage *keep(struct decoder *d, const ProtobufCMessage *m)
{
	size_t n = protobuf_c_message_get_packed_size(m);
	uint8_t *bytes = arena_alloc(d->objects, n + 1);

	(void)protobuf_c_message_pack(m, bytes);
	m = protobuf_c_message_unpack(m->descriptor, arena_pb(d->objects), n, bytes);
	assert(m);
	return (ProtobufCMessage *)m;
}

static bool on_message(void *ctx, unsigned document, unsigned line, struct node *root,
		       const struct decode_problem *p)
{
	struct one *o = ctx;

	if (root && root->type == NODE_NULL)
		return true;
	if (!root && p)
		problems_add(&o->problems, true, p->reason, NULL, p->line, "%s", p->message);
	else if (root && document > 1 && o->message)
		problems_add(&o->problems, true, "WrongType", NULL, line,
			     "must be one document, not several");
	else if (root && root->type != NODE_MAP)
		problems_add(&o->problems, true, "WrongType", NULL, line,
			     "must be a mapping, not %s", node_type_name(root));
	else if (root)
		o->message = keep(o->d, message_from_node(o->d->objects, &o->d->schemas, o->type,
							  root, NULL, &o->problems));
	return !o->problems.failed;
}

int decode_message(struct decoder *d, enum decode_format format,
		   const ProtobufCMessageDescriptor *type, const char *text, size_t len,
		   ProtobufCMessage **ret, const struct decode_problem **ret_problems,
		   size_t *ret_n_problems)
{
	struct one o = { .d = d, .type = type };

	arena_reset(d->objects);
	problems_begin(&o.problems, d->objects, d->limits.problems);
	if (len > d->limits.bytes)
		problems_add(&o.problems, true, "TooLarge", NULL, 0, "is larger than %zu bytes",
			     d->limits.bytes);
	else if (format == DECODE_YAML)
		node_read_yaml(d->tree, &d->limits, text, len, on_message, &o);
	else
		node_read_json(d->tree, &d->limits, text, len, on_message, &o);
	if (!o.problems.failed && !o.message)
		problems_add(&o.problems, true, "Required", NULL, 0, "is empty");
	problems_end(&o.problems);
	*ret_problems = o.problems.list;
	*ret_n_problems = o.problems.n;
	if (o.problems.failed)
		return -EBADMSG;
	*ret = o.message;
	return 0;
}

/* ---- for people ---- */

void decode_problem_print(struct strbuf *out, const char *file, unsigned document,
			  const struct decode_problem *p)
{
	strbuf_puts(out, file);
	if (document)
		strbuf_printf(out, ", document %u", document);
	if (p->line)
		strbuf_printf(out, ", line %u", p->line);
	strbuf_printf(out, ": %s%s%s", p->field, *p->field ? ": " : "", p->message);
}
