/* Redirects in words, and those that only change to HTTPS. */
#include <string.h>
#include <strings.h>

#include "common/answer/json-print.h"
#include "common/base/alloc.h"
#include "common/base/strbuf.h"
#include "portolan/redirect.h"

int redirect_status(struct json_object *redirect)
{
	static const struct {
		const char *name;
		int status;
	} rows[] = { { "FOUND", 302 },
		     { "SEE_OTHER", 303 },
		     { "TEMPORARY_REDIRECT", 307 },
		     { "PERMANENT_REDIRECT", 308 } };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (strcmp(rows[i].name, json_text(redirect, "response_code")) == 0)
			return rows[i].status;
	return 301;
}

static struct json_object *redirect_of(struct json_object *route)
{
	return json_member(json_member(route, "settings"), "redirect");
}

char *redirect_text(struct json_object *route)
{
	struct json_object *r = redirect_of(route);
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	const char *scheme = json_text(r, "scheme_redirect"), *host = json_text(r, "host_redirect");

	if (json_object_get_boolean(json_member(r, "https_redirect")))
		scheme = "https";
	strbuf_printf(&b, "redirect %d to %s%s%s", redirect_status(r), scheme, *scheme ? "://" : "",
		      *host ? host : "the same host");
	if (json_number(r, "port_redirect"))
		strbuf_printf(&b, ":%lld", (long long)json_number(r, "port_redirect"));
	strbuf_printf(&b, "%s%s", *json_text(r, "path_redirect") ? " " : "",
		      json_text(r, "path_redirect"));
	if (*json_text(r, "prefix_rewrite"))
		strbuf_printf(&b, " prefix %s", json_text(r, "prefix_rewrite"));
	return xstrdup(strbuf_str(&b));
}

/* ---- to HTTPS ---- */

/* ingress-nginx takes one slash off the end of a path. */
static bool keeps_path(struct json_object *r)
{
	struct json_object *regex = json_member(r, "regex_rewrite");

	if (*json_text(r, "path_redirect") || *json_text(r, "prefix_rewrite") ||
	    json_object_get_boolean(json_member(r, "strip_query")))
		return false;
	return !regex ||
	       (strcmp(json_text(json_member(regex, "pattern"), "regex"), "^(.*)/$") == 0 &&
		strcmp(json_text(regex, "substitution"), "\\1") == 0);
}

bool redirect_is_to_https(struct json_object *route, const char *host)
{
	struct json_object *r = redirect_of(route);
	const char *to = json_text(r, "host_redirect");

	return r && keeps_path(r) && (!*to || strcasecmp(to, host) == 0) &&
	       (json_object_get_boolean(json_member(r, "https_redirect")) ||
		strcmp(json_text(r, "scheme_redirect"), "https") == 0);
}

static const char *location(struct json_object *route)
{
	struct json_object *headers =
		json_member(json_member(route, "settings"), "response_headers_to_add");

	for (size_t i = 0; i < json_length(headers); i++) {
		struct json_object *h =
			json_member(json_object_array_get_idx(headers, i), "header");

		if (strcasecmp(json_text(h, "key"), "location") == 0)
			return json_text(h, "value");
	}
	return "";
}

/* Only requests for the path "/", without a query. */
static bool is_of_root(struct json_object *route)
{
	struct json_object *headers = json_member(json_member(route, "conditions"), "headers");

	for (size_t i = 0; i < json_length(headers); i++) {
		struct json_object *h = json_object_array_get_idx(headers, i);

		if (strcmp(json_text(h, "name"), ":path") == 0 &&
		    strcmp(json_text(json_member(h, "string_match"), "exact"), "/") == 0)
			return true;
	}
	return false;
}

/* The text behind the prefix, or NULL. */
static const char *behind(const char *text, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncasecmp(text, prefix, n) == 0 ? text + n : NULL;
}

bool redirect_is_answer_to_https(struct json_object *route, const char *host)
{
	/* The host and the path as the client wrote them, to Envoy or to the proxy before it. */
	static const char *const hosts[] = { "%REQ(:authority)%",
					     "%DYNAMIC_METADATA(portolan.forwarded:name)%" };
	static const char *const paths[] = { "%REQ(:path)%",
					     "%DYNAMIC_METADATA(portolan.forwarded:uri)%" };
	const char *to = behind(location(route), "https://"), *path = NULL, *port;
	int64_t status = json_number(route, "status");

	if (strcmp(json_text(route, "action"), "direct-response") != 0 || status < 300 ||
	    status >= 400 || !to)
		return false;
	path = behind(to, host);
	for (size_t i = 0; i < ARRAY_SIZE(hosts) && !path; i++)
		path = behind(to, hosts[i]);
	if (!path)
		return false;
	port = behind(path, ":443");
	path = port ? port : path;
	if (!*path || strcmp(path, "/") == 0)
		return is_of_root(route);
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		if (strcmp(path, paths[i]) == 0)
			return true;
	return false;
}
