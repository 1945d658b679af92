/* A state as frames: snapshots, deltas and the keys still to be sent. Also writes streams. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/strbuf.h"
#include "common/base/wire.h"
#include "common/link/feed.h"
#include "common/link/frame-item.h"
#include "common/link/frame.h"
#include "ipc.pb-c.h"

/* A value of this size is not copied into the output, the item is held until it is written. */
#define BY_REFERENCE_MIN (32u * 1024)

enum {
	TAG_ITEMS_ITEM = 1 << 3 | WIRE_BYTES,
	TAG_DELTA_SINCE = 1 << 3 | WIRE_VARINT,
	TAG_DELTA_SOURCE = 2 << 3 | WIRE_VARINT,
	TAG_DELTA_ORIGIN = 8 << 3 | WIRE_FIXED64,
	TAG_DELTA_PUT = 3 << 3 | WIRE_BYTES,
	TAG_DELTA_REMOVE = 4 << 3 | WIRE_BYTES,
	TAG_DELTA_MORE = 5 << 3 | WIRE_VARINT,
	TAG_DELTA_COUNT = 6 << 3 | WIRE_VARINT,
	TAG_DELTA_DIGEST = 7 << 3 | WIRE_FIXED64,
};

#define KIND_SIZE sizeof(uint32_t)

struct feed_key {
	bool peer_has;
	size_t len;
	char bytes[]; /* the kind, then the key */
};

static const void *feed_key_of(const void *entry, size_t *ret_len)
{
	const struct feed_key *k = entry;

	*ret_len = k->len;
	return k->bytes;
}

static uint32_t key_kind(const struct feed_key *k)
{
	uint32_t kind;

	memcpy(&kind, k->bytes, KIND_SIZE);
	return kind;
}

/* ---- changes ---- */

/* The key changes; had: it existed before, has: it exists now. A key that the receiver does not
 * have and that is gone again is forgotten, so `dirty` never outgrows both states together. */
static void mark(struct feed_peer *p, const struct item *i, bool had, bool has)
{
	char bytes[KIND_SIZE + FRAME_KEY_MAX];
	size_t len = KIND_SIZE + i->key_len;
	uint32_t kind = i->kind;
	struct feed_key *k;

	memcpy(bytes, &kind, KIND_SIZE);
	memcpy(bytes + KIND_SIZE, item_key(i), i->key_len);
	k = hashmap_get(&p->dirty, bytes, len);
	if (k) {
		if (!has && !k->peer_has)
			free(hashmap_remove(&p->dirty, bytes, len));
		return;
	}
	k = xmalloc(sizeof(*k) + len);
	k->peer_has = had;
	k->len = len;
	memcpy(k->bytes, bytes, len);
	(void)hashmap_put(&p->dirty, k);
}

static void on_change(void *ctx, struct item *before, struct item *after)
{
	struct feed *f = ctx;

	if (before && !frame_item_fits(before)) {
		f->unfit_count--;
		f->unfit_digest -= before->hash;
		before = NULL;
	}
	if (after && !frame_item_fits(after)) {
		f->unfit_count++;
		f->unfit_digest += after->hash;
		after = NULL;
	}
	if (!before && !after)
		return;
	for (struct feed_peer *p = f->peers; p; p = p->next)
		if (p->based)
			mark(p, after ? after : before, before, after);
}

static void on_commit(void *ctx)
{
	struct feed *f = ctx;

	if (f->commit)
		f->commit(f->ctx);
}

void feed_init(struct feed *f, struct state *state, void (*commit)(void *ctx), void *ctx)
{
	struct item *i;

	*f = (struct feed){
		.state = state,
		.observer = { on_change, on_commit, f, NULL },
		.commit = commit,
		.ctx = ctx,
	};
	for (size_t pos = 0; (i = state_next(state, &pos));)
		if (!frame_item_fits(i)) {
			f->unfit_count++;
			f->unfit_digest += i->hash;
		}
	state_observe(state, &f->observer);
}

void feed_done(struct feed *f)
{
	if (!f->state)
		return;
	assert(!f->peers);
	state_unobserve(f->state, &f->observer);
	f->state = NULL;
}

/* ---- a receiver ---- */

