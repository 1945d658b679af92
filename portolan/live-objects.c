/* A reader of the watcher's link that leaves when it has everything. Runs in the portolan command.
 */
#include <errno.h>
#include <stdio.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/event-loop.h"
#include "common/link/link.h"
#include "portolan/live-objects.h"

#define PATIENCE_USEC (20 * USEC_PER_SEC)

static void on_commit(void *ctx)
{
	event_loop_stop(ctx, 0);
}

static void on_timeout(int fd _unused_, short what _unused_, void *ctx)
{
	event_loop_stop(ctx, 1);
}

int live_objects(const char *command, const char *dir, struct state *into)
{
	_cleanup_(event_loop_freep) struct event_loop *loop = event_loop_new();
	_cleanup_free_ char *path = xasprintf("%s/objects.sock", dir);
	_cleanup_(event_freep) struct event *timer = event_loop_timer(loop, on_timeout, loop);
	struct state_observer observer = { NULL, on_commit, loop, NULL };
	struct link_config config = { .name = "objects",
				      .path = path,
				      .role = "reader",
				      .peer_role = "watcher",
				      .mirror = into };
	struct link *link;
	int r;

	state_observe(into, &observer);
	r = link_connect_reader(loop, &config, &link);
	if (r >= 0) {
		event_loop_arm(timer, PATIENCE_USEC);
		(void)event_loop_run(loop);
		if (!state_complete(into)) {
			(void)fprintf(stderr,
				      "portolan %s: the watcher in %s gave no objects: %s\n",
				      command, dir, link_last_error(link));
			r = -ETIMEDOUT;
		}
		link_free(link);
	}
	state_unobserve(into, &observer);
	return r < 0 ? r : 0;
}
