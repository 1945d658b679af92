/* Annotations of a Service: protocols of its ports, circuit breakers, outlier detection. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/go-duration.h"
#include "common/base/word.h"
#include "translator/resolve/object.h"
#include "translator/resolve/service-options.h"

#define PREFIX  "projectcontour.io/"
#define OUTLIER "portolan.io/outlier-"

/* Envoy's defaults (config.cluster.v3.OutlierDetection), except the share of endpoints. */
#define EJECTION_INTERVAL (10 * USEC_PER_SEC)
#define EJECTION_TIME     (30 * USEC_PER_SEC)
#define EJECTION_PERCENT  50
#define EJECTION_TIME_MAX (300 * USEC_PER_SEC) /* Envoy's max_ejection_time */

static bool lists(const char *list, const K8s__ServicePort *port)
{
	const char *word;
	char number[16];
	size_t len;

	(void)snprintf(number, sizeof(number), "%d", port->port);
	while ((word = word_next(&list, &len)))
		if (len && ((strlen(port->name) == len && memcmp(word, port->name, len) == 0) ||
			    (strlen(number) == len && memcmp(word, number, len) == 0)))
			return true;
	return false;
}

/* The later goes before the earlier, as with Contour. */
enum upstream_protocol service_options_protocol(const K8s__ObjectMeta *meta,
						const K8s__ServicePort *port)
{
	static const struct {
		const char *name;
		enum upstream_protocol protocol;
	} rows[] = {
		{ PREFIX "upstream-protocol.h2", UPSTREAM_H2 },
		{ PREFIX "upstream-protocol.h2c", UPSTREAM_H2C },
		{ PREFIX "upstream-protocol.tls", UPSTREAM_TLS },
	};
	enum upstream_protocol found = UPSTREAM_HTTP1;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *list = object_annotation(meta, rows[i].name);

		if (list && lists(list, port))
			found = rows[i].protocol;
	}
	return found;
}

/* KEP-3726: the protocols that Kubernetes itself defines, and common words. An unknown one has no
 * effect, and the annotation counts. */
bool service_options_app_protocol(const char *word, enum upstream_protocol *ret)
{
	static const struct {
		const char *word;
		enum upstream_protocol protocol;
	} rows[] = {
		{ "kubernetes.io/h2c", UPSTREAM_H2C },
		{ "h2c", UPSTREAM_H2C },
		{ "grpc", UPSTREAM_H2C },
		{ "http2", UPSTREAM_H2C },
		{ "kubernetes.io/wss", UPSTREAM_TLS },
		{ "wss", UPSTREAM_TLS },
		{ "https", UPSTREAM_TLS },
		{ "h2", UPSTREAM_H2 },
		{ "grpcs", UPSTREAM_H2 },
		{ "kubernetes.io/ws", UPSTREAM_HTTP1 },
		{ "ws", UPSTREAM_HTTP1 },
		{ "http", UPSTREAM_HTTP1 },
		{ "tcp", UPSTREAM_HTTP1 },
		{ "tls", UPSTREAM_TLS },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (strcasecmp(rows[i].word, word) == 0) {
			*ret = rows[i].protocol;
			return true;
		}
	return false;
}

void service_options_tell_protocol(struct reader *r, const char *key, const char *word,
				   int32_t port)
{
	object_warning(r, OBJECT_SERVICE, key, "AppProtocolUnknown", "spec.ports",
		       "port %d: appProtocol \"%.64s\" says nothing here; known are http, https, "
		       "h2c, grpc, http2, kubernetes.io/h2c, ws and wss",
		       port, word);
}

/* A Service whose annotations are read. */
struct options {
	struct reader *r;
	const char *key;
	const K8s__ObjectMeta *meta;
};

static void ignore(const struct options *o, const char *name, const char *why)
{
	object_warning(o->r, OBJECT_SERVICE, o->key, "AnnotationIgnored",
		       arena_printf(reader_arena(o->r), "metadata.annotations[%s]", name), "%s",
		       why);
}

/* Words of a list that name no port. */
void service_options_check_ports(struct reader *r, const char *key, const K8s__Service *s)
{
	static const char *const names[] = { PREFIX "upstream-protocol.h2",
					     PREFIX "upstream-protocol.h2c",
					     PREFIX "upstream-protocol.tls" };
	const struct options o = { r, key, s->metadata };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const char *list = object_annotation(s->metadata, names[i]);
		size_t len;

		for (const char *p = list ? list + strspn(list, ", \t") : ""; *p;
		     p += len + strspn(p + len, ", \t")) {
			char *word = arena_strndup(reader_arena(r), p, len = strcspn(p, ", \t"));
			bool known = false;

			for (size_t k = 0; s->spec && k < s->spec->n_ports && !known; k++)
				known = lists(word, s->spec->ports[k]);
			if (!known)
				ignore(&o, names[i],
				       arena_printf(reader_arena(r),
						    "\"%.64s\" is no port of the Service", word));
		}
	}
}

