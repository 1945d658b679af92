/* Directives of snippets that are no blocks. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/http-header.h"
#include "translator/check/regex.h"
#include "translator/nginx/nginx-address.h"
#include "translator/nginx/nginx-pattern.h"
#include "translator/nginx/nginx-program.h"
#include "translator/nginx/nginx-url.h"
#include "translator/nginx/nginx-variable.h"

#define CLOSED_STATUS 403 /* for 444: nginx closes the connection */

/* ---- headers ---- */

static bool is_redirect(uint32_t status)
{
	return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* What was set before is gone, too. */
static void drop(struct arena *a, struct header_edits *e, const char *name)
{
	struct header_edits one = { 0 };

	nginx_edits_remove(a, &one, name);
	nginx_edits_join(a, e, &one);
}

static bool edit(struct nginx_program *g, const struct nginx_outcome *o, struct header_edits *e,
		 const char *name, const char *value, bool add)
{
	const char *format = nginx_program_format(g, o, value);

	if (!http_header_is_token(match_lower(g->p->a, name)) || !format)
		return false;
	if (!*format)
		drop(g->p->a, e, name);
	else if (add)
		nginx_edits_add_format(g->p->a, e, name, format);
	else
		nginx_edits_set_format(g->p->a, e, name, format);
	return true;
}

/* "Name: value", where an empty value clears the header. */
static bool edit_line(struct nginx_program *g, const struct nginx_outcome *o,
		      struct header_edits *e, const char *line)
{
	size_t n = strcspn(line, ":");
	const char *name = arena_strndup(g->p->a, line, n);

	return edit(g, o, e, name, line[n] ? line + n + 1 + strspn(line + n + 1, " ") : "", false);
}

static bool lines(struct nginx_program *g, const struct nginx_outcome *o,
		  const struct nginx_directive *d, struct header_edits *e)
{
	for (size_t i = 1; i < d->n; i++)
		if (*d->words[i] == '-' || !edit_line(g, o, e, d->words[i]))
			return false;
	return d->n > 1;
}

static bool clear(struct nginx_program *g, const struct nginx_directive *d, struct header_edits *e)
{
	for (size_t i = 1; i < d->n; i++) {
		if (*d->words[i] == '-' || !http_header_is_token(d->words[i]) ||
		    strchr(d->words[i], '*'))
			return false;
		drop(g->p->a, e, d->words[i]);
	}
	return d->n > 1;
}

static bool more_set_headers(struct nginx_program *g, struct nginx_outcome *o,
			     const struct nginx_directive *d)
{
	return lines(g, o, d, &o->response);
}

static bool more_clear_headers(struct nginx_program *g, struct nginx_outcome *o,
			       const struct nginx_directive *d)
{
	return clear(g, d, &o->response);
}

static bool more_set_input_headers(struct nginx_program *g, struct nginx_outcome *o,
				   const struct nginx_directive *d)
{
	return !g->server && lines(g, o, d, &o->request);
}

static bool more_clear_input_headers(struct nginx_program *g, struct nginx_outcome *o,
				     const struct nginx_directive *d)
{
	return !g->server && clear(g, d, &o->request);
}

/* Answered with a status that some filters of nginx pass over. */
static bool is_passed_over(const struct nginx_outcome *o)
{
	uint32_t status = nginx_outcome_status(o);

	return status && status != 200 && status != 201 && status != 204 && status != 206 &&
	       status != 304 && !is_redirect(status);
}

/* Without "always" nginx adds it only to good answers. */
static bool add_header(struct nginx_program *g, struct nginx_outcome *o,
		       const struct nginx_directive *d)
{
	bool always = d->n == 4 && strcmp(d->words[3], "always") == 0;

	if (d->n != 3 && !always)
		return false;
	if (!always && is_passed_over(o))
		return true;
	if (!always && o->kind == NGINX_FORWARDED &&
	    (strcasecmp(d->words[1], "Set-Cookie") == 0 ||
	     strcasecmp(d->words[1], "Cache-Control") == 0))
		return false;
	return edit(g, o, &o->response, d->words[1], d->words[2], true);
}

/* Headers that Envoy sets by itself, for WebSockets and connections. */
static bool is_upgrade(const struct nginx_directive *d)
{
	static const char *const values[] = { "$http_upgrade",    "$connection_upgrade", "upgrade",
					      "$http_connection", "keep-alive",          "" };

	if (strcasecmp(d->words[1], "Connection") != 0 && strcasecmp(d->words[1], "Upgrade") != 0)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(values); i++)
		if (strcasecmp(values[i], d->words[2]) == 0)
			return true;
	return false;
}

