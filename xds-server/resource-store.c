/* The served world, kept by observing the mirror of the translator's resources.
 *
 * A version is encoded once, when the first stream sends it, and shared; unchanged parts keep their
 * bytes from version to version. */
#include <assert.h>
#include <event2/util.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/small.h"
#include "common/base/wire.h"
#include "xds-server/resource-parts.h"
#include "xds-server/resource-store.h"

/* Above this, encodings are dropped at once; a stream that is sending one still holds it. */
#define ENCODED_BYTES_MAX (64u << 20)
/* Shorter runs are not kept for other streams. */
#define RUN_KEPT_MIN 16384
/* This many calls of resource_store_trim() keep the bytes of parts that served several versions. */
#define PARTS_IDLE_MAX 60

static int compare_keys(const void *a, size_t a_len, const void *b, size_t b_len)
{
	int r = memcmp(a, b, MIN(a_len, b_len));

	return r ? r : (a_len > b_len) - (a_len < b_len);
}

int resource_compare_names(const void *a, const void *b)
{
	const struct resource *x = *(struct resource *const *)a, *y = *(struct resource *const *)b;

	return compare_keys(x->name, x->name_len, y->name, y->name_len);
}

uint64_t resource_version_hash(const char *version, size_t len)
{
	uint64_t hash = XXH3_64bits(version, len);

	return hash ? hash : 1;
}

/* ---- names ---- */

static const void *name_of(const void *entry, size_t *ret_len)
{
	const struct resource *r = entry;

	*ret_len = r->name_len;
	return r->name;
}

struct resource *resource_store_find(const struct resource_store *s, unsigned kind,
				     const char *name, size_t len)
{
	return hashmap_get(&s->tables[kind].names, name, len);
}

struct resource *resource_store_by_id(const struct resource_store *s, unsigned kind, uint32_t id)
{
	const struct resource_table *t = &s->tables[kind];

	return id < t->n_ids ? t->by_id[id] : NULL;
}

struct resource *resource_ref(struct resource *r)
{
	resource_base(r)->refs++;
	return r;
}

/* The item served under this name, to Envoys of newer versions or to others. */
static struct resource *version_for(struct resource *r, bool newer)
{
	r = resource_base(r);
	return newer && r->newer && r->newer->item ? r->newer : r;
}

/* Another one under the same name and number, which lives as long. */
static struct resource *make_stand_in(struct resource *r, unsigned item_kind)
{
	struct resource *n = small_zalloc(sizeof(*n) + r->name_len + 1u);

	n->of = r;
	n->id = r->id;
	n->kind = r->kind;
	n->item_kind = (uint8_t)item_kind;
	n->name_len = r->name_len;
	n->turn = r->turn;
	memcpy(n->name, r->name, r->name_len);
	return n;
}

struct resource *resource_for_fleet(struct resource *r, const struct fleet *fleet, bool newer)
{
	r = resource_base(r);
	if (fleet_set_has(r->fleets, fleet))
		return version_for(r, newer);
	if (!r->hidden)
		r->hidden = make_stand_in(r, r->kind);
	return r->hidden;
}

/* About, with its places in tables. */
static size_t memory_of(const struct resource *r)
{
	return sizeof(*r) + r->name_len + 64;
}

struct resource *resource_store_intern(struct resource_store *s, unsigned kind, const char *name,
				       size_t len)
{
	struct resource_table *t = &s->tables[kind];
	struct resource *r = resource_store_find(s, kind, name, len);

	assert(len <= RESOURCE_NAME_MAX);
	if (r)
		return resource_ref(r);
	r = small_zalloc(sizeof(*r) + len + 1);
	r->refs = 1;
	r->kind = r->item_kind = (uint8_t)kind;
	r->name_len = (uint16_t)len;
	memcpy(r->name, name, len);
	if (t->n_free) {
		r->id = t->free_ids[--t->n_free];
	} else {
		GROW(t->by_id, t->n_ids, t->cap_ids);
		r->id = t->n_ids++;
	}
	t->by_id[r->id] = r;
	(void)hashmap_put(&t->names, r);
	s->foreign_bytes += memory_of(r);
	return r;
}

