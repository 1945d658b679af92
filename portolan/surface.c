/* Two surfaces, compared: hosts, then of each its routes. Runs in the portolan command. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/answer/json-print.h"
#include "common/base/alloc.h"
#include "common/configuration/configuration.h"
#include "portolan/json-diff.h"
#include "portolan/redirect.h"
#include "portolan/route-guard.h"
#include "portolan/surface.h"

struct comparison {
	const struct surface_options *o;
	struct json_object *changes;
	struct json_object *host_before, *host_after;
	struct json_object *before_certificates, *after_certificates; /* by Secret */
	size_t reconnected; /* hosts whose connections are handled differently */
	char *first_reconnected;
};

void surface_add(struct json_object *changes, const char *change, bool worse, const char *host,
		 const char *match, char *text, struct json_object *object)
{
	struct json_object *o = json_object_new_object();

	(void)json_object_object_add(o, "change", json_object_new_string(change));
	(void)json_object_object_add(o, "worse", json_object_new_boolean(worse));
	if (host)
		(void)json_object_object_add(o, "host", json_object_new_string(host));
	if (match)
		(void)json_object_object_add(o, "match", json_object_new_string(match));
	(void)json_object_object_add(o, "text", json_object_new_string(text));
	if (object)
		(void)json_object_object_add(o, "object", json_object_get(object));
	(void)json_object_array_add(changes, o);
	free(text);
}

/* ---- words ---- */

/* "https://a.example", with the port where it is not Ingress' and HTTPProxy's listener. */
static char *host_name(struct json_object *host, bool no_ports)
{
	const char *scheme = json_text(host, "scheme"), *name = json_text(host, "host");

	if (no_ports || strncmp(json_text(host, "listener"), "ingress_", 8) == 0)
		return xasprintf("%s://%s", scheme, name);
	return xasprintf("%s://%s:%lld", scheme, name, (long long)json_number(host, "port"));
}

/* Where a route goes, in words. */
static char *target_text(struct json_object *route)
{
	struct json_object *clusters = json_member(route, "clusters");
	const char *action = json_text(route, "action");
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;

	if (strcmp(action, "redirect") == 0)
		return redirect_text(route);
	if (strcmp(action, "direct-response") == 0)
		return xasprintf("answer %lld", (long long)json_number(route, "status"));
	for (size_t i = 0; i < json_length(clusters); i++) {
		struct json_object *c = json_object_array_get_idx(clusters, i);

		strbuf_printf(&b, "%s%s", i ? ", " : "", json_text(c, "name"));
		if (json_member(c, "weight"))
			strbuf_printf(&b, " (weight %lld)", (long long)json_number(c, "weight"));
	}
	return xstrdup(b.len ? strbuf_str(&b) : action);
}

/* ---- tables by name ---- */

/* The member, or a name that is not taken yet: "name", "name #2"… */
static void put_numbered(struct json_object *table, const char *name, struct json_object *value)
{
	_cleanup_free_ char *key = xstrdup(name);

	for (unsigned n = 2; json_member(table, key); n++) {
		free(key);
		key = xasprintf("%s #%u", name, n);
	}
	(void)json_object_object_add(table, key, json_object_get(value));
}

static struct json_object *hosts_by_name(struct json_object *surface,
					 const struct surface_options *o)
{
	struct json_object *table = json_object_new_object(), *list = json_member(surface, "hosts");

	for (size_t i = 0; i < json_length(list); i++) {
		struct json_object *host = json_object_array_get_idx(list, i);
		_cleanup_free_ char *name = host_name(host, o->no_ports);

		put_numbered(table, name, host);
	}
	return table;
}

static struct json_object *by_member(struct json_object *list, const char *member)
{
	struct json_object *table = json_object_new_object();

	for (size_t i = 0; i < json_length(list); i++) {
		struct json_object *o = json_object_array_get_idx(list, i);

		put_numbered(table, json_text(o, member), o);
	}
	return table;
}

/* ---- routes ---- */

static bool is_served(struct json_object *route)
{
	struct json_object *clusters = json_member(route, "clusters");

	if (strcmp(json_text(route, "action"), "direct-response") == 0)
		return json_number(route, "status") < 400;
	if (strcmp(json_text(route, "action"), "redirect") == 0)
		return true;
	for (size_t i = 0; i < json_length(clusters); i++)
		if (json_object_get_boolean(
			    json_member(json_object_array_get_idx(clusters, i), "exists")))
			return true;
	return false;
}

