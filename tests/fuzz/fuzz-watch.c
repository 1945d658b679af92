/* A body of the Kubernetes API, cut into objects (watcher/kube/body-reader.c) and decoded as an
 * event, a list's metadata or an error. The first byte chooses the format, the second how the body
 * is cut into pieces; the result must not depend on the pieces. */
#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "common/base/strbuf.h"
#include "tests/fuzz/fuzz.h"
#include "watcher/kube/body-reader.h"
#include "watcher/kube/kube-message.h"

struct reading {
	struct arena *arena;
	bool protobuf;
	struct strbuf seen;
};

static int on_message(void *ctx, enum body_part part, const uint8_t *data, size_t len)
{
	struct reading *r = ctx;
	struct kube_list_meta meta;
	struct kube_status status;
	struct kube_event event;

	arena_reset(r->arena);
	strbuf_printf(&r->seen, "%d %zu ", (int)part, len);
	strbuf_add(&r->seen, data, len);
	if (part == BODY_META)
		(void)kube_list_meta_parse(r->arena, r->protobuf, data, len, &meta);
	if (part == BODY_EVENT && kube_event_parse(r->arena, r->protobuf, data, len, &event) == 0) {
		assert(event.object.json || event.object.protobuf);
		kube_event_status(r->arena, &event, &status);
		kube_event_done(&event);
	}
	return 0;
}

static int read_body(enum body_format format, const uint8_t *data, size_t size, size_t piece,
		     struct strbuf *seen)
{
	static const struct body_limits limits = { .message = 4096, .items = 64, .total = 65536 };
	struct reading r = { .arena = arena_new(4096),
			     .protobuf = format == BODY_PROTOBUF_LIST ||
					 format == BODY_PROTOBUF_WATCH };
	struct body_reader *reader = body_reader_new(format, &limits, on_message, &r);
	int ret = 0;

	for (size_t i = 0; i < size && ret == 0; i += piece)
		ret = body_reader_feed(reader, data + i, MIN(piece, size - i));
	if (ret == 0)
		ret = body_reader_finish(reader);
	assert(body_reader_partial(reader) <= limits.message);
	body_reader_free(reader);
	arena_free(r.arena);
	*seen = r.seen;
	return ret;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_strbuf_ struct strbuf whole = STRBUF_INIT, pieces = STRBUF_INIT;
	struct http_result result = { .status = 500 };
	struct kube_status status;
	struct arena *arena;
	int a, b;

	if (size < 2)
		return 0;
	a = read_body(data[0] % 4, data + 2, size - 2, size, &whole);
	b = read_body(data[0] % 4, data + 2, size - 2, data[1] % 64 + 1u, &pieces);
	/* The two may differ only in which of two errors comes first, and in the objects before the
	 * later one. */
	assert((a < 0) == (b < 0));
	if (a == 0)
		assert(whole.len == pieces.len &&
		       (!whole.len || memcmp(whole.s, pieces.s, whole.len) == 0));
	arena = arena_new(4096);
	strbuf_clear(&whole);
	strbuf_add(&whole, data + 2, size - 2);
	result.body = strbuf_str(&whole);
	result.body_len = whole.len;
	kube_result_status(arena, &result, &status);
	arena_free(arena);
	return 0;
}