/* The bytes of its parts stay. */
static void drop_encoded(struct resource_store *s, struct resource *r)
{
	if (!r->encoded)
		return;
	s->encoded_bytes -= r->encoded->b[0]->len;
	encoding_unref(TAKE_PTR(r->encoded));
}

static void drop_parts_encoded(struct resource_store *s, struct resource *r)
{
	if (!r->parts)
		return;
	s->encoded_bytes -= r->parts->cached;
	parts_forget(r->parts);
}

static void drop_parts(struct resource_store *s, struct resource *r)
{
	drop_parts_encoded(s, r);
	parts_free(TAKE_PTR(r->parts));
}

static void content_free(struct resource_store *s, struct resource *r)
{
	drop_encoded(s, r);
	drop_parts(s, r);
	item_unref(r->item);
}

static void resource_free(struct resource *r)
{
	if (r)
		small_free(r, sizeof(*r) + r->name_len + 1u);
}

void resource_store_unref(struct resource_store *s, struct resource *r)
{
	struct resource_table *t;

	if (!r)
		return;
	r = resource_base(r);
	assert(r->refs > 0);
	if (--r->refs)
		return;
	t = &s->tables[r->kind];
	s->foreign_bytes -= memory_of(r);
	(void)hashmap_remove(&t->names, r->name, r->name_len);
	t->by_id[r->id] = NULL;
	GROW(t->free_ids, t->n_free, t->cap_free);
	t->free_ids[t->n_free++] = r->id;
	resource_store_unref(s, r->endpoints);
	content_free(s, r);
	if (r->newer)
		content_free(s, r->newer);
	resource_free(r->newer);
	resource_free(r->hidden);
	fleet_set_unref(&s->fleets, r->fleets);
	resource_free(r);
}

struct resource **resource_store_sorted(struct resource_store *s, unsigned kind, size_t *ret_n)
{
	struct resource_table *t = &s->tables[kind];

	if (!t->sorted_valid) {
		t->sorted = xreallocarray(t->sorted, t->count + 1, sizeof(*t->sorted));
		t->n_sorted = 0;
		for (uint32_t i = 0; i < t->n_ids; i++)
			if (t->by_id[i] && t->by_id[i]->item)
				t->sorted[t->n_sorted++] = t->by_id[i];
		assert(t->n_sorted == t->count);
		qsort(t->sorted, t->n_sorted, sizeof(*t->sorted), resource_compare_names);
		t->sorted_valid = true;
	}
	*ret_n = t->n_sorted;
	return t->sorted;
}

/* ---- changes ---- */

/* The resource that an item or part of this kind belongs to; the caller gets a reference. */
static struct resource *place_of(struct resource_store *s, unsigned kind, const char *name,
				 size_t len)
{
	unsigned of = resource_kind(kind)->in_place_of;
	struct resource *r = resource_store_intern(s, of ? of : kind, name, len);

	if (!of)
		return r;
	if (!r->newer)
		r->newer = make_stand_in(r, kind);
	return r->newer;
}

/* Stands in changed[] with a reference until the commit is over. */
static void mark(struct resource_store *s, struct resource *r)
{
	r = resource_base(r);
	if (r->changed)
		return;
	r->changed = true;
	GROW(s->changed, s->n_changed, s->cap_changed);
	s->changed[s->n_changed++] = resource_ref(r);
}

static void change_part(struct resource_store *s, unsigned kind, struct item *before,
			struct item *after)
{
	const struct item *i = after ? after : before;
	size_t len = strnlen(item_key(i), i->key_len);
	struct resource *r;

