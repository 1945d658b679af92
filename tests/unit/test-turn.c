/* xds-server/turn.c: the order of turns. */
#include "tests/lib/test.h"
#include "xds-server/turn.h"

#define MS 1000000u

TEST(one_with_little_to_do_waits_for_one_piece_of_others_however_many_they_are)
{
	struct turn_account many[100] = { 0 }, good = { 0 };
	struct turn_job jobs[100] = { 0 }, little = { 0 };
	struct turn t = { 0 };

	for (unsigned i = 0; i < 100; i++)
		turn_add(&t, &jobs[i], &many[i], 100 * MS);
	/* Each works for a millisecond at a time. */
	for (unsigned n = 0; n < 250; n++) {
		struct turn_job *job = turn_next(&t);

		turn_again(&t, job, MS);
		if (n % 10)
			continue;
		turn_add(&t, &little, &good, MS / 50);
		CHECK(turn_next(&t) == &little);
	}
	turn_done(&t);
}

TEST(an_account_finishes_one_job_before_it_begins_the_next)
{
	struct turn_account one = { 0 }, other = { 0 };
	struct turn_job first = { 0 }, second = { 0 }, third = { 0 };
	struct turn t = { 0 };

	turn_add(&t, &first, &one, 10 * MS);
	turn_add(&t, &second, &one, 10 * MS);
	turn_add(&t, &third, &other, 100 * MS);
	for (unsigned n = 0; n < 19; n++) {
		struct turn_job *job = turn_next(&t);

		/* The accounts take turns, and the second job waits. */
		CHECK(job != &second);
		if (job == &third || n < 18)
			turn_again(&t, job, MS);
	}
	turn_done(&t);
}

TEST(what_does_not_wait_any_more_is_not_taken)
{
	struct turn_account a = { 0 };
	struct turn_job jobs[3] = { 0 };
	struct turn t = { 0 };

	for (unsigned i = 0; i < 3; i++)
		turn_add(&t, &jobs[i], &a, MS);
	turn_cancel(&t, &jobs[1]);
	CHECK(turn_next(&t) == &jobs[0]);
	CHECK(turn_next(&t) == &jobs[2]);
	CHECK(!turn_next(&t));
	turn_done(&t);
}
