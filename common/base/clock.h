/* Time. Microseconds everywhere. */
#pragma once

#include <stdint.h>
#include <time.h>

#define USEC_PER_SEC  1000000LL
#define USEC_PER_MSEC 1000LL

static inline int64_t clock_usec(clockid_t id)
{
	struct timespec ts;

	(void)clock_gettime(id, &ts);
	return ts.tv_sec * USEC_PER_SEC + ts.tv_nsec / 1000;
}

/* For measuring intervals. */
static inline int64_t clock_monotonic(void)
{
	return clock_usec(CLOCK_MONOTONIC);
}

/* For people and files. */
static inline int64_t clock_realtime(void)
{
	return clock_usec(CLOCK_REALTIME);
}
