/* A request as Envoy receives it from a client: the URL and headers of the question, and the
 * headers that Envoy itself adds before it looks for a route. */
#include <ctype.h>
#include <errno.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <string.h>
#include <strings.h>

#include "translator/envoy/envoy-forwarded.h"
#include "translator/explain/explain-internal.h"
#include "translator/model/path.h"

#define MANAGER(name) \
	ENVOY__EXTENSIONS__FILTERS__NETWORK__HTTP_CONNECTION_MANAGER__V3__HTTP_CONNECTION_MANAGER__##name

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

/* Characters that nghttp2, and so Envoy, takes in an authority. */
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
	*ret_why = "a user name and password are not part of what Envoy sees: leave them out";
	if (evhttp_uri_get_userinfo(uri))
		return -EINVAL;
	*ret_why = "the port must be between 1 and 65535";
	if (port == 0 || port > 65535)
		return -EINVAL;
	r->tls = strcasecmp(scheme, "https") == 0;
	r->host = arena_strdup(e->a, host);
	r->port = port > 0 ? (uint32_t)port : 0;
	/* A client leaves its scheme's own port out of Host. */
	r->authority = !r->port || r->port == (r->tls ? 443 : 80)
			       ? r->host
			       : arena_printf(e->a, "%s:%u", host, r->port);
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
	*ret_why = arena_printf(e->a, "at most %d headers of at most %d bytes each",
				EXPLAIN_HEADERS_MAX, EXPLAIN_TEXT_MAX);
	if (r->n_headers >= EXPLAIN_HEADERS_MAX || strlen(text) > EXPLAIN_TEXT_MAX)
		return -EINVAL;
	value = colon + 1 + strspn(colon + 1, " \t");
	len = strlen(value);
	while (len && strchr(" \t", value[len - 1]))
		len--;
	*ret_why = arena_printf(
		e->a, "header \"%.64s\": its value has a line break or another control character",
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

/* Methods that Envoy's HTTP/1 takes; RFC 9110 and WebDAV. */
static bool is_known_method(const char *method)
{
	static const char *const known[] = {
		"GET",        "HEAD",     "POST",      "PUT",       "DELETE",      "OPTIONS",
		"PATCH",      "CONNECT",  "TRACE",     "COPY",      "LOCK",        "MKCOL",
		"MOVE",       "PROPFIND", "PROPPATCH", "SEARCH",    "UNLOCK",      "BIND",
		"REBIND",     "UNBIND",   "ACL",       "REPORT",    "MKACTIVITY",  "CHECKOUT",
		"MERGE",      "M-SEARCH", "NOTIFY",    "SUBSCRIBE", "UNSUBSCRIBE", "PURGE",
		"MKCALENDAR", "LINK",     "UNLINK",    "SOURCE",
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

/* "%2F" and "%5C" before the query. Why the request goes no further, or NULL. */
static const char *take_slashes(struct arena *a, const EnvoyHttpConnectionManager *m,
				const char **path, bool *ret_moved)
{
	const char *end = *path + strcspn(*path, "?");
	char *copy = arena_strdup(a, *path), *out = copy;

	if (m->path_with_escaped_slashes_action <=
	    MANAGER(PATH_WITH_ESCAPED_SLASHES_ACTION__KEEP_UNCHANGED))
		return NULL;
	for (const char *p = *path; *p; p++) {
		bool slash = end - p >= 3 && strncasecmp(p, "%2f", 3) == 0;

		if (slash || (end - p >= 3 && strncasecmp(p, "%5c", 3) == 0)) {
			*out++ = slash ? '/' : '\\';
			p += 2;
		} else {
			*out++ = *p;
		}
	}
	*out = '\0';
	if (strlen(copy) == strlen(*path))
		return NULL;
	if (m->path_with_escaped_slashes_action ==
	    MANAGER(PATH_WITH_ESCAPED_SLASHES_ACTION__REJECT_REQUEST))
		return "Envoy refuses escaped slashes (portolan.edge.escaped-slashes)";
	*ret_moved = m->path_with_escaped_slashes_action ==
		     MANAGER(PATH_WITH_ESCAPED_SLASHES_ACTION__UNESCAPE_AND_REDIRECT);
	*path = copy;
	return NULL;
}

/* ---- headers that Envoy takes away ---- */

/* ConnectionManagerUtility::mutateRequestHeaders, for clients from outside. */
static bool is_removed(const char *name)
{
	static const char *const always[] = {
		"keep-alive",
		"proxy-connection",
		"transfer-encoding",
		"x-envoy-internal",
		"x-envoy-decorator-operation",
		"x-envoy-downstream-service-cluster",
		"x-envoy-downstream-service-node",
		"x-envoy-expected-rq-timeout-ms",
		"x-envoy-force-trace",
		"x-envoy-hedge-on-per-try-timeout",
		"x-envoy-ip-tags",
		"x-envoy-max-retries",
		"x-envoy-original-path",
		"x-envoy-original-url",
		"x-envoy-retriable-header-names",
		"x-envoy-retriable-status-codes",
		"x-envoy-retry-grpc-on",
		"x-envoy-retry-on",
		"x-envoy-upstream-alt-stat-name",
		"x-envoy-upstream-rq-per-try-timeout-ms",
		"x-envoy-upstream-rq-timeout-alt-response",
		"x-envoy-upstream-rq-timeout-ms",
		"x-envoy-upstream-stream-duration-ms",
	};

	for (size_t i = 0; i < ARRAY_SIZE(always); i++)
		if (strcasecmp(always[i], name) == 0)
			return true;
	return false;
}

static uint32_t underscores(const EnvoyHttpConnectionManager *m)
{
	return m->common_http_protocol_options
		       ? m->common_http_protocol_options->headers_with_underscores_action
		       : 0;
}

#define UNDERSCORES(word) \
	ENVOY__CONFIG__CORE__V3__HTTP_PROTOCOL_OPTIONS__HEADERS_WITH_UNDERSCORES_ACTION__##word

static const char *underscores_refused(const struct explain *e, const EnvoyHttpConnectionManager *m)
{
	for (size_t i = 0; i < e->request.n_headers; i++)
		if (underscores(m) == UNDERSCORES(REJECT_REQUEST) &&
		    strchr(e->request.headers[i].name, '_'))
			return arena_printf(e->a,
					    "Envoy refuses header %s, for its underscore "
					    "(portolan.edge.headers-with-underscores)",
					    e->request.headers[i].name);
	return NULL;
}

/* Whether no route sees the header, with this value. */
static bool is_taken_away(const struct explain *e, const char *name, const char *value)
{
	const EnvoyHttpConnectionManager *m = e->manager;

	if (!e->request.taken)
		return false;
	if (strchr(name, '_') && underscores(m) == UNDERSCORES(DROP_HEADER))
		return true;
	if (strcasecmp(name, "connection") == 0 || strcasecmp(name, "upgrade") == 0)
		return !e->request.upgrade;
	if (strcasecmp(name, "expect") == 0)
		return strcasecmp(value, "100-continue") == 0;
	if (strcasecmp(name, "x-forwarded-client-cert") == 0)
		return true;
	return is_removed(name);
}

void explain_request_take(struct explain *e, const EnvoyHttpConnectionManager *m)
{
	struct explain_request *r = &e->request;
	bool normalize = m->normalize_path && m->normalize_path->value;
	const char *path = strchr(r->sent_path, '#') ? NULL : r->sent_path;

	r->taken = false;
	if (m->strip_trailing_host_dot)
		r->authority = without_dot(e->a, r->authority);
	if (path)
		r->refused = take_slashes(e->a, m, &path, &r->moved);
	if (r->refused)
		return;
	if (path && normalize)
		path = path_normal(e->a, path);
	if (path)
		r->refused = explain_http_refused(e, m);
	if (path && !r->refused)
		r->refused = underscores_refused(e, m);
	if (r->refused)
		return;
	r->upgrade = explain_upgrade(e, m);
	r->taken = true;
	if (!path)
		r->refused = "Envoy refuses such a path";
	else if (!is_authority(r->authority))
		r->refused = "Envoy refuses such a Host";
	else if (r->http != EXPLAIN_HTTP_2 && !is_known_method(r->method))
		r->refused =
			"Envoy does not know the method (of HTTP/1; with HTTP/2 it does not care)";
	if (r->refused)
		return;
	r->path = m->merge_slashes ? path_merged(e->a, path) : path;
	r->bare_path = arena_strndup(e->a, r->path, strcspn(r->path, "?"));
	if (strcmp(r->path, r->sent_path) != 0)
		explain_string(e, "normal_path", r->path);
}

static int read_client(struct explain *e, const struct evkeyvalq *words, const char **ret_why)
{
	const char *client = evhttp_find_header(words, "client");
	const char *http = evhttp_find_header(words, "http");

	*ret_why = "a client's address is an IPv4 or IPv6 address";
	if (client && !explain_address_is_valid(client))
		return -EINVAL;
	e->request.client = client ? arena_strdup(e->a, client) : NULL;
	*ret_why = "a version of HTTP is 1.0, 1.1 or 2";
	e->request.http = EXPLAIN_HTTP_1_1;
	return http && !explain_http_parse(http, &e->request.http) ? -EINVAL : 0;
}

int explain_request_read(struct explain *e, const struct evkeyvalq *words, const char **ret_why)
{
	struct explain_request *r = &e->request;
	const char *url = evhttp_find_header(words, "url"), *sni = evhttp_find_header(words, "sni");
	const char *method = evhttp_find_header(words, "method");
	const struct evkeyval *w;

	*ret_why = "there is neither a url nor an object";
	if (!url || read_url(e, url, ret_why) < 0 || read_client(e, words, ret_why) < 0)
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

/* Envoy adds the client's address; for a client on its own host, the address of that host, which we
 * do not know (ConnectionManagerUtility::mutateRequestHeaders). */
static const char *appended_address(const struct explain *e)
{
	const char *client = e->request.client;
	bool local = client && (strncmp(client, "127.", 4) == 0 || strcmp(client, "::1") == 0);

	return local ? "(address of Envoy's host)" : client;
}

static const char *forwarded_for(const struct explain *e)
{
	const char *all = NULL, *client = appended_address(e);

	for (size_t i = 0; i < e->request.n_headers; i++)
		if (strcmp(e->request.headers[i].name, "x-forwarded-for") == 0)
			all = all ? arena_printf(e->scratch, "%s,%s", all,
						 e->request.headers[i].value)
				  : e->request.headers[i].value;
	if (!client)
		return all ? all : "";
	return all ? arena_printf(e->scratch, "%s,%s", all, client) : client;
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
		/* use_remote_address: the client's own value is not believed. */
		{ "x-forwarded-proto", r->tls ? "https" : "http" },
	};
	const char **all = arena_new_of(e->scratch, const char *, r->n_headers + 1);
	bool keeps = e->manager && e->manager->n_early_header_mutation_extensions;
	const char *original = keeps ? envoy_forwarded_kept_of(name) : NULL;

	*ret_n = 0;
	for (size_t i = 0; original && !*ret_n && i < r->n_headers; i++)
		if (strcmp(r->headers[i].name, original) == 0)
			all[(*ret_n)++] = r->headers[i].value;
	if (original)
		return all;
	if (strcasecmp(name, "x-forwarded-for") == 0) {
		all[(*ret_n)++] = forwarded_for(e);
		return all;
	}
	for (size_t i = 0; i < ARRAY_SIZE(own); i++)
		if (strcasecmp(own[i].name, name) == 0) {
			all[(*ret_n)++] = own[i].value;
			return all;
		}
	for (size_t i = 0; i < r->n_headers; i++)
		if (strcasecmp(r->headers[i].name, name) == 0 &&
		    !is_taken_away(e, name, r->headers[i].value))
			all[(*ret_n)++] = r->headers[i].value;
	/* RFC 9113, section 8.2.3. */
	for (; *ret_n > 1 && r->http == EXPLAIN_HTTP_2 && strcasecmp(name, "cookie") == 0; --*ret_n)
		all[*ret_n - 2] =
			arena_printf(e->scratch, "%s; %s", all[*ret_n - 2], all[*ret_n - 1]);
	/* Envoy gives each request a number. */
	if (!*ret_n && strcasecmp(name, "x-request-id") == 0)
		all[(*ret_n)++] = "";
	return all;
}