	if (len > RESOURCE_NAME_MAX)
		return;
	r = place_of(s, kind, item_key(i), len);
	/* The first part, and so the list of parts, holds a reference. */
	if (!r->parts) {
		r->parts = parts_new();
		(void)resource_ref(r);
	}
	s->encoded_bytes -= r->parts->cached;
	parts_change(r->parts, before, after);
	s->encoded_bytes += r->parts->cached;
	mark(s, r);
	if (r->parts->n == 0) {
		drop_parts(s, r);
		resource_store_unref(s, r);
	}
	resource_store_unref(s, r);
}

/* "KIND", a NUL, the name; kinds that replace others have no set of their own. */
static bool parse_set_key(const struct item *i, unsigned *ret_kind, const char **ret_name,
			  size_t *ret_len)
{
	const char *nul = memchr(i->data, '\0', i->key_len);

	if (!nul)
		return false;
	*ret_kind = (unsigned)strtoul(i->data, NULL, 10);
	*ret_name = nul + 1;
	*ret_len = i->key_len - (size_t)(nul + 1 - i->data);
	return *ret_kind < RESOURCE_KIND_MAX_ && resource_kind(*ret_kind) &&
	       *ret_len <= RESOURCE_NAME_MAX;
}

/* A resource with a set has a reference from it. */
static void change_fleets(struct resource_store *s, struct item *before, struct item *after)
{
	struct resource *r;
	const char *name;
	unsigned kind;
	size_t len;

	if (!parse_set_key(after ? after : before, &kind, &name, &len))
		return;
	r = resource_store_intern(s, kind, name, len);
	if (after && !r->fleets)
		(void)resource_ref(r);
	mark(s, r);
	if (!after && r->fleets) {
		fleet_set_unref(&s->fleets, TAKE_PTR(r->fleets));
		resource_store_unref(s, r);
	} else if (after) {
		fleet_set_unref(&s->fleets, r->fleets);
		r->fleets = fleet_set_of(&s->fleets, after);
	}
	resource_store_unref(s, r);
}

static void on_change(void *ctx, struct item *before, struct item *after)
{
	struct resource_store *s = ctx;
	const struct item *i = after ? after : before;
	struct resource *r;

	if (i->kind > RESOURCE_PART && resource_kind(i->kind - RESOURCE_PART)) {
		change_part(s, i->kind - RESOURCE_PART, before, after);
		return;
	}
	if (i->kind == RESOURCE_FLEET)
		fleets_change(&s->fleets, i, after != NULL);
	else if (i->kind == RESOURCE_FLEET_SET)
		change_fleets(s, before, after);
	if (!resource_kind(i->kind) || i->key_len > RESOURCE_NAME_MAX)
		return;
	r = place_of(s, i->kind, item_key(i), i->key_len);
	item_unref(r->item);
	r->item = after ? item_ref(after) : NULL;
	mark(s, r);
	resource_store_unref(s, r);
}

/* Cluster.name = 1, .eds_cluster_config = 3 { service_name = 2 } (envoy/config/cluster/v3). Returns
 * the name under which the cluster asks for its endpoints, or NULL if it does not. */
static const char *endpoints_of(const struct item *cluster, size_t *ret_len)
{
	struct wire w = { item_value(cluster), item_value(cluster) + cluster->value_len };
	const uint8_t *name = (const uint8_t *)"", *service = NULL;
	size_t name_len = 0, service_len = 0;
	struct wire_field f, g;
	bool eds = false;

	while (wire_next(&w, &f) > 0) {
		if (f.type != WIRE_BYTES)
			continue;
		if (f.number == 1) {
			name = f.data;
			name_len = f.len;
		} else if (f.number == 3) {
			struct wire inner = { f.data, f.data + f.len };

			eds = true;
			while (wire_next(&inner, &g) > 0)
				if (g.number == 2 && g.type == WIRE_BYTES) {
					service = g.data;
					service_len = g.len;
				}
		}
	}
	if (!eds)
		return NULL;
	*ret_len = service_len ? service_len : name_len;
	return (const char *)(service_len ? service : name);
}

