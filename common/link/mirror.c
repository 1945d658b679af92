/* Frames that become a state: built aside, checked, and applied where they differ. Also reads
 * streams. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/wire.h"
#include "common/link/frame-item.h"
#include "common/link/mirror.h"

void mirror_init(struct mirror *m, struct state *state, uint64_t items_max, uint64_t bytes_max)
{
	*m = (struct mirror){
		.state = state,
		.items_max = items_max ? items_max : MIRROR_ITEMS_MAX,
		.bytes_max = bytes_max ? bytes_max : MIRROR_BYTES_MAX,
	};
}

static void drop_aside(struct mirror *m)
{
	state_free(TAKE_PTR(m->puts));
	state_free(TAKE_PTR(m->removes));
	m->transfer = MIRROR_IDLE;
}

void mirror_restart(struct mirror *m)
{
	drop_aside(m);
	m->holds = false;
}

void mirror_done(struct mirror *m)
{
	drop_aside(m);
}

/* Gives the transfer up. */
static int _printf_(2, 3) lost(struct mirror *m, const char *fmt, ...)
{
	va_list ap;

	drop_aside(m);
	m->transfer = MIRROR_LOST;
	m->holds = false;
	va_start(ap, fmt);
	(void)vsnprintf(m->reason, sizeof(m->reason), fmt, ap);
	va_end(ap);
	return -EBADMSG;
}

static void begin(struct mirror *m, enum mirror_transfer transfer, uint64_t generation,
		  uint64_t source, uint64_t origin)
{
	drop_aside(m);
	m->transfer = transfer;
	m->generation = generation;
	m->source = source;
	m->origin = origin;
	m->puts = state_new();
	m->removes = state_new();
}

/* ---- building aside ---- */

static size_t count_aside(const struct mirror *m)
{
	return state_count(m->puts) + state_count(m->removes);
}

static int check_room(struct mirror *m)
{
	uint64_t items = count_aside(m);
	uint64_t bytes = state_bytes(m->puts) + state_bytes(m->removes);

	if (items > m->items_max || bytes > m->bytes_max)
		return lost(m, "a transfer of more than %" PRIu64 " items or %" PRIu64 " bytes",
			    m->items_max, m->bytes_max);
	return 0;
}

static int read_item(struct mirror *m, const struct wire_field *f, struct frame_item *ret)
{
	int r = frame_item_read(f->data, f->len, ret);

	if (r == -ERANGE)
		return lost(m, "an item of a kind or size that links do not carry");
	return r < 0 ? lost(m, "an item that cannot be decoded") : 0;
}

/* A transfer has each key once: in one of the two states, and not there before. */
static int check_once(struct mirror *m, size_t before, const struct state *other,
		      const struct frame_item *v)
{
	if (count_aside(m) == before || state_get(other, v->kind, (const char *)v->key, v->key_len))
		return lost(m, "two items of one key in a transfer");
	return check_room(m);
}

static int add_put(struct mirror *m, const struct wire_field *f)
{
	struct item *i, *present;
	struct frame_item v;
	size_t before;
	int r;

	if (!m->state)
		return 0;
	r = read_item(m, f, &v);
	if (r < 0)
		return r;
	i = item_new(v.kind, (const char *)v.key, v.key_len, (const char *)v.meta, v.meta_len,
		     v.value, v.value_len);
	/* An item that we already hold is not kept a second time. */
	present = state_get(m->state, i->kind, item_key(i), i->key_len);
	if (present && item_equal(present, i)) {
		item_unref(i);
		i = item_ref(present);
	}
	before = count_aside(m);
	(void)state_put(m->puts, i);
	return check_once(m, before, m->removes, &v);
}

static int add_remove(struct mirror *m, const struct wire_field *f)
{
	struct frame_item v;
	size_t before;
	int r;

	if (!m->state)
		return 0;
	r = read_item(m, f, &v);
	if (r < 0)
		return r;
	before = count_aside(m);
	(void)state_put(m->removes,
			item_new(v.kind, (const char *)v.key, v.key_len, NULL, 0, NULL, 0));
	return check_once(m, before, m->puts, &v);
}

/* ---- applying ---- */

