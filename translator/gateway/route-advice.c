/* Warnings about what a route says without effect. They change neither conditions nor traffic. */
#include "translator/gateway/route-advice.h"

#include <string.h>
#include <strings.h>

#include "translator/model/host-name.h"
#include "translator/model/path.h"
#include "translator/resolve/config.h"
#include "translator/resolve/object.h"
#include "translator/resolve/path-unmatched.h"

#define OTHER_LISTENER ": attach the route to another listener only, by parentRefs[].sectionName"

struct advice {
	struct route_work *w;
	const char *field; /* of the rule */
};

#define warn(w, reason, field, ...) \
	object_warning((w)->r, (w)->head.kind, (w)->head.key, reason, field, __VA_ARGS__)

/* ---- headers ---- */

static bool has_header(K8s__HTTPHeader *const *all, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcasecmp(all[i]->name, name) == 0)
			return true;
	return false;
}

static bool has_name(char *const *all, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcasecmp(all[i], name) == 0)
			return true;
	return false;
}

/* The first entry for a name counts, and a removed header is not set (V-3). */
static void look_at_edits(struct route_work *w, const K8s__HTTPHeaderFilter *f, const char *field)
{
	for (size_t i = 0; f && i < f->n_set; i++)
		if (has_header(f->set, i, f->set[i]->name))
			warn(w, "HeaderTwice", field, "header %s is set twice: the first counts",
			     f->set[i]->name);
	for (size_t i = 0; f && i < f->n_add; i++)
		if (has_header(f->add, i, f->add[i]->name))
			warn(w, "HeaderTwice", field, "header %s is added twice: the first counts",
			     f->add[i]->name);
	for (size_t i = 0; f && i < f->n_set + f->n_add; i++) {
		const char *name = i < f->n_set ? f->set[i]->name : f->add[i - f->n_set]->name;

		if (has_name(f->remove, f->n_remove, name))
			warn(w, "HeaderTwice", field,
			     "header %s is removed, too: that counts, and it is not sent", name);
	}
}

/* Envoy writes its own name after all edits. */
static void look_at_server(struct route_work *w, const K8s__HTTPHeaderFilter *f, const char *field)
{
	const char *word = config_read(w->r)->envoy->listener->server_header_transformation;
	bool removed, written;

	if (!f || strcmp(word, "pass_through") == 0)
		return;
	removed = has_name(f->remove, f->n_remove, "server");
	written = has_header(f->set, f->n_set, "server") || has_header(f->add, f->n_add, "server");
	if (removed || (written && strcmp(word, "append_if_absent") != 0))
		warn(w, "FieldIgnored", field,
		     "header Server: Envoy writes it itself, after all edits, unless "
		     "serverHeaderTransformation in the configuration is pass_through");
}

/* ---- CORS ---- */

static void look_at_cors(struct route_work *w, const K8s__HTTPCORSFilter *f, const char *field)
{
	if (f && f->allow_credentials && has_name(f->expose_headers, f->n_expose_headers, "*"))
		warn(w, "FieldIgnored", arena_printf(w->a, "%s.cors.exposeHeaders", field),
		     "\"*\" is left out: with allowCredentials browsers take it for the name of a "
		     "header; list the headers");
}

/* ---- redirects ---- */

static bool is_same_path(const K8s__HTTPPathModifier *p, const struct route_match *m)
{
	const char *text;

	if (!p)
		return true;
	text = p->replace_full_path ? p->replace_full_path : p->replace_prefix_match;
	if (strcmp(p->type, "ReplaceFullPath") == 0)
		return text && m->kind == PATH_EXACT && strcmp(text, m->path) == 0;
	return text && m->kind != PATH_REGEX && strcmp(text, m->path) == 0;
}

/* Whether a redirect on the listener leads to the URL that was asked for (G-FLT-4). */
static bool is_loop(const K8s__HTTPRequestRedirectFilter *f, const struct attachment *at)
{
	bool tls = at->listener->protocol == LISTENER_HTTPS;
	bool has_scheme = f->scheme && *f->scheme;
	uint32_t port = at->listener->port;

	if (has_scheme && strcmp(f->scheme, tls ? "https" : "http") != 0)
		return false;
	if (f->has_port ? (uint32_t)f->port != port : has_scheme && port != (tls ? 443u : 80u))
		return false;
	if (!f->hostname || !*f->hostname)
		return true;
	for (size_t i = 0; i < at->n_names; i++)
		if (strcmp(at->names[i].domain, f->hostname) == 0)
			return true;
	return false;
}

