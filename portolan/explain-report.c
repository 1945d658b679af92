/* Reports for people about a request or an object: lines of a word and its meaning, with the
 * owner below. Runs in the portolan command. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/answer/json-print.h"
#include "common/base/alloc.h"
#include "portolan/explain-report.h"
#include "portolan/object-report.h"

#define LABEL_WIDTH 14

static long long number(struct json_object *o, const char *key)
{
	return (long long)json_number(o, key);
}

static void clean_text(struct json_object *o)
{
	_cleanup_free_ char *copy =
		xstrndup(json_object_get_string(o), (size_t)json_object_get_string_len(o));
	bool bad = false;

	for (char *p = copy; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f) {
			*p = '?';
			bad = true;
		}
	if (bad)
		(void)json_object_set_string(o, copy);
}

void explain_report_clean(struct json_object *o)
{
	if (json_object_is_type(o, json_type_string))
		clean_text(o);
	for (size_t i = 0; i < json_length(o); i++)
		explain_report_clean(json_object_array_get_idx(o, i));
	if (!json_object_is_type(o, json_type_object))
		return;
	json_object_object_foreach (o, key, value) {
		(void)key;
		explain_report_clean(value);
	}
}

/* ---- lines ---- */

_printf_(3, 4) static void line(struct strbuf *out, const char *label, const char *fmt, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		abort();
	va_end(ap);
	strbuf_printf(out, "%-*s %s\n", LABEL_WIDTH, label, text);
}

/* "Ingress default/web spec.rules[0] (web.yaml:3)" */
static void add_object(struct strbuf *out, struct json_object *o)
{
	const char *namespace = json_text(o, "namespace"), *field = json_text(o, "field");
	const char *origin = json_text(o, "origin"), *root = json_text(o, "included_by");

	if (*json_text(o, "note")) {
		strbuf_puts(out, json_text(o, "note"));
		return;
	}
	strbuf_printf(out, "%s %s%s%s%s%s", json_text(o, "kind"), namespace, *namespace ? "/" : "",
		      json_text(o, "name"), *field ? " " : "", field);
	if (*origin)
		strbuf_printf(out, " (%s)", origin);
	if (*root)
		strbuf_printf(out, ", included by %s", root);
}

static void by(struct strbuf *out, struct json_object *o)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	struct json_object *problems = json_member(o, "problems");

	if (!o)
		return;
	add_object(&text, o);
	line(out, "", "by %s", strbuf_str(&text));
	for (size_t i = 0; i < json_length(problems); i++) {
		struct json_object *p = json_object_array_get_idx(problems, i);

		line(out, "", "%s: %s", json_text(p, "reason"), json_text(p, "message"));
	}
}

/* but: a kind that was named already, or "". */
static void by_all(struct strbuf *out, struct json_object *list, const char *but)
{
	for (size_t i = 0; i < json_length(list); i++) {
		struct json_object *o = json_object_array_get_idx(list, i);

		if (strcmp(json_text(o, "kind"), but) != 0)
			by(out, o);
	}
}

/* ---- a request ---- */

static void put_endpoints(struct strbuf *out, struct json_object *cluster)
{
	struct json_object *list = json_member(cluster, "endpoints");
	long long more = number(cluster, "endpoints_total") - (long long)json_length(list);

	for (size_t i = 0; i < json_length(list); i++) {
		struct json_object *e = json_object_array_get_idx(list, i);

		line(out, "  endpoint",
		     strchr(json_text(e, "address"), ':') ? "[%s]:%lld %s" : "%s:%lld %s",
		     json_text(e, "address"), number(e, "port"), json_text(e, "health"));
	}
	if (more > 0)
		line(out, "", "and %lld more", more);
	by_all(out, json_member(cluster, "endpoints_made_by"), "Service");
}

