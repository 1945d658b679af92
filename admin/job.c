/* Requests that wait for answers of stages. Runs in admin. */
#include <assert.h>
#include <event2/bufferevent.h>
#include <stdlib.h>

#include "admin/http-server.h"
#include "admin/job.h"
#include "common/base/alloc.h"
#include "common/daemon/unsent.h"

static void job_free(struct job *j)
{
	event_freep(&j->client_closed);
	*j->back = j->next;
	if (j->next)
		j->next->back = j->back;
	j->admin->n_jobs--;
	free(j);
}

static void on_gathered(void *ctx, struct gather *g)
{
	struct job *j = ctx;

	/* Sending may end the connection; do not touch it afterwards. */
	evhttp_connection_set_closecb(evhttp_request_get_connection(j->req), NULL, NULL);
	event_free(TAKE_PTR(j->client_closed));
	if (g->too_much)
		http_send_text(j->req, HTTP_SERVUNAVAIL, UNSENT_TEXT);
	else
		j->done(j, g);
	job_free(j);
}

static void on_close(struct evhttp_connection *connection _unused_, void *ctx)
{
	struct job *j = ctx;

	gather_cancel(j->gather);
	job_free(j);
}

/* evhttp does not look at a connection that waits for its answer. */
static void on_client_closed(evutil_socket_t fd _unused_, short what _unused_, void *ctx)
{
	struct job *j = ctx;

	evhttp_connection_free(evhttp_request_get_connection(j->req)); /* calls on_close() */
}

static struct event *watch_client(struct event_loop *loop, struct evhttp_connection *connection,
				  struct job *j)
{
	int fd = bufferevent_getfd(evhttp_connection_get_bufferevent(connection));
	struct event *e = event_new(event_loop_base(loop), fd, EV_CLOSED, on_client_closed, j);

	assert(e);
	(void)event_add(e, NULL);
	return e;
}

struct job *job_new(struct admin *a, struct evhttp_request *req,
		    void (*done)(struct job *j, struct gather *g), size_t unsent_max)
{
	struct job *j;

	if (unsent_max && gather_all_bytes() > unsent_max) {
		http_send_text(req, HTTP_SERVUNAVAIL, UNSENT_TEXT);
		return NULL;
	}
	if (a->n_jobs == JOBS_MAX) {
		http_send_text(req, HTTP_SERVUNAVAIL, "too many requests wait already\n");
		return NULL;
	}
	j = xnew(struct job, 1);
	j->admin = a;
	j->req = req;
	j->done = done;
	j->gather = gather_new(a->daemon->loop, a->daemon->runtime_dir, on_gathered, j);
	j->gather->unsent_max = unsent_max;
	j->back = &a->jobs;
	j->next = a->jobs;
	if (j->next)
		j->next->back = &j->next;
	a->jobs = j;
	a->n_jobs++;
	j->client_closed = watch_client(a->daemon->loop, evhttp_request_get_connection(req), j);
	evhttp_connection_set_closecb(evhttp_request_get_connection(req), on_close, j);
	return j;
}

void job_free_all(struct admin *a)
{
	while (a->jobs)
		evhttp_connection_free(evhttp_request_get_connection(a->jobs->req));
}
