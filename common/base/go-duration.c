/* Durations in Go's notation. Used by the translator and the check of the configuration. */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include "common/base/go-duration.h"

#define DURATION_MAX (100LL * 365 * 24 * 3600 * USEC_PER_SEC)

static const struct {
	const char *unit;
	double usec;
} units[] = {
	{ "ns", 1e-3 }, { "us", 1 },  { "µs", 1 },   { "μs", 1 },
	{ "ms", 1e3 },  { "s", 1e6 }, { "m", 60e6 }, { "h", 3600e6 },
};

static const char *parse_unit(const char *p, double *ret_usec)
{
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		size_t n = strlen(units[i].unit);

		/* "m" must not be taken for the beginning of "ms". */
		if (strncmp(p, units[i].unit, n) == 0 && !isalpha((unsigned char)p[n])) {
			*ret_usec = units[i].usec;
			return p + n;
		}
	}
	return NULL;
}

static const char *parse_number(const char *p, double *ret)
{
	double value = 0, scale = 1;
	bool digits = false;

	for (; isdigit((unsigned char)*p); p++, digits = true)
		value = value * 10 + (*p - '0');
	if (*p == '.')
		for (p++; isdigit((unsigned char)*p); p++, digits = true) {
			scale /= 10;
			value += (*p - '0') * scale;
		}
	*ret = value;
	return digits ? p : NULL;
}

const char *go_duration_why(int error)
{
	return error == -ERANGE ? "a time is at most a hundred years"
				: "a time is written as 300ms, 5s, 1h30m or infinity";
}

int go_duration_parse(const char *text, struct go_duration *ret)
{
	struct go_duration d = { 0 };
	const char *p = text;
	double total = 0;

	if (strcmp(text, "infinity") == 0 || strcmp(text, "infinite") == 0) {
		*ret = (struct go_duration){ .set = true, .infinite = true };
		return 0;
	}
	if (*p == '+')
		p++;
	if (strcmp(p, "0") == 0)
		p = "";
	while (p && *p) {
		double number, usec;

		p = parse_number(p, &number);
		p = p ? parse_unit(p, &usec) : NULL;
		if (!p)
			return -EINVAL;
		total += number * usec;
		if (total > (double)DURATION_MAX)
			return -ERANGE;
	}
	d.usec = total > 0 ? MAX((int64_t)(total + 0.5), (int64_t)1) : 0;
	d.set = d.usec > 0;
	*ret = d;
	return 0;
}
