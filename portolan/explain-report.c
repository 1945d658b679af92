/* What a request meets, and what an object has made, as lines for people: a word, and what it is, with whose
 * it is below. Runs in the portolan command. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/alloc.h"
#include "portolan/explain-report.h"
#include "portolan/object-report.h"

#define LABEL_WIDTH 14

static const char *text_of(struct json_object *o, const char *key)
{
	struct json_object *v;

	return json_object_object_get_ex(o, key, &v) && json_object_is_type(v, json_type_string) ?
		       json_object_get_string(v) :
		       "";
}

static long long number_of(struct json_object *o, const char *key)
{
	struct json_object *v;

	return json_object_object_get_ex(o, key, &v) ? (long long)json_object_get_int64(v) : 0;
}

static struct json_object *member(struct json_object *o, const char *key)
{
	struct json_object *v = NULL;

	(void)json_object_object_get_ex(o, key, &v);
	return v;
}

static size_t length_of(struct json_object *list)
{
	return json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;
}

static void clean_text(struct json_object *o)
{
	_cleanup_free_ char *copy = xstrndup(json_object_get_string(o), (size_t)json_object_get_string_len(o));
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
	for (size_t i = 0; i < length_of(o); i++)
		explain_report_clean(json_object_array_get_idx(o, i));
	if (!json_object_is_type(o, json_type_object))
		return;
	json_object_object_foreach(o, key, value)
	{
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
	const char *namespace = text_of(o, "namespace"), *field = text_of(o, "field");
	const char *origin = text_of(o, "origin"), *root = text_of(o, "included_by");

	if (*text_of(o, "note")) {
		strbuf_puts(out, text_of(o, "note"));
		return;
	}
	strbuf_printf(out, "%s %s%s%s%s%s", text_of(o, "kind"), namespace, *namespace ? "/" : "",
		      text_of(o, "name"), *field ? " " : "", field);
	if (*origin)
		strbuf_printf(out, " (%s)", origin);
	if (*root)
		strbuf_printf(out, ", included by %s", root);
}

static void by(struct strbuf *out, struct json_object *o)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	struct json_object *problems = member(o, "problems");

	if (!o)
		return;
	add_object(&text, o);
	line(out, "", "by %s", strbuf_str(&text));
	for (size_t i = 0; i < length_of(problems); i++) {
		struct json_object *p = json_object_array_get_idx(problems, i);

		line(out, "", "%s: %s", text_of(p, "reason"), text_of(p, "message"));
	}
}

/* but: a kind that was named already, or "". */
static void by_all(struct strbuf *out, struct json_object *list, const char *but)
{
	for (size_t i = 0; i < length_of(list); i++) {
		struct json_object *o = json_object_array_get_idx(list, i);

		if (strcmp(text_of(o, "kind"), but) != 0)
			by(out, o);
	}
}

/* ---- a request ---- */

static void put_endpoints(struct strbuf *out, struct json_object *cluster)
{
	struct json_object *list = member(cluster, "endpoints");
	long long more = number_of(cluster, "endpoints_total") - (long long)length_of(list);

	for (size_t i = 0; i < length_of(list); i++) {
		struct json_object *e = json_object_array_get_idx(list, i);

		line(out, "  endpoint", strchr(text_of(e, "address"), ':') ? "[%s]:%lld %s" : "%s:%lld %s",
		     text_of(e, "address"), number_of(e, "port"), text_of(e, "health"));
	}
	if (more > 0)
		line(out, "", "and %lld more", more);
	by_all(out, member(cluster, "endpoints_made_by"), "Service");
}

static void put_clusters(struct strbuf *out, struct json_object *answer)
{
	struct json_object *list = member(answer, "clusters"), *mirrors = member(answer, "mirrored_to");
	long long all = 0;

	for (size_t i = 0; i < length_of(list); i++)
		all += number_of(json_object_array_get_idx(list, i), "weight");
	for (size_t i = 0; i < length_of(list); i++) {
		struct json_object *c = json_object_array_get_idx(list, i);

		if (member(c, "weight"))
			line(out, "cluster", "%s, %lld of %lld requests", text_of(c, "name"),
			     number_of(c, "weight"), all);
		else
			line(out, "cluster", "%s", text_of(c, "name"));
		if (*text_of(c, "note"))
			line(out, "", "%s", text_of(c, "note"));
		by_all(out, member(c, "made_by"), "EndpointSlice");
		put_endpoints(out, c);
	}
	for (size_t i = 0; i < length_of(mirrors); i++)
		line(out, "mirrored to", "%s", json_object_get_string(json_object_array_get_idx(mirrors, i)));
}

