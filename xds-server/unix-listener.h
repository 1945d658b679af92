/* The Unix socket at which Envoys on this machine connect. Served resources contain private
 * keys, so the kernel is asked for the peer: it must be our user, root, or a member of one
 * group. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "common/base/event-loop.h"

struct unix_listener;

#define UNIX_LISTENER_NO_GROUP ((gid_t) - 1)

struct unix_listener_config {
	struct event_loop *loop;
	const char *path;
	gid_t group; /* its members may connect, too */
	/* Takes over the descriptor, which does not block. */
	void (*accepted)(void *ctx, int fd);
	void *ctx;
};

/* Failures are logged. */
int unix_listener_new(const struct unix_listener_config *config, struct unix_listener **ret);
void unix_listener_free(struct unix_listener *l);
DEFINE_CLEANUP(struct unix_listener *, unix_listener_free)
/* The peer of an accepted descriptor: "unix:uid 998, pid 1234". */
void unix_listener_describe(const struct unix_listener *l, int fd, char *ret, size_t size);