static void put_all(struct mirror *m)
{
	struct item *i;

	for (size_t pos = 0; (i = state_next(m->puts, &pos));)
		(void)state_put(m->state, item_ref(i));
}

static void remove_all(struct mirror *m)
{
	struct item *i;

	for (size_t pos = 0; (i = state_next(m->removes, &pos));)
		(void)state_remove(m->state, i->kind, item_key(i), i->key_len);
}

/* Items of the mirror that the snapshot lacks are removed. */
static void find_removes(struct mirror *m)
{
	struct item *i;

	for (size_t pos = 0; (i = state_next(m->state, &pos));)
		if (!state_get(m->puts, i->kind, item_key(i), i->key_len))
			(void)state_put(m->removes, item_ref(i));
}

static int finish(struct mirror *m)
{
	if (m->state) {
		put_all(m);
		remove_all(m);
	}
	m->holds = true;
	m->held = m->generation;
	drop_aside(m);
	if (!m->state)
		return 1;
	state_set_origin(m->state, m->origin);
	state_commit(m->state, m->source);
	return 1;
}

/* The mirror's content after the delta. */
static void foresee(const struct mirror *m, uint64_t *ret_count, uint64_t *ret_digest)
{
	uint64_t count = state_count(m->state), digest = state_digest(m->state);
	const struct item *i, *before;

	for (size_t pos = 0; (i = state_next(m->puts, &pos));) {
		before = state_get(m->state, i->kind, item_key(i), i->key_len);
		digest += i->hash - (before ? before->hash : 0);
		count += !before;
	}
	for (size_t pos = 0; (i = state_next(m->removes, &pos));) {
		before = state_get(m->state, i->kind, item_key(i), i->key_len);
		digest -= before ? before->hash : 0;
		count -= !!before;
	}
	*ret_count = count;
	*ret_digest = digest;
}

static int check_sums(struct mirror *m, uint64_t count, uint64_t digest, uint64_t have_count,
		      uint64_t have_digest)
{
	if (!m->state)
		return 0;
	if (count != have_count)
		return lost(m, "generation %" PRIu64 " has %" PRIu64 " items, %" PRIu64 " came",
			    m->generation, count, have_count);
	if (digest != have_digest)
		return lost(m, "the digest of generation %" PRIu64 " is wrong", m->generation);
	return 0;
}

/* ---- frames ---- */

enum {
	BEGIN_SOURCE = 1 << 3 | WIRE_VARINT,
	BEGIN_COUNT = 2 << 3 | WIRE_VARINT,
	BEGIN_ORIGIN = 3 << 3 | WIRE_FIXED64,
	ITEMS_ITEM = 1 << 3 | WIRE_BYTES,
	END_COUNT = 1 << 3 | WIRE_VARINT,
	END_DIGEST = 2 << 3 | WIRE_FIXED64,
	DELTA_SINCE = 1 << 3 | WIRE_VARINT,
	DELTA_SOURCE = 2 << 3 | WIRE_VARINT,
	DELTA_PUT = 3 << 3 | WIRE_BYTES,
	DELTA_REMOVE = 4 << 3 | WIRE_BYTES,
	DELTA_MORE = 5 << 3 | WIRE_VARINT,
	DELTA_COUNT = 6 << 3 | WIRE_VARINT,
	DELTA_DIGEST = 7 << 3 | WIRE_FIXED64,
	DELTA_ORIGIN = 8 << 3 | WIRE_FIXED64,
};

static uint32_t tag_of(const struct wire_field *f)
{
	return f->number << 3 | f->type;
}

static int take_begin(struct mirror *m, const struct frame_header *h, struct wire w)
{
	uint64_t source = 0, count = 0, origin = 0;
	struct wire_field f;
	int r;

	while ((r = wire_next(&w, &f)) > 0)
		switch (tag_of(&f)) {
		case BEGIN_ORIGIN:
			origin = f.value;
			break;
		case BEGIN_SOURCE:
			source = f.value;
			break;
		case BEGIN_COUNT:
			count = f.value;
			break;
		}
	if (r < 0)
		return lost(m, "a SNAPSHOT_BEGIN that cannot be decoded");
	if (count > m->items_max)
		return lost(m, "a snapshot of %" PRIu64 " items; at most %" PRIu64 " are taken",
			    count, m->items_max);
	begin(m, MIRROR_SNAPSHOT, h->generation, source, origin);
	return 0;
}

