/* The parts of a route that both targets read. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/answer/json-print.h"
#include "common/base/alloc.h"
#include "portolan/conversion.h"

#define NAME_MAX_ 253

enum path_form converted_path(struct json_object *route, const char **ret_path)
{
	struct json_object *c = json_member(route, "conditions");

	if (json_member(c, "path")) {
		*ret_path = json_text(c, "path");
		return PATH_FORM_EXACT;
	}
	if (json_member(c, "safe_regex")) {
		*ret_path = json_text(json_member(c, "safe_regex"), "regex");
		return PATH_FORM_REGEX;
	}
	if (json_member(c, "path_separated_prefix")) {
		*ret_path = json_text(c, "path_separated_prefix");
		return PATH_FORM_BELOW;
	}
	*ret_path = *json_text(c, "prefix") ? json_text(c, "prefix") : "/";
	return PATH_FORM_PREFIX;
}

bool converted_service(const char *cluster, char *ret_namespace, char *ret_name, int *ret_port)
{
	char rest[8];

	return sscanf(cluster, "%253[^/]/%253[^/:]:%5d%7s", ret_namespace, ret_name, ret_port,
		      rest) == 3;
}

const char *converted_namespace(struct json_object *route, char *buffer)
{
	struct json_object *clusters = json_member(route, "clusters");
	char namespace[NAME_MAX_ + 1], name[NAME_MAX_ + 1];
	int port;

	(void)snprintf(buffer, NAME_MAX_ + 1, "%s",
		       json_text(json_member(route, "made_by"), "namespace"));
	for (size_t i = 0; i < json_length(clusters); i++) {
		const char *cluster = json_text(json_object_array_get_idx(clusters, i), "name");

		if (!converted_service(cluster, namespace, name, &port))
			return NULL;
		if (i && strcmp(buffer, namespace) != 0)
			return NULL;
		(void)snprintf(buffer, NAME_MAX_ + 1, "%s", namespace);
	}
	return *buffer ? buffer : "default";
}

bool converted_is_http2(struct json_object *cluster)
{
	struct json_object *options =
		json_member(json_member(cluster, "settings"), "typed_extension_protocol_options");
	struct json_object *http =
		json_member(options, "envoy.extensions.upstreams.http.v3.HttpProtocolOptions");

	return json_member(json_member(http, "explicit_http_config"), "http2_protocol_options") !=
	       NULL;
}

struct json_object *converted_tls(struct json_object *cluster)
{
	return json_member(json_member(cluster, "settings"), "transport_socket");
}

bool converted_is_limit(struct json_object *route)
{
	return strcmp(json_text(route, "action"), "direct-response") == 0 &&
	       json_number(route, "status") == 413;
}

bool converted_is_star(struct json_object *header)
{
	return strcmp(json_text(header, "name"), ":authority") == 0;
}

char *converted_name(const char *host, const char *suffix)
{
	const char *rest = host[0] == '*' ? host + 1 : host;
	char *name = xasprintf("%s%.*s%s", host[0] == '*' ? "wildcard" : "", 200, rest, suffix);

	for (char *p = name; *p; p++)
		if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789.-", *p))
			*p = '-';
	return name;
}

struct json_object *converted_object(const char *api_version, const char *kind,
				     const char *namespace, const char *name)
{
	struct json_object *o = json_object_new_object(), *meta = json_object_new_object();

	(void)json_object_object_add(o, "apiVersion", json_object_new_string(api_version));
	(void)json_object_object_add(o, "kind", json_object_new_string(kind));
	(void)json_object_object_add(meta, "name", json_object_new_string(name));
	if (namespace)
		(void)json_object_object_add(meta, "namespace", json_object_new_string(namespace));
	(void)json_object_object_add(o, "metadata", meta);
	return o;
}

void converted_note(struct converted_host *h, const char *fmt, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		abort();
	va_end(ap);
	(void)json_object_array_add(h->notes, json_object_new_string(text));
}

/* HTTPProxy has variables without arguments, and a request's headers; Gateway API has none. */
static bool can_say(const char *variable, size_t n, bool proxy)
{
	return proxy && (strncmp(variable, "REQ(", 4) == 0 || !memchr(variable, '(', n));
}

/* A value as users write it, of Envoy's format, where "%%" stands for "%". */
static bool say_value(const char *format, bool proxy, struct strbuf *ret)
{
	while (*format) {
		const char *end = *format == '%' ? strchr(format + 1, '%') : NULL;
		size_t n = end ? (size_t)(end - format) - 1 : 0;

		if (n && !can_say(format + 1, n, proxy))
			return false;
		if (n)
			strbuf_add(ret, format, n + 2);
		else
			strbuf_putc(ret, *format);
		format = end ? end + 1 : format + 1;
	}
	return true;
}

static void add_header(struct json_object *list, const char *name, const char *value)
{
	struct json_object *o = json_object_new_object();

	(void)json_object_object_add(o, "name", json_object_new_string(name));
	(void)json_object_object_add(o, "value", json_object_new_string(value));
	(void)json_object_array_add(list, o);
}

static void add_names(struct json_object *list, struct json_object *to)
{
	if (json_length(list))
		(void)json_object_object_add(to, "remove", json_object_get(list));
}

bool converted_headers(struct json_object *settings, const char *which, struct json_object *o,
		       bool proxy)
{
	_cleanup_free_ char *added = xasprintf("%s_headers_to_add", which),
			    *removed = xasprintf("%s_headers_to_remove", which);
	struct json_object *list = json_member(settings, added), *set, *append;
	bool all = true;

	set = json_object_new_array();
	append = json_object_new_array();
	for (size_t i = 0; i < json_length(list); i++) {
		struct json_object *h = json_object_array_get_idx(list, i);
		struct json_object *header = json_member(h, "header");
		bool sets = strcmp(json_text(h, "append_action"), "OVERWRITE_IF_EXISTS_OR_ADD") ==
			    0;
		_cleanup_strbuf_ struct strbuf value = STRBUF_INIT;
		bool said = (sets || !proxy) &&
			    say_value(json_text(header, "value"), proxy, &value);

		all &= said;
		if (said)
			add_header(sets ? set : append, json_text(header, "key"),
				   strbuf_str(&value));
	}
	if (json_length(set))
		(void)json_object_object_add(o, "set", json_object_get(set));
	if (json_length(append) && !proxy)
		(void)json_object_object_add(o, "add", json_object_get(append));
	add_names(json_member(settings, removed), o);
	json_object_put(set);
	json_object_put(append);
	return all;
}
