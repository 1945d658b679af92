/* A host as HTTPRoutes of Gateway API, and the Gateway that they are attached to. Runs in the
 * portolan command. */
#include <stdlib.h>
#include <string.h>

#include "common/answer/json-print.h"
#include "common/base/alloc.h"
#include "common/decode/object-kind.h"
#include "portolan/conversion.h"
#include "portolan/redirect.h"

#define GATEWAY_API "gateway.networking.k8s.io/v1"
#define GRANT_API   "gateway.networking.k8s.io/v1beta1"
#define NAME_SIZE   254
#define RULES_MAX   16 /* of an HTTPRoute, by its definition */

static void put(struct json_object *o, const char *key, const char *value)
{
	(void)json_object_object_add(o, key, json_object_new_string(value));
}

static struct json_object *in_list(struct json_object *o)
{
	struct json_object *list = json_object_new_array();

	(void)json_object_array_add(list, o);
	return list;
}

/* ---- matches ---- */

static const char *path_type(struct json_object *route, const char **ret_path)
{
	enum path_form form = converted_path(route, ret_path);

	switch (form) {
	case PATH_FORM_EXACT:
		return "Exact";
	case PATH_FORM_REGEX:
		return "RegularExpression";
	case PATH_FORM_PREFIX:
	case PATH_FORM_BELOW:
		break;
	}
	return "PathPrefix";
}

static void add_header(struct json_object *h, struct json_object *match,
		       struct json_object *headers)
{
	struct json_object *text = json_member(h, "string_match"), *o;
	const char *exact = json_text(text, "exact");

	if (strcmp(json_text(h, "name"), ":method") == 0 && *exact) {
		put(match, "method", exact);
		return;
	}
	o = json_object_new_object();
	put(o, "name", json_text(h, "name"));
	if (json_member(text, "safe_regex")) {
		put(o, "type", "RegularExpression");
		put(o, "value", json_text(json_member(text, "safe_regex"), "regex"));
	} else if (json_member(h, "present_match")) {
		put(o, "type", "RegularExpression");
		put(o, "value", ".*");
	} else {
		put(o, "value", exact);
	}
	(void)json_object_array_add(headers, o);
}

static struct json_object *match_of(struct json_object *route)
{
	struct json_object *o = json_object_new_object(), *path = json_object_new_object();
	struct json_object *list = json_member(json_member(route, "conditions"), "headers");
	struct json_object *headers = json_object_new_array();
	const char *text, *type = path_type(route, &text);

	put(path, "type", type);
	put(path, "value", text);
	(void)json_object_object_add(o, "path", path);
	for (size_t i = 0; i < json_length(list); i++)
		if (!converted_is_star(json_object_array_get_idx(list, i)))
			add_header(json_object_array_get_idx(list, i), o, headers);
	if (json_length(headers))
		(void)json_object_object_add(o, "headers", json_object_get(headers));
	json_object_put(headers);
	return o;
}

/* ---- filters ---- */

/* value is taken. */
static void add_filter(struct json_object *filters, const char *type, const char *key,
		       struct json_object *value)
{
	struct json_object *o = json_object_new_object();

	put(o, "type", type);
	(void)json_object_object_add(o, key, value);
	(void)json_object_array_add(filters, o);
}

static struct json_object *path_modifier(const char *type, const char *key, const char *value)
{
	struct json_object *o = json_object_new_object();

	put(o, "type", type);
	put(o, key, value);
	return o;
}

static void add_redirect(struct json_object *r, struct json_object *filters)
{
	struct json_object *o = json_object_new_object();

	if (*json_text(r, "host_redirect"))
		put(o, "hostname", json_text(r, "host_redirect"));
	if (*json_text(r, "scheme_redirect"))
		put(o, "scheme", json_text(r, "scheme_redirect"));
	if (json_object_get_boolean(json_member(r, "https_redirect")))
		put(o, "scheme", "https");
	if (json_number(r, "port_redirect"))
		(void)json_object_object_add(o, "port",
					     json_object_get(json_member(r, "port_redirect")));
	if (*json_text(r, "path_redirect"))
		(void)json_object_object_add(o, "path",
					     path_modifier("ReplaceFullPath", "replaceFullPath",
							   json_text(r, "path_redirect")));
	if (*json_text(r, "prefix_rewrite"))
		(void)json_object_object_add(o, "path",
					     path_modifier("ReplacePrefixMatch",
							   "replacePrefixMatch",
							   json_text(r, "prefix_rewrite")));
	(void)json_object_object_add(o, "statusCode", json_object_new_int(redirect_status(r)));
	add_filter(filters, "RequestRedirect", "requestRedirect", o);
}

