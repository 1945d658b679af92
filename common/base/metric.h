/* The one writer of Prometheus' text format
 * (https://prometheus.io/docs/instrumenting/exposition_formats/). Names, types, units, labels and
 * help are in a table, common/base/metric-list.h: a new metric is a row there.
 *
 *	metric_family(out, METRIC_OBJECTS);
 *	metric_sample(out, METRIC_OBJECTS, 3, "Ingress", "accepted");
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/base/metric-list.h"
#include "common/base/strbuf.h"

#define METRIC_ENUM(id, ...) METRIC_##id,
enum metric { METRICS(METRIC_ENUM) METRIC_MAX_ };
#undef METRIC_ENUM

enum metric_type {
	METRIC_TYPE_COUNTER,
	METRIC_TYPE_GAUGE,
	METRIC_TYPE_HISTOGRAM,
};

struct metric_row {
	enum metric_type type;
	const char *unit;  /* "seconds", "bytes" or "" */
	const char *stage; /* that shows it; "" for all */
	const char *name;
	const char *labels; /* "kind,verdict" */
	const char *help;
};

const struct metric_row *metric_row(enum metric m);
/* "counter" */
const char *metric_type_name(enum metric_type type);

/* HELP and TYPE. Write all samples of a family before the next family begins. */
void metric_family(struct strbuf *out, enum metric m);

/* One sample; as many label values as the table has labels. They are escaped. */
#define metric_sample(out, m, value, ...)                                                   \
	metric_sample_labels(out, m, (double)(value), (const char *const[]){ __VA_ARGS__ }, \
			     sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *))
void metric_sample_labels(struct strbuf *out, enum metric m, double value,
			  const char *const *values, size_t n);
/* A family whose only sample has no labels. */
#define metric_single(out, m, value) metric_single_value(out, m, (double)(value))
void metric_single_value(struct strbuf *out, enum metric m, double value);

/* ---- histograms of durations ---- */

#define METRIC_BUCKETS 14

struct metric_histogram {
	uint64_t buckets[METRIC_BUCKETS + 1]; /* the last: above all bounds */
	uint64_t n;
	double sum;
};

void metric_observe(struct metric_histogram *h, double seconds);
/* The family's head is the caller's; values: NULL where the metric has no labels. */
void metric_histogram(struct strbuf *out, enum metric m, const struct metric_histogram *h,
		      const char *const *values, size_t n);
