/* A request as Envoy takes it from a client: the URL and headers that were asked about, and what Envoy
 * itself adds before it looks for a route. Runs in the translator. */
#include <ctype.h>
#include <errno.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <string.h>
#include <strings.h>

#include "translator/explain-internal.h"

/* RFC 9110, section 5.6.2. */
static bool is_token(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)s[i]) && !strchr("!#$%&'*+-.^_`|~", s[i]))
			return false;
	return n > 0;
}

static const char *lower(struct arena *a, const char *s, size_t n)
{
	char *copy = arena_strndup(a, s, n);

	for (char *p = copy; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	return copy;
}

/* What nghttp2, and so Envoy, takes in an authority. */
static bool is_authority(const char *s)
{
	for (; *s; s++)
		if (!isalnum((unsigned char)*s) && !strchr("-._~!$&'()*+,;=:[]@%", *s))
			return false;
	return true;
}

/* ---- the URL ---- */

static int read_uri(struct explain *e, const struct evhttp_uri *uri, const char **ret_why)
{
	struct explain_request *r = &e->request;
	const char *scheme = evhttp_uri_get_scheme(uri), *host = evhttp_uri_get_host(uri);
	const char *path = evhttp_uri_get_path(uri), *query = evhttp_uri_get_query(uri);
	int port = evhttp_uri_get_port(uri);

	*ret_why = "it must begin with http:// or https:// (an object is KIND/NAMESPACE/NAME)";
	if (!scheme || (strcasecmp(scheme, "http") != 0 && strcasecmp(scheme, "https") != 0))
		return -EINVAL;
	*ret_why = "it names no host";
	if (!host || !*host)
		return -EINVAL;
	*ret_why = "a user name and password are no part of what Envoy sees: leave them away";
	if (evhttp_uri_get_userinfo(uri))
		return -EINVAL;
	*ret_why = "the port must be between 1 and 65535";
	if (port == 0 || port > 65535)
		return -EINVAL;
	r->tls = strcasecmp(scheme, "https") == 0;
	r->host = arena_strdup(e->a, host);
	r->port = port > 0 ? (uint32_t)port : 0;
	/* A client leaves its scheme's own port out of Host. */
	r->authority = !r->port || r->port == (r->tls ? 443 : 80) ? r->host :
								   arena_printf(e->a, "%s:%u", host, r->port);
	r->sent_path = arena_printf(e->a, "%s%s%s", path && *path ? path : "/", query ? "?" : "",
				    query ? query : "");
	return 0;
}

static bool is_ip(const char *host)
{
	return *host == '[' || strspn(host, "0123456789.") == strlen(host);
}

static int read_url(struct explain *e, const char *url, const char **ret_why)
{
	struct explain_request *r = &e->request;
	struct evhttp_uri *uri;
	int result;

	*ret_why = arena_printf(e->a, "it is longer than %d bytes", EXPLAIN_URL_MAX);
	if (strlen(url) > EXPLAIN_URL_MAX)
		return -EINVAL;
	*ret_why = "spaces and all but ASCII must be escaped, as %20";
	for (const char *p = url; *p; p++)
		if (*p <= ' ' || *p >= 0x7f)
			return -EINVAL;
	*ret_why = "it is not a URL, as https://web.example.com/path?query";
	uri = evhttp_uri_parse_with_flags(url, EVHTTP_URI_NONCONFORMANT);
	if (!uri)
		return -EINVAL;
	result = read_uri(e, uri, ret_why);
	evhttp_uri_free(uri);
	if (result < 0)
		return result;
	r->url = arena_strdup(e->a, url);
	/* RFC 6066, section 3: addresses are not sent as a server name. */
	r->sni = r->tls && !is_ip(r->host) ? lower(e->a, r->host, strlen(r->host)) : NULL;
	return 0;
}

/* ---- the rest ---- */

static int add_header(struct explain *e, const char *text, const char **ret_why)
{
	struct explain_request *r = &e->request;
	const char *colon = strchr(text, ':'), *value;
	size_t len;

	*ret_why = arena_printf(e->a, "header \"%.64s\": the form is 'Name: value'", text);
	if (!colon || !is_token(text, (size_t)(colon - text)))
		return -EINVAL;
	*ret_why = arena_printf(e->a, "at most %d headers of at most %d bytes each", EXPLAIN_HEADERS_MAX,
				EXPLAIN_TEXT_MAX);
	if (r->n_headers >= EXPLAIN_HEADERS_MAX || strlen(text) > EXPLAIN_TEXT_MAX)
		return -EINVAL;
	value = colon + 1 + strspn(colon + 1, " \t");
	len = strlen(value);
	while (len && strchr(" \t", value[len - 1]))
		len--;
	*ret_why = arena_printf(e->a, "header \"%.64s\": its value has a line break or another control character",
				text);
	for (size_t i = 0; i < len; i++)
		if (iscntrl((unsigned char)value[i]) && value[i] != '\t')
			return -EINVAL;
	r->headers[r->n_headers].name = lower(e->a, text, (size_t)(colon - text));
	r->headers[r->n_headers].value = arena_strndup(e->a, value, len);
	if (strcmp(r->headers[r->n_headers].name, "host") == 0)
		r->authority = r->headers[r->n_headers].value;
	else
		r->n_headers++;
	return 0;
}

/* What Envoy's HTTP/1 takes; RFC 9110 and WebDAV. */
static bool is_known_method(const char *method)
{
	static const char *const known[] = {
		"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "CONNECT", "TRACE",
		"COPY", "LOCK", "MKCOL", "MOVE", "PROPFIND", "PROPPATCH", "SEARCH", "UNLOCK",
		"BIND", "REBIND", "UNBIND", "ACL", "REPORT", "MKACTIVITY", "CHECKOUT", "MERGE",
		"M-SEARCH", "NOTIFY", "SUBSCRIBE", "UNSUBSCRIBE", "PURGE", "MKCALENDAR", "LINK", "UNLINK", "SOURCE",
	};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (strcmp(known[i], method) == 0)
			return true;
	return false;
}

/* "host." and "host.:80" without the dot. */
static const char *without_dot(struct arena *a, const char *authority)
{
	char *copy = arena_strdup(a, authority), *dot = strrchr(copy, '.');

	if (dot && (!dot[1] || dot[1] == ':'))
		memmove(dot, dot + 1, strlen(dot));
	return copy;
}

void explain_request_take(struct explain *e, const HttpManager *m)
{
	struct explain_request *r = &e->request;
	bool normalize = m->normalize_path && m->normalize_path->value;
	const char *path = strchr(r->sent_path, '#') ? NULL : r->sent_path;

	if (m->strip_trailing_host_dot)
		r->authority = without_dot(e->a, r->authority);
	if (path && normalize)
		path = explain_path_normal(e->a, path);
	if (!path)
		r->refused = "Envoy refuses such a path";
	else if (!is_authority(r->authority))
		r->refused = "Envoy refuses such a Host";
	else if (!is_known_method(r->method))
		r->refused = "Envoy does not know the method (of HTTP/1; with HTTP/2 it does not care)";
	if (r->refused)
		return;
	r->path = m->merge_slashes ? explain_path_merged(e->a, path) : path;
	r->bare_path = arena_strndup(e->a, r->path, strcspn(r->path, "?"));
	if (strcmp(r->path, r->sent_path) != 0)
		explain_string(e, "normal_path", r->path);
}

int explain_request_read(struct explain *e, const struct evkeyvalq *words, const char **ret_why)
{
	struct explain_request *r = &e->request;
	const char *url = evhttp_find_header(words, "url"), *sni = evhttp_find_header(words, "sni");
	const char *method = evhttp_find_header(words, "method");
	const struct evkeyval *w;

	*ret_why = "there is neither a url nor an object";
	if (!url || read_url(e, url, ret_why) < 0)
		return -EINVAL;
	*ret_why = "a method is a word, as GET";
	if (method && (!is_token(method, strlen(method)) || strlen(method) > 64))
		return -EINVAL;
	r->method = method ? arena_strdup(e->a, method) : "GET";
	*ret_why = "a server name (SNI) has at most 255 characters, and belongs to https";
	if (sni && (strlen(sni) > 255 || !r->tls))
		return -EINVAL;
	if (sni)
		r->sni = *sni ? lower(e->a, sni, strlen(sni)) : NULL;
	r->headers = arena_new_of(e->a, struct explain_header, EXPLAIN_HEADERS_MAX + 1);
	for (w = words->tqh_first; w; w = w->next.tqe_next)
		if (strcmp(w->key, "header") == 0 && add_header(e, w->value, ret_why) < 0)
			return -EINVAL;
	return 0;
}

const char **explain_request_header(const struct explain *e, const char *name, size_t *ret_n)
{
	const struct explain_request *r = &e->request;
	const struct {
		const char *name, *value;
	} own[] = {
		{ ":authority", r->authority },
		{ "host", r->authority },
		{ ":method", r->method },
		{ ":path", r->path },
		{ ":scheme", r->tls ? "https" : "http" },
		/* use_remote_address: what a client says of it is not believed. */
		{ "x-forwarded-proto", r->tls ? "https" : "http" },
	};
	const char **all = arena_new_of(e->scratch, const char *, r->n_headers + 1);

	*ret_n = 0;
	for (size_t i = 0; i < ARRAY_SIZE(own); i++)
		if (strcasecmp(own[i].name, name) == 0) {
			all[(*ret_n)++] = own[i].value;
			return all;
		}
	for (size_t i = 0; i < r->n_headers; i++)
		if (strcasecmp(r->headers[i].name, name) == 0)
			all[(*ret_n)++] = r->headers[i].value;
	/* Envoy gives each request a number, and the client's address. */
	if (!*ret_n && (strcasecmp(name, "x-request-id") == 0 || strcasecmp(name, "x-forwarded-for") == 0))
		all[(*ret_n)++] = "";
	return all;
}
