/* The scalars that Kubernetes writes as strings. Used by the decoder. */
#include <ctype.h>
#include <string.h>

#include "common/decode/decode-scalar.h"

/* ---- base64 ---- */

static int base64_digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool scalar_base64(struct arena *arena, const char *s, size_t n, uint8_t **ret, size_t *ret_len)
{
	uint8_t *out = arena_alloc(arena, n / 4 * 3 + 3);
	size_t len = 0, digits = 0, padding = 0;
	uint32_t bits = 0;

	for (size_t i = 0; i < n; i++) {
		int d;

		if (s[i] == '\n' || s[i] == '\r')
			continue;
		if (s[i] == '=') {
			padding++;
			continue;
		}
		d = base64_digit(s[i]);
		if (d < 0 || padding)
			return false;
		bits = bits << 6 | (uint32_t)d;
		digits++;
		if (digits % 4 != 0)
			continue;
		out[len++] = (uint8_t)(bits >> 16);
		out[len++] = (uint8_t)(bits >> 8);
		out[len++] = (uint8_t)bits;
	}
	if (padding > 2 || (digits + padding) % 4 != 0)
		return false;
	if (digits % 4 == 2) {
		out[len++] = (uint8_t)(bits >> 4);
	} else if (digits % 4 == 3) {
		out[len++] = (uint8_t)(bits >> 10);
		out[len++] = (uint8_t)(bits >> 2);
	}
	*ret = out;
	*ret_len = len;
	return true;
}

/* ---- times ---- */

/* Exactly n digits. */
static bool digits(const char **s, int n, int min, int max, int *ret)
{
	int v = 0;

	for (int i = 0; i < n; i++) {
		if (!isdigit((unsigned char)**s))
			return false;
		v = v * 10 + (*(*s)++ - '0');
	}
	*ret = v;
	return v >= min && v <= max;
}

static bool literal(const char **s, char c)
{
	return *(*s)++ == c;
}

/* Days since 1970-01-01 in the Gregorian calendar, counted from 1 March of year 0. */
static int64_t days_of(int year, int month, int day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t m = month <= 2 ? month + 9 : month - 3;

	return y * 365 + y / 4 - y / 100 + y / 400 + (m * 153 + 2) / 5 + day - 1 - 719468;
}

static int days_in(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return month == 2 && leap ? 29 : days[month - 1];
}

bool scalar_time(const char *s, int64_t *ret_seconds)
{
	int year, month, day, hour, minute, second, zone_hour = 0, zone_minute = 0, sign = 0;

	if (!digits(&s, 4, 1, 9999, &year) || !literal(&s, '-') || !digits(&s, 2, 1, 12, &month) ||
	    !literal(&s, '-') || !digits(&s, 2, 1, days_in(year, month), &day) ||
	    !literal(&s, 'T') || !digits(&s, 2, 0, 23, &hour) || !literal(&s, ':') ||
	    !digits(&s, 2, 0, 59, &minute) || !literal(&s, ':') || !digits(&s, 2, 0, 59, &second))
		return false;
	if (*s == '.') {
		if (!isdigit((unsigned char)*++s))
			return false;
		while (isdigit((unsigned char)*s))
			s++;
	}
	if (*s == 'Z') {
		s++;
	} else {
		sign = *s == '+' ? 1 : *s == '-' ? -1 : 0;
		s++;
		if (!sign || !digits(&s, 2, 0, 23, &zone_hour) || !literal(&s, ':') ||
		    !digits(&s, 2, 0, 59, &zone_minute))
			return false;
	}
	if (*s)
		return false;
	*ret_seconds = days_of(year, month, day) * 86400 + hour * 3600 + minute * 60 + second -
		       sign * (zone_hour * 3600 + zone_minute * 60);
	return true;
}

/* ---- durations ---- */

static const struct {
	const char *name;
	int64_t nanoseconds;
} units[] = {
	/* Longer names come before their own prefixes. */
	{ "ns", 1 },           { "us", 1000 },      { "\xc2\xb5s", 1000 }, /* micro sign */
	{ "\xce\xbcs", 1000 },                                             /* Greek mu */
	{ "ms", 1000000 },     { "s", 1000000000 }, { "m", 60000000000 },  { "h", 3600000000000 },
};

static const char *unit(const char *s, int64_t *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		size_t n = strlen(units[i].name);

		if (strncmp(s, units[i].name, n) == 0) {
			*ret = units[i].nanoseconds;
			return s + n;
		}
	}
	return NULL;
}

/* One number and its unit; NULL if there is not a number or it does not fit. */
static const char *duration_part(const char *s, int64_t *total)
{
	int64_t whole = 0, fraction = 0, scale = 1, nanoseconds, part;
	const char *start = s;

	for (; isdigit((unsigned char)*s); s++)
		if (__builtin_mul_overflow(whole, 10, &whole) ||
		    __builtin_add_overflow(whole, *s - '0', &whole))
			return NULL;
	if (*s == '.') {
		for (s++; isdigit((unsigned char)*s); s++)
			if (scale < 1000000000) {
				fraction = fraction * 10 + (*s - '0');
				scale *= 10;
			}
		if (s == start + 1)
			return NULL;
	} else if (s == start) {
		return NULL;
	}
	s = unit(s, &nanoseconds);
	if (!s || __builtin_mul_overflow(whole, nanoseconds, &whole))
		return NULL;
	part = (int64_t)((__int128)fraction * nanoseconds / scale);
	if (__builtin_add_overflow(whole, part, &part) ||
	    __builtin_add_overflow(*total, part, total))
		return NULL;
	return s;
}

bool scalar_duration(const char *s, int64_t *ret_nanoseconds)
{
	bool negative = *s == '-';
	int64_t total = 0;

	s += *s == '-' || *s == '+';
	if (strcmp(s, "0") == 0) {
		*ret_nanoseconds = 0;
		return true;
	}
	do {
		s = duration_part(s, &total);
		if (!s)
			return false;
	} while (*s);
	*ret_nanoseconds = negative ? -total : total;
	return true;
}

/* ---- quantities ---- */

static bool is_exponent(const char *s)
{
	if (*s != 'e' && *s != 'E')
		return false;
	s++;
	s += *s == '-' || *s == '+';
	if (!*s)
		return false;
	while (isdigit((unsigned char)*s))
		s++;
	return !*s;
}

bool scalar_is_quantity(const char *s)
{
	static const char *const suffixes[] = { "",  "n", "u",  "m",  "k",  "M",  "G",  "T",
						"P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei" };
	size_t n = 0;

	s += *s == '-' || *s == '+';
	for (; isdigit((unsigned char)*s); s++)
		n++;
	if (*s == '.')
		for (s++; isdigit((unsigned char)*s); s++)
			n++;
	if (!n)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++)
		if (strcmp(s, suffixes[i]) == 0)
			return true;
	return is_exponent(s);
}

/* ---- UTF-8 ---- */

bool scalar_is_utf8(const char *s, size_t n)
{
	const uint8_t *p = (const uint8_t *)s, *end = p + n;

	while (p < end) {
		uint32_t c = *p++, min;
		int more;

		if (c == 0)
			return false;
		if (c < 0x80)
			continue;
		more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
		min = more == 3 ? 0x10000 : more == 2 ? 0x800 : 0x80;
		if (c < 0xc2 || c > 0xf4 || end - p < more)
			return false;
		c &= 0x3fu >> more;
		for (; more > 0; more--, p++) {
			if ((*p & 0xc0) != 0x80)
				return false;
			c = c << 6 | (*p & 0x3f);
		}
		if (c < min || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
			return false;
	}
	return true;
}
