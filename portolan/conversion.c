/* Makes objects of the routes that clients can reach, translates them, and compares. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/answer/json-print.h"
#include "common/base/alloc.h"
#include "common/base/text.h"
#include "common/configuration/configuration.h"
#include "common/decode/object-kind.h"
#include "portolan/conversion.h"
#include "portolan/redirect.h"
#include "portolan/stage-options.h"
#include "portolan/surface.h"

#define GATEWAY_KEY   CONVERTED_GATEWAY_NAMESPACE "/" CONVERTED_GATEWAY
#define UNLIMITED     1000000 /* connections of a Gateway's backend */
#define TLS_HOSTS_MAX 63      /* listeners of a Gateway except that of plain HTTP */

struct work {
	struct conversion *c;
	const struct migration *m;
	const struct world_options *o;
	struct converted_host *hosts;
	size_t n, cap;
	bool *chosen; /* by host */
};

void conversion_done(struct conversion *c)
{
	json_object_put(c->objects);
	json_object_put(c->hosts);
}

/* ---- hosts ---- */

static struct converted_host *find_host(struct work *w, const char *name)
{
	for (size_t i = 0; i < w->n; i++)
		if (strcmp(w->hosts[i].name, name) == 0)
			return &w->hosts[i];
	GROW(w->hosts, w->n, w->cap);
	w->hosts[w->n] = (struct converted_host){ .name = name, .notes = json_object_new_array() };
	return &w->hosts[w->n++];
}

static void collect(struct work *w, struct json_object *surface)
{
	struct json_object *list = json_member(surface, "hosts");

	for (size_t i = 0; i < json_length(list); i++) {
		struct json_object *o = json_object_array_get_idx(list, i);
		struct converted_host *h = find_host(w, json_text(o, "host"));
		const char *scheme = json_text(o, "scheme");

		if (strcmp(scheme, "http") == 0)
			h->http = o;
		else if (strcmp(scheme, "https") == 0)
			h->https = o;
		else
			converted_note(h,
				       "its %s connections are passed on as they are: that is not "
				       "converted",
				       scheme);
	}
}

static void limit_listeners(struct work *w)
{
	size_t n = 0;

	for (size_t i = 0; i < w->n; i++)
		if (w->hosts[i].https && ++n > TLS_HOSTS_MAX)
			converted_note(&w->hosts[i],
				       "a Gateway has at most %d listeners for TLS: convert "
				       "namespace by namespace (--namespace)",
				       TLS_HOSTS_MAX);
}

/* ---- the objects ---- */

static struct json_object *make_objects(struct work *w, bool all)
{
	struct json_object *objects = json_object_new_array();
	struct converted_host *taken = xnew(struct converted_host, w->n + 1);
	size_t n = 0;

	for (size_t i = 0; i < w->n; i++)
		if (all || w->chosen[i])
			taken[n++] = w->hosts[i];
	if (w->c->target == CONVERT_GATEWAY)
		conversion_gateway_frame(taken, n, objects);
	for (size_t i = 0; i < n; i++) {
		/* Routes that cannot be expressed were noted when all were tried. */
		if (!all)
			taken[i].notes = json_object_new_array();
		if (!taken[i].http && !taken[i].https)
			continue;
		if (w->c->target == CONVERT_GATEWAY)
			conversion_gateway(&taken[i], objects);
		else
			conversion_proxy(&taken[i], objects);
		if (!all)
			json_object_put(taken[i].notes);
	}
	free(taken);
	return objects;
}

static void put_yaml(struct json_object *objects, struct strbuf *out)
{
	for (size_t i = 0; i < json_length(objects); i++) {
		strbuf_puts(out, "---\n");
		json_print(json_object_array_get_idx(objects, i), DOCUMENT_YAML, out);
	}
}

/* ---- the proof ---- */

/* Kinds that say which requests go where, as opposed to kinds of backends. */
static bool is_routing(unsigned kind)
{
	static const unsigned kinds[] = { OBJECT_INGRESS,       OBJECT_HTTP_PROXY,
					  OBJECT_GATEWAY_CLASS, OBJECT_GATEWAY,
					  OBJECT_HTTP_ROUTE,    OBJECT_GRPC_ROUTE,
					  OBJECT_TLS_ROUTE,     OBJECT_TCP_ROUTE,
					  OBJECT_UDP_ROUTE,     OBJECT_LISTENER_SET };

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (kinds[i] == kind)
			return true;
	return false;
}

