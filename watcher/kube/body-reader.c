/* Cuts lists and watch streams of the Kubernetes API into objects as they arrive. Used by the
 * watcher's reflectors; everything in here is hostile input. */
#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/types.h>

#include "common/base/alloc.h"
#include "common/base/strbuf.h"

#include "watcher/kube/body-reader.h"

#define KEY_MAX   32
#define DEPTH_MAX 256
/* A buffer that had to grow beyond this for one object is not kept for the next. */
#define KEEP_BYTES (256u * 1024)

/* protobuf.dev/programming-guides/encoding */
enum wire_type { WIRE_VARINT, WIRE_I64, WIRE_LEN, WIRE_SGROUP, WIRE_EGROUP, WIRE_I32 };
enum { UNKNOWN_RAW = 2, LIST_METADATA = 1, LIST_ITEMS = 2 };

enum pb_state { PB_MAGIC, PB_TAG, PB_SKIP_VARINT, PB_LENGTH, PB_SKIP, PB_CAPTURE };

struct body_reader {
	enum body_format format;
	struct body_limits limits;
	int (*message)(void *ctx, enum body_part part, const uint8_t *data, size_t len);
	void *ctx;
	struct strbuf buffer; /* of an object that came in pieces */
	uint64_t total;
	size_t items;
	enum body_part part;

	/* JSON */
	unsigned depth;
	bool in_string, escaped;
	bool capturing;
	unsigned capture_depth; /* at which the captured object ends */
	bool in_items, done;
	bool key_next; /* the string that comes is a key of the outermost object */
	char key[KEY_MAX];
	size_t key_len;

	/* protobuf */
	enum pb_state state;
	uint64_t varint;
	unsigned varint_bits;
	bool in_list;
	uint64_t list_left; /* bytes of the list that are still to come */
	uint64_t left;      /* bytes left to skip or capture, or of the magic or the length */
	unsigned field;
};

struct body_reader *body_reader_new(enum body_format format, const struct body_limits *limits,
				    int (*message)(void *ctx, enum body_part part,
						   const uint8_t *data, size_t len),
				    void *ctx)
{
	struct body_reader *r = xnew(struct body_reader, 1);

	r->format = format;
	r->limits = *limits;
	r->message = message;
	r->ctx = ctx;
	r->state = PB_MAGIC;
	r->part = BODY_EVENT;
	r->left = 4;
	return r;
}

void body_reader_free(struct body_reader *r)
{
	if (!r)
		return;
	strbuf_done(&r->buffer);
	free(r);
}

size_t body_reader_partial(const struct body_reader *r)
{
	return r->buffer.len;
}

static int emit(struct body_reader *r, const uint8_t *data, size_t len)
{
	int ret;

	if (r->part == BODY_ITEM && ++r->items > r->limits.items)
		return -EMSGSIZE;
	if (r->buffer.len) {
		strbuf_add(&r->buffer, data, len);
		ret = r->message(r->ctx, r->part, (uint8_t *)r->buffer.s, r->buffer.len);
		if (r->buffer.cap > KEEP_BYTES)
			strbuf_done(&r->buffer);
		else
			strbuf_clear(&r->buffer);
		return ret < 0 ? ret : 0;
	}
	ret = r->message(r->ctx, r->part, data, len);
	return ret < 0 ? ret : 0;
}

/* The part of the object at the end of a piece. */
static int keep(struct body_reader *r, const uint8_t *data, size_t len)
{
	if (r->buffer.len + len > r->limits.message)
		return -EMSGSIZE;
	strbuf_add(&r->buffer, data, len);
	return 0;
}

/* ---- JSON ---- */