static void follow_endpoints(struct resource_store *s, struct resource *r)
{
	struct resource *before = TAKE_PTR(r->endpoints);
	size_t len;

	if (r->item) {
		const char *name = endpoints_of(r->item, &len);

		if (name && len <= RESOURCE_NAME_MAX)
			r->endpoints = resource_store_intern(s, RESOURCE_ENDPOINT, name, len);
	}
	resource_store_unref(s, before);
}

uint64_t resource_version_before(const struct resource *r, bool newer)
{
	return newer && r->newer && r->newer->version_before ? r->newer->version_before
							     : r->version_before;
}

/* Updates the fields that follow from item and parts. */
static void settle(struct resource_store *s, struct resource *r)
{
	struct resource_table *t = &s->tables[r->kind];
	bool exists = r->item != NULL;

	if (r->newer)
		settle(s, r->newer);
	if (r->hidden)
		r->hidden->turn = s->turn;
	r->turn = s->turn;
	r->version_before = r->version;
	r->version = exists ? resource_version_hash(item_meta(r->item), r->item->meta_len) : 0;
	drop_encoded(s, r);
	if (r->kind == RESOURCE_CLUSTER)
		follow_endpoints(s, r);
	if (exists == r->exists)
		return;
	r->exists = exists;
	if (!r->of) {
		t->sorted_valid = false;
		t->count += exists ? 1 : (size_t)-1;
		s->foreign_bytes += exists ? -memory_of(r) : memory_of(r);
	}
	if (exists)
		(void)resource_ref(r);
	else
		resource_store_unref(s, r);
}

static void on_commit(void *ctx)
{
	struct resource_store *s = ctx;

	pieces_clear(&s->pieces);
	s->turn++;
	s->turns[s->turn % RESOURCE_TURNS].source = state_source(s->state);
	s->turns[s->turn % RESOURCE_TURNS].at = clock_monotonic();
	for (size_t i = 0; i < s->n_changed; i++)
		settle(s, s->changed[i]);
	if (s->ops->commit)
		s->ops->commit(s->ctx);
	for (size_t i = 0; i < s->n_changed; i++) {
		s->changed[i]->changed = false;
		resource_store_unref(s, s->changed[i]);
	}
	s->n_changed = 0;
	/* The first world is large, changes are small. */
	if (s->cap_changed > 4096) {
		free(TAKE_PTR(s->changed));
		s->cap_changed = 0;
	}
}

struct resource_store *resource_store_new(struct state *state, const struct resource_store_ops *ops,
					  void *ctx)
{
	struct resource_store *s = xnew(struct resource_store, 1);

	s->state = state;
	s->ops = ops;
	s->ctx = ctx;
	for (unsigned k = 0; k < RESOURCE_KIND_MAX_; k++)
		s->tables[k].names = HASHMAP_INIT_SMALL(name_of);
	fleets_init(&s->fleets);
	evutil_secure_rng_get_bytes(&s->wordings, sizeof(s->wordings));
	s->observer = (struct state_observer){ .change = on_change, .commit = on_commit, .ctx = s };
	state_observe(state, &s->observer);
	return s;
}

void resource_store_begin(struct resource_store *s)
{
	struct item *i;
	size_t pos = 0;

	assert(s->turn == 0 && s->n_changed == 0);
	while ((i = state_next(s->state, &pos)))
		on_change(s, NULL, i);
	if (state_complete(s->state))
		on_commit(s);
}

/* The store's own references. */
static void let_go(struct resource_store *s, struct resource *r)
{
	if (r && r->parts) {
		drop_parts(s, r);
		resource_store_unref(s, r);
	}
	if (r && r->fleets) {
		fleet_set_unref(&s->fleets, TAKE_PTR(r->fleets));
		resource_store_unref(s, r);
	}
	if (r && r->exists)
		resource_store_unref(s, r);
}

