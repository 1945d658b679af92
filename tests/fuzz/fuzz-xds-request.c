/* A client sends anything to a stream while the world changes. The first byte chooses the protocol
 * and the service; then each step is a byte: 0 to 15 change the world, 16 to 31 let a message be
 * sent, others announce a request with a length of two bytes. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "tests/fuzz/fuzz.h"
#include "xds-server/scrub.h"
#include "xds-server/stream.h"

static struct stream *stream;
static bool sending;

static void on_send(void *ctx, const struct segment *s, size_t n)
{
	(void)ctx;
	assert(!sending);
	sending = true;
	for (size_t i = 0; i < n; i++) {
		assert((size_t)s[i].offset + s[i].len <= s[i].buffer->len);
		buffer_unref(s[i].buffer);
	}
}

static void on_timer(void *ctx, int64_t at)
{
	(void)ctx;
	assert(at > 0);
}

static void on_rejected(void *ctx, const struct item *item, const char *message)
{
	char text[256];

	(void)ctx;
	assert(item);
	scrub(message, text, sizeof(text));
	assert(!strstr(text, "-----BEGIN"));
}

static void on_updated(void *ctx)
{
	(void)ctx;
}

static void on_commit(void *ctx)
{
	const struct resource_store *store = *(struct resource_store **)ctx;

	stream_world(stream, store->turn == 1);
	stream_pump(stream);
}

static const struct stream_ops stream_ops = { on_send, on_timer, on_rejected, on_updated };
static const struct resource_store_ops store_ops = { .commit = on_commit };

/* Resources a, b and c of each kind come, change and go. */
static void change(struct state *s, unsigned step, uint64_t *source)
{
	unsigned kind = 1 + step % 6;
	char name[2] = { (char)('a' + step % 3), '\0' }, version[24];

	(void)snprintf(version, sizeof(version), "%u", (unsigned)*source % 5);
	if (step % 4 == 0)
		(void)state_remove(s, kind, name, 1);
	else
		(void)state_put(s, item_new(kind, name, 1, version, strlen(version),
					    "\x0a\x01x\x1a\x03\x12\x01"
					    "a",
					    8));
	state_commit(s, ++*source);
}

static int request(const uint8_t **data, size_t *size)
{
	size_t n;
	int r;

	if (*size < 2)
		return -EBADMSG;
	n = MIN((size_t)((*data)[0] | (*data)[1] << 8), *size - 2);
	r = stream_request(stream, *data + 2, n);
	assert(r == 0 || r == -EBADMSG || r == -E2BIG || r == -ENODATA);
	*data += 2 + n;
	*size -= 2 + n;
	return r;
}

static void run(struct state *s, const uint8_t *data, size_t size)
{
	uint64_t source = 0;
	int r = 0;

	while (size && r == 0) {
		unsigned step = *data++;

		size--;
		if (step < 16) {
			change(s, step, &source);
		} else if (step < 32) {
			if (sending) {
				sending = false;
				stream_sent(stream);
			}
		} else {
			r = request(&data, &size);
		}
	}
	while (r == 0 && sending) {
		sending = false;
		stream_sent(stream);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct stream_stats stats;
	struct resource_store *store;
	struct state *s;
	struct stream_config config = { .stats = &stats,
					.ops = &stream_ops,
					.clock = clock_monotonic };

	if (!size)
		return 0;
	s = state_new();
	store = resource_store_new(s, &store_ops, &store);
	config.store = store;
	config.delta = data[0] & 1;
	config.only = (enum resource_kind)((data[0] >> 1) % 8);
	stream = stream_new(&config);
	stream->info.named = data[0] < 0xf0;
	sending = false;
	run(s, data + 1, size - 1);
	stream_free(stream);
	resource_store_free(store);
	state_free(s);
	return 0;
}