/* A watcher makes it for ingress-nginx's hosts only, and no other object can refer to it. */
static bool is_own_certificate(const struct item *i)
{
	return i->kind == OBJECT_SECRET && strcmp(item_key(i), OWN_CERTIFICATE_KEY) == 0;
}

static void copy_objects(struct world_objects *to, const struct world_objects *from, bool routing)
{
	struct item *i;

	for (size_t pos = 0; (i = state_next(from->objects, &pos));)
		if ((routing || !is_routing(i->kind)) && !is_own_certificate(i))
			(void)state_put(to->objects, item_ref(i));
	state_commit(to->objects, state_source(from->objects));
	state_commit(to->notes, 1);
}

static int read_objects(const struct work *w, struct json_object *objects,
			struct world_objects *ret)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	_cleanup_close_ int fd = memfd_create("converted", MFD_CLOEXEC);

	put_yaml(objects, &text);
	if (!text.len)
		strbuf_puts(&text, "{}\n");
	if (fd < 0 || write(fd, text.s, text.len) != (ssize_t)text.len ||
	    lseek(fd, 0, SEEK_SET) < 0)
		return -EIO;
	return world_read_text("migrate", w->o, fd, ret);
}

static int translate(const struct work *w, struct json_object *objects, struct json_object **ret)
{
	struct world_objects made = { 0 }, all = { state_new(), state_new() };
	_cleanup_(state_freep) struct state *statuses = NULL;
	int r = read_objects(w, objects, &made);

	if (r >= 0) {
		copy_objects(&all, &w->m->world, false);
		world_overlay(&all, &made);
		r = world_translate("migrate", w->o, all.objects, "surface=1", &statuses, ret);
	}
	world_objects_done(&made);
	world_objects_done(&all);
	return r;
}

/* ---- differences that clients do not see ---- */

/* Backends of Gateways have no limit of connections; the difference only shows under overload. */
static void plain_cluster(struct json_object *cluster)
{
	struct json_object *settings = json_member(cluster, "settings");
	struct json_object *list =
		json_member(json_member(settings, "circuit_breakers"), "thresholds");

	if (json_length(list) == 1 &&
	    json_number(json_object_array_get_idx(list, 0), "max_connections") == UNLIMITED)
		json_object_object_del(settings, "circuit_breakers");
}

/* A missing cluster is one that has no Service: both ways no request is answered. Gateway API lets
 * WebSockets through without being asked. */
static void plain_route(const struct work *w, struct json_object *route)
{
	struct json_object *action = json_member(json_member(route, "settings"), "route");
	struct json_object *clusters = json_member(route, "clusters");

	if (!action)
		return;
	for (size_t i = 0; w->c->target == CONVERT_GATEWAY && i < json_length(clusters); i++)
		plain_cluster(json_object_array_get_idx(clusters, i));
	json_object_object_del(action, "cluster_not_found_response_code");
	if (w->c->target == CONVERT_GATEWAY)
		json_object_object_del(action, "upgrade_configs");
}

static bool same_member(struct json_object *a, struct json_object *b, const char *key)
{
	return json_object_equal(json_member(a, key), json_member(b, key));
}

/* Whether exact is the path without its slash and prefix the paths below it: "/x" and "/x/". */
static bool is_pair(struct json_object *exact, struct json_object *prefix)
{
	struct json_object *a = json_member(exact, "conditions"),
			   *b = json_member(prefix, "conditions");
	const char *path = json_text(a, "path"), *below = json_text(b, "prefix");
	size_t n = strlen(path);

	return n && strncmp(path, below, n) == 0 && strcmp(below + n, "/") == 0 &&
	       same_member(a, b, "headers") && same_member(a, b, "query_parameters") &&
	       same_member(exact, prefix, "settings") && same_member(exact, prefix, "clusters") &&
	       !json_member(json_member(json_member(exact, "settings"), "route"), "prefix_rewrite");
}

static void merge_pair(struct json_object *exact, struct json_object *prefix)
{
	struct json_object *c = json_member(prefix, "conditions");
	const char *path = json_text(json_member(exact, "conditions"), "path");
	const char *rest = json_text(prefix, "match") + strlen("prefix ") + strlen(path) + 1;
	_cleanup_free_ char *match = xasprintf("path %s and below%s", path, rest);

	(void)json_object_object_add(c, "path_separated_prefix", json_object_new_string(path));
	json_object_object_del(c, "prefix");
	(void)json_object_object_add(prefix, "match", json_object_new_string(match));
}

static bool has_regex(struct json_object *routes)
{
	for (size_t i = 0; i < json_length(routes); i++)
		if (json_member(json_member(json_object_array_get_idx(routes, i), "conditions"),
				"safe_regex"))
			return true;
	return false;
}

