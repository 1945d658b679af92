/* Sends the bytes to a listening link, alone or after a proper HELLO (odd first byte). Its mirror
 * must end with a count and digest that are those of its items. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/link/hello.h"
#include "common/link/link-conn.h"
#include "common/link/unix-socket.h"
#include "tests/fuzz/fuzz.h"

static char dir[] = "/tmp/portolan-fuzz-frame-XXXXXX";
static char path[sizeof(dir) + 16];
static struct event_loop *loop;

static void clean_up(void)
{
	event_loop_free(loop);
	(void)rmdir(dir);
}

static void set_up(void)
{
	if (loop)
		return;
	if (!mkdtemp(dir))
		abort();
	(void)snprintf(path, sizeof(path), "%s/f.sock", dir);
	loop = event_loop_new();
	(void)atexit(clean_up);
}

static void put(struct state *s, const char *key)
{
	(void)state_put(s, item_new(1, key, strlen(key), "m", 1, "v", 1));
}

static void turn(void)
{
	(void)event_base_loop(event_loop_base(loop), EVLOOP_NONBLOCK);
}

/* The link's answers are thrown away. */
static void drain(int fd)
{
	char bytes[4096];

	while (read(fd, bytes, sizeof(bytes)) > 0)
		;
}

static void say(int fd, const uint8_t *data, size_t size)
{
	while (size) {
		ssize_t n = write(fd, data, size);

		if (n < 0 && errno != EAGAIN)
			return;
		if (n > 0) {
			data += n;
			size -= (size_t)n;
		}
		turn();
		drain(fd);
	}
}

static void check(const struct state *s)
{
	uint64_t digest = 0;
	struct item *i;
	size_t n = 0;

	for (size_t pos = 0; (i = state_next(s, &pos)); n++)
		digest += i->hash;
	assert(n == state_count(s));
	assert(digest == state_digest(s));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(state_freep) struct state *send = state_new(), *mirror = state_new();
	_cleanup_strbuf_ struct strbuf hello = STRBUF_INIT;
	struct link_config config = {
		.name = "fuzz",
		.path = path,
		.role = "watcher",
		.peer_role = "translator",
		.send = send,
		.mirror = mirror,
		.limits = { .items_max = 10000, .bytes_max = 1024 * 1024 },
	};
	struct link *l;
	int fd;

	if (!size)
		return 0;
	set_up();
	put(send, "a");
	put(send, "b");
	state_commit(send, 1);
	put(mirror, "old");
	state_commit(mirror, 1);
	if (link_listen(loop, &config, &l) < 0)
		abort();
	fd = unix_socket_connect(path);
	if (fd < 0)
		abort();
	if (data[0] & 1)
		hello_append(&hello, data[0] & 2 ? "reader" : "translator", true);
	say(fd, (const uint8_t *)strbuf_str(&hello), hello.len);
	say(fd, data + 1, size - 1);
	put(send, "c");
	state_commit(send, 2);
	turn();
	(void)close(fd);
	for (int i = 0; i < 100 && (i < 3 || l->conns); i++)
		turn();
	assert(!l->conns);
	check(mirror);
	link_free(l);
	return 0;
}