static bool set_host(struct nginx_program *g, struct nginx_outcome *o, const char *value)
{
	const char *plain;

	if (strcmp(value, "$host") == 0 || strcmp(value, "$http_host") == 0)
		return true;
	plain = nginx_program_plain(g, o, value);
	if (!plain || !*plain)
		return false;
	o->request.host = plain;
	return true;
}

static bool proxy_set_header(struct nginx_program *g, struct nginx_outcome *o,
			     const struct nginx_directive *d)
{
	if (d->n != 3 || g->server)
		return false;
	if (is_upgrade(d))
		return true;
	if (strcasecmp(d->words[1], "Host") == 0)
		return set_host(g, o, d->words[2]);
	if (strcasecmp(d->words[1], "Connection") == 0 || strcasecmp(d->words[1], "Upgrade") == 0)
		return false;
	return edit(g, o, &o->request, d->words[1], d->words[2], false);
}

static bool proxy_hide_header(struct nginx_program *g, struct nginx_outcome *o,
			      const struct nginx_directive *d)
{
	return d->n == 2 && clear(g, d, &o->response);
}

/* "1h", "30d", "-1", "epoch", "max", "off". */
static bool expires(struct nginx_program *g, struct nginx_outcome *o,
		    const struct nginx_directive *d)
{
	static const struct {
		char unit;
		long seconds;
	} units[] = { { 's', 1 },     { '\0', 1 },     { 'm', 60 },      { 'h', 3600 },
		      { 'd', 86400 }, { 'w', 604800 }, { 'y', 31536000 } };
	char *end;
	long n;

	if (d->n != 2 || strcmp(d->words[1], "off") == 0 || is_passed_over(o))
		return d->n == 2;
	if (strcmp(d->words[1], "max") == 0)
		return edit(g, o, &o->response, "Cache-Control", "max-age=315360000", false);
	n = strtol(d->words[1], &end, 10);
	if (n < 0 || strcmp(d->words[1], "epoch") == 0)
		return edit(g, o, &o->response, "Cache-Control", "no-cache", false);
	for (size_t i = 0; end != d->words[1] && i < ARRAY_SIZE(units); i++)
		if (*end == units[i].unit && (!*end || !end[1]))
			return edit(g, o, &o->response, "Cache-Control",
				    arena_printf(g->p->a, "max-age=%ld", n * units[i].seconds),
				    false);
	return false;
}

/* ---- the rewrite module ---- */

static bool set_location(struct nginx_program *g, struct nginx_outcome *o, uint32_t status,
			 const char *text)
{
	const char *format = nginx_program_format(g, o, text);

	if (!format || !*format)
		return false;
	o->kind = NGINX_ANSWERED;
	o->status = status;
	o->location = nginx_redirect_location(g->p, g->s->ingress, format);
	return true;
}

static bool do_return(struct nginx_program *g, struct nginx_outcome *o,
		      const struct nginx_directive *d)
{
	char *end;
	unsigned long code = d->n > 1 ? strtoul(d->words[1], &end, 10) : 0;

	if (d->n < 2 || d->n > 3)
		return false;
	if (*end || end == d->words[1])
		return d->n == 2 && set_location(g, o, 302, d->words[1]);
	o->closed = code == 444;
	if (o->closed)
		code = CLOSED_STATUS;
	if (code < 200 || code > 599)
		return false;
	if (d->n == 3 && is_redirect((uint32_t)code))
		return set_location(g, o, (uint32_t)code, d->words[2]);
	o->status = (uint32_t)code;
	if (d->n == 3) {
		o->body = nginx_program_plain(g, o, d->words[2]);
		if (!o->body)
			return false;
	}
	o->kind = NGINX_ANSWERED;
	return true;
}

/* The pattern of a rewrite by Envoy, which replaces the whole path. */
static const char *whole_path(struct arena *a, const char *regex)
{
	return arena_printf(a, "^.*?(?:%s).*$", regex);
}

