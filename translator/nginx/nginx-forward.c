/* Forwarding as nginx does it: timeouts, tries, rewrites, Host, balancing, headers. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/clock.h"
#include "common/base/http-header.h"
#include "common/base/strbuf.h"
#include "common/base/word.h"
#include "translator/nginx/nginx-config.h"
#include "translator/nginx/nginx-extra.h"
#include "translator/nginx/nginx-global.h"
#include "translator/nginx/nginx-plan.h"
#include "translator/nginx/nginx-upstream.h"
#include "translator/nginx/nginx-variable.h"
#include "translator/resolve/config.h"

#define TRIES_UNLIMITED 10 /* with the first */

/* ---- timeouts and tries ---- */

static struct go_duration seconds(long n)
{
	return (struct go_duration){ .set = true, .usec = n * USEC_PER_SEC };
}

static struct go_duration no_limit(void)
{
	return (struct go_duration){ .set = true, .infinite = true };
}

/* nginx limits the time between two reads, and between two writes, never the whole exchange. The
 * longer of the two is for both directions… */
static void read_timeouts(struct nginx_plan *p, const struct nginx_ingress *in, struct forward *ret)
{
	long reading = nginx_number(p->r, in, "proxy-read-timeout", 60);
	long writing = nginx_number(p->r, in, "proxy-send-timeout", 60);
	long longer = MAX(reading, writing);

	ret->timeouts.request = no_limit();
	ret->timeouts.idle = seconds(MAX(longer, 1));
}

/* …and a shorter time between two reads counts from the end of the request. */
static struct go_duration answer_idle(struct nginx_plan *p, const struct nginx_ingress *in)
{
	long reading = nginx_number(p->r, in, "proxy-read-timeout", 60);

	if (reading >= nginx_number(p->r, in, "proxy-send-timeout", 60))
		return (struct go_duration){ 0 };
	return seconds(MAX(reading, 1));
}

/* proxy-next-upstream's words as Envoy's. */
static const struct {
	const char *word, *on;
	uint32_t code;
} conditions[] = {
	{ "error", "connect-failure,refused-stream,reset-before-request", 0 },
	{ "timeout", "connect-failure,refused-stream", 0 },
	{ "invalid_header", "refused-stream", 0 },
	{ "http_500", "retriable-status-codes", 500 },
	{ "http_502", "retriable-status-codes", 502 },
	{ "http_503", "retriable-status-codes", 503 },
	{ "http_504", "retriable-status-codes", 504 },
	{ "http_403", "retriable-status-codes", 403 },
	{ "http_404", "retriable-status-codes", 404 },
	{ "http_429", "retriable-status-codes", 429 },
};

static bool has_word(const char *words, const char *word, size_t len)
{
	const char *other;
	size_t n;

	while ((other = word_next(&words, &n)))
		if (n == len && strncmp(other, word, n) == 0)
			return true;
	return false;
}

static void add_words(struct strbuf *on, const char *words)
{
	const char *word;
	size_t n;

	while ((word = word_next(&words, &n)))
		if (n && !has_word(strbuf_str(on), word, n))
			strbuf_printf(on, "%s%.*s", on->len ? "," : "", (int)n, word);
}

/* proxy-next-upstream. Returns whether there is anything to try again for. */
static bool read_conditions(struct nginx_plan *p, const struct nginx_ingress *in,
			    struct retries *ret)
{
	const char *words = nginx_text(p->r, in, "proxy-next-upstream");
	bool any_method = false, has_error = false;
	_cleanup_strbuf_ struct strbuf on = STRBUF_INIT;

	ret->codes = arena_new_of(p->a, uint32_t, ARRAY_SIZE(conditions));
	for (const char *q = words ? words : "error timeout"; *q; q += strspn(q, " ,")) {
		size_t n = strcspn(q, " ,");

		if (n == 3 && strncmp(q, "off", 3) == 0)
			return false;
		any_method |= n == 14 && strncmp(q, "non_idempotent", n) == 0;
		has_error |= n == 5 && strncmp(q, "error", n) == 0;
		for (size_t i = 0; i < ARRAY_SIZE(conditions); i++) {
			if (strlen(conditions[i].word) != n ||
			    strncmp(conditions[i].word, q, n) != 0)
				continue;
			add_words(&on, conditions[i].on);
			if (conditions[i].code)
				ret->codes[ret->n_codes++] = conditions[i].code;
		}
		q += n;
	}
	/* By an answer, the backend has had the request. */
	any_method |= nginx_config_flag(p->r, "retry-non-idempotent", false);
	ret->idempotent_only = ret->n_codes && !any_method;
	/* Envoy's rule about methods is for all conditions together: where no method is tried again
	 * that must not be, a connection that broke behind the request is a reason, too. */
	if (has_error && (any_method || ret->idempotent_only))
		add_words(&on, "reset");
	ret->on = arena_strdup(p->a, strbuf_str(&on));
	return on.len > 0;
}