static void put_clusters(struct strbuf *out, struct json_object *answer)
{
	struct json_object *list = json_member(answer, "clusters"),
			   *mirrors = json_member(answer, "mirrored_to");
	long long all = 0;

	for (size_t i = 0; i < json_length(list); i++)
		all += number(json_object_array_get_idx(list, i), "weight");
	for (size_t i = 0; i < json_length(list); i++) {
		struct json_object *c = json_object_array_get_idx(list, i);

		if (json_member(c, "weight"))
			line(out, "cluster", "%s, %lld of %lld requests", json_text(c, "name"),
			     number(c, "weight"), all);
		else
			line(out, "cluster", "%s", json_text(c, "name"));
		if (*json_text(c, "note"))
			line(out, "", "%s", json_text(c, "note"));
		by_all(out, json_member(c, "made_by"), "EndpointSlice");
		put_endpoints(out, c);
	}
	for (size_t i = 0; i < json_length(mirrors); i++)
		line(out, "mirrored to", "%s",
		     json_object_get_string(json_object_array_get_idx(mirrors, i)));
}

/* "Gateway default/web, listener foo (*.foo.com)" */
static void put_taker(struct strbuf *out, struct json_object *taker)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;

	if (!taker)
		return;
	add_object(&text, json_member(taker, "parent"));
	line(out, "taken by", "%s", strbuf_str(&text));
	line(out, "", "listener %s, hostname %s", json_text(taker, "listener"),
	     json_text(taker, "hostname"));
}

static void put_connection(struct strbuf *out, struct json_object *answer)
{
	struct json_object *l = json_member(answer, "listener"),
			   *c = json_member(answer, "filter_chain");
	const char *name = json_text(c, "server_name");

	if (l)
		line(out, "listener", "%s, %s:%lld", json_text(l, "name"), json_text(l, "address"),
		     number(l, "port"));
	put_taker(out, json_member(answer, "taken_by"));
	if (!*json_text(c, "tls"))
		return;
	line(out, "filter chain", "%s, TLS %s%s%s%s%s", *name ? name : "for all names",
	     json_text(c, "tls"), *json_text(c, "secret") ? ", Secret " : "",
	     json_text(c, "secret"),
	     *json_text(c, "client_certificate") ? ", asks clients for a certificate" : "",
	     json_member(c, "shared") ? "; newer Envoys have one chain for many such hosts" : "");
	by(out, json_member(c, "made_by"));
	by_all(out, json_member(c, "secret_made_by"), "");
}

/* Whether the first backend, when there are several, is by weight. */
static void put_summary(struct strbuf *out, struct json_object *answer)
{
	const char *action = json_text(answer, "action"), *why = json_text(answer, "why");
	size_t n = json_length(json_member(answer, "clusters"));
	long long status = number(answer, "status");

	if (strcmp(action, "redirect") == 0)
		strbuf_printf(out, "is redirected: %lld, to %s\n", status,
			      json_text(answer, "location"));
	else if (strcmp(action, "direct-response") == 0)
		strbuf_printf(out, "is answered by Envoy itself: %lld%s%s\n", status,
			      *why ? ": " : "", why);
	else if (*why && status)
		strbuf_printf(out, "is answered with %lld: %s\n", status, why);
	else if (*why)
		strbuf_printf(out, "is not served: %s\n", why);
	else
		strbuf_printf(out, "is %s %s\n",
			      strcmp(action, "tcp") == 0 ? "passed on, as TCP, to" : "forwarded to",
			      n == 1 ? json_text(json_object_array_get_idx(
							 json_member(answer, "clusters"), 0),
						 "name")
				     : "one of several clusters");
}

static void put_route(struct strbuf *out, struct json_object *answer)
{
	struct json_object *h = json_member(answer, "virtual_host"),
			   *r = json_member(answer, "route");
	struct json_object *filters = json_member(answer, "filters");

	if (h)
		line(out, "virtual host", "%s, in table %s", json_text(h, "domain"),
		     json_text(h, "table"));
	if (r) {
		line(out, "route", "%s", json_text(r, "match"));
		by(out, json_member(r, "made_by"));
	}
	for (size_t i = 0; i < json_length(filters); i++)
		line(out, "before that", "%s",
		     json_text(json_object_array_get_idx(filters, i), "what"));
	if (*json_text(answer, "body"))
		line(out, "body", "%.200s", json_text(answer, "body"));
	if (*json_text(answer, "path_becomes"))
		line(out, "path becomes", "%s", json_text(answer, "path_becomes"));
	if (*json_text(answer, "path_rewritten_by"))
		line(out, "path rewritten", "by %s", json_text(answer, "path_rewritten_by"));
	if (*json_text(answer, "host_becomes"))
		line(out, "Host becomes", "%s", json_text(answer, "host_becomes"));
	if (*json_text(answer, "host_from_header"))
		line(out, "Host becomes", "what header %s says",
		     json_text(answer, "host_from_header"));
}