/* An exact path comes before all regexes, so a pair is one prefix only if there are no regexes. */
static void merge_pairs(struct json_object *host)
{
	struct json_object *routes = json_member(host, "routes"), *kept = json_object_new_array();

	for (size_t i = 0; i < json_length(routes); i++) {
		struct json_object *exact = json_object_array_get_idx(routes, i);
		bool merged = false;

		for (size_t k = 0; k < json_length(routes) && !merged; k++) {
			struct json_object *prefix = json_object_array_get_idx(routes, k);

			merged = k != i && !has_regex(routes) && is_pair(exact, prefix);
			if (merged)
				merge_pair(exact, prefix);
		}
		if (!merged)
			(void)json_object_array_add(kept, json_object_get(exact));
	}
	(void)json_object_object_add(host, "routes", kept);
}

static bool is_to_https(struct json_object *route, const char *host)
{
	struct json_object *r = json_member(json_member(route, "settings"), "redirect");

	return redirect_is_to_https(route, host) &&
	       (!json_number(r, "port_redirect") || json_number(r, "port_redirect") == 443);
}

/* All of a host is redirected to HTTPS: one route, however it was written. */
static void merge_redirects(struct json_object *host)
{
	struct json_object *routes = json_member(host, "routes"), *all = NULL, *list, *r, *old;
	const char *name = json_text(host, "host");

	if (strcmp(json_text(host, "scheme"), "http") != 0)
		return;
	for (size_t i = 0; i < json_length(routes); i++) {
		struct json_object *route = json_object_array_get_idx(routes, i);

		if (!is_to_https(route, name) && !redirect_is_answer_to_https(route, name) &&
		    !converted_is_limit(route))
			return;
		if (strcmp(json_text(route, "match"), "prefix /") == 0 && is_to_https(route, name))
			all = route;
	}
	if (!all)
		return;
	old = json_member(json_member(all, "settings"), "redirect");
	r = json_object_new_object();
	(void)json_object_object_add(r, "https_redirect", json_object_new_boolean(true));
	if (json_member(old, "response_code"))
		(void)json_object_object_add(r, "response_code",
					     json_object_get(json_member(old, "response_code")));
	(void)json_object_object_add(json_member(all, "settings"), "redirect", r);
	list = json_object_new_array();
	(void)json_object_array_add(list, json_object_get(all));
	(void)json_object_object_add(host, "routes", list);
}

static void make_plain(const struct work *w, struct json_object *surface)
{
	struct json_object *hosts = json_member(surface, "hosts");

	for (size_t i = 0; i < json_length(hosts); i++) {
		struct json_object *host = json_object_array_get_idx(hosts, i);
		struct json_object *routes = json_member(host, "routes");

		for (size_t k = 0; k < json_length(routes); k++)
			plain_route(w, json_object_array_get_idx(routes, k));
		merge_redirects(host);
		merge_pairs(host);
	}
}

/* ---- the outcome ---- */

/* The settings admit no client that was refused before, and open no path that was closed. */
static bool is_harmless(struct json_object *c)
{
	const char *change = json_text(c, "change"), *text = json_text(c, "text");

	if (strcmp(change, "route-changed") == 0 || strcmp(change, "host-changed") == 0)
		return true;
	if (strcmp(change, "route-removed") == 0)
		return strcmp(text, "went to answer 413") == 0;
	return strcmp(change, "route-retargeted") == 0 && strncmp(text, "redirect ", 9) == 0 &&
	       strstr(text, " → redirect ") != NULL;
}

/* Whether `in` has each of these filters, as it is. Whether answers are compressed protects nobody.
 */
static bool has_filters(struct json_object *of, struct json_object *in)
{
	if (!of)
		return true;
	json_object_object_foreach (of, name, config)
		if (config && strcmp(name, "envoy.filters.http.compressor") != 0 &&
		    !same_member(of, in, name))
			return false;
	return true;
}

/* Filters of a route or host: access, limits, CORS. */
static bool same_filters(struct json_object *was, struct json_object *is)
{
	struct json_object *a = json_member(was, "settings"), *b = json_member(is, "settings");

	struct json_object *x = json_member(a, "typed_per_filter_config");
	struct json_object *y = json_member(b, "typed_per_filter_config");

	return has_filters(x, y) && has_filters(y, x) && same_member(a, b, "rate_limits") &&
	       same_member(json_member(a, "route"), json_member(b, "route"), "rate_limits");
}