static void add_rewrite(struct json_object *action, struct json_object *filters)
{
	struct json_object *o;

	if (!json_member(action, "prefix_rewrite"))
		return;
	o = json_object_new_object();
	(void)json_object_object_add(o, "path",
				     path_modifier("ReplacePrefixMatch", "replacePrefixMatch",
						   json_text(action, "prefix_rewrite")));
	add_filter(filters, "URLRewrite", "urlRewrite", o);
}

static struct json_object *backend(const char *cluster, struct json_object *weight)
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
	return o;
}

static void add_mirrors(struct json_object *action, struct json_object *filters)
{
	struct json_object *list = json_member(action, "request_mirror_policies");

	for (size_t i = 0; i < json_length(list); i++) {
		struct json_object *o = json_object_new_object();
		const char *cluster = json_text(json_object_array_get_idx(list, i), "cluster");

		(void)json_object_object_add(o, "backendRef", backend(cluster, NULL));
		add_filter(filters, "RequestMirror", "requestMirror", o);
	}
}

static void add_headers(struct json_object *settings, struct json_object *filters)
{
	static const char *const names[][3] = {
		{ "request", "RequestHeaderModifier", "requestHeaderModifier" },
		{ "response", "ResponseHeaderModifier", "responseHeaderModifier" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct json_object *o = json_object_new_object();

		(void)converted_headers(settings, names[i][0], o, false);
		if (json_object_object_length(o))
			add_filter(filters, names[i][1], names[i][2], json_object_get(o));
		json_object_put(o);
	}
}

/* ---- rules ---- */

/* "0.500s" → "500ms": durations of Gateway API have no fractions, and five digits a unit. */
static char *duration_of(const char *text)
{
	char *end;
	unsigned long s = strtoul(text, &end, 10), ms = 0, weight = 100;

	for (end += *end == '.'; *end >= '0' && *end <= '9'; end++, weight /= 10)
		ms += (unsigned long)(*end - '0') * weight;
	if (s > 99999)
		return xasprintf("%luh%lum%lus", s / 3600, s / 60 % 60, s % 60);
	return !ms  ? xasprintf("%lus", s)
	       : !s ? xasprintf("%lums", ms)
		    : xasprintf("%lus%lums", s, ms);
}

static void put_forward(struct json_object *route, struct json_object *rule,
			struct json_object *filters)
{
	struct json_object *action = json_member(json_member(route, "settings"), "route");
	struct json_object *clusters = json_member(route, "clusters"), *t;
	struct json_object *backends = json_object_new_array();
	_cleanup_free_ char *timeout = NULL;

	add_rewrite(action, filters);
	add_mirrors(action, filters);
	for (size_t i = 0; i < json_length(clusters); i++) {
		struct json_object *c = json_object_array_get_idx(clusters, i);

		(void)json_object_array_add(backends, backend(json_text(c, "name"),
							      json_member(c, "weight")));
	}
	(void)json_object_object_add(rule, "backendRefs", backends);
	if (!*json_text(action, "timeout"))
		return;
	t = json_object_new_object();
	timeout = duration_of(json_text(action, "timeout"));
	put(t, "request", timeout);
	(void)json_object_object_add(rule, "timeouts", t);
}

static struct json_object *rule_of(struct json_object *route)
{
	struct json_object *rule = json_object_new_object(), *filters = json_object_new_array();
	struct json_object *settings = json_member(route, "settings");

	(void)json_object_object_add(rule, "matches", in_list(match_of(route)));
	if (strcmp(json_text(route, "action"), "redirect") == 0)
		add_redirect(json_member(settings, "redirect"), filters);
	else
		put_forward(route, rule, filters);
	add_headers(settings, filters);
	if (json_length(filters))
		(void)json_object_object_add(rule, "filters", json_object_get(filters));
	json_object_put(filters);
	return rule;
}

/* ---- routes ---- */

/* One scheme of a host: HTTPRoutes by namespace. */
struct side {
	struct converted_host *h;
	const char *scheme;
	struct json_object *objects;
	struct json_object *by_namespace; /* the rules of the HTTPRoute that is being filled */
	unsigned n;
};

static struct json_object *parent(const struct side *s)
{
	struct json_object *o = json_object_new_object();
	_cleanup_free_ char *section =
		strcmp(s->scheme, "https") == 0 ? converted_name(s->h->name, "") : xstrdup("http");

	put(o, "namespace", CONVERTED_GATEWAY_NAMESPACE);
	put(o, "name", CONVERTED_GATEWAY);
	put(o, "sectionName", section);
	return o;
}

static struct json_object *new_route(struct side *s, const char *namespace)
{
	_cleanup_free_ char *suffix = s->n ? xasprintf("-%s-%u", s->scheme, s->n + 1)
					   : xasprintf("-%s", s->scheme),
			    *name = converted_name(s->h->name, suffix);
	struct json_object *o = converted_object(GATEWAY_API, "HTTPRoute", namespace, name);
	struct json_object *spec = json_object_new_object(), *rules = json_object_new_array();

	(void)json_object_object_add(spec, "parentRefs", in_list(parent(s)));
	if (strcmp(s->h->name, "*") != 0)
		(void)json_object_object_add(spec, "hostnames",
					     in_list(json_object_new_string(s->h->name)));
	(void)json_object_object_add(spec, "rules", rules);
	(void)json_object_object_add(o, "spec", spec);
	(void)json_object_array_add(s->objects, o);
	(void)json_object_object_add(s->by_namespace, namespace, json_object_get(rules));
	s->n++;
	return rules;
}

static bool can_be_said(struct side *s, struct json_object *route)
{
	const char *path;
	size_t n;

	if (strcmp(json_text(route, "action"), "direct-response") == 0) {
		converted_note(
			s->h,
			"%s is answered with %lld by Envoy itself: Gateway API has no such rule",
			json_text(route, "match"), (long long)json_number(route, "status"));
		return false;
	}
	if (converted_path(route, &path) != PATH_FORM_PREFIX || strcmp(path, "/") == 0)
		return true;
	n = strlen(path);
	if (path[n - 1] == '/')
		converted_note(
			s->h,
			"%s does not match %.*s: Gateway API's prefixes of whole path elements do",
			json_text(route, "match"), (int)n - 1, path);
	else
		converted_note(
			s->h,
			"%s matches %sx, too: Gateway API has prefixes of whole path elements only",
			json_text(route, "match"), path);
	return true;
}

static void add_side(struct side *s, struct json_object *host)
{
	struct json_object *routes = json_member(host, "routes");
	char buffer[NAME_SIZE];

	s->by_namespace = json_object_new_object();
	for (size_t i = 0; i < json_length(routes); i++) {
		struct json_object *route = json_object_array_get_idx(routes, i), *rules;
		const char *namespace = converted_namespace(route, buffer);

		if (converted_is_limit(route))
			continue;
		if (!namespace) {
			converted_note(s->h,
				       "%s goes to Services of several namespaces, or to what is "
				       "no Service",
				       json_text(route, "match"));
			continue;
		}
		if (!can_be_said(s, route))
			continue;
		rules = json_member(s->by_namespace, namespace);
		if (!rules || json_length(rules) >= RULES_MAX)
			rules = new_route(s, namespace);
		(void)json_object_array_add(rules, rule_of(route));
	}
	json_object_put(s->by_namespace);
}

void conversion_gateway(struct converted_host *h, struct json_object *objects)
{
	struct side http = { .h = h, .scheme = "http", .objects = objects };
	struct side https = { .h = h, .scheme = "https", .objects = objects };

	if (h->http)
		add_side(&http, h->http);
	if (h->https)
		add_side(&https, h->https);
}

/* ---- the Gateway ---- */

static struct json_object *listener(const char *name, const char *protocol, int port)
{
	struct json_object *o = json_object_new_object(), *allowed = json_object_new_object(),
			   *namespaces = json_object_new_object();

	put(o, "name", name);
	put(o, "protocol", protocol);
	(void)json_object_object_add(o, "port", json_object_new_int(port));
	put(namespaces, "from", "All");
	(void)json_object_object_add(allowed, "namespaces", namespaces);
	(void)json_object_object_add(o, "allowedRoutes", allowed);
	return o;
}

/* "namespace/name" */
static void split_secret(const char *secret, char **ret_namespace, const char **ret_name)
{
	const char *slash = strchr(secret, '/');

	*ret_namespace = slash ? xstrndup(secret, (size_t)(slash - secret)) : xstrdup("default");
	*ret_name = slash ? slash + 1 : secret;
}

static void add_grant(const char *namespace, const char *secret, struct json_object *objects)
{
	_cleanup_free_ char *name = xasprintf("portolan-%s", secret);
	struct json_object *o = converted_object(GRANT_API, "ReferenceGrant", namespace, name);
	struct json_object *spec = json_object_new_object(), *from = json_object_new_object(),
			   *to = json_object_new_object();

	put(from, "group", "gateway.networking.k8s.io");
	put(from, "kind", "Gateway");
	put(from, "namespace", CONVERTED_GATEWAY_NAMESPACE);
	put(to, "group", "");
	put(to, "kind", "Secret");
	put(to, "name", secret);
	(void)json_object_object_add(spec, "from", in_list(from));
	(void)json_object_object_add(spec, "to", in_list(to));
	(void)json_object_object_add(o, "spec", spec);
	(void)json_object_array_add(objects, o);
}

static bool has_grant(struct json_object *grants, const char *secret)
{
	for (size_t i = 0; i < json_length(grants); i++)
		if (strcmp(json_object_get_string(json_object_array_get_idx(grants, i)), secret) ==
		    0)
			return true;
	return false;
}

static void add_tls(const struct converted_host *h, struct json_object *listeners,
		    struct json_object *granted, struct json_object *objects)
{
	const char *secret = json_text(json_member(h->https, "certificate"), "secret"), *name;
	_cleanup_free_ char *section = converted_name(h->name, ""), *namespace = NULL;
	struct json_object *l = listener(section, "HTTPS", 443);
	struct json_object *tls = json_object_new_object(), *ref = json_object_new_object();

	split_secret(secret, &namespace, &name);
	if (strcmp(h->name, "*") != 0)
		put(l, "hostname", h->name);
	put(ref, "namespace", namespace);
	put(ref, "name", name);
	(void)json_object_object_add(tls, "certificateRefs", in_list(ref));
	(void)json_object_object_add(l, "tls", tls);
	(void)json_object_array_add(listeners, l);
	if (strcmp(namespace, CONVERTED_GATEWAY_NAMESPACE) == 0 || has_grant(granted, secret))
		return;
	(void)json_object_array_add(granted, json_object_new_string(secret));
	add_grant(namespace, name, objects);
}

void conversion_gateway_frame(const struct converted_host *hosts, size_t n,
			      struct json_object *objects)
{
	struct json_object *class =
		converted_object(GATEWAY_API, "GatewayClass", NULL, CONVERTED_GATEWAY);
	struct json_object *gateway = converted_object(
		GATEWAY_API, "Gateway", CONVERTED_GATEWAY_NAMESPACE, CONVERTED_GATEWAY);
	struct json_object *spec = json_object_new_object(), *of_class = json_object_new_object();
	struct json_object *listeners = in_list(listener("http", "HTTP", 80));
	struct json_object *granted = json_object_new_array();

	put(of_class, "controllerName", GATEWAY_CONTROLLER);
	(void)json_object_object_add(class, "spec", of_class);
	(void)json_object_array_add(objects, class);
	put(spec, "gatewayClassName", CONVERTED_GATEWAY);
	(void)json_object_object_add(spec, "listeners", listeners);
	(void)json_object_object_add(gateway, "spec", spec);
	(void)json_object_array_add(objects, gateway);
	for (size_t i = 0; i < n; i++)
		if (hosts[i].https)
			add_tls(&hosts[i], listeners, granted, objects);
	json_object_put(granted);
}
