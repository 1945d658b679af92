/* translator/guard/propagation.c: when an object counts as accepted by all Envoys. */
#include "tests/lib/test.h"
#include "translator/guard/propagation.h"

TEST(an_object_has_arrived_when_all_its_envoys_have_accepted_its_world)
{
	static const struct {
		struct propagation_view view;
		enum propagation_verdict verdict;
	} rows[] = {
		/* Nobody is connected. */
		{ { .source = 7, .acked = UINT64_MAX, .answered = UINT64_MAX }, PROPAGATION_OPEN },
		{ { .source = 7, .acked = UINT64_MAX, .answered = UINT64_MAX, .late = true },
		  PROPAGATION_PENDING },
		/* All have accepted the world, or a later one. */
		{ { .source = 7, .envoys = 2, .acked = 7, .answered = 7 }, PROPAGATION_ACCEPTED },
		{ { .source = 7, .envoys = 2, .acked = 9, .answered = 9, .late = true },
		  PROPAGATION_ACCEPTED },
		/* Changes of others that wait for answers do not matter then. */
		{ { .source = 7, .envoys = 1, .acked = 7, .answered = 7, .undecided = true },
		  PROPAGATION_ACCEPTED },
		/* One lags. */
		{ { .source = 7, .envoys = 2, .acked = 6, .answered = 6 }, PROPAGATION_OPEN },
		{ { .source = 7, .envoys = 2, .acked = 6, .answered = 6, .late = true },
		  PROPAGATION_PENDING },
		/* One has not got through its first world. */
		{ { .source = 7, .envoys = 2 }, PROPAGATION_OPEN },
		/* One refuses something: perhaps this. */
		{ { .source = 7, .envoys = 1, .acked = 3, .answered = 8, .undecided = true },
		  PROPAGATION_OPEN },
		{ { .source = 7, .envoys = 1, .acked = 3, .answered = 8 }, PROPAGATION_ACCEPTED },
		/* Half of the changes are put aside, and accepted is what was before. */
		{ { .source = 7, .envoys = 1, .acked = 8, .answered = 8, .searches = true },
		  PROPAGATION_OPEN },
		/* The quarantine has found it. */
		{ { .source = 7, .envoys = 1, .acked = 8, .answered = 8, .refused = true },
		  PROPAGATION_REFUSED },
		{ { .source = 7, .refused = true, .rejected = true }, PROPAGATION_REFUSED },
		{ { .source = 7, .envoys = 1, .acked = 8, .answered = 8, .rejected = true },
		  PROPAGATION_REJECTED },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		fprintf(stderr, "row %zu\n", i);
		CHECK_EQ(propagation_decide(&rows[i].view), rows[i].verdict);
	}
}
