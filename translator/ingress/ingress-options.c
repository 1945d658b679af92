/* Annotations of an Ingress: timeouts, retries, WebSockets, TLS versions. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/go-duration.h"
#include "common/base/strbuf.h"
#include "translator/ingress/ingress-options.h"
#include "translator/model/route.h"
#include "translator/resolve/object.h"

#define PREFIX "projectcontour.io/"

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

	if (text && go_duration_parse(text, &d) < 0) {
		ignored(s, name, "a time is written as 300ms, 5s, 1h30m or infinity");
		return (struct go_duration){ 0 };
	}
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
	struct arena *a = reader_arena(s->r);
	const char *text = object_annotation(s->meta, PREFIX "retry-on");
	char *on = text ? read_retry_on(s, text) : NULL;
	struct retries *ret;

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

void ingress_options_read(struct reader *r, const char *key, const K8s__ObjectMeta *meta,
			  struct ingress_options *ret)
{
	const struct source s = { r, key, meta };
	const char *response = object_annotation(meta, PREFIX "response-timeout");

	ret->websocket_paths = object_annotation(meta, PREFIX "websocket-routes");
	ret->timeout = read_duration(&s, response && *response ? PREFIX "response-timeout"
							       : PREFIX "request-timeout");
	ret->retries = read_retries(&s);
	ret->min_tls = read_version(&s, PREFIX "tls-minimum-protocol-version");
	ret->max_tls = read_version(&s, PREFIX "tls-maximum-protocol-version");
	ret->tls_bad = ret->min_tls && ret->max_tls && ret->min_tls > ret->max_tls;
}

/* Whether the list has the path, apart from spaces around it. */
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

bool ingress_options_websocket(const struct ingress_options *o, const char *path)
{
	return o->websocket_paths && lists(o->websocket_paths, path);
}