static const struct retries *read_retries(struct nginx_plan *p, const struct nginx_ingress *in)
{
	long tries = nginx_number(p->r, in, "proxy-next-upstream-tries", 3);
	struct retries *ret = arena_new_of(p->a, struct retries, 1);

	if (tries == 1 || !read_conditions(p, in, ret)) {
		*ret = (struct retries){ .on = NULL };
	} else {
		ret->has_count = true;
		ret->count = (uint32_t)(tries > 1 ? tries : TRIES_UNLIMITED) - 1;
		ret->other_endpoints = true;
	}
	ret->per_try_idle = answer_idle(p, in);
	return ret->on || ret->per_try_idle.set ? ret : NULL;
}

/* ---- rewrites ---- */

static bool has_variable(const char *target)
{
	for (const char *q = strchr(target, '$'); q; q = strchr(q + 1, '$'))
		if (q[1] < '0' || q[1] > '9')
			return true;
	return false;
}

static const char *rewrite_target(const struct nginx_plan *p, const struct nginx_source *s)
{
	const char *target = nginx_own_text(s->ingress, "rewrite-target");

	return target && !nginx_is_catch_all(p, s) && strcmp(target, s->text) != 0 ? target : NULL;
}

static void read_rewrite(struct nginx_plan *p, const struct nginx_source *s, struct forward *ret)
{
	const char *target = rewrite_target(p, s), *pattern;

	if (!target)
		return;
	if (has_variable(target)) {
		nginx_warning(p, s->ingress, "AnnotationUnsupported",
			      "metadata.annotations[" NGINX_PREFIX "rewrite-target]",
			      "a variable of nginx in \"%s\" is not served; the path is not "
			      "rewritten",
			      target);
		return;
	}
	pattern = arena_printf(p->a, "^.*?(?i:%s).*$", s->text);
	ret->rewrite = (struct rewrite){
		.kind = REWRITE_REGEX,
		.pattern = pattern,
		.text = nginx_variable_groups(p->a, target, pattern),
	};
}

/* ---- balancing by hash ---- */

static const struct {
	const char *variable;
	enum hash_by by;
	const char *name;
	bool cut_query;
} hash_variables[] = {
	{ "$request_uri", HASH_BY_HEADER, ":path" },
	{ "$uri", HASH_BY_HEADER, ":path", true },
	{ "$host", HASH_BY_HEADER, ":authority" },
	{ "$http_host", HASH_BY_HEADER, ":authority" },
	{ "$remote_addr", HASH_BY_ADDRESS, NULL },
	{ "$binary_remote_addr", HASH_BY_ADDRESS, NULL },
};

static const struct {
	const char *prefix;
	enum hash_by by;
} hash_prefixes[] = {
	{ "$http_", HASH_BY_HEADER },
	{ "$cookie_", HASH_BY_COOKIE },
	{ "$arg_", HASH_BY_QUERY },
};

static bool hash_variable(struct arena *a, const char *name, struct hash_key *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(hash_variables); i++) {
		if (strcmp(hash_variables[i].variable, name) == 0) {
			*ret = (struct hash_key){ .by = hash_variables[i].by,
						  .name = hash_variables[i].name,
						  .cut_query = hash_variables[i].cut_query };
			return true;
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(hash_prefixes); i++) {
		size_t n = strlen(hash_prefixes[i].prefix);
		char *rest;

		if (strncmp(name, hash_prefixes[i].prefix, n) != 0 || !name[n])
			continue;
		rest = arena_strdup(a, name + n);
		for (char *q = rest; hash_prefixes[i].by == HASH_BY_HEADER && *q; q++)
			*q = *q == '_' ? '-' : *q;
		*ret = (struct hash_key){ .by = hash_prefixes[i].by, .name = rest };
		return true;
	}
	return false;
}

