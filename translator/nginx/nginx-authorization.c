/* External authorization: auth-url and its relatives, or the ConfigMap's global-auth-url for paths
 * without an auth-url of their own. An unsupported setting closes the path: paths that were closed
 * in ingress-nginx must not become open. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/clock.h"
#include "common/base/http-header.h"
#include "translator/check/destination.h"
#include "translator/model/access.h"
#include "translator/model/host-name.h"
#include "translator/nginx/nginx-config.h"
#include "translator/nginx/nginx-plan.h"
#include "translator/nginx/nginx-tokens.h"
#include "translator/nginx/nginx-upstream.h"
#include "translator/nginx/nginx-variables.h"
#include "translator/resolve/config.h"
#include "translator/resolve/jwks-server.h"
#include "translator/resolve/upstream.h"

#define ANNOTATION(name) "metadata.annotations[" NGINX_PREFIX name "]"
#define SENT_FROM        "nginx-ingress-controller"

/* One reading: of the Ingress's annotations, or of the ConfigMap's keys. */
struct asking {
	struct nginx_plan *p;
	const struct nginx_source *s;
	bool global;
	struct access_service *service;
	const char *why; /* the fault: a sentence */
	const char *field;
};

static bool refuse(struct asking *g, const char *name, const char *why)
{
	g->field = arena_printf(g->p->a, ANNOTATION("%s"), g->global ? "enable-global-auth" : name);
	g->why = g->global ? arena_printf(g->p->a, "global-%s in the ConfigMap: %s", name, why)
			   : why;
	return false;
}

/* The value of "auth-…"; NULL: not set, or refused. */
static const char *text_of(struct asking *g, const char *name)
{
	const char *text;

	if (!g->global)
		return nginx_own_text(g->s->ingress, name);
	text = nginx_config_text(g->p->r, arena_printf(g->p->a, "global-%s", name));
	if (!text || nginx_annotation_valid(nginx_annotation_find(name), text))
		return text;
	(void)refuse(g, name,
		     arena_printf(g->p->a, "the value must be %s",
				  nginx_class_text(nginx_annotation_find(name)->class)));
	return NULL;
}

static const char *filled(struct asking *g, const char *name, const char *text)
{
	const char *why, *ret = nginx_variables_read(g->p, g->s, text, &why);

	if (!ret)
		(void)refuse(g, name, why);
	return ret;
}

/* ---- the URL ---- */

struct url {
	bool tls;
	const char *host; /* without brackets */
	bool is_address;
	uint32_t port;
	const char *authority; /* the host alone: nginx sends no port */
	const char *rest;      /* path and query */
};

/* $host is the Ingress's host: a wildcard has no single one. */
static bool read_host(struct asking *g, const char *text, struct url *ret)
{
	static const char *const own[] = { "$host", "${host}", "$http_host", "$best_http_host" };
	const char *why = NULL;
	struct in6_addr ip;

	for (size_t i = 0; i < ARRAY_SIZE(own); i++) {
		if (strcmp(text, own[i]) != 0)
			continue;
		if (*g->p->host == '*')
			return refuse(g, "auth-url",
				      "its host is a variable, and the host of the rule is a "
				      "wildcard: Envoy cannot look up a name for each request");
		text = g->p->host;
	}
	if (strchr(text, '$'))
		return refuse(g, "auth-url", "of variables only $host can be its host");
	ret->host = text;
	ret->is_address = inet_pton(strchr(text, ':') ? AF_INET6 : AF_INET, text, &ip) == 1;
	if (!ret->is_address && !host_name_normal(g->p->a, text, &why))
		return refuse(g, "auth-url", arena_printf(g->p->a, "host \"%s\": %s", text, why));
	return true;
}

static bool read_port(struct asking *g, const char *text, struct url *ret)
{
	size_t n = strlen(text);
	unsigned long port =
		n && n <= 5 && strspn(text, "0123456789") == n ? strtoul(text, NULL, 10) : 0;

	ret->port = (uint32_t)port;
	if (port >= 1 && port <= 65535)
		return true;
	return refuse(g, "auth-url",
		      arena_printf(g->p->a, "port \"%s\" is not between 1 and 65535", text));
}

static bool read_authority(struct asking *g, char *text, struct url *ret)
{
	char *closing = *text == '[' ? strchr(text, ']') : NULL;
	char *colon = strrchr(closing ? closing : text, ':');

	ret->port = ret->tls ? 443 : 80;
	if (colon && !read_port(g, colon + 1, ret))
		return false;
	if (colon)
		*colon = '\0';
	if (closing)
		*closing = '\0';
	if (!read_host(g, text + (closing != NULL), ret))
		return false;
	ret->authority = closing ? arena_printf(g->p->a, "[%s]", ret->host) : ret->host;
	return true;
}