static uint32_t read_number(const struct options *o, const char *name, uint32_t max,
			    uint32_t fallback)
{
	const char *text = object_annotation(o->meta, name);
	unsigned long long n;
	char *end;

	if (!text)
		return fallback;
	errno = 0;
	n = strtoull(text, &end, 10);
	if (!errno && end != text && !*end && *text != '-' && n <= max)
		return (uint32_t)n;
	ignore(o, name,
	       arena_printf(reader_arena(o->r), "it is not a number between 0 and %u", max));
	return fallback;
}

struct upstream_limits service_options_limits(struct reader *r, const char *key,
					      const K8s__ObjectMeta *meta)
{
	const struct options o = { r, key, meta };

	return (struct upstream_limits){
		.connections = read_number(&o, PREFIX "max-connections", UINT32_MAX, 0),
		.pending = read_number(&o, PREFIX "max-pending-requests", UINT32_MAX, 0),
		.requests = read_number(&o, PREFIX "max-requests", UINT32_MAX, 0),
		.retries = read_number(&o, PREFIX "max-retries", UINT32_MAX, 0),
		.connections_per_host =
			read_number(&o, PREFIX "per-host-max-connections", UINT32_MAX, 0),
	};
}

static int64_t read_time(const struct options *o, const char *name, int64_t max, int64_t fallback)
{
	const char *text = object_annotation(o->meta, name);
	struct go_duration d;

	if (!text)
		return fallback;
	if (go_duration_parse(text, &d) == 0 && d.set && !d.infinite && d.usec >= USEC_PER_MSEC &&
	    d.usec <= max)
		return d.usec;
	ignore(o, name,
	       arena_printf(reader_arena(o->r), "it is not a time between 1ms and %us, such as 30s",
			    (unsigned)(max / USEC_PER_SEC)));
	return fallback;
}

struct upstream_ejection service_options_ejection(struct reader *r, const char *key,
						  const K8s__ObjectMeta *meta)
{
	static const char *const others[] = { OUTLIER "interval", OUTLIER "ejection-time",
					      OUTLIER "max-ejection-percent" };
	const struct options o = { r, key, meta };
	struct upstream_ejection e = { 0 };

	e.consecutive_5xx = read_number(&o, OUTLIER "consecutive-5xx", UINT32_MAX, 0);
	for (size_t i = 0; !e.consecutive_5xx && i < ARRAY_SIZE(others); i++)
		if (object_annotation(meta, others[i]))
			ignore(&o, others[i],
			       "it has no effect without " OUTLIER "consecutive-5xx above 0");
	if (!e.consecutive_5xx)
		return e;
	e.interval_usec = read_time(&o, others[0], EJECTION_TIME_MAX, EJECTION_INTERVAL);
	e.ejection_usec = read_time(&o, others[1], EJECTION_TIME_MAX, EJECTION_TIME);
	e.max_percent = read_number(&o, others[2], 100, EJECTION_PERCENT);
	return e;
}
