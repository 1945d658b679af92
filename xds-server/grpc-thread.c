/* The thread that waits for gRPC. gRPC's C core makes progress only while a thread is inside
 * grpc_completion_queue_next() and has no descriptor to poll, so xds-server has this one thread
 * besides its loop; only the list below is shared, under the mutex. */
#include <assert.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "xds-server/grpc-thread.h"

struct completion {
	struct grpc_tag *tag;
	bool ok;
};

struct completions {
	struct completion *c;
	size_t n, cap;
};

struct grpc_thread {
	grpc_completion_queue *queue;
	pthread_t thread;
	pthread_mutex_t mutex;
	struct completions arrived; /* under the mutex */
	struct completions handled; /* the loop's: its memory is swapped with arrived */
	size_t at;                  /* of handled, the next one */
	int wake;
	struct event *on_wake;
	struct event *on_rest;
};

/* After this long the loop's other events get their turn. */
#define DISPATCH_USEC 10000LL

static void *run(void *ctx)
{
	struct grpc_thread *t = ctx;

	for (;;) {
		grpc_event e = grpc_completion_queue_next(t->queue,
							  gpr_inf_future(GPR_CLOCK_REALTIME), NULL);
		bool first;

		if (e.type == GRPC_QUEUE_SHUTDOWN)
			return NULL;
		if (e.type != GRPC_OP_COMPLETE)
			continue;
		(void)pthread_mutex_lock(&t->mutex);
		GROW(t->arrived.c, t->arrived.n, t->arrived.cap);
		first = t->arrived.n == 0;
		t->arrived.c[t->arrived.n++] = (struct completion){ e.tag, e.success != 0 };
		(void)pthread_mutex_unlock(&t->mutex);
		/* The loop has been woken for the earlier completions. */
		if (first)
			(void)eventfd_write(t->wake, 1);
	}
}

static void swap(struct grpc_thread *t)
{
	struct completions now = t->handled;

	(void)pthread_mutex_lock(&t->mutex);
	t->handled = t->arrived;
	t->arrived = (struct completions){ now.c, 0, now.cap };
	(void)pthread_mutex_unlock(&t->mutex);
	t->at = 0;
}

static void dispatch(struct grpc_thread *t)
{
	int64_t began = clock_monotonic();
	bool rest = t->at < t->handled.n;

	if (!rest)
		swap(t);
	while (t->at < t->handled.n) {
		struct completion c = t->handled.c[t->at++];

		c.tag->done(c.tag, c.ok);
		if (t->at % 16 == 0 && clock_monotonic() - began > DISPATCH_USEC)
			break;
	}
	/* Messages that arrived while work was left have woken us already. */
	if (t->at < t->handled.n || rest)
		event_loop_arm(t->on_rest, 0);
}

static void on_wake(evutil_socket_t fd, short what _unused_, void *ctx)
{
	eventfd_t n;

	(void)eventfd_read(fd, &n);
	dispatch(ctx);
}

static void on_rest(evutil_socket_t fd _unused_, short what _unused_, void *ctx)
{
	dispatch(ctx);
}

struct grpc_thread *grpc_thread_new(struct event_loop *loop)
{
	struct grpc_thread *t = xnew(struct grpc_thread, 1);
	int r;

	t->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	assert(t->wake >= 0);
	t->on_wake = event_new(event_loop_base(loop), t->wake, EV_READ | EV_PERSIST, on_wake, t);
	assert(t->on_wake);
	(void)event_add(t->on_wake, NULL);
	t->on_rest = event_loop_timer(loop, on_rest, t);
	(void)pthread_mutex_init(&t->mutex, NULL);
	t->queue = grpc_completion_queue_create_for_next(NULL);
	r = pthread_create(&t->thread, NULL, run, t);
	assert(r == 0);
	(void)r;
	return t;
}

grpc_completion_queue *grpc_thread_queue(struct grpc_thread *t)
{
	return t->queue;
}

static bool any_arrived(struct grpc_thread *t)
{
	bool any = t->at < t->handled.n;

	(void)pthread_mutex_lock(&t->mutex);
	any |= t->arrived.n > 0;
	(void)pthread_mutex_unlock(&t->mutex);
	return any;
}

void grpc_thread_wait(struct grpc_thread *t)
{
	struct pollfd p = { .fd = t->wake, .events = POLLIN };

	if (!any_arrived(t))
		(void)poll(&p, 1, -1);
	on_wake(t->wake, 0, t);
}

void grpc_thread_free(struct grpc_thread *t)
{
	if (!t)
		return;
	grpc_completion_queue_shutdown(t->queue);
	(void)pthread_join(t->thread, NULL);
	assert(t->arrived.n == 0);
	grpc_completion_queue_destroy(t->queue);
	event_free(t->on_wake);
	event_free(t->on_rest);
	(void)close(t->wake);
	(void)pthread_mutex_destroy(&t->mutex);
	free(t->arrived.c);
	free(t->handled.c);
	free(t);
}
