/* Answers that wait until their client reads them. Used by the control socket of every stage, and
 * by admin. */
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/base/event-loop.h"
#include "common/daemon/unsent.h"

#define READ_SEC 60

struct unsent {
	struct evhttp_connection *connection;
	struct event *late;
	size_t bytes;
};

static size_t all_bytes;

static void forget(struct unsent *u)
{
	all_bytes -= u->bytes;
	event_freep(&u->late);
	free(u);
}

static void on_sent(struct evhttp_request *req _unused_, void *ctx)
{
	struct unsent *u = ctx;

	evhttp_connection_set_closecb(u->connection, NULL, NULL);
	forget(u);
}

static void on_close(struct evhttp_connection *connection _unused_, void *ctx)
{
	forget(ctx);
}

static void on_late(evutil_socket_t fd _unused_, short what _unused_, void *ctx)
{
	struct unsent *u = ctx;

	evhttp_connection_free(u->connection); /* calls on_close() */
}

size_t unsent_bytes(void)
{
	return all_bytes;
}

void unsent_send(struct evhttp_request *req, int status, struct evbuffer *body)
{
	static const struct timeval patience = { READ_SEC, 0 };
	struct unsent *u = xnew(struct unsent, 1);

	u->connection = evhttp_request_get_connection(req);
	u->bytes = evbuffer_get_length(body);
	u->late = evtimer_new(evhttp_connection_get_base(u->connection), on_late, u);
	if (u->late)
		(void)evtimer_add(u->late, &patience);
	all_bytes += u->bytes;
	evhttp_request_set_on_complete_cb(req, on_sent, u);
	evhttp_connection_set_closecb(u->connection, on_close, u);
	evhttp_send_reply(req, status, NULL, body);
}
