/* The writer of metrics and its table. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/metric.h"

#define METRIC_ROW(id, type, unit, stage, name, labels, help) \
	[METRIC_##id] = { METRIC_TYPE_##type, unit, stage, name, labels, help },
static const struct metric_row rows[] = { METRICS(METRIC_ROW) };
#undef METRIC_ROW

/* Whole numbers below this are exact in a double. */
#define WHOLE_MAX 9007199254740992.0

/* Upper bounds in seconds. */
static const double bounds[METRIC_BUCKETS] = { 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
					       0.1,    0.25,  0.5,    1,     2.5,  5,     10 };

const struct metric_row *metric_row(enum metric m)
{
	return &rows[m];
}

const char *metric_type_name(enum metric_type type)
{
	static const char *const names[] = { "counter", "gauge", "histogram" };

	return names[type];
}

void metric_family(struct strbuf *out, enum metric m)
{
	const struct metric_row *row = &rows[m];

	strbuf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", row->name, row->help, row->name,
		      metric_type_name(row->type));
}

/* A backslash, a quote and a line feed are escaped: the format has no other escapes. */
static void put_value(struct strbuf *out, const char *value)
{
	strbuf_putc(out, '"');
	for (; *value; value++)
		if (*value == '\n')
			strbuf_puts(out, "\\n");
		else {
			if (*value == '\\' || *value == '"')
				strbuf_putc(out, '\\');
			strbuf_putc(out, *value);
		}
	strbuf_putc(out, '"');
}

/* {a="x",le="0.5"}; writes nothing if there are no labels. */
static void put_labels(struct strbuf *out, const char *names, const char *const *values, size_t n,
		       const char *bound)
{
	size_t named = 0;

	if (!*names && !bound)
		return;
	strbuf_putc(out, '{');
	for (; *names; named++) {
		size_t len = strcspn(names, ",");

		assert(named < n);
		strbuf_printf(out, "%s%.*s=", named ? "," : "", (int)len, names);
		put_value(out, values[named]);
		names += len + (names[len] == ',');
	}
	assert(named == n);
	if (bound)
		strbuf_printf(out, "%sle=\"%s\"", named ? "," : "", bound);
	strbuf_putc(out, '}');
}

/* Uses the fewest digits that read back as the same number; whole numbers have no exponent. */
static void put_number(struct strbuf *out, double v)
{
	char s[40];

	if (v > -WHOLE_MAX && v < WHOLE_MAX && v == (double)(int64_t)v) {
		strbuf_printf(out, "%.0f", v);
		return;
	}
	for (int digits = 15; digits <= 17; digits++) {
		(void)snprintf(s, sizeof(s), "%.*g", digits, v);
		if (strtod(s, NULL) == v)
			break;
	}
	strbuf_puts(out, s);
}

static void put_sample(struct strbuf *out, enum metric m, const char *suffix,
		       const char *const *values, size_t n, const char *bound, double value)
{
	strbuf_printf(out, "%s%s", rows[m].name, suffix);
	put_labels(out, rows[m].labels, values, n, bound);
	strbuf_putc(out, ' ');
	put_number(out, value);
	strbuf_putc(out, '\n');
}

void metric_sample_labels(struct strbuf *out, enum metric m, double value,
			  const char *const *values, size_t n)
{
	put_sample(out, m, "", values, n, NULL, value);
}

void metric_single_value(struct strbuf *out, enum metric m, double value)
{
	metric_family(out, m);
	put_sample(out, m, "", NULL, 0, NULL, value);
}

void metric_observe(struct metric_histogram *h, double seconds)
{
	size_t b = 0;

	while (b < METRIC_BUCKETS && seconds > bounds[b])
		b++;
	h->buckets[b]++;
	h->n++;
	h->sum += seconds;
}

void metric_histogram(struct strbuf *out, enum metric m, const struct metric_histogram *h,
		      const char *const *values, size_t n)
{
	uint64_t below = 0;
	char bound[32];

	for (size_t b = 0; b < METRIC_BUCKETS; b++) {
		below += h->buckets[b];
		(void)snprintf(bound, sizeof(bound), "%g", bounds[b]);
		put_sample(out, m, "_bucket", values, n, bound, (double)below);
	}
	put_sample(out, m, "_bucket", values, n, "+Inf", (double)h->n);
	put_sample(out, m, "_sum", values, n, NULL, h->sum);
	put_sample(out, m, "_count", values, n, NULL, (double)h->n);
}