static void look_at_redirect(struct route_work *w, const K8s__HTTPRequestRedirectFilter *f,
			     const char *field, const struct route_match *m,
			     const struct route_parent *parents, size_t n)
{
	for (size_t i = 0; i < n && is_same_path(f->path, m); i++)
		for (size_t k = 0; k < parents[i].n_attachments; k++)
			if (is_loop(f, &parents[i].attachments[k]))
				warn(w, "RedirectLoop", field,
				     "on listener %s of %s %s/%s it redirects to the URL that was "
				     "asked for, without end%s",
				     parents[i].attachments[k].listener->name, parents[i].kind,
				     parents[i].namespace, parents[i].name,
				     f->scheme && *f->scheme ? OTHER_LISTENER : "");
}

/* What is for requests that get to a backend, or are answered for one. */
static void look_beside_redirect(struct route_work *w, const K8s__HTTPRouteRule *rule,
				 const char *field)
{
	const struct {
		const void *member;
		const char *name;
	} rows[] = { { rule->timeouts, "timeouts" },
		     { rule->retry, "retry" },
		     { rule->session_persistence, "sessionPersistence" } };
	bool redirects = false;

	for (size_t i = 0; i < rule->n_filters; i++)
		redirects |= rule->filters[i]->request_redirect != NULL;
	for (size_t i = 0; redirects && i < ARRAY_SIZE(rows); i++)
		if (rows[i].member)
			warn(w, "FieldIgnored", arena_printf(w->a, "%s.%s", field, rows[i].name),
			     "ignored: the rule redirects, and no request gets to a backend");
	for (size_t i = 0; redirects && i < rule->n_filters; i++) {
		const char *one = arena_printf(w->a, "%s.filters[%zu]", field, i);

		if (rule->filters[i]->request_mirror)
			warn(w, "FieldIgnored", one,
			     "ignored: the rule redirects, and such requests are not mirrored");
		if (rule->filters[i]->cors)
			warn(w, "FieldIgnored", one,
			     "ignored: the rule redirects, preflights, too, and browsers follow no "
			     "redirect of a preflight; put the redirect into a rule without CORS");
	}
}

static void look_at_filters(struct route_work *w, K8s__HTTPRouteFilter *const *all, size_t n,
			    const char *field)
{
	for (size_t i = 0; i < n; i++) {
		const char *one = arena_printf(w->a, "%s.filters[%zu]", field, i);

		look_at_edits(w, all[i]->request_header_modifier, one);
		look_at_edits(w, all[i]->response_header_modifier, one);
		look_at_server(w, all[i]->response_header_modifier, one);
		look_at_cors(w, all[i]->cors, one);
	}
}

/* ---- matches ---- */

/* Conditions that no request for one of the route's host names meets. */
static const char *headers_never(struct route_work *w, const struct route_match *m)
{
	const char *why =
		w->head.n_hosts ? NULL : match_headers_never(w->a, m->headers, m->n_headers, "*");

	for (size_t i = 0; i < w->head.n_hosts; i++) {
		why = match_headers_never(w->a, m->headers, m->n_headers, w->head.hosts[i]);
		if (!why)
			return NULL;
	}
	return why;
}

static void look_at_match(struct route_work *w, const K8s__HTTPRouteMatch *m,
			  const struct route_match *made, const char *field)
{
	const char *why = path_unmatched(w->r, made);

	if (why)
		warn(w, "PathNeverMatches", arena_printf(w->a, "%s.path", field),
		     "path %s: no request has such a path: %s", made->path, why);
	why = path_with_star(made->path, made->kind == PATH_REGEX);
	if (why)
		warn(w, "PathWithStar", arena_printf(w->a, "%s.path", field), "path %s: %s",
		     made->path, why);
	why = headers_never(w, made);
	if (why)
		warn(w, "HeaderNeverMatches", arena_printf(w->a, "%s.headers", field),
		     "no request meets them: %s", why);
	if (m->n_headers != made->n_headers)
		warn(w, "HeaderTwice", arena_printf(w->a, "%s.headers", field),
		     "two conditions are on one header: the first counts");
	if (m->n_query_params != made->n_queries)
		warn(w, "QueryTwice", arena_printf(w->a, "%s.queryParams", field),
		     "two conditions are on one parameter: the first counts");
	for (size_t i = 0; i < made->n_queries; i++) {
		const struct value_match *q = &made->queries[i];

		why = q->op == MATCH_EXACT ? query_never(q->value) : NULL;
		if (why)
			warn(w, "QueryNeverMatches", arena_printf(w->a, "%s.queryParams", field),
			     "no request has %s=%s: %s", q->name, q->value, why);
	}
}

struct seen {
	struct rule_match match;
	const char *field;
};