static int64_t endpoints(struct json_object *route)
{
	struct json_object *clusters = json_member(route, "clusters");
	int64_t n = 0;

	for (size_t i = 0; i < json_length(clusters); i++)
		n += json_number(json_object_array_get_idx(clusters, i), "endpoints");
	return n;
}

static bool has_clusters(struct json_object *route)
{
	return json_length(json_member(route, "clusters")) > 0;
}

static void say_endpoints(struct comparison *c, const char *host, struct json_object *was,
			  struct json_object *is, bool retargeted)
{
	int64_t before = endpoints(was), after = endpoints(is);

	if (c->o->no_counts || (retargeted && after) || !has_clusters(was) || !has_clusters(is) ||
	    !before == !after)
		return;
	surface_add(c->changes, after ? "endpoints-added" : "endpoints-lost", !after, host,
		    json_text(is, "match"),
		    after ? xasprintf("endpoints: none → %lld", (long long)after)
			  : xasprintf("endpoints: %lld → none: answered with 503",
				      (long long)before),
		    json_member(is, "made_by"));
}

/* Everything of the route but where it goes. */
static char *other_differences(struct json_object *was, struct json_object *is)
{
	struct json_object *b = json_member(was, "clusters"), *a = json_member(is, "clusters");
	struct json_diff d;

	json_diff_init(&d);
	json_diff_add(&d, "", json_member(was, "conditions"), json_member(is, "conditions"));
	json_diff_add(&d, "", json_member(was, "settings"), json_member(is, "settings"));
	for (size_t i = 0; i < json_length(b) && i < json_length(a); i++)
		json_diff_add(&d, "cluster",
			      json_member(json_object_array_get_idx(b, i), "settings"),
			      json_member(json_object_array_get_idx(a, i), "settings"));
	return json_diff_text(&d);
}

/* A redirect to HTTPS tells nothing that needs a guard: its target has one. */
static bool is_to_https(struct json_object *route, const char *host)
{
	return redirect_is_to_https(route, host) || redirect_is_answer_to_https(route, host);
}

static void say_opened(struct comparison *c, const char *host, struct json_object *was,
		       struct json_object *is)
{
	_cleanup_free_ char *lost = route_guards_lost(c->host_before, was, c->host_after, is);

	if (lost && is_served(is) && !is_to_https(is, json_text(c->host_after, "host")))
		surface_add(c->changes, "route-opened", true, host, json_text(is, "match"),
			    xasprintf("requests are not checked any more: %s", lost),
			    json_member(is, "made_by"));
}

static void compare_route(struct comparison *c, const char *host, struct json_object *was,
			  struct json_object *is)
{
	_cleanup_free_ char *from = target_text(was), *to = target_text(is);
	_cleanup_free_ char *other = NULL;
	const char *match = json_text(is, "match");
	bool lost = is_served(was) && !is_served(is);

	if (strcmp(from, to) != 0) {
		surface_add(c->changes, "route-retargeted", lost, host, match,
			    xasprintf("%s → %s", from, to), json_member(is, "made_by"));
	} else if (lost) {
		surface_add(c->changes, "route-broken", true, host, match,
			    xasprintf("%s is not there any more: answered with 503", to),
			    json_member(is, "made_by"));
	} else {
		other = other_differences(was, is);
		if (other)
			surface_add(c->changes, "route-changed", false, host, match,
				    TAKE_PTR(other), json_member(is, "made_by"));
	}
	say_opened(c, host, was, is);
	if (!lost)
		say_endpoints(c, host, was, is, strcmp(from, to) != 0);
}

static void say_route(struct comparison *c, const char *host, struct json_object *route, bool added)
{
	_cleanup_free_ char *target = target_text(route);

	surface_add(c->changes, added ? "route-added" : "route-removed", !added && is_served(route),
		    host, json_text(route, "match"),
		    xasprintf(added ? "goes to %s" : "went to %s", target),
		    json_member(route, "made_by"));
}

/* Whether the members of both come in another order. */
static bool is_reordered(struct json_object *before, struct json_object *after)
{
	struct lh_table *b = json_object_get_object(before), *a = json_object_get_object(after);
	struct lh_entry *x = b->head, *y = a->head;

	for (;;) {
		while (x && !json_member(after, lh_entry_k(x)))
			x = x->next;
		while (y && !json_member(before, lh_entry_k(y)))
			y = y->next;
		if (!x || !y)
			return false;
		if (strcmp(lh_entry_k(x), lh_entry_k(y)) != 0)
			return true;
		x = x->next;
		y = y->next;
	}
}

