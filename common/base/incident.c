/* Incidents of this process. Used by every process. */
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/document.h"
#include "common/base/incident.h"
#include "common/base/log.h"
#include "common/base/metric.h"

#define SLOTS_MAX         32
#define TEXT_MAX          512
#define SUBJECT_MAX       40
#define LOG_INTERVAL_USEC (10 * USEC_PER_SEC)
#define LOG_BURST         3

struct slot {
	enum incident_kind kind;
	char subject[SUBJECT_MAX];
	uint64_t times;
	uint64_t order; /* of the latest */
	int64_t last;   /* realtime */
	char text[TEXT_MAX];
	struct log_limit limit;
};

static struct slot slots[SLOTS_MAX];
static size_t n_slots;
static uint64_t totals[INCIDENT_KIND_MAX_];
static uint64_t order;

static const struct {
	const char *name, *means;
} kinds[INCIDENT_KIND_MAX_] = {
	[INCIDENT_DESCRIPTORS] = { "descriptors", "no file descriptor was left" },
	[INCIDENT_STORAGE] = { "storage", "what should be kept could not be written" },
	[INCIDENT_PROTOCOL] = { "protocol", "a neighbour spoke another version" },
	[INCIDENT_FRAMES] = { "frames", "a peer sent bytes that are not in the protocol" },
	[INCIDENT_CALL] = { "call", "the sandbox refused a system call" },
	[INCIDENT_ENDED] = { "ended", "a program ended without being asked to" },
	[INCIDENT_STUCK] = { "stuck", "a program did not feed its watchdog" },
	[INCIDENT_MEMORY] = { "memory", "a program got no more memory" },
};

/* The oldest gives way. */
static struct slot *find(enum incident_kind kind, const char *subject)
{
	struct slot *oldest = &slots[0];

	for (size_t i = 0; i < n_slots; i++) {
		if (slots[i].kind == kind && strcmp(slots[i].subject, subject) == 0)
			return &slots[i];
		if (slots[i].order < oldest->order)
			oldest = &slots[i];
	}
	if (n_slots < SLOTS_MAX)
		oldest = &slots[n_slots++];
	*oldest = (struct slot){ .kind = kind, .limit = { LOG_INTERVAL_USEC, LOG_BURST, 0, 0 } };
	(void)snprintf(oldest->subject, sizeof(oldest->subject), "%s", subject);
	return oldest;
}

static struct slot *_printf_(4, 0) count(enum incident_kind kind, const char *subject,
					 unsigned times, const char *fmt, va_list ap)
{
	struct slot *s = find(kind, subject);

	s->times += times;
	s->order = ++order;
	s->last = clock_realtime();
	totals[kind] += times;
	(void)vsnprintf(s->text, sizeof(s->text), fmt, ap);
	return s;
}

static void say(struct slot *s)
{
	unsigned dropped;
	bool pass = log_limit_pass(&s->limit, &dropped);

	if (dropped)
		log_warning("%s (%u more like it were not logged)", s->text, dropped);
	else if (pass)
		log_warning("%s", s->text);
	else
		log_debug("%s", s->text);
}

void incident(enum incident_kind kind, const char *subject, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(count(kind, subject, 1, fmt, ap));
	va_end(ap);
}

void incident_times(enum incident_kind kind, const char *subject, unsigned times, const char *fmt,
		    ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(count(kind, subject, times, fmt, ap));
	va_end(ap);
}

void incident_count(enum incident_kind kind, const char *subject, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)count(kind, subject, 1, fmt, ap);
	va_end(ap);
}

bool incident_is_descriptors(int r)
{
	return r == -EMFILE || r == -ENFILE;
}

static void put(struct document *d, const struct slot *s)
{
	document_map(d);
	document_put_string(d, "kind", kinds[s->kind].name);
	document_put_string(d, "subject", s->subject);
	document_put_uint(d, "times", s->times);
	document_put_int(d, "last", s->last / USEC_PER_SEC);
	document_put_string(d, "text", s->text);
	document_end(d);
}

void incident_json(struct strbuf *out)
{
	uint64_t below = order + 1;
	struct document d;

	document_init(&d, out, DOCUMENT_JSON);
	document_list(&d);
	for (size_t n = 0; n < n_slots; n++) {
		const struct slot *next = NULL;

		for (size_t i = 0; i < n_slots; i++)
			if (slots[i].order < below && (!next || slots[i].order > next->order))
				next = &slots[i];
		if (!next)
			break;
		below = next->order;
		put(&d, next);
	}
	document_end(&d);
}

void incident_metrics(struct strbuf *out)
{
	metric_family(out, METRIC_INCIDENTS);
	for (size_t i = 0; i < INCIDENT_KIND_MAX_; i++)
		metric_sample(out, METRIC_INCIDENTS, totals[i], kinds[i].name);
}
