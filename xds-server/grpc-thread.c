/* The thread that waits for gRPC. gRPC's C core makes progress only while somebody is inside of
 * grpc_completion_queue_next() and has no descriptor to poll, so xds-server has this one thread besides
 * its loop; only the list below is shared, under the mutex. */
#include <assert.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>

#include "common/alloc.h"
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
	int wake;
	struct event *on_wake;
};

static void *run(void *ctx)
{
	struct grpc_thread *t = ctx;

	for (;;) {
		grpc_event e = grpc_completion_queue_next(
			t->queue, gpr_inf_future(GPR_CLOCK_REALTIME), NULL);
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
		/* The loop has been woken for what was there before. */
		if (first)
			(void)eventfd_write(t->wake, 1);
	}
}

static void dispatch(struct grpc_thread *t)
{
	struct completions now = t->handled;

	(void)pthread_mutex_lock(&t->mutex);
	t->handled = t->arrived;
	t->arrived = (struct completions){ now.c, 0, now.cap };
	(void)pthread_mutex_unlock(&t->mutex);
	for (size_t i = 0; i < t->handled.n; i++)
		t->handled.c[i].tag->done(t->handled.c[i].tag, t->handled.c[i].ok);
	t->handled.n = 0;
}

static void on_wake(evutil_socket_t fd, short what _unused_, void *ctx)
{
	eventfd_t n;

	(void)eventfd_read(fd, &n);
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

void grpc_thread_wait(struct grpc_thread *t)
{
	struct pollfd p = { .fd = t->wake, .events = POLLIN };

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
	(void)close(t->wake);
	(void)pthread_mutex_destroy(&t->mutex);
	free(t->arrived.c);
	free(t->handled.c);
	free(t);
}
