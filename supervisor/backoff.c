/* Restart delays. Runs in the supervisor. */
#include "supervisor/backoff.h"

int64_t backoff_next(struct backoff *b, int64_t lived_usec, uint32_t random)
{
	int64_t delay;

	if (lived_usec >= b->healthy_usec) {
		b->next_usec = b->min_usec;
		return 0;
	}
	if (b->next_usec == 0)
		b->next_usec = b->min_usec;
	delay = b->next_usec;
	b->next_usec = delay * 2 < b->max_usec ? delay * 2 : b->max_usec;
	return delay - delay / 4 + random % (delay / 2 + 1);
}