static void put_connection(struct strbuf *out, struct json_object *answer)
{
	struct json_object *l = member(answer, "listener"), *c = member(answer, "filter_chain");
	const char *name = text_of(c, "server_name");

	if (l)
		line(out, "listener", "%s, %s:%lld", text_of(l, "name"), text_of(l, "address"),
		     number_of(l, "port"));
	if (!*text_of(c, "tls"))
		return;
	line(out, "filter chain", "%s, TLS %s%s%s%s%s", *name ? name : "for all names", text_of(c, "tls"),
	     *text_of(c, "secret") ? ", Secret " : "", text_of(c, "secret"),
	     *text_of(c, "client_certificate") ? ", asks clients for a certificate" : "",
	     member(c, "shared") ? "; newer Envoys have one chain for many such hosts" : "");
	by(out, member(c, "made_by"));
	by_all(out, member(c, "secret_made_by"), "");
}

/* Whether the first backend, when there are several, is by weight. */
static void put_summary(struct strbuf *out, struct json_object *answer)
{
	const char *action = text_of(answer, "action"), *why = text_of(answer, "why");
	size_t n = length_of(member(answer, "clusters"));
	long long status = number_of(answer, "status");

	if (strcmp(action, "redirect") == 0)
		strbuf_printf(out, "is redirected: %lld, to %s\n", status, text_of(answer, "location"));
	else if (strcmp(action, "direct-response") == 0)
		strbuf_printf(out, "is answered by Envoy itself: %lld\n", status);
	else if (*why && status)
		strbuf_printf(out, "is answered with %lld: %s\n", status, why);
	else if (*why)
		strbuf_printf(out, "is not served: %s\n", why);
	else
		strbuf_printf(out, "is %s %s\n", strcmp(action, "tcp") == 0 ? "passed on, as TCP, to" : "forwarded to",
			      n == 1 ? text_of(json_object_array_get_idx(member(answer, "clusters"), 0), "name") :
				       "one of several clusters");
}

static void put_route(struct strbuf *out, struct json_object *answer)
{
	struct json_object *h = member(answer, "virtual_host"), *r = member(answer, "route");
	struct json_object *filters = member(answer, "filters");

	if (h)
		line(out, "virtual host", "%s, in table %s", text_of(h, "domain"), text_of(h, "table"));
	if (r) {
		line(out, "route", "%s", text_of(r, "match"));
		by(out, member(r, "made_by"));
	}
	for (size_t i = 0; i < length_of(filters); i++)
		line(out, "before that", "%s", text_of(json_object_array_get_idx(filters, i), "what"));
	if (*text_of(answer, "body"))
		line(out, "body", "%.200s", text_of(answer, "body"));
	if (*text_of(answer, "path_becomes"))
		line(out, "path becomes", "%s", text_of(answer, "path_becomes"));
	if (*text_of(answer, "path_rewritten_by"))
		line(out, "path rewritten", "by %s", text_of(answer, "path_rewritten_by"));
	if (*text_of(answer, "host_becomes"))
		line(out, "Host becomes", "%s", text_of(answer, "host_becomes"));
	if (*text_of(answer, "host_from_header"))
		line(out, "Host becomes", "what header %s says", text_of(answer, "host_from_header"));
}

static void put_others(struct strbuf *out, struct json_object *answer, const char *key, const char *label)
{
	struct json_object *list = member(answer, key);
	_cleanup_free_ char *total = xasprintf("%s_total", key);
	long long more = number_of(answer, total) - (long long)length_of(list);

	for (size_t i = 0; i < length_of(list); i++) {
		struct json_object *o = json_object_array_get_idx(list, i);
		_cleanup_strbuf_ struct strbuf object = STRBUF_INIT;

		if (*text_of(o, "match")) {
			line(out, label, "%s", text_of(o, "match"));
			add_object(&object, member(o, "made_by"));
			line(out, "", "by %s", strbuf_str(&object));
		} else {
			add_object(&object, member(o, "made_by"));
			line(out, label, "%s", strbuf_str(&object));
		}
		line(out, "", "%s", text_of(o, "why"));
	}
	if (more > 0)
		line(out, "", "and %lld more", more);
}