static void compare_routes(struct comparison *c, const char *host, struct json_object *was,
			   struct json_object *is)
{
	struct json_object *before = by_member(json_member(was, "routes"), "match");
	struct json_object *after = by_member(json_member(is, "routes"), "match");

	json_object_object_foreach (before, match, route) {
		struct json_object *now = json_member(after, match);

		if (now)
			compare_route(c, host, route, now);
		else
			say_route(c, host, route, false);
	}
	json_object_object_foreach (after, other, added)
		if (!json_member(before, other))
			say_route(c, host, added, true);
	if (is_reordered(before, after))
		surface_add(c->changes, "routes-reordered", false, host, NULL,
			    xstrdup("routes are tried in another order"), NULL);
	json_object_put(before);
	json_object_put(after);
}

/* ---- wanted but not served ---- */

static char *shadow_key(struct json_object *s)
{
	struct json_object *by = json_member(s, "made_by");

	return xasprintf("%s\n%s/%s/%s", json_text(s, "match"), json_text(by, "kind"),
			 json_text(by, "namespace"), json_text(by, "name"));
}

static bool was_shadowed(struct json_object *was, struct json_object *s)
{
	struct json_object *list = json_member(was, "shadowed");
	_cleanup_free_ char *key = shadow_key(s);

	for (size_t i = 0; i < json_length(list); i++) {
		_cleanup_free_ char *other = shadow_key(json_object_array_get_idx(list, i));

		if (strcmp(key, other) == 0)
			return true;
	}
	return false;
}

static void compare_shadowed(struct comparison *c, const char *host, struct json_object *was,
			     struct json_object *is)
{
	struct json_object *list = json_member(is, "shadowed");

	for (size_t i = 0; i < json_length(list); i++) {
		struct json_object *s = json_object_array_get_idx(list, i);
		struct json_object *by = json_member(s, "by");

		if (was && was_shadowed(was, s))
			continue;
		surface_add(c->changes, "route-shadowed", true, host, json_text(s, "match"),
			    xasprintf("is wanted and not served: %s %s/%s has the same match and "
				      "goes first",
				      json_text(by, "kind"), json_text(by, "namespace"),
				      json_text(by, "name")),
			    json_member(s, "made_by"));
	}
}

/* ---- certificates ---- */

static char *day(int64_t when)
{
	time_t t = (time_t)when;
	char text[32];
	struct tm tm;

	if (!when || !gmtime_r(&t, &tm) || !strftime(text, sizeof(text), "%Y-%m-%d", &tm))
		return xstrdup("an unknown day");
	return xstrdup(text);
}

static int64_t expiry(struct json_object *certificates, struct json_object *c)
{
	return json_number(json_member(certificates, json_text(c, "secret")), "not_after");
}

/* The one that the watcher makes. */
static bool is_default(struct json_object *certificate)
{
	return strcmp(json_text(certificate, "secret"), OWN_CERTIFICATE_KEY) == 0;
}

static void compare_certificate(struct comparison *c, const char *host, struct json_object *was,
				struct json_object *is)
{
	struct json_object *b = json_member(was, "certificate"),
			   *a = json_member(is, "certificate");
	int64_t until = expiry(c->after_certificates, a),
		before = expiry(c->before_certificates, b);
	_cleanup_free_ char *ends = day(until), *ended = day(before);
	bool expired = until && until < (int64_t)time(NULL);

	if (b && is_default(a) && !is_default(b)) {
		surface_add(c->changes, "certificate-lost", true, host, NULL,
			    xasprintf("certificate of Secret %s → the default certificate, which "
				      "no client trusts",
				      json_text(b, "secret")),
			    NULL);
	} else if (b && (!a || (*json_text(b, "version") && !*json_text(a, "version")))) {
		surface_add(c->changes, "certificate-lost", true, host, NULL,
			    xasprintf("the certificate of Secret %s is not there any more",
				      json_text(b, "secret")),
			    NULL);
	} else if (a && b &&
		   (strcmp(json_text(a, "secret"), json_text(b, "secret")) != 0 ||
		    strcmp(json_text(a, "version"), json_text(b, "version")) != 0)) {
		surface_add(c->changes, "certificate-changed",
			    expired || (until && until < before && !is_default(b)), host, NULL,
			    xasprintf("certificate of Secret %s until %s → Secret %s until %s%s",
				      json_text(b, "secret"), ended, json_text(a, "secret"), ends,
				      expired ? ", which has passed" : ""),
			    NULL);
	}
}