void resource_store_free(struct resource_store *s)
{
	if (!s)
		return;
	state_unobserve(s->state, &s->observer);
	for (size_t i = 0; i < s->n_changed; i++)
		resource_store_unref(s, s->changed[i]);
	for (size_t i = 0; i < s->n_encoded; i++)
		resource_store_unref(s, s->encoded[i]);
	for (unsigned k = 0; k < RESOURCE_KIND_MAX_; k++) {
		struct resource_table *t = &s->tables[k];

		/* Streams have gone before. */
		for (uint32_t i = 0; i < t->n_ids; i++) {
			struct resource *r = t->by_id[i];

			if (!r)
				continue;
			(void)resource_ref(r);
			let_go(s, r->newer);
			let_go(s, r);
			resource_store_unref(s, r);
		}
	}
	for (unsigned k = 0; k < RESOURCE_KIND_MAX_; k++) {
		struct resource_table *t = &s->tables[k];

		assert(t->names.n == 0);
		hashmap_done(&t->names);
		free(t->by_id);
		free(t->free_ids);
		free(t->sorted);
	}
	fleets_done(&s->fleets);
	pieces_clear(&s->pieces);
	free(s->changed);
	free(s->encoded);
	free(s);
}

bool resource_store_complete(const struct resource_store *s)
{
	return s->turn > 0;
}

uint64_t resource_store_source_before(const struct resource_store *s, uint64_t turn)
{
	if (turn < 2 || turn > s->turn + 1 || s->turn - (turn - 1) >= RESOURCE_TURNS)
		return 0;
	return s->turns[(turn - 1) % RESOURCE_TURNS].source;
}

int64_t resource_store_time_of(const struct resource_store *s, uint64_t turn)
{
	if (turn < 1 || turn > s->turn || s->turn - turn >= RESOURCE_TURNS)
		return 0;
	return s->turns[turn % RESOURCE_TURNS].at;
}

/* ---- encodings ---- */

/* Sizes of the nested pieces; Resource { version = 1, name = 3, resource = 2 { type_url = 1, value
 * = 2 } } (envoy/service/discovery/v3/discovery.proto). */
struct sizes {
	size_t value, any, resource, total, total_any;
};

static size_t field_size(size_t len)
{
	return 1 + wire_varint_size(len) + len;
}

static uint8_t *put_head(uint8_t *p, unsigned number, size_t len)
{
	*p++ = (uint8_t)(number << 3 | WIRE_BYTES);
	return wire_put_varint(p, len);
}

static uint8_t *put_bytes(uint8_t *p, const void *data, size_t len)
{
	if (len)
		memcpy(p, data, len);
	return p + len;
}

static uint8_t *put_field(uint8_t *p, unsigned number, const void *data, size_t len)
{
	return put_bytes(put_head(p, number, len), data, len);
}

static struct sizes sizes_of(const struct resource *r)
{
	struct sizes z;

	assert(r->item);
	z.value = r->item->value_len + (r->parts ? r->parts->bytes : 0);
	z.any = field_size(strlen(resource_kind(r->kind)->type_url)) + field_size(z.value);
	z.total_any = field_size(z.any);
	z.resource = field_size(r->item->meta_len) + field_size(r->name_len) + z.total_any;
	z.total = field_size(z.resource);
	return z;
}

size_t resource_encoded_size(const struct resource *r, size_t *ret_any)
{
	struct sizes z = sizes_of(r);

	if (ret_any)
		*ret_any = z.total_any;
	return z.total;
}

/* Up to the parts. */
static uint8_t *put_any_head(const struct resource *r, uint8_t *p)
{
	const char *url = resource_kind(r->kind)->type_url;
	struct sizes z = sizes_of(r);

	p = put_head(p, 2, z.any);
	p = put_field(p, 1, url, strlen(url));
	p = put_head(p, 2, z.value);
	return put_bytes(p, item_value(r->item), r->item->value_len);
}

