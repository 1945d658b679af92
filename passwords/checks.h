/* Hashes computed aside by a few threads. Equal questions are computed once; how many wait is
 * bounded, in all and for each file, so that guesses at one file do not keep out the users of
 * others. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/base/event-loop.h"
#include "passwords/verified.h"

struct checks;

struct checks_config {
	unsigned threads;
	unsigned waiting_max;  /* questions that wait or are computed */
	unsigned per_file_max; /* of one file */
};

struct checks_question {
	const char *file; /* its key */
	const char *password, *hash;
	uint8_t digest[VERIFIED_DIGEST]; /* equal for equal questions */
};

/* -errno: threads cannot be started. */
int checks_new(struct event_loop *loop, const struct checks_config *config, struct checks **ret);
/* Requests that wait get no answer. */
void checks_free(struct checks *c);
DEFINE_CLEANUP(struct checks *, checks_free)

/* A request that waits for an answer. */
struct checks_wait {
	void (*answer)(struct checks_wait *w, bool right);
	struct checks_wait *next;
};

/* Texts are copied. -EBUSY: too many wait. The wait is the caller's, until it is answered or taken
 * off. */
int checks_ask(struct checks *c, const struct checks_question *q, struct checks_wait *w);
void checks_forget(struct checks *c, const struct checks_wait *w);
size_t checks_waiting(const struct checks *c);
