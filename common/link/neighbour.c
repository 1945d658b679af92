/* The log lines about a neighbouring stage. */
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/link/neighbour.h"

#define PATIENCE_USEC (2 * USEC_PER_SEC)

struct neighbour {
	const char *name, *consequence;
	struct event *timer;
	char *why;
	int64_t gone_usec; /* monotonic */
	bool known;        /* it was connected before */
	bool reported;     /* its absence */
};

static void on_patience_ended(evutil_socket_t fd _unused_, short what _unused_, void *ctx)
{
	struct neighbour *n = ctx;

	n->reported = true;
	log_warning("lost %s%s%s: %s", n->name, n->why ? ": " : "", n->why ? n->why : "",
		    n->consequence);
}

struct neighbour *neighbour_new(struct event_loop *loop, const char *name, const char *consequence)
{
	struct neighbour *n = xnew(struct neighbour, 1);

	n->name = name;
	n->consequence = consequence;
	n->timer = event_loop_timer(loop, on_patience_ended, n);
	return n;
}

void neighbour_free(struct neighbour *n)
{
	if (!n)
		return;
	event_free(n->timer);
	free(n->why);
	free(n);
}

static void returned(struct neighbour *n)
{
	(void)event_del(n->timer);
	if (!n->known)
		log_info("connected to %s", n->name);
	else if (n->reported)
		log_info("connected to %s again after %.1f s", n->name,
			 (double)(clock_monotonic() - n->gone_usec) / USEC_PER_SEC);
	else
		log_debug("connected to %s again", n->name);
	n->known = true;
	n->reported = false;
}

void neighbour_changed(struct neighbour *n, bool connected, const char *why)
{
	if (connected) {
		returned(n);
		return;
	}
	if (n->reported)
		return;
	free(n->why);
	n->why = why && *why ? xstrdup(why) : NULL;
	log_debug("lost %s%s%s", n->name, n->why ? ": " : "", n->why ? n->why : "");
	if (!evtimer_pending(n->timer, NULL)) {
		n->gone_usec = clock_monotonic();
		event_loop_arm(n->timer, PATIENCE_USEC);
	}
}