static uint8_t *encode_any(struct resource *r, uint8_t *p)
{
	p = put_any_head(r, p);
	return r->parts ? parts_encode(r->parts, p) : p;
}

static uint8_t *put_resource_head(const struct resource *r, uint8_t *p)
{
	p = put_head(p, 2, sizes_of(r).resource);
	p = put_field(p, 1, item_meta(r->item), r->item->meta_len);
	return put_field(p, 3, r->name, r->name_len);
}

uint8_t *resource_encode(struct resource *r, uint8_t *p)
{
	return encode_any(r, put_resource_head(r, p));
}

static struct encoding *encode(struct resource *r)
{
	size_t len = resource_encoded_size(r, NULL), parts = r->parts ? r->parts->bytes : 0;
	size_t n = r->parts ? parts_count_buffers(r->parts) : 0;
	struct encoding *e = encoding_new(1 + n);

	e->len = len;
	e->b[0] = buffer_new(len - parts);
	(void)put_any_head(r, put_resource_head(r, e->b[0]->data));
	if (n)
		parts_buffers(r->parts, e->b + 1);
	return e;
}

static void drop_all_encoded(struct resource_store *s)
{
	for (size_t i = 0; i < s->n_encoded; i++) {
		drop_encoded(s, s->encoded[i]);
		drop_parts_encoded(s, s->encoded[i]);
	}
}

struct encoding *resource_store_encoded(struct resource_store *s, struct resource *r)
{
	r->encoded_idle = 0;
	if (r->encoded)
		return r->encoded;
	if (s->encoded_bytes > ENCODED_BYTES_MAX)
		drop_all_encoded(s);
	s->encoded_bytes -= r->parts ? r->parts->cached : 0;
	r->encoded = encode(r);
	s->encoded_bytes += r->encoded->b[0]->len + (r->parts ? r->parts->cached : 0);
	if (!r->listed) {
		r->listed = true;
		GROW(s->encoded, s->n_encoded, s->cap_encoded);
		s->encoded[s->n_encoded++] = resource_ref(r);
		if (s->n_encoded == 1 && s->ops->keeps)
			s->ops->keeps(s->ctx);
	}
	return r->encoded;
}

struct buffer *resource_store_run(struct resource_store *s, struct resource **r, size_t n,
				  bool delta, size_t bytes)
{
	struct buffer *b = pieces_find(&s->pieces, r, n, delta);
	uint8_t *p;

	if (b)
		return b;
	b = buffer_new(bytes);
	p = b->data;
	for (size_t i = 0; i < n; i++)
		p = delta ? resource_encode(r[i], p) : encode_any(r[i], p);
	assert(p == b->data + bytes);
	if (bytes < RUN_KEPT_MIN)
		return b;
	pieces_keep(&s->pieces, r, n, delta, b);
	if (s->ops->keeps)
		s->ops->keeps(s->ctx);
	return b;
}

/* Drops unused bytes. True if some are kept. */
static bool trim(struct resource_store *s, struct resource *r)
{
	r->encoded_idle = MIN(r->encoded_idle + 1, UINT8_MAX);
	if (r->encoded_idle > 1)
		drop_encoded(s, r);
	if (r->encoded_idle > 1 &&
	    (r->encoded_idle > PARTS_IDLE_MAX || !(r->parts && r->parts->reused)))
		drop_parts_encoded(s, r);
	return r->encoded || (r->parts && r->parts->cached);
}

bool resource_store_trim(struct resource_store *s)
{
	size_t left = 0;

	for (size_t i = 0; i < s->n_encoded; i++) {
		struct resource *r = s->encoded[i];

		if (trim(s, r)) {
			s->encoded[left++] = r;
			continue;
		}
		r->listed = false;
		resource_store_unref(s, r);
	}
	s->n_encoded = left;
	return pieces_trim(&s->pieces) || left > 0;
}
