/* Durations as Contour's objects write them: Go's time.ParseDuration, and "infinity". */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct go_duration {
	bool set;      /* false: the caller's default applies */
	bool infinite; /* no limit; usec is 0, which is how Envoy says it */
	int64_t usec;
};

/* "1h30m", ".5s", "300ms"; "" and "0" are not set; "infinity" and "infinite" are no limit. -EINVAL
 * for all else, negative ones included; -ERANGE above a hundred years. What is above 0 stays so. */
int go_duration_parse(const char *text, struct go_duration *ret);
/* The fault, for people, where go_duration_parse() has returned this error. */
const char *go_duration_why(int error);