static bool is_space(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool key_is(const struct body_reader *r, const char *name)
{
	return r->key_len == strlen(name) && memcmp(r->key, name, r->key_len) == 0;
}

/* An object opens: is it one to cut out? */
static bool json_wanted(struct body_reader *r)
{
	if (r->format == BODY_JSON_WATCH) {
		r->part = BODY_EVENT;
		return r->depth == 0;
	}
	if (r->depth == 2 && r->in_items) {
		r->part = BODY_ITEM;
		return true;
	}
	r->part = BODY_META;
	return r->depth == 1 && key_is(r, "metadata");
}

static int json_open(struct body_reader *r, uint8_t c, bool *ret_begins)
{
	if (r->done || r->depth >= DEPTH_MAX || (r->depth == 0 && c != '{'))
		return -EBADMSG;
	if (!r->capturing && c == '{' && json_wanted(r)) {
		*ret_begins = true;
		r->capturing = true;
		r->capture_depth = r->depth;
	}
	if (r->format == BODY_JSON_LIST) {
		if (r->depth == 0)
			r->key_next = true;
		else if (r->depth == 1)
			r->in_items = c == '[' && key_is(r, "items");
	}
	r->depth++;
	return 0;
}

static int json_close(struct body_reader *r, bool *ret_ends)
{
	if (r->depth == 0)
		return -EBADMSG;
	r->depth--;
	if (r->capturing && r->depth == r->capture_depth) {
		r->capturing = false;
		*ret_ends = true;
	}
	if (r->format == BODY_JSON_LIST && r->depth <= 1) {
		r->in_items = false;
		r->done = r->depth == 0;
	}
	return 0;
}

/* One byte inside a string. */
static void json_string(struct body_reader *r, uint8_t c)
{
	if (r->escaped) {
		r->escaped = false;
	} else if (c == '\\') {
		r->escaped = true;
	} else if (c == '"') {
		r->in_string = false;
		return;
	}
	/* No key that we know is longer. */
	if (r->key_next && r->depth == 1)
		r->key_len = r->key_len < KEY_MAX ? (r->key[r->key_len] = (char)c, r->key_len + 1)
						  : KEY_MAX;
}

static int json_outside(struct body_reader *r, uint8_t c, bool *ret_begins, bool *ret_ends)
{
	switch (c) {
	case '"':
		if (r->depth == 0)
			return -EBADMSG;
		r->in_string = true;
		if (r->key_next && r->depth == 1)
			r->key_len = 0;
		return 0;
	case '{':
	case '[':
		return json_open(r, c, ret_begins);
	case '}':
	case ']':
		return json_close(r, ret_ends);
	case ':':
	case ',':
		if (r->depth == 1)
			r->key_next = c == ',';
		return r->depth ? 0 : -EBADMSG;
	default:
		return r->depth == 0 && !is_space(c) ? -EBADMSG : 0;
	}
}

static int feed_json(struct body_reader *r, const uint8_t *data, size_t len)
{
	size_t start = 0;
	int ret;

	for (size_t i = 0; i < len; i++) {
		bool begins = false, ends = false;

		if (r->in_string) {
			json_string(r, data[i]);
			continue;
		}
		ret = json_outside(r, data[i], &begins, &ends);
		if (ret < 0)
			return ret;
		if (begins)
			start = i;
		if (ends) {
			if (r->buffer.len + (i + 1 - start) > r->limits.message)
				return -EMSGSIZE;
			ret = emit(r, data + start, i + 1 - start);
			if (ret < 0)
				return ret;
		}
	}
	return r->capturing ? keep(r, data + start, len - start) : 0;
}

/* ---- protobuf ---- */

/* 1: the number is complete. */
static int varint(struct body_reader *r, uint8_t c)
{
	if (r->varint_bits >= 64)
		return -EBADMSG;
	r->varint |= (uint64_t)(c & 0x7f) << r->varint_bits;
	r->varint_bits += 7;
	return !(c & 0x80);
}

static void pb_next(struct body_reader *r, enum pb_state state)
{
	r->state = state;
	r->varint = 0;
	r->varint_bits = 0;
}

static int pb_tag(struct body_reader *r)
{
	unsigned type = r->varint & 7;

	if (r->varint >> 3 == 0 || r->varint >> 3 > 0x1fffffff)
		return -EBADMSG;
	r->field = (unsigned)(r->varint >> 3);
	switch (type) {
	case WIRE_VARINT:
		pb_next(r, PB_SKIP_VARINT);
		return 0;
	case WIRE_LEN:
		pb_next(r, PB_LENGTH);
		return 0;
	case WIRE_I64:
	case WIRE_I32:
		r->left = type == WIRE_I64 ? 8 : 4;
		pb_next(r, PB_SKIP);
		return 0;
	default:
		return -EBADMSG;
	}
}

/* Room that is taken from the list's own length. */
static int pb_charge(struct body_reader *r, uint64_t n)
{
	if (!r->in_list)
		return 0;
	if (n > r->list_left)
		return -EBADMSG;
	r->list_left -= n;
	return 0;
}

static void pb_end_of_field(struct body_reader *r)
{
	if (r->in_list && r->list_left == 0)
		r->in_list = false;
	pb_next(r, PB_TAG);
}

static int pb_length(struct body_reader *r)
{
	uint64_t n = r->varint;

	if (!r->in_list && r->field == UNKNOWN_RAW) {
		r->in_list = n > 0;
		r->list_left = n;
		pb_next(r, PB_TAG);
		return 0;
	}
	if (r->in_list && n > r->list_left)
		return -EBADMSG;
	r->left = n;
	if (r->in_list && (r->field == LIST_METADATA || r->field == LIST_ITEMS)) {
		if (n > r->limits.message)
			return -EMSGSIZE;
		r->part = r->field == LIST_ITEMS ? BODY_ITEM : BODY_META;
		pb_next(r, PB_CAPTURE);
	} else {
		pb_next(r, PB_SKIP);
	}
	return 0;
}

/* States that take one byte. */
static int pb_byte(struct body_reader *r, uint8_t c)
{
	static const char magic[4] = "k8s";
	int ret;

	if (r->state == PB_MAGIC) {
		if (c != (uint8_t)magic[4 - r->left])
			return -EBADMSG;
		if (--r->left == 0)
			pb_next(r, PB_TAG);
		return 0;
	}
	ret = pb_charge(r, 1);
	if (ret >= 0)
		ret = varint(r, c);
	if (ret <= 0)
		return ret;
	if (r->state == PB_TAG)
		return pb_tag(r);
	if (r->state == PB_LENGTH)
		return pb_length(r);
	pb_end_of_field(r);
	return 0;
}

/* States that take many: how many bytes they took. */
static ssize_t pb_bytes(struct body_reader *r, const uint8_t *data, size_t len)
{
	size_t n = r->left < len ? (size_t)r->left : len;
	int ret = pb_charge(r, n);

	if (ret < 0)
		return ret;
	r->left -= n;
	if (r->state == PB_CAPTURE)
		ret = r->left ? keep(r, data, n) : emit(r, data, n);
	if (ret < 0)
		return ret;
	if (r->left == 0)
		pb_end_of_field(r);
	return (ssize_t)n;
}

static int feed_protobuf_list(struct body_reader *r, const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len || (r->state == PB_CAPTURE && r->left == 0);) {
		if (r->state == PB_CAPTURE || r->state == PB_SKIP) {
			ssize_t n = pb_bytes(r, data + i, len - i);

			if (n < 0)
				return (int)n;
			i += (size_t)n;
		} else {
			int ret = pb_byte(r, data[i++]);

			if (ret < 0)
				return ret;
		}
	}
	if (r->state == PB_SKIP && r->left == 0)
		pb_end_of_field(r);
	return 0;
}

