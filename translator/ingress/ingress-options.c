/* Annotations of an Ingress: timeouts, retries, WebSockets, TLS versions. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/go-duration.h"
#include "common/base/strbuf.h"
#include "common/base/word.h"
#include "translator/ingress/ingress-options.h"
#include "translator/model/route.h"
#include "translator/resolve/object.h"

#define PREFIX "projectcontour.io/"

const char *const ingress_options_of_tls[3] = { PREFIX "tls-minimum-protocol-version",
						PREFIX "tls-maximum-protocol-version",
						PREFIX "tls-cert-namespace" };

struct source {
	struct reader *r;
	const char *key;
	const K8s__ObjectMeta *meta;
};

static void ignored(const struct source *s, const char *name, const char *why)
{
	object_warning(s->r, OBJECT_INGRESS, s->key, "AnnotationIgnored",
		       arena_printf(reader_arena(s->r), "metadata.annotations[%s]", name), "%s",
		       why);
}

static struct go_duration read_duration(const struct source *s, const char *name)
{
	const char *text = object_annotation(s->meta, name);
	struct go_duration d = { 0 };

	int r = text ? go_duration_parse(text, &d) : 0;

	if (r < 0)
		ignored(s, name, go_duration_why(r));
	return d;
}

/* -1 means no retries; empty, 0 or not a number means one. */
static uint32_t read_count(const struct source *s)
{
	const char *text = object_annotation(s->meta, PREFIX "num-retries");
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
		if (retry_word_is_known(p, len))
			strbuf_printf(&known, "%s%.*s", known.len ? "," : "", (int)len, p);
		else if (!unknown)
			unknown = arena_strndup(reader_arena(s->r), p, MIN(len, (size_t)64));
	}
	if (unknown)
		ignored(s, PREFIX "retry-on",
			arena_printf(reader_arena(s->r), "\"%s\" is nothing to retry on", unknown));
	return known.len ? arena_strdup(reader_arena(s->r), known.s) : NULL;
}

static const struct retries *read_retries(const struct source *s)
{
	static const char *const others[] = { PREFIX "num-retries", PREFIX "per-try-timeout" };
	struct arena *a = reader_arena(s->r);
	const char *text = object_annotation(s->meta, PREFIX "retry-on");
	char *on = text ? read_retry_on(s, text) : NULL;
	struct retries *ret;

	for (size_t i = 0; !on && i < ARRAY_SIZE(others); i++)
		if (object_annotation(s->meta, others[i]))
			ignored(s, others[i],
				"it has no effect without " PREFIX
				"retry-on, which says on what to retry");
	if (!on)
		return NULL;
	ret = arena_new_of(a, struct retries, 1);
	*ret = (struct retries){ .on = on,
				 .has_count = true,
				 .count = read_count(s),
				 .per_try = read_duration(s, PREFIX "per-try-timeout") };
	return ret;
}

static uint32_t read_version(const struct source *s, const char *name)
{
	const char *text = object_annotation(s->meta, name);

	if (!text || !*text)
		return 0;
	if (strcmp(text, "1.2") == 0)
		return 2;
	if (strcmp(text, "1.3") == 0)
		return 3;
	ignored(s, name, "it is neither 1.2 nor 1.3");
	return 0;
}

/* Settings of retries that do nothing. */
static void look_at_retries(const struct source *s, const struct ingress_options *o)
{
	const struct go_duration *try = &o->retries->per_try, *all = &o->timeout;

	if (try->usec > 0 && all->usec > 0 && try->usec >= all->usec)
		ignored(s, PREFIX "per-try-timeout",
			"it has no effect: the timeout of the whole request is not longer, and "
			"ends "
			"it first");
	if (strstr(o->retries->on, "retriable-status-codes"))
		ignored(s, PREFIX "retry-on",
			"retriable-status-codes has no effect: an Ingress cannot name the codes");
	if (strstr(o->retries->on, "retriable-headers"))
		ignored(s, PREFIX "retry-on",
			"retriable-headers has no effect: an Ingress cannot name the headers");
}

void ingress_options_read(struct reader *r, const char *key, const K8s__ObjectMeta *meta,
			  struct ingress_options *ret)
{
	const struct source s = { r, key, meta };
	const char *response = object_annotation(meta, PREFIX "response-timeout");

	ret->websocket_paths = object_annotation(meta, PREFIX "websocket-routes");
	ret->timeout = read_duration(&s, response && *response ? PREFIX "response-timeout"
							       : PREFIX "request-timeout");
	if (response && *response && object_annotation(meta, PREFIX "request-timeout"))
		ignored(&s, PREFIX "request-timeout",
			"it has no effect beside " PREFIX "response-timeout");
	ret->retries = read_retries(&s);
	if (ret->retries)
		look_at_retries(&s, ret);
	ret->min_tls = read_version(&s, ingress_options_of_tls[0]);
	ret->max_tls = read_version(&s, ingress_options_of_tls[1]);
	ret->tls_bad = ret->min_tls && ret->max_tls && ret->min_tls > ret->max_tls;
}

bool ingress_options_websocket(struct arena *a, const struct ingress_options *o, const char *path)
{
	const char *word;

	for (const char *list = o->websocket_paths; (word = word_next_copy(a, &list));)
		if (strcmp(word, path) == 0)
			return true;
	return false;
}