/* Backends that expect TLS or HTTP/2 are not spoken to without, nor less strictly. */
static bool same_backends(struct json_object *was, struct json_object *is)
{
	struct json_object *b = json_member(was, "clusters"), *a = json_member(is, "clusters");

	for (size_t i = 0; i < json_length(b) && i < json_length(a); i++) {
		struct json_object *before = json_object_array_get_idx(b, i),
				   *after = json_object_array_get_idx(a, i);

		if (!json_object_equal(converted_tls(before), converted_tls(after)) ||
		    converted_is_http2(before) != converted_is_http2(after))
			return false;
	}
	return true;
}

static struct json_object *find_member(struct json_object *list, const char *key, const char *value)
{
	for (size_t i = 0; i < json_length(list); i++) {
		struct json_object *o = json_object_array_get_idx(list, i);

		if (strcmp(json_text(o, key), value) == 0)
			return o;
	}
	return NULL;
}

static bool keeps_filters(struct json_object *was, struct json_object *is)
{
	struct json_object *routes = json_member(was, "routes");

	/* A host that is not there at all has a note of its own. */
	if (!was || !is)
		return true;
	if (!same_filters(was, is))
		return false;
	for (size_t i = 0; i < json_length(routes); i++) {
		struct json_object *r = json_object_array_get_idx(routes, i);
		struct json_object *now =
			find_member(json_member(is, "routes"), "match", json_text(r, "match"));

		if (now && (!same_filters(r, now) || !same_backends(r, now)))
			return false;
	}
	return true;
}

/* The entries of each host name: a surface a name, so that one is compared without the others. */
static struct json_object *by_host(struct json_object *surface)
{
	struct json_object *table = json_object_new_object(), *list = json_member(surface, "hosts");

	for (size_t i = 0; i < json_length(list); i++) {
		struct json_object *h = json_object_array_get_idx(list, i);
		struct json_object *one = json_member(table, json_text(h, "host"));

		if (!one) {
			one = json_object_new_object();
			(void)json_object_object_add(one, "hosts", json_object_new_array());
			(void)json_object_object_add(table, json_text(h, "host"), one);
		}
		(void)json_object_array_add(json_member(one, "hosts"), json_object_get(h));
	}
	return table;
}

static struct json_object *host_of(struct json_object *table, const char *scheme, const char *name)
{
	return find_member(json_member(json_member(table, name), "hosts"), "scheme", scheme);
}

/* Notes the differences; returns whether the host can be written all the same. */
static bool note_differences(struct converted_host *h, struct json_object *before,
			     struct json_object *after) /* as by_host() makes them */
{
	const struct surface_options o = { .no_ports = true,
					   .no_counts = true,
					   .no_connections = true };
	struct json_object *changes = json_object_new_array();
	bool good = keeps_filters(h->http, host_of(after, "http", h->name)) &&
		    keeps_filters(h->https, host_of(after, "https", h->name));

	if (!good)
		converted_note(h, "filters of it (access, limits, CORS), or TLS or HTTP/2 to its "
				  "backends, cannot be said: it is not written without them");
	surface_compare(json_member(before, h->name), json_member(after, h->name), &o, changes);
	for (size_t i = 0; i < json_length(changes); i++) {
		struct json_object *c = json_object_array_get_idx(changes, i);

		good &= is_harmless(c);
		converted_note(h, "%s %s: %s: %s", json_text(c, "host"), json_text(c, "match"),
			       json_text(c, "change"), json_text(c, "text"));
	}
	json_object_put(changes);
	return good;
}

static void add_result(struct work *w, const struct converted_host *h, bool written, bool equal)
{
	struct json_object *o = json_object_new_object();

	(void)json_object_object_add(o, "host", json_object_new_string(h->name));
	(void)json_object_object_add(o, "written", json_object_new_boolean(written));
	(void)json_object_object_add(o, "equal", json_object_new_boolean(equal));
	(void)json_object_object_add(o, "notes", json_object_get(h->notes));
	(void)json_object_array_add(w->c->hosts, o);
	w->c->n_written += written;
	w->c->n_equal += equal;
}

static int choose(struct work *w, struct json_object *before)
{
	struct json_object *objects = make_objects(w, true), *after = NULL, *now;
	int r = translate(w, objects, &after);

	if (r >= 0)
		make_plain(w, after);
	now = by_host(after);
	for (size_t i = 0; i < w->n && r >= 0; i++) {
		struct converted_host *h = &w->hosts[i];
		bool said = !json_length(h->notes);
		bool good = note_differences(h, before, now);
		bool equal = said && !json_length(h->notes);

		w->chosen[i] = equal || (good && w->c->with_differences);
	}
	json_object_put(objects);
	json_object_put(now);
	json_object_put(after);
	return r;
}