void explain_report_request(struct json_object *answer, struct strbuf *out)
{
	struct json_object *r = member(answer, "request");

	strbuf_printf(out, "%s %s ", text_of(r, "method"), text_of(r, "url"));
	put_summary(out, answer);
	strbuf_putc(out, '\n');
	if (*text_of(answer, "normal_path"))
		line(out, "path", "%s, as Envoy reads it", text_of(answer, "normal_path"));
	put_connection(out, answer);
	put_route(out, answer);
	put_clusters(out, answer);
	put_others(out, answer, "lost", "lost");
	put_others(out, answer, "missed", "did not match");
	put_others(out, answer, "absent", "not served");
}

/* ---- an object ---- */

static void put_routes(struct json_object *answer, struct strbuf *out)
{
	struct json_object *list = member(answer, "routes");
	long long more = number_of(answer, "routes_total") - (long long)length_of(list);

	for (size_t i = 0; i < length_of(list); i++) {
		struct json_object *r = json_object_array_get_idx(list, i), *c = member(r, "clusters");

		line(out, "route", "%s (%s), %s", text_of(r, "host"), text_of(r, "scheme"), text_of(r, "match"));
		by(out, member(r, "made_by"));
		if (*text_of(r, "lost_to"))
			line(out, "", "it is not served: %s", text_of(r, "lost_to"));
		for (size_t k = 0; k < length_of(c); k++)
			line(out, "", "to %s", json_object_get_string(json_object_array_get_idx(c, k)));
		if (strcmp(text_of(r, "action"), "forward") != 0)
			line(out, "", member(r, "status") ? "%s %lld" : "%s", text_of(r, "action"),
			     number_of(r, "status"));
	}
	if (more > 0)
		line(out, "", "and %lld more", more);
}

static void put_resources(struct json_object *answer, struct strbuf *out)
{
	struct json_object *list = member(answer, "resources");
	long long more = number_of(answer, "resources_total") - (long long)length_of(list);

	for (size_t i = 0; i < length_of(list); i++) {
		struct json_object *r = json_object_array_get_idx(list, i);
		const char *part = text_of(r, "part");

		line(out, text_of(r, "kind"), "%s%s%s", text_of(r, "name"), *part ? ", its part " : "", part);
	}
	if (more > 0)
		line(out, "", "and %lld more", more);
}

static void put_envoys(struct json_object *answer, struct json_object *envoys, struct strbuf *out)
{
	for (size_t i = 0; i < length_of(envoys); i++) {
		struct json_object *e = json_object_array_get_idx(envoys, i), *refused = member(e, "refused");
		long long waiting = number_of(e, "waiting");

		line(out, "Envoy", "%s (%s): %lld accepted, %lld on the way, %zu refused; it is at world %lld of %lld",
		     text_of(e, "node_id"), text_of(e, "peer"), number_of(e, "accepted"), waiting,
		     length_of(refused), number_of(e, "acked_source"), number_of(answer, "source"));
		for (size_t k = 0; k < length_of(refused); k++)
			line(out, "", "refused: %s",
			     json_object_get_string(json_object_array_get_idx(refused, k)));
	}
}

void explain_report_object(struct json_object *answer, struct json_object *envoys, struct strbuf *out)
{
	struct json_object *status = member(answer, "status"), *o = member(answer, "object");
	_cleanup_strbuf_ struct strbuf name = STRBUF_INIT;

	if (status) {
		object_report_text(status, out);
	} else {
		add_object(&name, o);
		strbuf_printf(out, "%s\n", strbuf_str(&name));
	}
	strbuf_putc(out, '\n');
	put_routes(answer, out);
	put_resources(answer, out);
	if (!json_object_get_boolean(member(answer, "complete")))
		strbuf_puts(out, "more depends on it than was looked at\n");
	if (!length_of(member(answer, "resources")))
		strbuf_puts(out, "nothing that Envoy is sent depends on it\n");
	put_envoys(answer, envoys, out);
}