static int feed_protobuf_watch(struct body_reader *r, const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len;) {
		size_t n;
		int ret;

		if (r->state == PB_MAGIC) {
			r->varint = r->varint << 8 | data[i++];
			if (--r->left)
				continue;
			if (r->varint > r->limits.message)
				return -EMSGSIZE;
			r->left = r->varint;
			r->varint = 0;
			r->state = PB_CAPTURE;
			if (r->left == 0)
				return -EBADMSG;
			continue;
		}
		n = r->left < len - i ? (size_t)r->left : len - i;
		r->left -= n;
		ret = r->left ? keep(r, data + i, n) : emit(r, data + i, n);
		if (ret < 0)
			return ret;
		i += n;
		if (r->left == 0) {
			r->state = PB_MAGIC;
			r->left = 4;
		}
	}
	return 0;
}

int body_reader_feed(struct body_reader *r, const uint8_t *data, size_t len)
{
	bool list = r->format == BODY_JSON_LIST || r->format == BODY_PROTOBUF_LIST;

	r->total += len;
	if (list && r->total > r->limits.total)
		return -EMSGSIZE;
	switch (r->format) {
	case BODY_JSON_LIST:
	case BODY_JSON_WATCH:
		return feed_json(r, data, len);
	case BODY_PROTOBUF_LIST:
		return feed_protobuf_list(r, data, len);
	case BODY_PROTOBUF_WATCH:
		return feed_protobuf_watch(r, data, len);
	}
	return -EINVAL;
}

int body_reader_finish(struct body_reader *r)
{
	bool whole;

	switch (r->format) {
	case BODY_JSON_LIST:
		whole = r->done;
		break;
	case BODY_JSON_WATCH:
		whole = r->depth == 0;
		break;
	case BODY_PROTOBUF_LIST:
		whole = r->state == PB_TAG && r->varint_bits == 0 && !r->in_list;
		break;
	default:
		whole = r->state == PB_MAGIC && r->left == 4;
		break;
	}
	return whole ? 0 : -EPIPE;
}
