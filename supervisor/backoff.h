/* How long to wait before a child that ended is started again. Pure: time and chance are given. */
#pragma once

#include <stdint.h>

struct backoff {
	int64_t min_usec, max_usec;
	int64_t healthy_usec; /* one that lived this long is started again at once */
	int64_t next_usec;    /* 0 at first */
};

/* lived_usec: how long the child ran. random: any number. The delay doubles from min to max and is
 * spread by a quarter to both sides, so that several do not come back in step. */
int64_t backoff_next(struct backoff *b, int64_t lived_usec, uint32_t random);