static void read_hash(struct nginx_plan *p, const struct nginx_source *s, struct forward *ret)
{
	const struct nginx_ingress *first = s->backend ? nginx_upstream_first(p, s) : s->ingress;
	const char *by = nginx_own_text(first, "upstream-hash-by");
	size_t most = 1;

	if (!by)
		return;
	for (const char *q = by; *q; q++)
		most += *q == '$';
	ret->hash = arena_new_of(p->a, struct hash_key, most);
	for (const char *q = strchr(by, '$'); q; q = strchr(q + 1, '$')) {
		const char *name = q[1] == '{' ? q + 2 : q + 1;
		size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz"
					"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
		const char *variable = arena_printf(p->a, "$%.*s", (int)n, name);

		if (hash_variable(p->a, variable, &ret->hash[ret->n_hash]))
			ret->n_hash++;
		else
			nginx_warning(p, first, "AnnotationUnsupported",
				      "metadata.annotations[" NGINX_PREFIX "upstream-hash-by]",
				      "the variable %s is not served", variable);
	}
}

/* ---- sessions ---- */

/* Seconds, or 0. */
static long session_age(struct nginx_plan *p, const struct nginx_ingress *in)
{
	long expires = nginx_number(p->r, in, "session-cookie-expires", 0);

	return MAX(nginx_number(p->r, in, "session-cookie-max-age", expires), 0);
}

/* The text of a regular expression is no path that a browser would send a cookie to. */
static const char *session_path(struct nginx_plan *p, const struct nginx_source *s,
				const struct nginx_ingress *in)
{
	const char *path = nginx_own_text(in, "session-cookie-path");

	if (!path && nginx_location_is_pattern(s->text))
		nginx_warning(p, s->ingress, "AnnotationWithoutEffect",
			      "metadata.annotations[" NGINX_PREFIX "affinity]",
			      "the cookie's Path is %s, so browsers do not send it: "
			      "session-cookie-path gives another",
			      s->text);
	return path ? path : s->text;
}

static void report_session(struct nginx_plan *p, const struct nginx_ingress *own,
			   const struct nginx_ingress *counts)
{
	static const char *const names[] = { "session-cookie-name",    "session-cookie-path",
					     "session-cookie-max-age", "session-cookie-expires",
					     "session-cookie-domain",  "session-cookie-samesite",
					     "session-cookie-secure" };

	for (size_t i = 0; own != counts && i < ARRAY_SIZE(names); i++) {
		const char *text = nginx_own_text(own, names[i]);
		const char *other = nginx_own_text(counts, names[i]);

		if (strcmp(text ? text : "", other ? other : "") == 0)
			continue;
		nginx_warning(p, own, "AnnotationOverruled",
			      "metadata.annotations[" NGINX_PREFIX "affinity]",
			      "the newer Ingress %s has affinity for the same Service: its "
			      "session-cookie-… count here, too, as with ingress-nginx",
			      counts->key);
		return;
	}
}

/* The cookie is set where the Ingress itself has the annotation. All Ingresses of a Service have
 * one cookie, which the last of them describes. */
static void read_session(struct nginx_plan *p, const struct nginx_source *s,
			 struct route_filters *ret)
{
	const struct nginx_ingress *in;
	struct session_cookie *session;
	const char *name;
	bool secure = false;

	if (!nginx_own_text(s->ingress, "affinity"))
		return;
	in = nginx_upstream_affine(p, s);
	report_session(p, s->ingress, in);
	name = nginx_own_text(in, "session-cookie-name");
	(void)nginx_bool(nginx_own_text(in, "session-cookie-secure") ?: "", &secure);
	session = arena_new_of(p->a, struct session_cookie, 1);
	*session = (struct session_cookie){
		.name = name ? name : "INGRESSCOOKIE",
		.path = session_path(p, s, in),
		.ttl_usec = session_age(p, in) * USEC_PER_SEC,
		.domain = nginx_own_text(in, "session-cookie-domain"),
		.same_site = nginx_own_text(in, "session-cookie-samesite"),
		.secure = secure || p->tls,
		.http_only = true,
	};
	ret->session = session;
}

/* ---- the whole ---- */