/* ---- hosts ---- */

static struct json_object *first_owner(struct json_object *host)
{
	struct json_object *routes = json_member(host, "routes");

	return json_length(routes) ? json_member(json_object_array_get_idx(routes, 0), "made_by")
				   : NULL;
}

static void say_host(struct comparison *c, const char *name, struct json_object *host, bool added)
{
	struct json_object *routes = json_member(host, "routes");
	struct json_object *certificate = json_member(host, "certificate");

	surface_add(c->changes, added ? "host-added" : "host-removed", !added, name, NULL,
		    xasprintf("%zu route%s%s%s", json_length(routes),
			      json_length(routes) == 1 ? "" : "s",
			      certificate ? ", certificate of Secret " : "",
			      json_text(certificate, "secret")),
		    first_owner(host));
	for (size_t i = 0; i < json_length(routes); i++)
		say_route(c, name, json_object_array_get_idx(routes, i), added);
}

/* What this opens are routes of the host, each of which is said. */
static void compare_guards(struct comparison *c, const char *host, struct json_object *was,
			   struct json_object *is)
{
	struct json_object *before = json_member(was, "guards"), *after = json_member(is, "guards");

	if (!json_object_equal(before, after))
		surface_add(c->changes, "guards-changed", false, host, NULL,
			    xstrdup(!json_object_object_length(after)
					    ? "nobody is asked any more about requests "
					      "(authorization, tokens, rates)"
				    : json_object_object_length(before)
					    ? "other services or tokens are asked about requests"
					    : "authorization, tokens or rates are asked for"),
			    NULL);
}

static bool is_reconnected(const struct comparison *c, struct json_object *was,
			   struct json_object *is)
{
	if (strcmp(json_text(was, "tls"), json_text(is, "tls")) != 0)
		return true;
	return !c->o->no_connections &&
	       strcmp(json_text(was, "connection"), json_text(is, "connection")) != 0;
}

static void compare_host(struct comparison *c, const char *name, struct json_object *was,
			 struct json_object *is)
{
	struct json_diff d;
	char *settings;

	c->host_before = was;
	c->host_after = is;
	compare_certificate(c, name, was, is);
	compare_guards(c, name, was, is);
	compare_routes(c, name, was, is);
	compare_shadowed(c, name, was, is);
	json_diff_init(&d);
	json_diff_add(&d, "", json_member(was, "settings"), json_member(is, "settings"));
	settings = json_diff_text(&d);
	if (settings)
		surface_add(c->changes, "host-changed", false, name, NULL, settings, NULL);
	if (is_reconnected(c, was, is) && !c->reconnected++)
		c->first_reconnected = xstrdup(name);
}

void surface_compare(struct json_object *before, struct json_object *after,
		     const struct surface_options *o, struct json_object *changes)
{
	struct comparison c = { .o = o, .changes = changes };
	struct json_object *was = hosts_by_name(before, o), *is = hosts_by_name(after, o);

	c.before_certificates = by_member(json_member(before, "certificates"), "secret");
	c.after_certificates = by_member(json_member(after, "certificates"), "secret");
	json_object_object_foreach (was, name, host) {
		struct json_object *now = json_member(is, name);

		if (now)
			compare_host(&c, name, host, now);
		else
			say_host(&c, name, host, false);
	}
	json_object_object_foreach (is, other, added) {
		if (json_member(was, other))
			continue;
		say_host(&c, other, added, true);
		compare_shadowed(&c, other, NULL, added);
	}
	if (c.reconnected)
		surface_add(changes, "connection-changed", false, c.first_reconnected, NULL,
			    xasprintf("connections are dealt with in another way (TLS, filters, "
				      "limits), on %zu host%s",
				      c.reconnected, c.reconnected == 1 ? "" : "s"),
			    NULL);
	free(c.first_reconnected);
	json_object_put(was);
	json_object_put(is);
	json_object_put(c.before_certificates);
	json_object_put(c.after_certificates);
}
