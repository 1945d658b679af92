/* A host as an HTTPProxy. Runs in the portolan command. */
#include <stdlib.h>
#include <string.h>

#include "common/answer/json-print.h"
#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/word.h"
#include "common/decode/decode-scalar.h"
#include "portolan/conversion.h"

#define NAME_SIZE 254

static void put(struct json_object *o, const char *key, const char *value)
{
	(void)json_object_object_add(o, key, json_object_new_string(value));
}

/* ---- conditions ---- */

static struct json_object *header_condition(struct json_object *h)
{
	struct json_object *o = json_object_new_object(), *match = json_member(h, "string_match");
	bool invert = json_object_get_boolean(json_member(h, "invert_match"));

	put(o, "name", json_text(h, "name"));
	if (json_member(h, "present_match"))
		(void)json_object_object_add(o, invert ? "notpresent" : "present",
					     json_object_new_boolean(true));
	else if (json_member(match, "exact"))
		put(o, invert ? "notexact" : "exact", json_text(match, "exact"));
	else if (json_member(match, "contains"))
		put(o, invert ? "notcontains" : "contains", json_text(match, "contains"));
	else if (json_member(match, "safe_regex") && !invert)
		put(o, "regex", json_text(json_member(match, "safe_regex"), "regex"));
	return o;
}

static struct json_object *conditions(struct json_object *route, const char *key, const char *path)
{
	struct json_object *list = json_object_new_array(), *first = json_object_new_object();
	struct json_object *headers = json_member(json_member(route, "conditions"), "headers");

	put(first, key, path);
	(void)json_object_array_add(list, first);
	for (size_t i = 0; i < json_length(headers); i++) {
		struct json_object *header = json_object_array_get_idx(headers, i), *o;

		if (converted_is_star(header))
			continue;
		o = json_object_new_object();
		(void)json_object_object_add(o, "header", header_condition(header));
		(void)json_object_array_add(list, o);
	}
	return list;
}

/* ---- where it goes ---- */

static struct json_object *service(const char *cluster, bool mirror, struct json_object *weight)
{
	char namespace[NAME_SIZE], name[NAME_SIZE];
	struct json_object *o = json_object_new_object();
	int port = 0;

	if (converted_service(cluster, namespace, name, &port)) {
		put(o, "name", name);
		(void)json_object_object_add(o, "port", json_object_new_int(port));
	}
	if (weight)
		(void)json_object_object_add(o, "weight", json_object_get(weight));
	if (mirror)
		(void)json_object_object_add(o, "mirror", json_object_new_boolean(true));
	return o;
}

static void put_protocol(struct json_object *cluster, struct json_object *service)
{
	bool http2 = converted_is_http2(cluster), tls = converted_tls(cluster) != NULL;

	if (http2 || tls)
		put(service, "protocol", !http2 ? "tls" : tls ? "h2" : "h2c");
}

static struct json_object *services(struct json_object *route)
{
	struct json_object *list = json_object_new_array();
	struct json_object *clusters = json_member(route, "clusters");
	struct json_object *mirrors = json_member(
		json_member(json_member(route, "settings"), "route"), "request_mirror_policies");

	for (size_t i = 0; i < json_length(clusters); i++) {
		struct json_object *c = json_object_array_get_idx(clusters, i);
		struct json_object *o =
			service(json_text(c, "name"), false, json_member(c, "weight"));

		put_protocol(c, o);
		(void)json_object_array_add(list, o);
	}
	for (size_t i = 0; i < json_length(mirrors); i++)
		(void)json_object_array_add(
			list, service(json_text(json_object_array_get_idx(mirrors, i), "cluster"),
				      true, NULL));
	return list;
}

static void put_timeouts(struct json_object *action, struct json_object *o)
{
	static const char *const names[][2] = { { "timeout", "response" },
						{ "idle_timeout", "idle" } };
	struct json_object *t = json_object_new_object();

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const char *value = json_text(action, names[i][0]);

		if (*value)
			put(t, names[i][1], strcmp(value, "0s") == 0 ? "infinity" : value);
	}
	if (json_object_object_length(t))
		(void)json_object_object_add(o, "timeoutPolicy", json_object_get(t));
	json_object_put(t);
}

/* A policy with more than HTTPProxy can say would repeat requests that must not be repeated. */
static bool can_be_repeated(struct json_object *policy)
{
	static const char *const known[] = { "retry_on", "num_retries", "per_try_timeout",
					     "retriable_status_codes" };
	int n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		n += json_member(policy, known[i]) != NULL;
	return policy && n == json_object_object_length(policy);
}