static bool read_url(struct asking *g, const char *text, struct url *ret)
{
	const char *begin = strstr(text, "://"), *end;
	size_t scheme = begin ? (size_t)(begin - text) : 0;

	ret->tls = scheme == 5 && strncasecmp(text, "https", 5) == 0;
	if (!ret->tls && (scheme != 4 || strncasecmp(text, "http", 4) != 0))
		return refuse(g, "auth-url", "it must begin with http:// or https://");
	begin += 3;
	end = begin + strcspn(begin, "/?");
	ret->rest = *end == '/' ? end : arena_printf(g->p->a, "/%s", end);
	return read_authority(g, arena_strndup(g->p->a, begin, (size_t)(end - begin)), ret);
}

/* ---- where it is ---- */

/* "name.namespace.svc" and "name.namespace.svc.cluster.local" are a Service: its endpoints are
 * known without DNS. */
static const char *service_of(struct arena *a, const char *host, const char **ret_name)
{
	const char *dot = strchr(host, '.'), *end = dot ? strchr(dot + 1, '.') : NULL;
	static const char *const ends[] = { ".svc", ".svc.", ".svc.cluster.local",
					    ".svc.cluster.local." };

	for (size_t i = 0; end && i < ARRAY_SIZE(ends); i++) {
		if (strcasecmp(end, ends[i]) != 0)
			continue;
		*ret_name = arena_strndup(a, host, (size_t)(dot - host));
		return arena_strndup(a, dot + 1, (size_t)(end - dot - 1));
	}
	return NULL;
}

static const char *service_cluster(struct asking *g, const struct url *url, const char *namespace,
				   const char *name)
{
	ModelClusterSpec spec = PORTOLAN__MODEL__CLUSTER_SPEC__INIT;
	const ModelClusterResult *result;

	spec.namespace_ = (char *)namespace;
	spec.service = (char *)name;
	spec.port = arena_printf(g->p->a, "%u", url->port);
	spec.protocol = (char *)(url->tls ? "tls" : "http");
	spec.sni = url->tls ? (char *)url->host : NULL;
	result = upstream_find(g->p->r, &spec);
	if (!result->name)
		(void)refuse(g, "auth-url", result->message);
	return result->name;
}

static const char *find_cluster(struct asking *g, const struct url *url)
{
	const K8s__ContourConfigurationSpec *config = config_read(g->p->r);
	const char *name, *namespace = service_of(g->p->a, url->host, &name), *why = NULL;
	struct jwks_server server = {
		.tls = url->tls,
		.host = url->host,
		.is_address = url->is_address,
		.port = url->port,
		.family = config->envoy->cluster->dns_lookup_family,
		.connect_usec =
			MAX(1, nginx_number(g->p->r, g->s->ingress, "proxy-connect-timeout", 5)) *
			USEC_PER_SEC,
		.parameters = config->envoy->cluster->upstream_tls,
	};

	if (namespace)
		return service_cluster(g, url, namespace, name);
	if (!config->portolan->destinations->allow_local)
		why = destination_refused(url->host);
	if (!why)
		return jwks_server_find(g->p->r, &server);
	(void)refuse(g, "auth-url",
		     arena_printf(g->p->a, "host \"%s\" %s%s", url->host, why, destination_hint));
	return NULL;
}

/* ---- the question ---- */

static void set(struct asking *g, const char *name, const char *value)
{
	struct access_service *s = g->service;

	for (size_t i = 0; i < s->n_headers; i++)
		if (strcmp(s->headers[i].name, name) == 0) {
			s->headers[i].value = value;
			return;
		}
	s->headers[s->n_headers++] = (struct access_header){ name, value };
}

static const struct access_header always[] = {
	{ "x-original-url", "${scheme}://${http_host}${request_uri}" },
	{ "x-original-method", "${request_method}" },
	{ "x-sent-from", SENT_FROM },
	{ "x-real-ip", "${remote_addr}" },
	{ "x-forwarded-for", "${remote_addr}" },
	{ "x-forwarded-proto", "" },
};