void nginx_forward_read(struct nginx_plan *p, const struct nginx_source *s, struct route *route)
{
	struct forward *ret = &route->forward;

	read_timeouts(p, s->ingress, ret);
	ret->retries = read_retries(p, s->ingress);
	read_rewrite(p, s, ret);
	read_hash(p, s, ret);
	read_session(p, s, &route->filters);
	nginx_extra_mirror(p, s, ret);
	nginx_extra_answers(p, s, &route->filters);
}

static void set_host(struct nginx_plan *p, const struct nginx_source *s, struct route *route)
{
	const char *host = nginx_own_text(s->ingress, "upstream-vhost"), *plain;

	if (!host || strcmp(host, "$http_host") == 0 ||
	    (strcmp(host, "$host") == 0 && *p->host == '*'))
		return;
	plain = nginx_variable_plain(p, s, host);
	if (plain && *plain)
		route->request.host = plain;
	else
		nginx_warning(p, s->ingress, "AnnotationUnsupported",
			      "metadata.annotations[" NGINX_PREFIX "upstream-vhost]",
			      "a variable in \"%s\" depends on the request; Host stays", host);
}

static void set_prefix(struct nginx_plan *p, const struct nginx_source *s, struct route *route)
{
	const char *prefix = nginx_own_text(s->ingress, "x-forwarded-prefix");

	if (prefix && rewrite_target(p, s) && !strchr(prefix, '$'))
		nginx_edits_set(p->a, &route->request, "X-Forwarded-Prefix", prefix);
}

/* Whether Authorization is the auth service's, which has replaced the client's. */
static bool answers_authorization(const struct access *access)
{
	const struct access_service *service = access ? access->service : NULL;

	for (size_t i = 0; service && i < service->n_answers; i++)
		if (strcmp(service->answers[i], "authorization") == 0)
			return true;
	return false;
}

/* What the client said before stays in X-Original-Forwarded-Host. */
static void set_forwarded(struct nginx_plan *p, struct header_edits *e)
{
	bool believed = nginx_config_believes(p->r);
	const char *port = p->tls ? "443" : "80", *scheme = nginx_scheme(p);
	const char *as_reported = "%REQ(x-forwarded-proto)%";

	nginx_edits_remove(p->a, e, "X-Original-Forwarded-Host");
	nginx_edits_set_format(p->a, e, "X-Original-Forwarded-Host",
			       believed ? NGINX_FORWARDED("given") : "%REQ(x-forwarded-host)%");
	nginx_edits_set_format(p->a, e, "X-Forwarded-Host",
			       believed ? "%REQ(x-forwarded-host?:authority)%"
					: "%REQ(:authority)%");
	nginx_edits_set_format(p->a, e, "X-Forwarded-Scheme", believed ? as_reported : scheme);
	nginx_edits_set_format(p->a, e, "X-Scheme", believed ? as_reported : scheme);
	if (believed) {
		nginx_edits_set_absent(p->a, e, "X-Forwarded-Port", port);
		e->host_header = "x-forwarded-host";
		return;
	}
	nginx_edits_set(p->a, e, "X-Forwarded-Port", port);
	if (nginx_config_flag(p->r, "enable-real-ip", false))
		nginx_edits_set(p->a, e, "X-Forwarded-Proto", scheme);
}

static void set_client(struct nginx_plan *p, struct header_edits *e)
{
	nginx_edits_set_format(p->a, e, "X-Real-IP", "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%");
	if (!nginx_config_continues(p->r))
		nginx_edits_set_format(p->a, e, "X-Forwarded-For",
				       "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%");
	set_forwarded(p, e);
	nginx_edits_remove(p->a, e, "Proxy");
}

static bool has_format(const struct header_edits *e)
{
	for (size_t i = 0; i < e->n; i++)
		for (const char *q = strchr(e->all[i].value, '%'); q; q = strchr(q + 2, '%'))
			if (q[1] != '%')
				return true;
	return false;
}

/* Balancing by a header of the client's. */
static bool hashes_headers(const struct forward *f)
{
	for (size_t i = 0; i < f->n_hash; i++)
		if (f->hash[i].by == HASH_BY_HEADER && f->hash[i].name[0] != ':')
			return true;
	return false;
}