static struct json_object *words_of(const char *list)
{
	struct json_object *words = json_object_new_array();
	const char *word;
	size_t n;

	while ((word = word_next(&list, &n)))
		if (n)
			(void)json_object_array_add(words,
						    json_object_new_string_len(word, (int)n));
	return words;
}

static void put_retries(struct json_object *action, struct json_object *o)
{
	struct json_object *policy = json_member(action, "retry_policy"), *r;
	struct json_object *codes = json_member(policy, "retriable_status_codes");

	if (!can_be_repeated(policy))
		return;
	r = json_object_new_object();
	if (json_member(policy, "num_retries"))
		(void)json_object_object_add(r, "count",
					     json_object_get(json_member(policy, "num_retries")));
	if (*json_text(policy, "per_try_timeout"))
		put(r, "perTryTimeout", json_text(policy, "per_try_timeout"));
	(void)json_object_object_add(r, "retryOn", words_of(json_text(policy, "retry_on")));
	if (codes)
		(void)json_object_object_add(r, "retriableStatusCodes", json_object_get(codes));
	(void)json_object_object_add(o, "retryPolicy", r);
}

static void put_rewrite(struct json_object *action, struct json_object *o)
{
	struct json_object *policy, *list, *replace;

	if (!json_member(action, "prefix_rewrite"))
		return;
	policy = json_object_new_object();
	list = json_object_new_array();
	replace = json_object_new_object();
	put(replace, "replacement", json_text(action, "prefix_rewrite"));
	(void)json_object_array_add(list, replace);
	(void)json_object_object_add(policy, "replacePrefix", list);
	(void)json_object_object_add(o, "pathRewritePolicy", policy);
}

static void put_forward(struct json_object *route, struct json_object *o)
{
	struct json_object *action = json_member(json_member(route, "settings"), "route");

	(void)json_object_object_add(o, "services", services(route));
	put_timeouts(action, o);
	put_retries(action, o);
	put_rewrite(action, o);
	if (json_length(json_member(action, "upgrade_configs")))
		(void)json_object_object_add(o, "enableWebsockets", json_object_new_boolean(true));
}

static int redirect_code(struct json_object *r)
{
	return strcmp(json_text(r, "response_code"), "FOUND") == 0 ? 302 : 301;
}

static void put_redirect(struct json_object *route, struct json_object *o)
{
	struct json_object *r = json_member(json_member(route, "settings"), "redirect");
	struct json_object *policy = json_object_new_object();
	static const char *const names[][2] = { { "host_redirect", "hostname" },
						{ "scheme_redirect", "scheme" },
						{ "path_redirect", "path" },
						{ "prefix_rewrite", "prefix" } };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (*json_text(r, names[i][0]))
			put(policy, names[i][1], json_text(r, names[i][0]));
	if (json_object_get_boolean(json_member(r, "https_redirect")))
		put(policy, "scheme", "https");
	if (json_number(r, "port_redirect"))
		(void)json_object_object_add(policy, "port",
					     json_object_get(json_member(r, "port_redirect")));
	(void)json_object_object_add(policy, "statusCode", json_object_new_int(redirect_code(r)));
	(void)json_object_object_add(o, "requestRedirectPolicy", policy);
}

static void put_answer(struct json_object *route, struct json_object *o)
{
	struct json_object *policy = json_object_new_object();
	const char *body = json_text(
		json_member(json_member(json_member(route, "settings"), "direct_response"), "body"),
		"inline_bytes");
	_cleanup_(arena_freep) struct arena *a = arena_new(4096);
	uint8_t *text;
	size_t n;

	(void)json_object_object_add(policy, "statusCode",
				     json_object_get(json_member(route, "status")));
	if (*body && scalar_base64(a, body, strlen(body), &text, &n))
		(void)json_object_object_add(
			policy, "body", json_object_new_string_len((const char *)text, (int)n));
	(void)json_object_object_add(o, "directResponsePolicy", policy);
}

static void put_headers(struct json_object *route, struct json_object *o)
{
	static const char *const names[][2] = { { "request", "requestHeadersPolicy" },
						{ "response", "responseHeadersPolicy" } };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct json_object *policy = json_object_new_object();

		(void)converted_headers(json_member(route, "settings"), names[i][0], policy, true);
		if (json_object_object_length(policy))
			(void)json_object_object_add(o, names[i][1], json_object_get(policy));
		json_object_put(policy);
	}
}

/* ---- routes ---- */

