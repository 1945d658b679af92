/* A path's side effects: copies of requests, logs, traces, and changes of answers. */
#include <string.h>

#include "translator/nginx/nginx-config.h"
#include "translator/nginx/nginx-extra.h"
#include "translator/nginx/nginx-program.h"
#include "translator/nginx/nginx-url.h"
#include "translator/nginx/nginx-variable.h"

#define ANNOTATION(name) "metadata.annotations[" NGINX_PREFIX name "]"

/* ---- copies ---- */

static void warn_copy(struct nginx_plan *p, const struct nginx_source *s, const char *why)
{
	nginx_warning(p, s->ingress, "AnnotationUnsupported", ANNOTATION("mirror-target"), "%s",
		      why);
}

void nginx_extra_mirror(struct nginx_plan *p, const struct nginx_source *s, struct forward *ret)
{
	const char *target = nginx_own_text(s->ingress, "mirror-target");
	const char *host = nginx_own_text(s->ingress, "mirror-host");
	const char *body = nginx_own_text(s->ingress, "mirror-request-body");
	struct nginx_url url;
	struct mirror *mirror;

	if (!target)
		return;
	if (!nginx_url_parse(p->a, target, &url) || strchr(url.host, '$')) {
		warn_copy(p, s,
			  "the value must be http://host or https://host, without variables "
			  "in the host; no copies are sent");
		return;
	}
	if (strcmp(url.rest, "$request_uri") != 0 && strcmp(url.rest, "/$request_uri") != 0)
		warn_copy(p, s, "copies have the path of the request, not the one of the URL");
	if (ret->rewrite.kind || p->snippet.outcome->rewrite.kind)
		warn_copy(p, s, "copies have the path as it is rewritten for the backend");
	if (body && strcmp(body, "off") == 0)
		nginx_warning(p, s->ingress, "AnnotationUnsupported",
			      ANNOTATION("mirror-request-body"), "copies have the request's body");
	mirror = arena_new_of(p->a, struct mirror, 1);
	*mirror = (struct mirror){
		.cluster = nginx_url_upstream(p, s, &url, "mirror-target"),
		.same_host = true,
		.host = host ? nginx_variable_plain(p, s, host) : url.host,
	};
	if (!mirror->cluster)
		return;
	ret->mirrors = mirror;
	ret->n_mirrors = 1;
}

/* ---- logs and traces ---- */

void nginx_extra_watch(struct nginx_plan *p, const struct nginx_source *s, struct route *ret)
{
	const char *traced = nginx_text(p->r, s->ingress, "enable-opentelemetry");
	bool on;

	ret->quiet = !nginx_flag(p->r, s->ingress, "enable-access-log", true);
	ret->operation = nginx_text(p->r, s->ingress, "opentelemetry-operation-name");
	if (traced && nginx_bool(traced, &on))
		ret->tracing = on ? TRACING_ALL : TRACING_OFF;
}

/* ---- answers ---- */

/* Two words, or false. */
static bool two_words(struct arena *a, const char *text, const char **ret_from, const char **ret_to)
{
	size_t n = text ? strcspn(text, " \t") : 0;
	const char *rest = text ? text + n + strspn(text + n, " \t") : "";

	if (!n || !*rest)
		return false;
	*ret_from = arena_strndup(a, text, n);
	*ret_to = rest;
	return true;
}

static void read_location(struct nginx_plan *p, const struct nginx_source *s,
			  struct answer_rewrites *ret)
{
	const char *from = nginx_text(p->r, s->ingress, "proxy-redirect-from");
	const char *to = nginx_text(p->r, s->ingress, "proxy-redirect-to");

	if (!from || !to || strcmp(from, "off") == 0 || strcmp(from, "default") == 0 ||
	    strcmp(to, "off") == 0)
		return;
	ret->location_from = from;
	ret->location_to = nginx_variable_plain(p, s, to);
	if (!ret->location_to)
		ret->location_from = NULL;
}

bool nginx_extra_rewrites(struct nginx_plan *p, const struct nginx_ingress *in)
{
	static const char *const names[] = { "proxy-redirect-from", "proxy-cookie-path",
					     "proxy-cookie-domain" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const char *text = nginx_text(p->r, in, names[i]);

		if (text && strcmp(text, "off") != 0)
			return true;
	}
	return false;
}

/* proxy-cookie-path and proxy-cookie-domain: what to replace, and by what. */
static void read_cookie(struct nginx_plan *p, const struct nginx_source *s, const char *name,
			const char **ret_from, const char **ret_to)
{
	const char *own = nginx_own_text(s->ingress, name);

	if (two_words(p->a, nginx_text(p->r, s->ingress, name), ret_from, ret_to) || !own ||
	    strcmp(own, "off") == 0)
		return;
	nginx_warning(p, s->ingress, "AnnotationInvalid",
		      arena_printf(p->a, ANNOTATION("%s"), name),
		      "the value must be off or two words; it has no effect");
}

static void read_rewrites(struct nginx_plan *p, const struct nginx_source *s,
			  struct route_filters *ret)
{
	struct answer_rewrites *all;

	if (!nginx_extra_rewrites(p, s->ingress))
		return;
	all = arena_new_of(p->a, struct answer_rewrites, 1);
	read_location(p, s, all);
	read_cookie(p, s, "proxy-cookie-path", &all->path_from, &all->path_to);
	read_cookie(p, s, "proxy-cookie-domain", &all->domain_from, &all->domain_to);
	if (all->location_from || all->path_from || all->domain_from)
		ret->rewrites = all;
}

void nginx_extra_answers(struct nginx_plan *p, const struct nginx_source *s,
			 struct route_filters *ret)
{
	const char *buffering = nginx_text(p->r, s->ingress, "proxy-buffering");
	long rate = nginx_number(p->r, s->ingress, "limit-rate", 0);

	read_rewrites(p, s, ret);
	if (rate <= 0)
		return;
	if (buffering && strcmp(buffering, "on") == 0)
		ret->bandwidth_kib = (uint32_t)rate;
	else if (nginx_own_text(s->ingress, "limit-rate"))
		nginx_warning(p, s->ingress, "AnnotationWithoutEffect", ANNOTATION("limit-rate"),
			      "it has an effect with proxy-buffering: on only, as in nginx");
}