void feed_peer_init(struct feed_peer *p, struct feed *f)
{
	*p = (struct feed_peer){ .feed = f, .dirty = HASHMAP_INIT(feed_key_of), .next = f->peers };
	f->peers = p;
}

static void drop_dirty(struct feed_peer *p)
{
	struct feed_key *k;

	HASHMAP_FOREACH (&p->dirty, k)
		free(k);
	hashmap_done(&p->dirty);
}

/* Values that were handed out stay valid: by-reference values hold their own references. */
static void end_transfer(struct feed_peer *p)
{
	for (size_t i = 0; i < p->n_puts; i++)
		item_unref(p->puts[i]);
	for (size_t i = 0; i < p->n_removes; i++)
		free(p->removes[i]);
	free(TAKE_PTR(p->puts));
	free(TAKE_PTR(p->removes));
	p->n_puts = p->cap_puts = p->next_put = 0;
	p->n_removes = p->cap_removes = p->next_remove = 0;
	p->transfer = FEED_IDLE;
	p->begun = p->ended = false;
}

void feed_peer_done(struct feed_peer *p)
{
	if (!p->feed)
		return;
	for (struct feed_peer **at = &p->feed->peers; *at; at = &(*at)->next)
		if (*at == p) {
			*at = p->next;
			break;
		}
	end_transfer(p);
	drop_dirty(p);
	p->feed = NULL;
}

static void add_put(struct feed_peer *p, struct item *i)
{
	GROW(p->puts, p->n_puts, p->cap_puts);
	p->puts[p->n_puts++] = item_ref(i);
}

static void list_snapshot(struct feed_peer *p)
{
	const struct state *s = p->feed->state;
	struct item *i;

	drop_dirty(p);
	for (size_t pos = 0; (i = state_next(s, &pos));)
		if (frame_item_fits(i))
			add_put(p, i);
}

static void list_delta(struct feed_peer *p)
{
	struct feed_key *k;

	HASHMAP_FOREACH (&p->dirty, k) {
		struct item *i = state_get(p->feed->state, key_kind(k), k->bytes + KIND_SIZE,
					   k->len - KIND_SIZE);

		if (i && frame_item_fits(i)) {
			add_put(p, i);
			free(k);
		} else {
			GROW(p->removes, p->n_removes, p->cap_removes);
			p->removes[p->n_removes++] = k;
		}
	}
	hashmap_done(&p->dirty);
}

static int compare_bytes(const char *a, size_t a_len, const char *b, size_t b_len)
{
	int r = memcmp(a, b, MIN(a_len, b_len));

	return r ? r : (a_len > b_len) - (a_len < b_len);
}

static int compare_items(const void *a, const void *b)
{
	const struct item *x = *(struct item *const *)a, *y = *(struct item *const *)b;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	return compare_bytes(item_key(x), x->key_len, item_key(y), y->key_len);
}

static int compare_keys(const void *a, const void *b)
{
	const struct feed_key *x = *(struct feed_key *const *)a, *y = *(struct feed_key *const *)b;

	if (key_kind(x) != key_kind(y))
		return key_kind(x) < key_kind(y) ? -1 : 1;
	return compare_bytes(x->bytes, x->len, y->bytes, y->len);
}

/* Fixes the content of the next transfer: the state as it was last committed. */
static bool begin_transfer(struct feed_peer *p)
{
	const struct feed *f = p->feed;
	const struct state *s = f->state;

	if (!state_complete(s) || state_dirty(s))
		return false;
	if (p->based && p->acked_generation == state_generation(s))
		return false;
	p->transfer = p->based ? FEED_DELTA : FEED_SNAPSHOT;
	if (p->transfer == FEED_SNAPSHOT)
		list_snapshot(p);
	else
		list_delta(p);
	if (p->sorted && p->n_puts)
		qsort(p->puts, p->n_puts, sizeof(*p->puts), compare_items);
	if (p->sorted && p->n_removes)
		qsort(p->removes, p->n_removes, sizeof(*p->removes), compare_keys);
	p->based = true;
	p->generation = state_generation(s);
	p->source = state_source(s);
	p->origin = state_origin(s);
	p->count = state_count(s) - f->unfit_count;
	p->digest = state_digest(s) - f->unfit_digest;
	return true;
}

