/* Annotations of a Service: protocols of its ports, circuit breakers. Runs in the translator. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "translator/service-options.h"

#define PREFIX "projectcontour.io/"

static bool lists(const char *list, const K8s__ServicePort *port)
{
	char number[16];

	(void)snprintf(number, sizeof(number), "%d", port->port);
	for (const char *p = list, *end; p; p = *end ? end + 1 : NULL) {
		const char *last;
		size_t len;

		end = strchrnul(p, ',');
		p += strspn(p, " \t");
		for (last = end; last > p && (last[-1] == ' ' || last[-1] == '\t'); last--)
			;
		len = (size_t)(last - p);
		if (len && ((strlen(port->name) == len && memcmp(p, port->name, len) == 0) ||
			    (strlen(number) == len && memcmp(p, number, len) == 0)))
			return true;
	}
	return false;
}

/* The later goes before the earlier, as with Contour. */
enum upstream_protocol service_options_protocol(const K8s__ObjectMeta *meta, const K8s__ServicePort *port)
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
		const char *list = units_annotation(meta, rows[i].name);

		if (list && lists(list, port))
			found = rows[i].protocol;
	}
	return found;
}

static uint32_t read_limit(struct reader *r, const char *key, const K8s__ObjectMeta *meta, const char *name)
{
	const char *text = units_annotation(meta, name);
	unsigned long long n;
	char *end;

	if (!text)
		return 0;
	errno = 0;
	n = strtoull(text, &end, 10);
	if (!errno && end != text && !*end && *text != '-' && n <= UINT32_MAX)
		return (uint32_t)n;
	units_warning(r, OBJECT_SERVICE, key, "AnnotationIgnored",
		      arena_printf(reader_arena(r), "metadata.annotations[%s]", name),
		      "it is not a number between 0 and 4294967295");
	return 0;
}

struct upstream_limits service_options_limits(struct reader *r, const char *key, const K8s__ObjectMeta *meta)
{
	return (struct upstream_limits){
		.connections = read_limit(r, key, meta, PREFIX "max-connections"),
		.pending = read_limit(r, key, meta, PREFIX "max-pending-requests"),
		.requests = read_limit(r, key, meta, PREFIX "max-requests"),
		.retries = read_limit(r, key, meta, PREFIX "max-retries"),
		.connections_per_host = read_limit(r, key, meta, PREFIX "per-host-max-connections"),
	};
}