/* Whether the listener of plain HTTP sets what all requests get. Not if the route reads headers
 * that the filter has replaced then, nor if a route may be chosen anew after Envoy has chosen the
 * filters. */
static bool may_ask_listener(struct nginx_plan *p, const struct route *route)
{
	return !p->tls && !nginx_config_believes(p->r) &&
	       !nginx_config_flag(p->r, "enable-real-ip", false) &&
	       !config_read(p->r)->global_ext_auth && !has_format(&route->request) &&
	       !has_format(&p->snippet.request) && !hashes_headers(&route->forward);
}

void nginx_forward_headers(struct nginx_plan *p, const struct nginx_source *s, struct route *route)
{
	struct header_edits *e = &route->request, more = { 0 };

	nginx_global_request(p, s, &more);
	route->filters.proxy_headers = may_ask_listener(p, route) && !has_format(&more);
	if (!route->filters.proxy_headers)
		set_client(p, e);
	if (nginx_own_text(s->ingress, "auth-secret") && nginx_own_text(s->ingress, "auth-type") &&
	    !answers_authorization(route->filters.access))
		nginx_edits_remove(p->a, e, "Authorization");
	set_host(p, s, route);
	set_prefix(p, s, route);
	nginx_edits_join(p->a, e, &more);
	nginx_edits_join(p->a, e, &p->snippet.request);
	if (p->snippet.request.host)
		e->host = p->snippet.request.host;
}

/* ---- response headers ---- */

static void set_hsts(struct nginx_plan *p, struct header_edits *ret)
{
	const char *age = nginx_config_text(p->r, "hsts-max-age");

	if (!p->tls || !nginx_config_flag(p->r, "hsts", true))
		return;
	nginx_edits_set(p->a, ret, "Strict-Transport-Security",
			arena_printf(p->a, "max-age=%s%s%s", age ? age : "31536000",
				     nginx_config_flag(p->r, "hsts-include-subdomains", true)
					     ? "; includeSubDomains"
					     : "",
				     nginx_config_flag(p->r, "hsts-preload", false) ? "; preload"
										    : ""));
}

static bool is_allowed(struct nginx_plan *p, const char *name)
{
	const char *list = nginx_config_text(p->r, "global-allowed-response-headers");
	size_t len = strlen(name);

	for (const char *q = list ? list : ""; *q; q += strspn(q, ", ")) {
		size_t n = strcspn(q, ", ");

		if (n == len && strncmp(q, name, n) == 0)
			return true;
		q += n;
	}
	return false;
}

/* custom-headers names a ConfigMap; a fault in it closes the path (nginx_access_read()). */
static void set_custom(struct nginx_plan *p, const struct nginx_source *s, struct header_edits *ret)
{
	const K8s__ConfigMap *map = nginx_forward_custom(p, s, &(const char *){ NULL });

	for (size_t i = 0; map && i < map->n_data; i++)
		nginx_edits_set(p->a, ret, map->data[i]->key, map->data[i]->value);
}

const K8s__ConfigMap *nginx_forward_custom(struct nginx_plan *p, const struct nginx_source *s,
					   const char **ret_why)
{
	const char *text = nginx_own_text(s->ingress, "custom-headers");
	const K8s__ConfigMap *map;

	if (!text)
		return NULL;
	map = read_message(p->r, OBJECT_CONFIG_MAP,
			   strchr(text, '/')
				   ? text
				   : arena_printf(p->a, "%s/%s", s->ingress->namespace, text));
	if (!map)
		*ret_why = arena_printf(p->a, "there is no ConfigMap %s", text);
	for (size_t i = 0; map && i < map->n_data; i++) {
		const char *name = map->data[i]->key;

		if (http_header_is_token(name) && header_is_value(map->data[i]->value) &&
		    is_allowed(p, name))
			continue;
		*ret_why = arena_printf(p->a,
					"header %s of ConfigMap %s is not in "
					"global-allowed-response-headers, or cannot be sent",
					name, text);
		return NULL;
	}
	return map;
}

void nginx_response_headers(struct nginx_plan *p, const struct nginx_source *s,
			    struct header_edits *ret)
{
	nginx_global_response(p, s, ret);
	set_custom(p, s, ret);
	nginx_edits_join(p->a, ret, &p->server.response);
	nginx_edits_join(p->a, ret, &p->snippet.response);
	set_hsts(p, ret);
}