static void set_certificate(struct asking *g)
{
	const struct nginx_ingress *in = g->p->client.in;
	bool whole = in && nginx_flag(g->p->r, in, "auth-tls-pass-certificate-to-upstream", false);

	if (!in)
		return;
	set(g, "ssl-client-verify", "${ssl_client_verify}");
	set(g, "ssl-client-subject-dn", "${ssl_client_s_dn}");
	set(g, "ssl-client-issuer-dn", "${ssl_client_i_dn}");
	set(g, "ssl-client-cert", whole ? "${ssl_client_escaped_cert}" : "");
	set(g, "x-forwarded-client-cert", "");
}

static const K8s__ConfigMap *find_map(struct asking *g)
{
	const char *text = text_of(g, "auth-proxy-set-headers"), *why, *key;
	const K8s__ConfigMap *map;

	if (!text || g->global)
		return NULL;
	key = nginx_reference(g->p, g->s->ingress, text, &why);
	map = key ? read_message(g->p->r, OBJECT_CONFIG_MAP, key) : NULL;
	if (key && !map)
		why = arena_printf(g->p->a, "there is no ConfigMap %s", key);
	if (!map)
		(void)refuse(g, "auth-proxy-set-headers", why);
	return map;
}

static bool set_header(struct asking *g, const char *field, const char *header, const char *text)
{
	const char *name = match_lower(g->p->a, header), *value;

	if (!http_header_is_token(name) || !header_is_value(text))
		return refuse(g, field,
			      arena_printf(g->p->a, "header \"%s\" cannot be sent", name));
	value = filled(g, field, text);
	if (value && strcmp(name, "host") == 0)
		g->service->authority = value;
	else if (value)
		set(g, name, value);
	return value != NULL;
}

static bool set_map(struct asking *g, const K8s__ConfigMap *map)
{
	for (size_t i = 0; map && i < map->n_data; i++) {
		if (!set_header(g, "auth-proxy-set-headers", map->data[i]->key,
				map->data[i]->value))
			return false;
	}
	return true;
}

/* auth-snippet: proxy_set_header is all of it that can be done. */
static bool set_snippet(struct asking *g)
{
	const char *text = text_of(g, "auth-snippet"), *why;
	struct nginx_directives d = { 0 };

	if (!text)
		return true;
	if (!nginx_config_translates_snippets(g->p->r))
		return refuse(g, "auth-snippet", "ingressNginx.translateSnippets is off");
	if (nginx_tokens_read(g->p->a, text, &d, &why) < 0)
		return refuse(g, "auth-snippet", why);
	for (size_t i = 0; i < d.n; i++) {
		const struct nginx_directive *one = &d.all[i];

		if (one->block || one->n != 3 || strcmp(one->words[0], "proxy_set_header") != 0)
			return refuse(g, "auth-snippet",
				      arena_printf(g->p->a, "line %u: \"%s\" is not translated",
						   one->line, one->words[0]));
		if (!set_header(g, "auth-snippet", one->words[1], one->words[2]))
			return false;
	}
	return true;
}

static size_t count_lines(const char *snippet)
{
	size_t n = 0;

	for (const char *q = snippet ? snippet : ""; *q; q++)
		n += *q == ';';
	return n;
}

static bool set_headers(struct asking *g)
{
	const K8s__ConfigMap *map = find_map(g);
	const char *to = text_of(g, "auth-request-redirect");

	g->service->headers = arena_new_of(g->p->a, struct access_header,
					   ARRAY_SIZE(always) + 8 + (map ? map->n_data : 0) +
						   count_lines(text_of(g, "auth-snippet")));
	for (size_t i = 0; i < ARRAY_SIZE(always); i++)
		set(g, always[i].name, always[i].value);
	set_certificate(g);
	if (text_of(g, "auth-method")) {
		set(g, "x-original-uri", "${request_uri}");
		set(g, "x-scheme", filled(g, "auth-method", "$pass_access_scheme"));
	}
	to = filled(g, "auth-request-redirect", to ? to : "$request_uri");
	if (!to)
		return false;
	set(g, "x-auth-request-redirect", to);
	return set_map(g, map) && set_snippet(g) && !g->why;
}

static bool set_answers(struct asking *g)
{
	const char *list = text_of(g, "auth-response-headers");
	struct access_service *s = g->service;
	size_t most = 1;

	for (const char *q = list ? list : ""; *q; q++)
		most += *q == ',';
	s->answers = arena_new_of(g->p->a, const char *, most);
	for (const char *q = list ? list + strspn(list, ", ") : ""; *q; q += strspn(q, ", ")) {
		size_t n = strcspn(q, ", ");

		s->answers[s->n_answers++] = match_lower(g->p->a, arena_strndup(g->p->a, q, n));
		q += n;
	}
	for (size_t i = 0; i < s->n_answers; i++)
		if (!http_header_is_token(s->answers[i]) || strcmp(s->answers[i], "host") == 0)
			return refuse(g, "auth-response-headers",
				      arena_printf(g->p->a, "header \"%s\" cannot be set",
						   s->answers[i]));
	return !g->why;
}

