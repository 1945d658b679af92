/* The threads and their work. All lists except `queue` and `done` belong to the loop alone. */
#include <errno.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/cleanup.h"
#include "passwords/checks.h"
#include "passwords/verify.h"

struct job {
	struct job *next;   /* in `pending` */
	struct job *queued; /* in `queue`, then in `done` */
	char *file, *password, *hash;
	uint8_t digest[VERIFIED_DIGEST];
	struct checks_wait *waits;
	bool right;
};

struct checks {
	struct checks_config config;
	struct job *pending;
	size_t n;
	int wake;
	struct event *woken;
	pthread_t *threads;
	unsigned n_threads;

	pthread_mutex_t lock; /* for the fields below */
	pthread_cond_t more;
	struct job *queue, **queue_end;
	struct job *done;
	bool stopping;
};

static void clear(char *s)
{
	OPENSSL_cleanse(s, strlen(s));
	free(s);
}

static void job_free(struct job *j)
{
	clear(j->password);
	clear(j->hash);
	free(j->file);
	free(j);
}

/* ---- the threads ---- */

static struct job *take(struct checks *c)
{
	struct job *j;

	while (!c->queue && !c->stopping)
		(void)pthread_cond_wait(&c->more, &c->lock);
	if (c->stopping)
		return NULL;
	j = c->queue;
	c->queue = j->queued;
	if (!c->queue)
		c->queue_end = &c->queue;
	return j;
}

static void *work(void *ctx)
{
	struct checks *c = ctx;
	struct job *j;

	(void)pthread_mutex_lock(&c->lock);
	while ((j = take(c))) {
		(void)pthread_mutex_unlock(&c->lock);
		j->right = verify_password(j->password, j->hash);
		(void)pthread_mutex_lock(&c->lock);
		j->queued = c->done;
		c->done = j;
		(void)eventfd_write(c->wake, 1);
	}
	(void)pthread_mutex_unlock(&c->lock);
	return NULL;
}

/* Signals are for the loop's thread. */
static int start(struct checks *c)
{
	sigset_t all, before;
	int r = 0;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	while (r == 0 && c->n_threads < c->config.threads) {
		r = -pthread_create(&c->threads[c->n_threads], NULL, work, c);
		if (r == 0)
			c->n_threads++;
	}
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return r;
}

/* ---- the loop ---- */

static void take_off(struct checks *c, const struct job *j)
{
	for (struct job **at = &c->pending; *at; at = &(*at)->next)
		if (*at == j) {
			*at = j->next;
			c->n--;
			return;
		}
}

static void on_woken(evutil_socket_t fd, short what _unused_, void *ctx)
{
	struct checks *c = ctx;
	struct job *done;
	eventfd_t n;

	(void)eventfd_read(fd, &n);
	(void)pthread_mutex_lock(&c->lock);
	done = c->done;
	c->done = NULL;
	(void)pthread_mutex_unlock(&c->lock);
	while (done) {
		struct job *j = done;

		done = j->queued;
		take_off(c, j);
		while (j->waits) {
			struct checks_wait *w = j->waits;

			j->waits = w->next;
			w->answer(w, j->right);
		}
		job_free(j);
	}
}

int checks_new(struct event_loop *loop, const struct checks_config *config, struct checks **ret)
{
	_cleanup_(checks_freep) struct checks *c = xnew(struct checks, 1);
	int r;

	c->config = *config;
	c->threads = xnew(pthread_t, config->threads);
	(void)pthread_mutex_init(&c->lock, NULL);
	(void)pthread_cond_init(&c->more, NULL);
	c->queue_end = &c->queue;
	c->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (c->wake < 0)
		return -errno;
	c->woken = event_new(event_loop_base(loop), c->wake, EV_READ | EV_PERSIST, on_woken, c);
	if (!c->woken || event_add(c->woken, NULL) < 0)
		return -ENOMEM;
	r = start(c);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(c);
	return 0;
}

void checks_free(struct checks *c)
{
	if (!c)
		return;
	(void)pthread_mutex_lock(&c->lock);
	c->stopping = true;
	(void)pthread_cond_broadcast(&c->more);
	(void)pthread_mutex_unlock(&c->lock);
	for (unsigned i = 0; i < c->n_threads; i++)
		(void)pthread_join(c->threads[i], NULL);
	while (c->pending) {
		struct job *j = c->pending;

		c->pending = j->next;
		job_free(j);
	}
	if (c->woken)
		event_free(c->woken);
	if (c->wake >= 0)
		(void)close(c->wake);
	(void)pthread_cond_destroy(&c->more);
	(void)pthread_mutex_destroy(&c->lock);
	free(c->threads);
	free(c);
}

static struct job *find(const struct checks *c, const struct checks_question *q, size_t *ret_n)
{
	*ret_n = 0;
	for (struct job *j = c->pending; j; j = j->next) {
		if (memcmp(j->digest, q->digest, VERIFIED_DIGEST) == 0)
			return j;
		*ret_n += strcmp(j->file, q->file) == 0;
	}
	return NULL;
}

static struct job *add(struct checks *c, const struct checks_question *q)
{
	struct job *j = xnew(struct job, 1);

	j->file = xstrdup(q->file);
	j->password = xstrdup(q->password);
	j->hash = xstrdup(q->hash);
	memcpy(j->digest, q->digest, VERIFIED_DIGEST);
	j->next = c->pending;
	c->pending = j;
	c->n++;
	(void)pthread_mutex_lock(&c->lock);
	*c->queue_end = j;
	c->queue_end = &j->queued;
	(void)pthread_cond_signal(&c->more);
	(void)pthread_mutex_unlock(&c->lock);
	return j;
}

int checks_ask(struct checks *c, const struct checks_question *q, struct checks_wait *w)
{
	size_t of_file;
	struct job *j = find(c, q, &of_file);

	if (!j && (c->n >= c->config.waiting_max || of_file >= c->config.per_file_max))
		return -EBUSY;
	if (!j)
		j = add(c, q);
	w->next = j->waits;
	j->waits = w;
	return 0;
}

void checks_forget(struct checks *c, const struct checks_wait *w)
{
	for (struct job *j = c->pending; j; j = j->next)
		for (struct checks_wait **at = &j->waits; *at; at = &(*at)->next)
			if (*at == w) {
				*at = w->next;
				return;
			}
}

size_t checks_waiting(const struct checks *c)
{
	return c->n;
}