static const struct seen *find_same(const struct seen *all, size_t n, const struct route_match *m)
{
	for (size_t i = 0; i < n; i++)
		if (all[i].match.match.kind == m->kind &&
		    strcmp(all[i].match.match.path, m->path) == 0 &&
		    strcmp(all[i].match.match.text, m->text) == 0)
			return &all[i];
	return NULL;
}

/* The match, if it can be read; others have an error of their own. */
static void look_at(struct advice *v, size_t i, const K8s__HTTPRouteRule *rule,
		    const K8s__GRPCRouteRule *grpc, struct seen *all, size_t *n)
{
	const char *field = arena_printf(v->w->a, "%s.matches[%zu]", v->field, i), *why;
	const K8s__HTTPRouteMatch *m = !grpc && i < rule->n_matches ? rule->matches[i] : NULL;
	struct seen *one = &all[*n];
	const struct seen *same;

	one->field = field;
	if ((grpc ? rule_match_grpc(v->w->a, i < grpc->n_matches ? grpc->matches[i] : NULL,
				    &one->match, &why)
		  : rule_match_http(v->w->a, m, &one->match, &why)) < 0)
		return;
	if (m)
		look_at_match(v->w, m, &one->match.match, field);
	same = find_same(all, *n, &one->match.match);
	if (same)
		warn(v->w, "MatchTwice", field, "it is the match of %s, which takes its requests",
		     same->field);
	(*n)++;
}

/* ---- host names ---- */

static bool is_served(const char *host, const struct route_parent *parents, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < parents[i].n_attachments; k++) {
			const struct attachment *at = &parents[i].attachments[k];
			const char *domain = host_name_intersect(at->listener->host, host);

			for (size_t m = 0; domain && m < at->n_names; m++)
				if (strcmp(at->names[m].domain, domain) == 0)
					return true;
		}
	return false;
}

/* A name that no listener has, beside others that one has. */
static void look_at_hosts(struct route_work *w, const struct route_parent *parents, size_t n)
{
	size_t attached = 0;

	for (size_t i = 0; i < n; i++)
		attached += parents[i].n_attachments;
	if (!attached || n < w->head.n_refs)
		return;
	for (size_t i = 0; i < w->head.n_hosts; i++)
		if (!is_served(w->head.hosts[i], parents, n))
			warn(w, "HostnameNotServed", arena_printf(w->a, "spec.hostnames[%zu]", i),
			     "no listener that it is attached to serves host name %s",
			     w->head.hosts[i]);
}

static void look_at_backend(struct route_work *w, const K8s__HTTPBackendRef *b, const char *field)
{
	look_at_filters(w, b->filters, b->n_filters, field);
	for (size_t i = 0; i < b->n_filters; i++)
		if (b->filters[i]->cors)
			warn(w, "FieldIgnored", arena_printf(w->a, "%s.filters[%zu]", field, i),
			     "ignored: CORS is for all backends of a rule: put it into the rule's "
			     "filters");
}

void route_advise(struct route_work *w, const K8s__HTTPRouteRule *const *rules,
		  K8s__GRPCRouteRule *const *grpc, size_t n, const struct route_parent *parents,
		  size_t n_parents)
{
	struct seen *all;
	size_t max = 0, seen = 0;

	for (size_t i = 0; i < n; i++)
		max += 1 + (grpc ? grpc[i]->n_matches : rules[i]->n_matches);
	all = arena_new_of(w->a, struct seen, max + 1);
	for (size_t i = 0; i < n; i++) {
		struct advice v = { w, arena_printf(w->a, "spec.rules[%zu]", i) };
		size_t matches = grpc ? grpc[i]->n_matches : rules[i]->n_matches, from = seen;

		for (size_t k = 0; k < (matches ? matches : 1); k++)
			look_at(&v, k, rules[i], grpc ? grpc[i] : NULL, all, &seen);
		look_at_filters(w, rules[i]->filters, rules[i]->n_filters, v.field);
		for (size_t k = 0; k < rules[i]->n_backend_refs; k++)
			look_at_backend(w, rules[i]->backend_refs[k],
					arena_printf(w->a, "%s.backendRefs[%zu]", v.field, k));
		look_beside_redirect(w, rules[i], v.field);
		for (size_t k = 0; k < rules[i]->n_filters; k++)
			for (size_t m = from; rules[i]->filters[k]->request_redirect && m < seen;
			     m++)
				look_at_redirect(w, rules[i]->filters[k]->request_redirect,
						 arena_printf(w->a, "%s.filters[%zu]", v.field, k),
						 &all[m].match.match, parents, n_parents);
	}
	look_at_hosts(w, parents, n_parents);
}