/* $1…$9 are the only variables of a text. */
static bool has_groups_only(const char *text)
{
	for (const char *q = strchr(text, '$'); q; q = strchr(q + 1, '$'))
		if (q[1] < '1' || q[1] > '9')
			return false;
	return true;
}

/* The paths that a regular expression finds with its only group, at its end, empty; NULL: that
 * cannot be said. */
static const char *with_empty_group(struct arena *a, const char *regex)
{
	static const char *const ends[][2] = {
		{ "(.*)", "$" },
		{ "(.*)$", "$" },
		{ "(/.*)?", "([^/].*)?$" },
		{ "(/.*)?$", "$" },
	};
	size_t len = strlen(regex);

	for (size_t i = 0; i < ARRAY_SIZE(ends) && regex_groups(regex) == 1; i++) {
		size_t n = strlen(ends[i][0]);

		if (len > n && strcmp(regex + len - n, ends[i][0]) == 0)
			return arena_printf(a, "%.*s%s", (int)(len - n), regex, ends[i][1]);
	}
	return NULL;
}

/* Envoy leaves a path alone whose new text would be empty. */
static void redirect_empty(struct nginx_program *g, struct nginx_outcome *o, const char *regex)
{
	const char *empty = with_empty_group(g->p->a, regex);
	struct nginx_outcome *copy = NULL;
	struct value_match m;

	if (empty && nginx_condition_path(g, empty, &m) == NGINX_DEPENDS)
		copy = nginx_program_split(g, o, &m);
	if (copy)
		copy->redirect.path = (struct rewrite){ REWRITE_PATH, "/", NULL };
}

/* An address with a host and a port that there can be. */
static bool read_address(struct arena *a, const char *text, struct nginx_url *ret)
{
	return nginx_url_parse(a, text, ret) && strtoul(ret->port, NULL, 10) <= 65535;
}

/* 0: the scheme's. */
static uint32_t port_of(const struct nginx_url *url)
{
	uint32_t port = url->host ? (uint32_t)strtoul(url->port, NULL, 10) : 0;

	return port == (url->tls ? 443 : 80) ? 0 : port;
}

/* The path of a redirect, with its host where it has one. A ? at the end drops the query. */
static bool set_redirect(struct nginx_program *g, struct nginx_outcome *o, const char *regex,
			 const char *to, uint32_t status)
{
	const char *pattern = whole_path(g->p->a, regex);
	size_t n = strlen(to);
	struct nginx_url url = { 0 };
	const char *target;
	bool strip = n && to[n - 1] == '?';

	to = arena_strndup(g->p->a, to, n - strip);
	if (strchr(to, '?'))
		return false;
	if (!strchr(to, '$') || !has_groups_only(to)) {
		const char *format = nginx_program_format(g, o, to);

		/* The query is sent along, which a format cannot say. */
		return format && (strip || strstr(to, "$request_uri")) &&
		       set_location(g, o, status, to);
	}
	if (*to != '/' && (!read_address(g->p->a, to, &url) || strchr(url.host, '$')))
		return false;
	target = *to == '/' ? to : *url.rest ? url.rest : "/";
	o->kind = NGINX_REDIRECTED;
	o->redirect = (struct redirect){
		.status = status,
		.scheme = url.host ? (url.tls ? "https" : "http") : NULL,
		.host = url.host,
		.port = port_of(&url),
		.path = { REWRITE_REGEX, nginx_variable_groups(g->p->a, target, pattern), pattern },
		.strip_query = strip,
	};
	if (strcmp(target, "$1") == 0)
		redirect_empty(g, o, regex);
	return true;
}

static bool set_fixed(struct nginx_program *g, struct nginx_outcome *o, const char *to,
		      uint32_t status)
{
	struct nginx_url url = { 0 };

	if (*to != '/' && (!read_address(g->p->a, to, &url) || strchr(to, '$')))
		return false;
	o->kind = NGINX_REDIRECTED;
	o->redirect = (struct redirect){
		.status = status,
		.scheme = url.host ? (url.tls ? "https" : "http") : NULL,
		.host = url.host,
		.port = port_of(&url),
		.path = { REWRITE_PATH, url.host ? (*url.rest ? url.rest : "/") : to, NULL },
	};
	return true;
}