/* ---- sign-in ---- */

static bool has_parameter(const char *url, const char *name)
{
	const char *query = strchr(url, '?');
	size_t n = strlen(name);

	for (const char *q = query ? query + 1 : ""; *q; q += strspn(q, "&")) {
		size_t len = strcspn(q, "&");

		if (len > n + 1 && strncmp(q, name, n) == 0 && q[n] == '=')
			return true;
		q += len;
	}
	return false;
}

static bool set_signin(struct asking *g, struct access *ret)
{
	const char *url = text_of(g, "auth-signin");
	const char *name = text_of(g, "auth-signin-redirect-param");

	name = name ? name : "rd";
	if (!url || g->why)
		return !g->why;
	if (!has_parameter(url, name))
		url = arena_printf(g->p->a,
				   "%s%c%s=$pass_access_scheme://$http_host$escaped_request_uri",
				   url, strchr(url, '?') ? '&' : '?', name);
	ret->signin = filled(g, "auth-signin", url);
	return ret->signin != NULL;
}

/* ---- the cache ---- */

static bool is_duration(const char *text, size_t len)
{
	static const char *const units[] = { "ms", "s", "m", "h", "d", "w", "M", "y" };
	size_t at = 0;

	while (at < len) {
		size_t digits = strspn(text + at, "0123456789"), unit = 0;

		for (size_t i = 0; i < ARRAY_SIZE(units) && !unit; i++)
			if (strncmp(text + at + digits, units[i], strlen(units[i])) == 0)
				unit = strlen(units[i]);
		if (!digits || !unit)
			return false;
		at += digits + unit;
	}
	return at == len && len;
}

/* "200 202 5m, 401 1m": Envoy asks each time, but a value that ingress-nginx refuses closes the
 * path. */
static bool check_cache(struct asking *g)
{
	static const char why[] = "it must be codes and a time behind them, as 200 401 5m";
	const char *text = text_of(g, "auth-cache-duration");

	for (const char *q = text ? text : ""; *q; q += strspn(q, ",")) {
		const char *end = q + strcspn(q, ","), *last = end;

		while (last > q && last[-1] == ' ')
			last--;
		for (q += strspn(q, " "); q < last; q += strspn(q, " ")) {
			size_t n = strcspn(q, " ,"), digits = strspn(q, "0123456789");

			if (q + n < last ? digits != n : !is_duration(q, n))
				return refuse(g, "auth-cache-duration", why);
			q += n;
		}
		q = end;
	}
	return !g->why;
}

/* ---- the whole ---- */

static bool is_flag(struct asking *g, const char *name)
{
	const char *text = text_of(g, name);
	bool flag;

	return text && nginx_bool(text, &flag) && flag;
}

static bool read_service(struct asking *g, const char *url_text, struct access *ret)
{
	struct access_service *s = g->service;
	const char *method;
	struct url url = { 0 };

	if (!read_url(g, url_text, &url))
		return false;
	s->authority = url.authority;
	s->path = filled(g, "auth-url", url.rest);
	s->cluster = s->path ? find_cluster(g, &url) : NULL;
	if (!s->cluster)
		return false;
	method = text_of(g, "auth-method");
	s->method = method ? method : "GET";
	s->timeout_msec =
		(uint32_t)MAX(1, nginx_number(g->p->r, g->s->ingress, "proxy-read-timeout", 60)) *
		1000;
	s->always_cookie = is_flag(g, "auth-always-set-cookie");
	ret->service = s;
	return set_headers(g) && set_answers(g) && set_signin(g, ret) && check_cache(g);
}

const char *nginx_authorization_read(struct nginx_plan *p, const struct nginx_source *s,
				     struct access *ret, const char **ret_field)
{
	struct asking g = { .p = p, .s = s };
	const char *url = text_of(&g, "auth-url");

	if (!url && nginx_flag(p->r, s->ingress, "enable-global-auth", true)) {
		g.global = true;
		url = text_of(&g, "auth-url");
	}
	if (!url && !g.why)
		return NULL;
	g.service = arena_new_of(p->a, struct access_service, 1);
	if (!g.why)
		(void)read_service(&g, url, ret);
	*ret_field = g.field;
	return g.why;
}