static void put_others(struct strbuf *out, struct json_object *answer, const char *key,
		       const char *label)
{
	struct json_object *list = json_member(answer, key);
	_cleanup_free_ char *total = xasprintf("%s_total", key);
	long long more = number(answer, total) - (long long)json_length(list);

	for (size_t i = 0; i < json_length(list); i++) {
		struct json_object *o = json_object_array_get_idx(list, i);
		_cleanup_strbuf_ struct strbuf object = STRBUF_INIT;

		if (*json_text(o, "match")) {
			line(out, label, "%s", json_text(o, "match"));
			add_object(&object, json_member(o, "made_by"));
			line(out, "", "by %s", strbuf_str(&object));
		} else {
			add_object(&object, json_member(o, "made_by"));
			line(out, label, "%s", strbuf_str(&object));
		}
		line(out, "", "%s", json_text(o, "why"));
	}
	if (more > 0)
		line(out, "", "and %lld more", more);
}

/* "secret default/web, by 1 of 2 Envoys (a): no such key" */
static void put_refused(struct strbuf *out, struct json_object *answer)
{
	struct json_object *list = json_member(answer, "refused");

	for (size_t i = 0; i < json_length(list); i++) {
		struct json_object *r = json_object_array_get_idx(list, i),
				   *envoys = json_member(r, "envoys");
		long long n = number(r, "refuse"), of = number(r, "of");
		_cleanup_strbuf_ struct strbuf names = STRBUF_INIT;

		for (size_t k = 0; k < json_length(envoys); k++)
			strbuf_printf(&names, "%s%s", k ? ", " : "",
				      json_object_get_string(json_object_array_get_idx(envoys, k)));
		if (n > (long long)json_length(envoys))
			strbuf_printf(&names, " and %lld more", n - (long long)json_length(envoys));
		line(out, "refused", "%s %s, by %lld of %lld Envoy%s (%s): %s",
		     json_text(r, "kind"), json_text(r, "name"), n, of, of == 1 ? "" : "s",
		     strbuf_str(&names), json_text(r, "message"));
		line(out, "", "%s", json_text(r, "effect"));
	}
}

void explain_report_request(struct json_object *answer, struct strbuf *out)
{
	struct json_object *r = json_member(answer, "request");

	strbuf_printf(out, "%s %s ", json_text(r, "method"), json_text(r, "url"));
	put_summary(out, answer);
	strbuf_putc(out, '\n');
	if (*json_text(answer, "normal_path"))
		line(out, "path", "%s, as Envoy reads it", json_text(answer, "normal_path"));
	put_connection(out, answer);
	put_route(out, answer);
	put_clusters(out, answer);
	put_refused(out, answer);
	put_others(out, answer, "lost", "lost");
	put_others(out, answer, "missed", "did not match");
	put_others(out, answer, "absent", "not served");
	put_others(out, answer, "problems", "problem");
}

/* ---- an object ---- */

static void put_routes(struct json_object *answer, struct strbuf *out)
{
	struct json_object *list = json_member(answer, "routes");
	long long more = number(answer, "routes_total") - (long long)json_length(list);

	for (size_t i = 0; i < json_length(list); i++) {
		struct json_object *r = json_object_array_get_idx(list, i),
				   *c = json_member(r, "clusters");

		line(out, "route", "%s (%s), %s", json_text(r, "host"), json_text(r, "scheme"),
		     json_text(r, "match"));
		by(out, json_member(r, "made_by"));
		if (*json_text(r, "lost_to"))
			line(out, "", "it is not served: %s", json_text(r, "lost_to"));
		for (size_t k = 0; k < json_length(c); k++)
			line(out, "", "to %s",
			     json_object_get_string(json_object_array_get_idx(c, k)));
		if (strcmp(json_text(r, "action"), "forward") != 0)
			line(out, "", json_member(r, "status") ? "%s %lld" : "%s",
			     json_text(r, "action"), number(r, "status"));
	}
	if (more > 0)
		line(out, "", "and %lld more", more);
}