/* The requests whose path the expression finds go on behind the rewrite module. Envoy leaves the
 * paths of others as they are, so they need no condition where nothing follows for them. */
static bool rewrite_here(struct nginx_program *g, struct nginx_outcome *o, const char *regex,
			 const char *to)
{
	const char *pattern = whole_path(g->p->a, regex);
	enum nginx_truth found;
	struct value_match m;

	if (!g->last) {
		found = nginx_condition_path(g, regex, &m);
		if (found == NGINX_DEPENDS)
			o = nginx_program_split(g, o, &m);
		if (found == NGINX_REFUSED || !o)
			return false;
	}
	o->rewrite = (struct rewrite){ REWRITE_REGEX, nginx_variable_groups(g->p->a, to, pattern),
				       pattern };
	o->stopped = true;
	return true;
}

static bool do_rewrite(struct nginx_program *g, struct nginx_outcome *o,
		       const struct nginx_directive *d)
{
	const char *flag = d->n == 4 ? d->words[3] : "", *to = d->n >= 3 ? d->words[2] : "";
	bool away = strncmp(to, "http://", 7) == 0 || strncmp(to, "https://", 8) == 0;
	uint32_t status = strcmp(flag, "permanent") == 0 ? 301 : 302;
	struct value_match m;

	if (d->n < 3 || d->n > 4 || !nginx_pattern_is_regex(d->words[1]))
		return false;
	if (strcmp(flag, "break") == 0)
		return !g->server && *to == '/' && has_groups_only(to) && !strchr(to, '?') &&
		       rewrite_here(g, o, d->words[1], to);
	if (strcmp(flag, "permanent") != 0 && strcmp(flag, "redirect") != 0 && !away)
		return false;
	switch (nginx_condition_path(g, d->words[1], &m)) {
	case NGINX_TRUE:
		break;
	case NGINX_DEPENDS:
		o = nginx_program_split(g, o, &m);
		if (!o)
			return false;
		break;
	default:
		return false;
	}
	if (!strchr(to, '$') && !strchr(to, '?'))
		return set_fixed(g, o, to, status);
	return set_redirect(g, o, d->words[1], to, status);
}

static bool do_set(struct nginx_program *g, struct nginx_outcome *o,
		   const struct nginx_directive *d)
{
	size_t at = 0;
	const char *text;

	if (d->n != 3 || d->words[1][0] != '$' || !d->words[1][1])
		return false;
	text = nginx_program_substitute(g, o, d->words[2]);
	while (at < o->n_sets && strcmp(o->sets[at].name, d->words[1] + 1) != 0)
		at++;
	if (at == NGINX_SET_MAX || strlen(text) > 1024)
		return false;
	o->sets[at] = (struct nginx_set){ d->words[1] + 1, text };
	o->n_sets = MAX(o->n_sets, at + 1);
	return true;
}

static bool do_break(struct nginx_program *g _unused_, struct nginx_outcome *o,
		     const struct nginx_directive *d)
{
	o->stopped = true;
	return d->n == 1;
}

/* ---- allow, deny ---- */

/* It counts for all outcomes, and is taken once. */
static bool access_rule(struct nginx_program *g, struct nginx_outcome *o _unused_,
			const struct nginx_directive *d)
{
	struct nginx_network *networks;
	bool all = d->n == 2 && strcmp(d->words[1], "all") == 0;

	if (d->n != 2 || (!all && (!nginx_addresses_valid(d->words[1]) ||
				   nginx_addresses_read(g->p->a, d->words[1], &networks) != 1)))
		return false;
	if (g->n_access && g->access[g->n_access - 1].of == d)
		return true;
	if (g->n_access == NGINX_ACCESS_MAX || d->depth != g->depth)
		return false;
	g->access[g->n_access].of = d;
	g->access[g->n_access].allow = *d->words[0] == 'a';
	g->access[g->n_access++].who = d->words[1];
	return true;
}

static void take_ranges(struct nginx_program *g, bool allow, struct address_range **ret,
			size_t *ret_n)
{
	*ret = arena_new_of(g->p->a, struct address_range, g->n_access + 1);
	for (size_t i = 0; i < g->n_access; i++) {
		struct nginx_network *networks;

		if (g->access[i].allow != allow || strcmp(g->access[i].who, "all") == 0)
			continue;
		(void)nginx_addresses_read(g->p->a, g->access[i].who, &networks);
		(*ret)[(*ret_n)++] = (struct address_range){ .address = networks[0].address,
							     .bits = networks[0].bits };
	}
}

