/* nginx's variables in texts that annotations and snippets hold. */
#include <ctype.h>
#include <string.h>

#include "common/base/strbuf.h"
#include "translator/check/regex.h"
#include "translator/nginx/nginx-config.h"
#include "translator/nginx/nginx-plan.h"
#include "translator/nginx/nginx-variable.h"

/* Variables that depend on the request, as a format of Envoy's. */
static const struct {
	const char *name, *format;
} formats[] = {
	{ "http_host", "%REQ(:authority)%" },
	{ "best_http_host", "%REQ(:authority)%" },
	{ "request_uri", "%REQ(:path)%" },
	{ "uri", "%PATH(NQ)%" },
	{ "document_uri", "%PATH(NQ)%" },
	{ "pass_access_scheme", "%REQ(x-forwarded-proto)%" },
	{ "pass_port", NGINX_FORWARDED("port") },
	{ "pass_server_port", NGINX_FORWARDED("port") },
	{ "request_method", "%REQ(:method)%" },
	{ "server_protocol", "%PROTOCOL%" },
	{ "remote_addr", "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%" },
	{ "the_real_ip", "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%" },
	{ "remote_port", "%DOWNSTREAM_REMOTE_PORT%" },
	{ "proxy_add_x_forwarded_for", "%REQ(x-forwarded-for)%" },
	{ "request_id", "%REQ(x-request-id)%" },
	{ "req_id", "%REQ(x-request-id)%" },
	{ "status", "%RESP(:status)%" },
	{ "upstream_addr", "%UPSTREAM_HOST%" },
	{ "hostname", "%HOSTNAME%" },
	{ "connection", "%CONNECTION_ID%" },
	{ "msec", "%START_TIME(%s.%3f)%" },
	{ "ssl_server_name", "%REQUESTED_SERVER_NAME%" },
	{ "ssl_protocol", "%DOWNSTREAM_TLS_VERSION%" },
	{ "ssl_cipher", "%DOWNSTREAM_TLS_CIPHER%" },
	{ "ssl_client_s_dn", "%DOWNSTREAM_PEER_SUBJECT%" },
	{ "ssl_client_i_dn", "%DOWNSTREAM_PEER_ISSUER%" },
	{ "ssl_client_escaped_cert", "%DOWNSTREAM_PEER_CERT%" },
};

static const struct {
	const char *prefix, *operator;
	bool header; /* _ means - */
} families[] = {
	{ "http_", "REQ", true },
	{ "sent_http_", "RESP", true },
	{ "upstream_http_", "RESP", true },
	{ "arg_", "QUERY_PARAM", false },
};

static const char *port_of(struct nginx_plan *p, const struct nginx_source *s)
{
	const K8s__ServiceBackendPort *port =
		s->backend && s->backend->service ? s->backend->service->port : NULL;

	if (!port)
		return "";
	return *port->name ? port->name : arena_printf(p->a, "%d", port->number);
}

static const char *service_of(const struct nginx_source *s)
{
	return s->backend && s->backend->service ? s->backend->service->name : "";
}

/* The value if it is the same for all requests, else NULL. */
static const char *known(struct nginx_plan *p, const struct nginx_source *s, const char *name)
{
	const char *slash = strchr(s->ingress->key, '/');

	if (strcmp(name, "scheme") == 0 ||
	    (strcmp(name, "pass_access_scheme") == 0 && !nginx_config_believes(p->r)))
		return nginx_scheme(p);
	if (strcmp(name, "https") == 0)
		return p->tls ? "on" : "";
	if (strcmp(name, "server_port") == 0 ||
	    (!nginx_config_believes(p->r) &&
	     (strcmp(name, "pass_port") == 0 || strcmp(name, "pass_server_port") == 0)))
		return p->tls ? "443" : "80";
	if (strcmp(name, "host") == 0 && *p->host != '*')
		return p->host;
	if (strcmp(name, "server_name") == 0)
		return nginx_server_name(p);
	if (strcmp(name, "proxy_host") == 0)
		return "upstream_balancer";
	if (strcmp(name, "namespace") == 0)
		return s->ingress->namespace;
	if (strcmp(name, "ingress_name") == 0)
		return slash ? slash + 1 : s->ingress->key;
	if (strcmp(name, "service_name") == 0)
		return service_of(s);
	if (strcmp(name, "service_port") == 0)
		return port_of(p, s);
	if (strcmp(name, "location_path") == 0)
		return s->text;
	if (strcmp(name, "proxy_upstream_name") == 0)
		return arena_printf(p->a, "%s-%s-%s", s->ingress->namespace, service_of(s),
				    port_of(p, s));
	return NULL;
}