static int take_items(struct mirror *m, const struct frame_header *h, struct wire w)
{
	struct wire_field f;
	int r;

	if (m->transfer != MIRROR_SNAPSHOT || m->generation != h->generation)
		return lost(m, "items outside their snapshot");
	while ((r = wire_next(&w, &f)) > 0)
		if (tag_of(&f) == ITEMS_ITEM) {
			r = add_put(m, &f);
			if (r < 0)
				return r;
		}
	return r < 0 ? lost(m, "items that cannot be decoded") : 0;
}

static int take_end(struct mirror *m, const struct frame_header *h, struct wire w)
{
	uint64_t count = 0, digest = 0;
	struct wire_field f;
	int r;

	if (m->transfer != MIRROR_SNAPSHOT || m->generation != h->generation)
		return lost(m, "the end of a snapshot that never began");
	while ((r = wire_next(&w, &f)) > 0)
		switch (tag_of(&f)) {
		case END_COUNT:
			count = f.value;
			break;
		case END_DIGEST:
			digest = f.value;
			break;
		}
	if (r < 0)
		return lost(m, "a SNAPSHOT_END that cannot be decoded");
	r = check_sums(m, count, digest, state_count(m->puts), state_digest(m->puts));
	if (r < 0)
		return r;
	if (m->state)
		find_removes(m);
	return finish(m);
}

struct delta {
	uint64_t since, source, origin, count, digest;
	bool more;
};

/* The fields around the items; the items themselves are taken in a second pass, when it is known
 * that the delta fits. */
static int read_delta(struct wire w, struct delta *ret)
{
	struct delta d = { 0 };
	struct wire_field f;
	int r;

	while ((r = wire_next(&w, &f)) > 0)
		switch (tag_of(&f)) {
		case DELTA_SINCE:
			d.since = f.value;
			break;
		case DELTA_SOURCE:
			d.source = f.value;
			break;
		case DELTA_ORIGIN:
			d.origin = f.value;
			break;
		case DELTA_MORE:
			d.more = f.value;
			break;
		case DELTA_COUNT:
			d.count = f.value;
			break;
		case DELTA_DIGEST:
			d.digest = f.value;
			break;
		}
	if (r == 0)
		*ret = d;
	return r;
}

static int take_delta(struct mirror *m, const struct frame_header *h, struct wire w)
{
	uint64_t count = 0, digest = 0;
	struct wire_field f;
	struct delta d;
	int r;

	if (read_delta(w, &d) < 0)
		return lost(m, "a DELTA that cannot be decoded");
	if (!m->holds || d.since != m->held)
		return lost(m, "a delta from generation %" PRIu64 ", which is not held", d.since);
	if (m->transfer == MIRROR_IDLE)
		begin(m, MIRROR_DELTA, h->generation, d.source, d.origin);
	if (m->transfer != MIRROR_DELTA || m->generation != h->generation)
		return lost(m, "a delta inside of another transfer");
	while ((r = wire_next(&w, &f)) > 0) {
		if (tag_of(&f) == DELTA_PUT)
			r = add_put(m, &f);
		else if (tag_of(&f) == DELTA_REMOVE)
			r = add_remove(m, &f);
		if (r < 0)
			return r;
	}
	if (d.more)
		return 0;
	if (m->state)
		foresee(m, &count, &digest);
	r = check_sums(m, d.count, d.digest, count, digest);
	return r < 0 ? r : finish(m);
}

int mirror_take(struct mirror *m, const struct frame *frame)
{
	struct wire w = { frame->payload, frame->payload + frame->header.length };

	if (m->transfer == MIRROR_LOST && frame->header.type != FRAME_SNAPSHOT_BEGIN)
		return 0;
	switch (frame->header.type) {
	case FRAME_SNAPSHOT_BEGIN:
		return take_begin(m, &frame->header, w);
	case FRAME_SNAPSHOT_ITEMS:
		return take_items(m, &frame->header, w);
	case FRAME_SNAPSHOT_END:
		return take_end(m, &frame->header, w);
	case FRAME_DELTA:
		return take_delta(m, &frame->header, w);
	default:
		return -EPROTO;
	}
}