/* The first rule that fits counts; those after "all" never do. A deny after an allow is refused:
 * the model has no such order. */
bool nginx_directive_access(struct nginx_program *g, const struct address_rules **ret)
{
	struct address_rules *rules;
	bool allowed = false, denied = false, deny_all = false;

	*ret = NULL;
	for (size_t i = 0; i < g->n_access; i++) {
		bool all = strcmp(g->access[i].who, "all") == 0;

		if (all) {
			deny_all = !g->access[i].allow;
			g->n_access = i + 1;
			break;
		}
		if (allowed && !g->access[i].allow)
			return false;
		allowed |= g->access[i].allow;
		denied |= !g->access[i].allow;
	}
	if (!deny_all && !denied)
		return true;
	rules = arena_new_of(g->p->a, struct address_rules, 1);
	*ret = rules;
	if (deny_all) {
		take_ranges(g, true, &rules->all, &rules->n);
		take_ranges(g, false, &rules->except, &rules->n_except);
	} else {
		rules->deny = true;
		take_ranges(g, false, &rules->all, &rules->n);
	}
	return true;
}

/* ---- the table ---- */

/* Directives without effect here, or read with the annotations (nginx-snippet-value.c). */
static bool nothing(struct nginx_program *g _unused_, struct nginx_outcome *o _unused_,
		    const struct nginx_directive *d _unused_)
{
	return true;
}

/* For nginx itself, and for no client, whatever an earlier text does with the request. */
static bool internal(struct nginx_program *g, struct nginx_outcome *o,
		     const struct nginx_directive *d)
{
	o->kind = NGINX_ANSWERED;
	o->status = 404;
	o->closed = false;
	o->body = o->location = NULL;
	return d->n == 1 && !g->server;
}

/* The type of a text that return answers. */
static bool default_type(struct nginx_program *g, struct nginx_outcome *o,
			 const struct nginx_directive *d)
{
	o->type = d->n == 2 ? nginx_program_plain(g, o, d->words[1]) : NULL;
	return o->type && *o->type && header_is_value(o->type);
}

static const struct {
	const char *name;
	bool (*run)(struct nginx_program *g, struct nginx_outcome *o,
		    const struct nginx_directive *d);
	enum nginx_phase phase;
} directives[] = {
	{ "more_set_headers", more_set_headers, NGINX_FILTER },
	{ "more_clear_headers", more_clear_headers, NGINX_FILTER },
	{ "more_set_input_headers", more_set_input_headers, NGINX_PROXY },
	{ "more_clear_input_headers", more_clear_input_headers, NGINX_PROXY },
	{ "add_header", add_header, NGINX_FILTER },
	{ "proxy_set_header", proxy_set_header, NGINX_PROXY },
	{ "grpc_set_header", proxy_set_header, NGINX_PROXY },
	{ "proxy_hide_header", proxy_hide_header, NGINX_PROXY },
	{ "expires", expires, NGINX_FILTER },
	{ "default_type", default_type, NGINX_FILTER },
	{ "allow", access_rule, NGINX_PROXY },
	{ "deny", access_rule, NGINX_PROXY },
	{ "internal", internal, NGINX_FIND },
	{ "return", do_return, NGINX_REWRITE },
	{ "rewrite", do_rewrite, NGINX_REWRITE },
	{ "set", do_set, NGINX_REWRITE },
	{ "break", do_break, NGINX_REWRITE },
	{ "proxy_read_timeout", nothing, NGINX_PROXY },
	{ "proxy_send_timeout", nothing, NGINX_PROXY },
	{ "proxy_connect_timeout", nothing, NGINX_PROXY },
	{ "client_max_body_size", nothing, NGINX_PROXY },
	{ "proxy_buffering", nothing, NGINX_PROXY },
	{ "proxy_request_buffering", nothing, NGINX_PROXY },
	{ "proxy_buffer_size", nothing, NGINX_PROXY },
	{ "proxy_buffers", nothing, NGINX_PROXY },
	{ "proxy_busy_buffers_size", nothing, NGINX_PROXY },
	{ "proxy_max_temp_file_size", nothing, NGINX_PROXY },
	{ "proxy_http_version", nothing, NGINX_PROXY },
	{ "proxy_pass_header", nothing, NGINX_PROXY },
	{ "proxy_cookie_path", nothing, NGINX_PROXY },
	{ "proxy_cookie_domain", nothing, NGINX_PROXY },
	{ "proxy_redirect", nothing, NGINX_PROXY },
	{ "proxy_ssl_name", nothing, NGINX_PROXY },
	{ "proxy_ssl_server_name", nothing, NGINX_PROXY },
	{ "client_body_buffer_size", nothing, NGINX_PROXY },
	{ "client_header_buffer_size", nothing, NGINX_PROXY },
	{ "large_client_header_buffers", nothing, NGINX_PROXY },
	{ "client_body_timeout", nothing, NGINX_PROXY },
	{ "keepalive_timeout", nothing, NGINX_PROXY },
	{ "send_timeout", nothing, NGINX_PROXY },
	{ "access_log", nothing, NGINX_PROXY },
	{ "log_not_found", nothing, NGINX_PROXY },
	{ "etag", nothing, NGINX_PROXY },
	{ "gzip", nothing, NGINX_PROXY },
	{ "proxy_cache_bypass", nothing, NGINX_PROXY },
	{ "proxy_no_cache", nothing, NGINX_PROXY },
	{ "server_tokens", nothing, NGINX_PROXY },
	{ "gzip_types", nothing, NGINX_PROXY },
	{ "gzip_proxied", nothing, NGINX_PROXY },
	{ "gzip_vary", nothing, NGINX_PROXY },
	{ "chunked_transfer_encoding", nothing, NGINX_PROXY },
	{ "tcp_nodelay", nothing, NGINX_PROXY },
	{ "tcp_nopush", nothing, NGINX_PROXY },
	{ "underscores_in_headers", nothing, NGINX_PROXY },
};