/* Where a route of Gateway API is attached, and why not elsewhere. */
static void put_parents(struct json_object *answer, struct strbuf *out)
{
	struct json_object *list = json_member(answer, "parents");

	for (size_t i = 0; i < json_length(list); i++) {
		struct json_object *p = json_object_array_get_idx(list, i),
				   *l = json_member(p, "listeners");
		const char *section = json_text(p, "section");

		line(out, "parent", "%s %s/%s%s%s", json_text(p, "kind"), json_text(p, "namespace"),
		     json_text(p, "name"), *section ? ", listener " : "", section);
		for (size_t k = 0; k < json_length(l); k++)
			line(out, "", "attached to listener %s",
			     json_object_get_string(json_object_array_get_idx(l, k)));
		if (!json_object_get_boolean(json_member(p, "accepted")))
			line(out, "", "not attached: %s: %s", json_text(p, "reason"),
			     json_text(p, "message"));
	}
}

static void put_listeners(struct json_object *answer, struct strbuf *out)
{
	struct json_object *list = json_member(answer, "listeners");

	for (size_t i = 0; i < json_length(list); i++) {
		struct json_object *l = json_object_array_get_idx(list, i),
				   *routes = json_member(l, "attached");
		long long n = number(l, "attached_total");

		line(out, "listener", "%s, %lld route%s attached", json_text(l, "name"), n,
		     n == 1 ? "" : "s");
		if (!json_object_get_boolean(json_member(l, "programmed")))
			line(out, "", "not programmed: %s: %s", json_text(l, "reason"),
			     json_text(l, "message"));
		by_all(out, routes, "");
		if (n > (long long)json_length(routes))
			line(out, "", "and %lld more", n - (long long)json_length(routes));
	}
}

static void put_resources(struct json_object *answer, struct strbuf *out)
{
	struct json_object *list = json_member(answer, "resources");
	long long more = number(answer, "resources_total") - (long long)json_length(list);

	for (size_t i = 0; i < json_length(list); i++) {
		struct json_object *r = json_object_array_get_idx(list, i);
		const char *part = json_text(r, "part");

		line(out, json_text(r, "kind"), "%s%s%s", json_text(r, "name"),
		     *part ? ", its part " : "", part);
	}
	if (more > 0)
		line(out, "", "and %lld more", more);
}

static void put_envoys(struct json_object *answer, struct json_object *envoys, struct strbuf *out)
{
	for (size_t i = 0; i < json_length(envoys); i++) {
		struct json_object *e = json_object_array_get_idx(envoys, i),
				   *refused = json_member(e, "refused");
		long long waiting = number(e, "waiting");

		line(out, "Envoy",
		     "%s (%s): %lld accepted, %lld on the way, %zu refused; it is at world %lld of "
		     "%lld",
		     json_text(e, "node_id"), json_text(e, "peer"), number(e, "accepted"), waiting,
		     json_length(refused), number(e, "acked_source"), number(answer, "source"));
		for (size_t k = 0; k < json_length(refused); k++)
			line(out, "", "refused: %s",
			     json_object_get_string(json_object_array_get_idx(refused, k)));
	}
}

void explain_report_object(struct json_object *answer, struct json_object *envoys,
			   struct strbuf *out)
{
	struct json_object *status = json_member(answer, "status"),
			   *o = json_member(answer, "object");
	_cleanup_strbuf_ struct strbuf name = STRBUF_INIT;

	if (status) {
		object_report_text(status, out);
	} else {
		add_object(&name, o);
		strbuf_printf(out, "%s\n", strbuf_str(&name));
	}
	strbuf_putc(out, '\n');
	put_parents(answer, out);
	put_listeners(answer, out);
	put_routes(answer, out);
	put_resources(answer, out);
	if (!json_object_get_boolean(json_member(answer, "complete")))
		strbuf_puts(out, "more depends on it than was looked at\n");
	if (!json_length(json_member(answer, "resources")))
		strbuf_puts(out, "nothing that Envoy is sent depends on it\n");
	put_envoys(answer, envoys, out);
}
