/* Annotations of an Ingress: timeouts, retries, WebSockets, TLS versions. Runs in the translator. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/go-duration.h"
#include "common/strbuf.h"
#include "translator/ingress-options.h"

#define PREFIX "projectcontour.io/"

typedef Envoy__Config__Route__V3__RetryPolicy RetryPolicy;

struct source {
	struct reader *r;
	const char *key;
	const K8s__ObjectMeta *meta;
};

static void ignored(const struct source *s, const char *name, const char *why)
{
	units_warning(s->r, OBJECT_INGRESS, s->key, "AnnotationIgnored",
		      arena_printf(reader_arena(s->r), "metadata.annotations[%s]", name), "%s", why);
}

static Google__Protobuf__Duration *read_duration(const struct source *s, const char *name)
{
	const char *text = units_annotation(s->meta, name);
	struct go_duration d;

	if (!text || !*text)
		return NULL;
	if (go_duration_parse(text, &d) < 0) {
		ignored(s, name, "a time is written as 300ms, 5s, 1h30m or infinity");
		return NULL;
	}
	return d.set ? envoy_duration(reader_arena(s->r), d.usec) : NULL;
}

/* -1 is none; nothing, zero and what is no number are one. */
static uint32_t read_retries(const struct source *s)
{
	const char *text = units_annotation(s->meta, PREFIX "num-retries");
	char *end;
	long n;

	if (!text || !*text)
		return 1;
	errno = 0;
	n = strtol(text, &end, 10);
	if (errno || *end || n < -1 || n > INT32_MAX) {
		ignored(s, PREFIX "num-retries", "it is not a number between -1 and 2147483647");
		return 1;
	}
	return n == -1 ? 0 : n == 0 ? 1 : (uint32_t)n;
}

/* Those words of the list that Envoy knows, or NULL. */
static char *read_retry_on(const struct source *s, const char *text)
{
	_cleanup_strbuf_ struct strbuf known = STRBUF_INIT;
	const char *unknown = NULL;
	size_t len;

	for (const char *p = text + strspn(text, ", "); *p; p += len + strspn(p + len, ", ")) {
		len = strcspn(p, ", ");
		if (envoy_knows_retry(p, len))
			strbuf_printf(&known, "%s%.*s", known.len ? "," : "", (int)len, p);
		else if (!unknown)
			unknown = arena_strndup(reader_arena(s->r), p, MIN(len, (size_t)64));
	}
	if (unknown)
		ignored(s, PREFIX "retry-on",
			arena_printf(reader_arena(s->r), "\"%s\" is nothing to retry on", unknown));
	return known.len ? arena_strdup(reader_arena(s->r), known.s) : NULL;
}

static RetryPolicy *read_retry(const struct source *s)
{
	struct arena *a = reader_arena(s->r);
	const char *text = units_annotation(s->meta, PREFIX "retry-on");
	char *on = text ? read_retry_on(s, text) : NULL;
	Google__Protobuf__Duration *try;
	RetryPolicy *p;

	if (!on)
		return NULL;
	p = ENVOY_NEW(a, RetryPolicy, ENVOY__CONFIG__ROUTE__V3__RETRY_POLICY__INIT);
	p->retry_on = on;
	p->num_retries = envoy_uint32(a, read_retries(s));
	try = read_duration(s, PREFIX "per-try-timeout");
	if (try && (try->seconds || try->nanos))
		p->per_try_timeout = try;
	return p;
}

static uint32_t read_version(const struct source *s, const char *name)
{
	const char *text = units_annotation(s->meta, name);

	if (!text || !*text)
		return 0;
	if (strcmp(text, "1.2") == 0)
		return 2;
	if (strcmp(text, "1.3") == 0)
		return 3;
	ignored(s, name, "it is neither 1.2 nor 1.3");
	return 0;
}

void ingress_options_read(struct reader *r, const char *key, const K8s__ObjectMeta *meta,
			  struct ingress_options *ret)
{
	const struct source s = { r, key, meta };
	const char *response = units_annotation(meta, PREFIX "response-timeout");

	ret->websocket_paths = units_annotation(meta, PREFIX "websocket-routes");
	ret->timeout = read_duration(&s, response && *response ? PREFIX "response-timeout" :
								 PREFIX "request-timeout");
	ret->retry = read_retry(&s);
	ret->min_tls = read_version(&s, PREFIX "tls-minimum-protocol-version");
	ret->max_tls = read_version(&s, PREFIX "tls-maximum-protocol-version");
	ret->tls_bad = ret->min_tls && ret->max_tls && ret->min_tls > ret->max_tls;
}

/* Whether the list has the path, but for spaces around it. */
static bool lists(const char *list, const char *path)
{
	size_t len = strlen(path);

	for (const char *p = list, *end; p; p = *end ? end + 1 : NULL) {
		const char *last;

		end = strchrnul(p, ',');
		p += strspn(p, " \t");
		for (last = end; last > p && (last[-1] == ' ' || last[-1] == '\t'); last--)
			;
		if ((size_t)(last - p) == len && memcmp(p, path, len) == 0)
			return true;
	}
	return false;
}

void ingress_options_apply(struct arena *a, const struct ingress_options *o, const char *path,
			   Envoy__Config__Route__V3__Route *route)
{
	if (route->action_case != ENVOY__CONFIG__ROUTE__V3__ROUTE__ACTION_ROUTE)
		return;
	route->route->timeout = o->timeout;
	route->route->retry_policy = o->retry;
	if (o->websocket_paths && lists(o->websocket_paths, path))
		envoy_allow_websocket(a, route->route);
}