/* Only the body of an answer may have one: a header or path with one would be two headers. */
static bool has_line_break(const struct nginx_directive *d)
{
	bool answers = strcmp(d->words[0], "return") == 0 && d->n == 3 &&
		       !is_redirect((uint32_t)strtoul(d->words[1], NULL, 10));

	for (size_t i = 0; i < d->n; i++)
		if (!header_is_value(d->words[i]) && !(answers && i == 2))
			return true;
	return false;
}

/* The row, or the number of rows. */
static size_t row_of(const struct nginx_directive *d)
{
	size_t i = 0;

	while (i < ARRAY_SIZE(directives) && strcmp(directives[i].name, d->words[0]) != 0)
		i++;
	return i;
}

enum nginx_phase nginx_directive_phase(const struct nginx_directive *d)
{
	size_t row = row_of(d);

	/* One that is unknown is refused where it is, unless all have an answer before it. */
	return row < ARRAY_SIZE(directives) ? directives[row].phase : NGINX_REWRITE;
}

bool nginx_directive_run(struct nginx_program *g, struct nginx_outcome *o,
			 const struct nginx_directive *d)
{
	size_t row = row_of(d);

	if (has_line_break(d))
		return nginx_program_refuse(g, d, "has a line break in a word");
	if (row == ARRAY_SIZE(directives))
		return nginx_program_refuse(g, d, "is not translated");
	if (directives[row].phase == NGINX_REWRITE && (o->stopped || o->kind != NGINX_FORWARDED))
		return true;
	return directives[row].run(g, o, d) ||
	       nginx_program_refuse(g, d, "is not translated in this form");
}

bool nginx_directive_restricts(const struct nginx_directive *d)
{
	static const char *const names[] = { "deny",        "allow",        "auth_request",
					     "auth_basic",  "satisfy",      "limit_req",
					     "limit_conn",  "limit_except", "valid_referers",
					     "secure_link", "modsecurity",  "auth_jwt",
					     "auth_digest", "internal" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcmp(names[i], d->words[0]) == 0)
			return true;
	return (strcmp(d->words[0], "return") == 0 && d->n > 1 && *d->words[1] == '4') ||
	       strncmp(d->words[0], "access_by_lua", 13) == 0 ||
	       strncmp(d->words[0], "rewrite_by_lua", 14) == 0 ||
	       strncmp(d->words[0], "modsecurity", 11) == 0;
}