/* Objects for hosts that failed are left out: each remaining host must still be equal. */
static int prove(struct work *w, struct json_object *before)
{
	struct json_object *after = NULL, *now;
	int r;

	w->c->objects = make_objects(w, false);
	r = translate(w, w->c->objects, &after);
	if (r >= 0)
		make_plain(w, after);
	now = by_host(after);
	for (size_t i = 0; i < w->n && r >= 0; i++) {
		struct converted_host *h = &w->hosts[i];
		size_t known = json_length(h->notes);

		if (w->chosen[i] && !known && !note_differences(h, before, now)) {
			(void)fprintf(stderr,
				      "portolan migrate: %s is another one without the hosts that "
				      "could not be converted\n",
				      h->name);
			r = -EIO;
		}
		add_result(w, h, w->chosen[i], !json_length(h->notes));
	}
	json_object_put(now);
	json_object_put(after);
	return r;
}

static void work_done(struct work *w)
{
	for (size_t i = 0; i < w->n; i++)
		json_object_put(w->hosts[i].notes);
	free(w->hosts);
	free(w->chosen);
}

/* What the source's own objects make: without the default certificate, which is nobody's object. */
static int translate_source(const struct work *w, struct json_object **ret)
{
	struct world_objects all = { state_new(), state_new() };
	_cleanup_(state_freep) struct state *statuses = NULL;
	int r;

	copy_objects(&all, &w->m->world, true);
	r = world_translate("migrate", w->o, all.objects, "surface=1", &statuses, ret);
	world_objects_done(&all);
	return r;
}

int conversion_make(struct conversion *c, const struct migration *m, const struct world_options *o)
{
	struct work w = { .c = c, .m = m, .o = o };
	struct json_object *before = NULL, *then;
	int r;

	c->hosts = json_object_new_array();
	c->gateway_taken = state_get(m->world.objects, OBJECT_GATEWAY, GATEWAY_KEY,
				     strlen(GATEWAY_KEY)) != NULL;
	r = translate_source(&w, &before);
	if (r < 0)
		return r;
	make_plain(&w, before);
	collect(&w, before);
	if (c->target == CONVERT_GATEWAY)
		limit_listeners(&w);
	w.chosen = xnew(bool, w.n + 1);
	stage_option_add("ingress-class", "portolan");
	then = by_host(before);
	r = choose(&w, then);
	if (r >= 0)
		r = prove(&w, then);
	json_object_put(then);
	json_object_put(before);
	work_done(&w);
	return r;
}

/* ---- writing ---- */

static void put_comment(const char *lead, const char *text, struct strbuf *out)
{
	_cleanup_free_ char *line = text_of(text);

	strbuf_printf(out, "# %s%s\n", lead, line);
}

static void put_hosts(const struct conversion *c, bool written, struct strbuf *out)
{
	for (size_t i = 0; i < json_length(c->hosts); i++) {
		struct json_object *h = json_object_array_get_idx(c->hosts, i);
		struct json_object *notes = json_member(h, "notes");
		bool equal = json_object_get_boolean(json_member(h, "equal"));

		if (json_object_get_boolean(json_member(h, "written")) != written || equal)
			continue;
		put_comment(written ? "with differences: " : "not written: ", json_text(h, "host"),
			    out);
		for (size_t k = 0; k < json_length(notes); k++)
			put_comment("  ",
				    json_object_get_string(json_object_array_get_idx(notes, k)),
				    out);
	}
}

void conversion_write(const struct conversion *c, struct strbuf *out)
{
	size_t n = json_length(c->hosts);

	strbuf_printf(out,
		      "# %zu of %zu hosts are the same to clients, by comparing what Envoy is "
		      "sent; %zu are written.\n",
		      c->n_equal, n, c->n_written);
	if (c->target == CONVERT_GATEWAY)
		strbuf_puts(out, "# On every route of Gateway API WebSockets are let through, and "
				 "backends have no limit of connections.\n");
	if (c->target == CONVERT_GATEWAY && c->gateway_taken)
		strbuf_puts(out,
			    "# The source has a Gateway " GATEWAY_KEY " already: give this one "
			    "another name, here and in all parentRefs, before you apply it.\n");
	put_hosts(c, true, out);
	put_hosts(c, false, out);
	if (c->n_written)
		put_yaml(c->objects, out);
}
