/* Times in recordings, read and written for people. Used by portolan-watcher and the portolan
 * command. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/clock.h"
#include "common/recording/recording-moment.h"

/* Digits and a fraction, as microseconds of a unit: where it ends, or NULL. */
static const char *read_number(const char *p, int64_t unit, int64_t *ret)
{
	int64_t value = 0, part = unit;
	const char *from = p;

	for (; isdigit((unsigned char)*p); p++) {
		if (p - from >= 9)
			return NULL;
		value = value * 10 + (*p - '0');
	}
	if (p == from)
		return NULL;
	value *= unit;
	if (*p == '.') {
		for (p++; isdigit((unsigned char)*p); p++) {
			part /= 10;
			value += (*p - '0') * part;
		}
	}
	*ret = value;
	return p;
}

/* "+90s": the unit is after the number, so it is looked at first. */
static int read_offset(const char *word, int64_t *ret)
{
	static const struct {
		const char *name;
		int64_t usec;
	} units[] = {
		{ "us", 1 },
		{ "ms", USEC_PER_MSEC },
		{ "s", USEC_PER_SEC },
		{ "m", 60 * USEC_PER_SEC },
		{ "h", 3600 * USEC_PER_SEC },
	};
	const char *unit = word + strspn(word, "0123456789.");

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (strcmp(unit, units[i].name) == 0) {
			const char *end = read_number(word, units[i].usec, ret);

			return end == unit ? 0 : -EINVAL;
		}
	return -EINVAL;
}

/* RFC 3339, in UTC. */
static int read_time(const char *word, int64_t *ret)
{
	struct tm tm = { 0 };
	const char *rest = strptime(word, "%Y-%m-%dT%H:%M:%S", &tm);
	int64_t fraction = 0;

	if (!rest)
		return -EINVAL;
	if (*rest == '.') {
		int64_t unit = USEC_PER_SEC;
		const char *from = ++rest;

		for (; isdigit((unsigned char)*rest); rest++) {
			unit /= 10;
			fraction += (*rest - '0') * unit;
		}
		if (rest == from || rest - from > 9)
			return -EINVAL;
	}
	if (strcmp(rest, "Z") != 0)
		return -EINVAL;
	*ret = (int64_t)timegm(&tm) * USEC_PER_SEC + fraction;
	return 0;
}

static int read_source(const char *word, uint64_t *ret)
{
	size_t n = strlen(word);

	if (!n || n > 19 || strspn(word, "0123456789") != n)
		return -EINVAL;
	*ret = strtoull(word, NULL, 10);
	return 0;
}

int recording_moment_parse(const char *word, struct recording_moment *ret)
{
	struct recording_moment m = { 0 };

	if (strcmp(word, "end") == 0)
		m.kind = MOMENT_END;
	else if (strcmp(word, "start") == 0)
		m.kind = MOMENT_START;
	else if (word[0] == '+' && read_offset(word + 1, &m.usec) == 0)
		m.kind = MOMENT_OFFSET;
	else if (read_time(word, &m.usec) == 0)
		m.kind = MOMENT_TIME;
	else if (read_source(word, &m.source) == 0)
		m.kind = MOMENT_SOURCE;
	else
		return -EINVAL;
	*ret = m;
	return 0;
}

bool recording_moment_before(const struct recording_moment *m, int64_t first_usec, int64_t usec,
			     uint64_t source)
{
	switch (m->kind) {
	case MOMENT_END:
		return false;
	case MOMENT_START:
		return true;
	case MOMENT_TIME:
		return usec > m->usec;
	case MOMENT_OFFSET:
		return usec - first_usec > m->usec;
	case MOMENT_SOURCE:
		return source > m->source;
	}
	return false;
}

const char *recording_time(int64_t usec, char out[RECORDING_TIME_SIZE])
{
	time_t seconds = (time_t)(usec / USEC_PER_SEC);
	struct tm tm;
	size_t n;

	if (!gmtime_r(&seconds, &tm) ||
	    !(n = strftime(out, RECORDING_TIME_SIZE, "%Y-%m-%dT%H:%M:%S", &tm)))
		n = (size_t)snprintf(out, RECORDING_TIME_SIZE, "?");
	(void)snprintf(out + n, RECORDING_TIME_SIZE - n, ".%06dZ",
		       (int)(usec >= 0 ? usec % USEC_PER_SEC : 0));
	return out;
}
