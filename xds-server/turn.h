/* Decides which stream's work is next, by fair queueing: clients with much work delay one with
 * little by at most one piece of work.
 *
 * (Start-time fair queueing: P. Goyal, H. M. Vin, H. Cheng, "Start-time fair queueing: a scheduling
 * algorithm for integrated services packet switching networks", SIGCOMM 1996. Times are nanoseconds
 * of work.) */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* The payer: one a connection. */
struct turn_account {
	uint64_t paid; /* when its last work is due to be over */
};

struct turn_job {
	uint64_t due;   /* to begin */
	uint64_t cost;  /* of jobs due at about the same time the cheaper one goes first */
	uint64_t order; /* of arrival */
	size_t at;      /* in the heap, from 1; 0: not waiting */
};

struct turn {
	struct turn_job **heap;
	size_t n, cap;
	uint64_t now, arrived;
};

/* The job waits from here on. cost: an estimate of its work. */
void turn_add(struct turn *t, struct turn_job *job, struct turn_account *account, uint64_t cost);
/* A part of the job's work is done, at this cost: the rest waits, before the account's other
 * jobs. */
void turn_again(struct turn *t, struct turn_job *job, uint64_t took);
/* Removes and returns the next job; NULL if none waits. */
struct turn_job *turn_next(struct turn *t);
/* It does not wait any more. */
void turn_cancel(struct turn *t, struct turn_job *job);
/* A piece of work took so much more than was thought. */
static inline void turn_charge(struct turn_account *account, uint64_t more)
{
	account->paid += more;
}
void turn_done(struct turn *t);