static const char *dashes(struct arena *a, const char *name)
{
	char *copy = arena_strdup(a, name);

	for (char *q = copy; *q; q++)
		*q = *q == '_' ? '-' : (char)tolower((unsigned char)*q);
	return copy;
}

const char *nginx_variable_header(struct arena *a, const char *name)
{
	/* Envoy has changed these, and keeps what came (envoy/envoy-forwarded.c). */
	static const char *const originals[][2] = {
		{ "x-forwarded-for", "x-original-forwarded-for" },
		{ "x-forwarded-proto", "x-original-forwarded-proto" },
	};
	const char *header = dashes(a, name);

	for (size_t i = 0; i < ARRAY_SIZE(originals); i++)
		if (strcmp(originals[i][0], header) == 0)
			return originals[i][1];
	return header;
}

static const char *family(struct arena *a, const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		size_t n = strlen(families[i].prefix);
		const char *rest = name + n;

		if (strncmp(name, families[i].prefix, n) != 0 || !*rest)
			continue;
		if (strcmp(families[i].prefix, "http_") == 0)
			rest = nginx_variable_header(a, rest);
		else if (families[i].header)
			rest = dashes(a, rest);
		return arena_printf(a, "%%%s(%s)%%", families[i].operator, rest);
	}
	return NULL;
}

static const char *format_of(struct nginx_plan *p, const char *name)
{
	if (strcmp(name, "host") == 0)
		return "%REQ(:authority)%";
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++)
		if (strcmp(formats[i].name, name) == 0)
			return formats[i].format;
	return family(p->a, name);
}

const char *nginx_variable_scan(struct arena *a, const char *at, const char **ret_name)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
	bool braces = at[1] == '{';
	const char *name = at + 1 + braces;
	size_t n = strspn(name, letters);

	if (!n || (braces && name[n] != '}'))
		return NULL;
	*ret_name = arena_strndup(a, name, n);
	return name + n + braces;
}

/* "$uri$is_args$args" is what the client has asked for: a query alone has no format. */
static const char *whole_address(const char *text)
{
	static const char *const all[] = {
		"$uri$is_args$args",
		"$uri$is_args$query_string",
		"$document_uri$is_args$args",
	};

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		size_t n = strlen(all[i]);

		if (strncmp(text, all[i], n) == 0 && !isalnum((unsigned char)text[n]) &&
		    text[n] != '_')
			return text + n;
	}
	return NULL;
}

static const char *expand(struct nginx_plan *p, const struct nginx_source *s, const char *text,
			  bool plain)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;

	while (*text) {
		const char *name, *value, *rest;

		if (*text != '$') {
			strbuf_puts(&b, *text == '%' && !plain ? "%%" : "");
			if (*text != '%' || plain)
				strbuf_putc(&b, *text);
			text++;
			continue;
		}
		rest = plain ? NULL : whole_address(text);
		if (rest) {
			strbuf_puts(&b, format_of(p, "request_uri"));
			text = rest;
			continue;
		}
		rest = nginx_variable_scan(p->a, text, &name);
		if (!rest)
			return NULL;
		value = known(p, s, name);
		if (value && !plain)
			value = header_escape(p->a, value);
		if (!value && !plain)
			value = format_of(p, name);
		if (!value)
			return NULL;
		strbuf_puts(&b, value);
		text = rest;
	}
	return arena_strdup(p->a, strbuf_str(&b));
}

const char *nginx_variable_format(struct nginx_plan *p, const struct nginx_source *s,
				  const char *text)
{
	return expand(p, s, text, false);
}

const char *nginx_variable_plain(struct nginx_plan *p, const struct nginx_source *s,
				 const char *text)
{
	return expand(p, s, text, true);
}

const char *nginx_variable_groups(struct arena *a, const char *text, const char *pattern)
{
	int n = regex_groups(pattern);
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;

	for (; *text; text++) {
		if (*text == '\\') {
			strbuf_puts(&b, "\\\\");
		} else if (*text != '$' || !isdigit((unsigned char)text[1])) {
			strbuf_putc(&b, *text);
		} else {
			text++;
			if (*text - '0' <= n)
				strbuf_printf(&b, "\\%c", *text);
		}
	}
	return arena_strdup(a, strbuf_str(&b));
}