/* Whether plain HTTP serves the same match, too, rather than that it redirects. */
static bool is_open(struct json_object *http, struct json_object *route)
{
	struct json_object *list = json_member(http, "routes");

	for (size_t i = 0; i < json_length(list); i++) {
		struct json_object *r = json_object_array_get_idx(list, i);

		if (strcmp(json_text(r, "match"), json_text(route, "match")) == 0)
			return strcmp(json_text(r, "action"), "redirect") != 0;
	}
	return false;
}

static void add_route(struct converted_host *h, struct json_object *route, const char *key,
		      const char *path, struct json_object *routes)
{
	struct json_object *o = json_object_new_object();
	const char *action = json_text(route, "action");

	(void)json_object_object_add(o, "conditions", conditions(route, key, path));
	if (strcmp(action, "redirect") == 0)
		put_redirect(route, o);
	else if (strcmp(action, "direct-response") == 0)
		put_answer(route, o);
	else
		put_forward(route, o);
	put_headers(route, o);
	if (h->https && h->http && is_open(h->http, route))
		(void)json_object_object_add(o, "permitInsecure", json_object_new_boolean(true));
	(void)json_object_array_add(routes, o);
}

/* HTTPProxy has no prefix of whole elements: it needs the path itself, and the prefix with a
 * slash. */
static void add_routes(struct converted_host *h, struct json_object *route,
		       struct json_object *routes)
{
	_cleanup_free_ char *below = NULL;
	const char *path;

	switch (converted_path(route, &path)) {
	case PATH_FORM_PREFIX:
		add_route(h, route, "prefix", path, routes);
		break;
	case PATH_FORM_EXACT:
		add_route(h, route, "exact", path, routes);
		break;
	case PATH_FORM_REGEX:
		add_route(h, route, "regex", path, routes);
		break;
	case PATH_FORM_BELOW:
		below = xasprintf("%s/", path);
		add_route(h, route, "exact", path, routes);
		add_route(h, route, "prefix", below, routes);
		break;
	}
}

static const char *host_namespace(struct converted_host *h, struct json_object *routes,
				  char *buffer)
{
	char other[NAME_SIZE];

	for (size_t i = 0; i < json_length(routes); i++) {
		struct json_object *route = json_object_array_get_idx(routes, i);
		const char *found = converted_namespace(route, i ? other : buffer);

		if (found && strcmp(found, buffer) == 0)
			continue;
		converted_note(h,
			       "%s goes to another namespace, or to what is no Service: one "
			       "HTTPProxy cannot say that",
			       json_text(route, "match"));
		return NULL;
	}
	return json_length(routes) ? buffer : NULL;
}

static struct json_object *virtual_host(const struct converted_host *h, const char *namespace)
{
	struct json_object *o = json_object_new_object(), *tls;
	const char *secret = json_text(json_member(h->https, "certificate"), "secret");
	size_t n = strlen(namespace);

	put(o, "fqdn", h->name);
	if (!h->https)
		return o;
	tls = json_object_new_object();
	/* A Secret of another namespace keeps its name: it is lent by a TLSCertificateDelegation.
	 */
	put(tls, "secretName",
	    strncmp(secret, namespace, n) == 0 && secret[n] == '/' ? secret + n + 1 : secret);
	if (*json_text(h->https, "minimum_tls"))
		put(tls, "minimumProtocolVersion", json_text(h->https, "minimum_tls"));
	(void)json_object_object_add(o, "tls", tls);
	return o;
}

void conversion_proxy(struct converted_host *h, struct json_object *objects)
{
	struct json_object *from = json_member(h->https ? h->https : h->http, "routes");
	_cleanup_free_ char *name = converted_name(h->name, "");
	struct json_object *o, *spec, *routes;
	char buffer[NAME_SIZE] = "";
	const char *namespace = host_namespace(h, from, buffer);

	if (!namespace)
		return;
	o = converted_object("projectcontour.io/v1", "HTTPProxy", namespace, name);
	spec = json_object_new_object();
	routes = json_object_new_array();
	for (size_t i = 0; i < json_length(from); i++) {
		struct json_object *route = json_object_array_get_idx(from, i);

		if (!converted_is_limit(route))
			add_routes(h, route, routes);
	}
	put(spec, "ingressClassName", "portolan");
	(void)json_object_object_add(spec, "virtualhost", virtual_host(h, namespace));
	(void)json_object_object_add(spec, "routes", routes);
	(void)json_object_object_add(o, "spec", spec);
	(void)json_object_array_add(objects, o);
}