int feed_peer_ack(struct feed_peer *p, uint64_t generation)
{
	if (p->transfer == FEED_IDLE || !p->ended || generation != p->generation)
		return -EPROTO;
	end_transfer(p);
	p->acked = true;
	p->acked_generation = generation;
	return 0;
}

void feed_peer_resync(struct feed_peer *p)
{
	end_transfer(p);
	drop_dirty(p);
	p->based = p->acked = false;
}

bool feed_peer_busy(const struct feed_peer *p)
{
	return p->transfer != FEED_IDLE;
}

bool feed_peer_in_sync(const struct feed_peer *p)
{
	const struct state *s = p->feed->state;

	if (!state_complete(s))
		return true;
	return !feed_peer_busy(p) && p->acked && p->acked_generation == state_generation(s);
}

/* ---- frames ---- */

static void add_message(struct evbuffer *out, enum frame_type type, uint64_t generation,
			const ProtobufCMessage *m)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;

	frame_append(&b, type, generation, m);
	(void)evbuffer_add(out, b.s, b.len);
}

static uint8_t *put_header(uint8_t *at, enum frame_type type, uint64_t generation, size_t length)
{
	struct frame_header h = {
		.length = (uint32_t)length,
		.type = (uint16_t)type,
		.major = FRAME_MAJOR,
		.minor = FRAME_MINOR,
		.generation = generation,
	};

	assert(length <= frame_type((uint16_t)type)->max_length);
	frame_header_encode(&h, at);
	return at + FRAME_HEADER_SIZE;
}

static size_t embedded_size(size_t size)
{
	return 1 + wire_varint_size(size) + size;
}

/* Returns how many of the puts from next_put on go into the next frame (at least one), and their
 * bytes. */
static size_t batch(const struct feed_peer *p, size_t *ret_bytes)
{
	size_t n = 0, bytes = 0;

	for (size_t i = p->next_put; i < p->n_puts; i++, n++) {
		size_t size = embedded_size(frame_item_size(p->puts[i]));

		if (n && bytes + size > FRAME_BATCH_BYTES)
			break;
		bytes += size;
	}
	*ret_bytes = bytes;
	return n;
}

static size_t batch_removes(const struct feed_peer *p, size_t room, size_t *ret_bytes)
{
	size_t n = 0, bytes = 0;

	for (size_t i = p->next_remove; i < p->n_removes; i++, n++) {
		const struct feed_key *k = p->removes[i];
		size_t size = embedded_size(frame_item_key_size(key_kind(k), k->len - KIND_SIZE));

		if (bytes + size > room)
			break;
		bytes += size;
	}
	*ret_bytes = bytes;
	return n;
}

static void unref_item(const void *data _unused_, size_t len _unused_, void *ctx)
{
	item_unref(ctx);
}

/* Adds the bytes written to b so far, then the value without a copy. */
static void add_value(struct evbuffer *out, struct strbuf *b, struct item *i)
{
	(void)evbuffer_add(out, b->s, b->len);
	b->len = 0;
	(void)evbuffer_add_reference(out, item_value(i), i->value_len, unref_item, item_ref(i));
}

static void add_items(struct feed_peer *p, struct evbuffer *out, struct strbuf *b, uint8_t tag,
		      size_t n)
{
	for (; n; n--) {
		struct item *i = p->puts[p->next_put++];
		size_t head = frame_item_head_size(i), copied;
		uint8_t *at;

		copied = i->value_len < BY_REFERENCE_MIN ? i->value_len : 0;
		at = (uint8_t *)strbuf_room(b, embedded_size(head + copied) + 8);
		*at++ = tag;
		at = wire_put_varint(at, head + i->value_len);
		at = frame_item_put_head(at, i);
		if (copied)
			memcpy(at, item_value(i), copied);
		b->len = (size_t)((char *)at + copied - b->s);
		if (copied < i->value_len)
			add_value(out, b, i);
	}
}

static void add_snapshot_items(struct feed_peer *p, struct evbuffer *out)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	size_t bytes, n = batch(p, &bytes);
	char *at = strbuf_room(&b, FRAME_HEADER_SIZE + MIN(bytes, (size_t)FRAME_BATCH_BYTES));

	(void)put_header((uint8_t *)at, FRAME_SNAPSHOT_ITEMS, p->generation, bytes);
	b.len = FRAME_HEADER_SIZE;
	add_items(p, out, &b, TAG_ITEMS_ITEM, n);
	if (b.len)
		(void)evbuffer_add(out, b.s, b.len);
}

static int next_of_snapshot(struct feed_peer *p, struct evbuffer *out)
{
	Portolan__Ipc__SnapshotEnd end = PORTOLAN__IPC__SNAPSHOT_END__INIT;

	if (!p->begun) {
		Portolan__Ipc__SnapshotBegin m = PORTOLAN__IPC__SNAPSHOT_BEGIN__INIT;

		m.has_source = m.has_count = true;
		m.source = p->source;
		m.count = p->count;
		m.has_origin = p->origin != 0;
		m.origin = p->origin;
		add_message(out, FRAME_SNAPSHOT_BEGIN, p->generation, &m.base);
		p->begun = true;
		return FRAME_SNAPSHOT_BEGIN;
	}
	if (p->next_put < p->n_puts) {
		add_snapshot_items(p, out);
		return FRAME_SNAPSHOT_ITEMS;
	}
	end.has_count = end.has_digest = true;
	end.count = p->count;
	end.digest = p->digest;
	add_message(out, FRAME_SNAPSHOT_END, p->generation, &end.base);
	p->ended = true;
	return FRAME_SNAPSHOT_END;
}

#define DELTA_FIELDS_MAX 64 /* bytes of everything but puts and removes */

/* since and source first, items then, the end last: the receiver needs them in no order, but a
 * frame is easier to read so. */
static int next_of_delta(struct feed_peer *p, struct evbuffer *out)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	uint8_t head[DELTA_FIELDS_MAX], tail[DELTA_FIELDS_MAX], *h = head, *t = tail;
	size_t put_bytes, remove_bytes = 0, n_removes = 0, n_puts = batch(p, &put_bytes);

	if (put_bytes < FRAME_BATCH_BYTES)
		n_removes = batch_removes(p, FRAME_BATCH_BYTES - put_bytes, &remove_bytes);
	p->ended = p->next_put + n_puts == p->n_puts && p->next_remove + n_removes == p->n_removes;
	*h++ = TAG_DELTA_SINCE;
	h = wire_put_varint(h, p->acked_generation);
	*h++ = TAG_DELTA_SOURCE;
	h = wire_put_varint(h, p->source);
	if (p->origin) {
		*h++ = TAG_DELTA_ORIGIN;
		h = wire_put_fixed64(h, p->origin);
	}
	if (!p->ended) {
		*t++ = TAG_DELTA_MORE;
		*t++ = 1;
	} else {
		*t++ = TAG_DELTA_COUNT;
		t = wire_put_varint(t, p->count);
		*t++ = TAG_DELTA_DIGEST;
		t = wire_put_fixed64(t, p->digest);
	}
	(void)put_header((uint8_t *)strbuf_room(&b, FRAME_HEADER_SIZE), FRAME_DELTA, p->generation,
			 (size_t)(h - head) + put_bytes + remove_bytes + (size_t)(t - tail));
	b.len = FRAME_HEADER_SIZE;
	strbuf_add(&b, head, (size_t)(h - head));
	add_items(p, out, &b, TAG_DELTA_PUT, n_puts);
	for (; n_removes; n_removes--) {
		const struct feed_key *k = p->removes[p->next_remove++];
		size_t len = k->len - KIND_SIZE, size = frame_item_key_size(key_kind(k), len);
		uint8_t *at = (uint8_t *)strbuf_room(&b, embedded_size(size));

		*at++ = TAG_DELTA_REMOVE;
		at = wire_put_varint(at, size);
		at = frame_item_put_key(at, key_kind(k), k->bytes + KIND_SIZE, len);
		b.len = (size_t)((char *)at - b.s);
	}
	strbuf_add(&b, tail, (size_t)(t - tail));
	(void)evbuffer_add(out, b.s, b.len);
	return FRAME_DELTA;
}

int feed_peer_next(struct feed_peer *p, struct evbuffer *out)
{
	if (p->transfer == FEED_IDLE && !begin_transfer(p))
		return 0;
	if (p->ended)
		return 0;
	return p->transfer == FEED_SNAPSHOT ? next_of_snapshot(p, out) : next_of_delta(p, out);
}
