/* Rules of HTTPRoutes and GRPCRoutes as routes of the model. */
#include <errno.h>
#include <string.h>

#include "translator/gateway/route-work.h"
#include "translator/model/listener.h"
#include "translator/model/path.h"
#include "translator/model/precedence.h"
#include "translator/resolve/object.h"
#include "translator/resolve/traffic-policy.h"

#define DROPPED_MAX 2048 /* bytes of messages about rules that are not served */
#define MILLION     1000000

/* One rule, for one host name. */
struct rule {
	struct route_work *w;
	const K8s__HTTPRouteRule *spec;
	const K8s__GRPCRouteRule *grpc;
	size_t index;
	const struct attached_name *name;
	const char *field;
	struct placed_routes *ret;
	struct rule_filters filters;
	const char *why; /* the rule cannot be served */
};

/* ---- GRPCRoutes ---- */

static K8s__HTTPRouteFilter **filters_of_grpc(struct arena *a, K8s__GRPCRouteFilter *const *all,
					      size_t n)
{
	K8s__HTTPRouteFilter **out = arena_new_of(a, K8s__HTTPRouteFilter *, n + 1);

	for (size_t i = 0; i < n; i++) {
		out[i] = arena_new_of(a, K8s__HTTPRouteFilter, 1);
		k8s__httproute_filter__init(out[i]);
		out[i]->type = all[i]->type;
		out[i]->request_header_modifier = all[i]->request_header_modifier;
		out[i]->response_header_modifier = all[i]->response_header_modifier;
		out[i]->request_mirror = all[i]->request_mirror;
		out[i]->extension_ref = all[i]->extension_ref;
	}
	return out;
}

static K8s__HTTPBackendRef *backend_of_grpc(struct arena *a, const K8s__GRPCBackendRef *b)
{
	K8s__HTTPBackendRef *out = arena_new_of(a, K8s__HTTPBackendRef, 1);

	k8s__httpbackend_ref__init(out);
	out->group = b->group;
	out->kind = b->kind;
	out->name = b->name;
	out->namespace_ = b->namespace_;
	out->has_port = b->has_port;
	out->port = b->port;
	out->has_weight = b->has_weight;
	out->weight = b->weight;
	out->n_filters = b->n_filters;
	out->filters = filters_of_grpc(a, b->filters, b->n_filters);
	return out;
}

const K8s__HTTPRouteRule *rule_of_grpc(struct arena *a, const K8s__GRPCRouteRule *rule)
{
	K8s__HTTPRouteRule *out = arena_new_of(a, K8s__HTTPRouteRule, 1);

	k8s__httproute_rule__init(out);
	out->name = rule->name;
	out->n_filters = rule->n_filters;
	out->filters = filters_of_grpc(a, rule->filters, rule->n_filters);
	out->n_backend_refs = rule->n_backend_refs;
	out->backend_refs = arena_new_of(a, K8s__HTTPBackendRef *, rule->n_backend_refs + 1);
	for (size_t i = 0; i < rule->n_backend_refs; i++)
		out->backend_refs[i] = backend_of_grpc(a, rule->backend_refs[i]);
	out->session_persistence = rule->session_persistence;
	return out;
}

/* ---- places ---- */

static void place(const struct rule *u, const struct rule_match *m, size_t match, size_t sub,
		  struct placed_route *ret)
{
	const struct route_work *w = u->w;
	const K8s__Time *age = w->meta->creation_timestamp;

	ret->order = precedence_encode(w->a,
				       &(struct precedence){
					       .own = u->name->own,
					       .grpc = w->grpc,
					       .path_rank = m->path_rank,
					       .first = m->first,
					       .second = m->second,
					       .method = m->match.method != NULL,
					       .headers = m->n_headers,
					       .queries = m->n_queries,
					       .age = age ? (uint64_t)age->seconds : 0,
					       .key = w->head.key,
					       .rule = u->index,
					       .match = match,
					       .sub = sub,
				       },
				       &ret->order_len);
}

static void add(struct rule *u, const struct rule_match *m, size_t match, size_t sub,
		const struct route *route)
{
	struct placed_routes *l = u->ret;
	struct placed_route *one;

	if (l->n == l->cap) {
		size_t cap = l->cap ? 2 * l->cap : 8;
		struct placed_route *more = arena_new_of(u->w->a, struct placed_route, cap);

		if (l->n)
			memcpy(more, l->all, l->n * sizeof(*more));
		l->all = more;
		l->cap = cap;
	}
	one = &l->all[l->n++];
	one->route = *route;
	one->route.match = m->match;
	place(u, m, match, sub, one);
}

/* ---- forwarding ---- */

static struct go_duration duration(const char *text)
{
	struct go_duration d = { 0 };

	if (!text || go_duration_parse(text, &d) < 0)
		return (struct go_duration){ 0 };
	/* "0s" means no limit (V-14). */
	if (!d.usec)
		d = (struct go_duration){ .set = true, .infinite = true };
	return d;
}

static void set_timeouts(const struct rule *u, struct forward *f)
{
	const K8s__HTTPRouteTimeouts *t = u->spec->timeouts;
	struct go_duration request = duration(t ? t->request : NULL);
	struct go_duration infinite = { .set = true, .infinite = true };

	f->timeouts.request = request;
	/* A stream has no end that a default should cut (E-GR-6); a limit of one try must not be
	 * cut by the default of all (E-RT-3). */
	if (u->w->grpc || (!request.set && t && t->backend_request))
		f->timeouts.request = infinite;
	if (request.infinite)
		f->timeouts.idle = infinite;
}

static bool has_code(const K8s__HTTPRouteRetry *r, int32_t code)
{
	for (size_t i = 0; i < r->n_codes; i++)
		if (r->codes[i] == code)
			return true;
	return false;
}

/* Retries requests that reached no backend, and those with the listed codes (v1.7: GEP-1731). A try
 * that exceeds backendRequest counts as a 504, but Envoy knows it only as a reset. */
static void set_retries(const struct rule *u, struct forward *f)
{
	const K8s__HTTPRouteRetry *desired = u->spec->retry;
	const K8s__HTTPRouteTimeouts *t = u->spec->timeouts;
	struct retries *r = arena_new_of(u->w->a, struct retries, 1);

	*r = (struct retries){ .per_try = duration(t ? t->backend_request : NULL) };
	if (r->per_try.infinite)
		r->per_try = (struct go_duration){ 0 };
	if (desired) {
		bool slow = r->per_try.set && has_code(desired, 504);

		r->on = slow ? "connect-failure,refused-stream,retriable-status-codes,reset"
			     : "connect-failure,refused-stream,retriable-status-codes";
		r->has_count = true;
		r->count = desired->has_attempts ? (uint32_t)desired->attempts : 1;
		r->n_codes = desired->n_codes;
		r->codes = arena_new_of(u->w->a, uint32_t, desired->n_codes + 1);
		for (size_t i = 0; i < desired->n_codes; i++)
			r->codes[i] = (uint32_t)desired->codes[i];
		r->backoff = duration(desired->backoff);
		r->other_endpoints = true;
		if (!r->count)
			r->on = NULL;
	}
	if (r->on || r->per_try.set)
		f->retries = r;
}

static const char *find_backend(struct rule *u, const K8s__HTTPBackendRef *b, const char *field,
				struct backend_found *ret)
{
	const struct backend_ref ref = {
		b->group, b->kind, b->namespace_, b->name, b->has_port ? (uint32_t)b->port : 0,
		false,    false
	};

	return rule_backend_find(u->w, &ref, field, ret);
}

static uint32_t weight_of(const K8s__HTTPBackendRef *b)
{
	return b->has_weight ? (uint32_t)MAX(b->weight, 0) : 1;
}

/* Uses a denominator that Envoy has; rounds to a millionth. */
static struct mirror share_of(const K8s__HTTPRequestMirrorFilter *m)
{
	int64_t n = 1, d = 1, share;

	if (m->has_percent) {
		n = m->percent;
		d = 100;
	} else if (m->fraction) {
		n = m->fraction->numerator;
		d = m->fraction->denominator > 0 ? m->fraction->denominator : 100;
	}
	n = n < 0 ? 0 : MIN(n, d);
	if (n == d)
		return (struct mirror){ .numerator = 1, .same_host = true };
	if (100 % d == 0)
		return (struct mirror){ .numerator = (uint32_t)(n * (100 / d)),
					.denominator = 100,
					.same_host = true };
	share = (n * MILLION + d / 2) / d;
	return (struct mirror){ .numerator = (uint32_t)share,
				.denominator = MILLION,
				.same_host = true };
}

static void add_mirrors(struct rule *u, const struct rule_filters *filters, struct forward *f)
{
	struct mirror *all =
		arena_new_of(u->w->a, struct mirror, f->n_mirrors + filters->n_mirrors + 1);

	if (f->n_mirrors)
		memcpy(all, f->mirrors, f->n_mirrors * sizeof(*all));
	f->mirrors = all;
	for (size_t i = 0; i < filters->n_mirrors; i++) {
		const K8s__BackendObjectReference *b = filters->mirrors[i]->backend_ref;
		struct mirror one = share_of(filters->mirrors[i]);
		struct backend_ref ref;

		if (!b)
			continue;
		ref = (struct backend_ref){ b->group,
					    b->kind,
					    b->namespace_,
					    b->name,
					    b->has_port ? (uint32_t)b->port : 0,
					    false,
					    false };
		one.cluster = rule_backend_find(
			u->w, &ref,
			arena_printf(u->w->a, "%s.backendRef", filters->mirror_fields[i]), NULL);
		if (one.cluster && one.numerator)
			f->mirrors[f->n_mirrors++] = one;
	}
}

/* ---- additions of a rule's filters to each of its routes ---- */

/* The backend's own CORS headers are not for the gateway's clients; Envoy's filter writes ours
 * after these edits. */
static struct header_edits with_cors(const struct rule *u, const struct header_edits *e)
{
	static const char *const own[] = { "access-control-allow-origin",
					   "access-control-allow-credentials",
					   "access-control-expose-headers" };
	struct arena *a = u->w->a;
	struct header_edits out = *e;

	if (!u->filters.cors)
		return out;
	out.remove = arena_new_of(a, const char *, e->n_remove + ARRAY_SIZE(own));
	if (e->n_remove)
		memcpy(out.remove, e->remove, e->n_remove * sizeof(*out.remove));
	for (size_t i = 0; i < ARRAY_SIZE(own); i++)
		out.remove[out.n_remove++] = own[i];
	/* Answers differ by the origin, also where one is allowed (E-CO-6). */
	out.all = arena_new_of(a, struct header_edit, e->n + 1);
	if (e->n)
		memcpy(out.all, e->all, e->n * sizeof(*out.all));
	out.all[out.n++] = (struct header_edit){ HEADER_ADD, "vary", "Origin" };
	return out;
}

static void decorate(struct rule *u, struct route *route)
{
	const struct rule_filters *f = &u->filters;

	route->origin = (struct route_origin){ .object = u->w->head.key,
					       .field = u->field,
					       .rule = u->spec->name };
	route->request = f->request;
	route->response = with_cors(u, &f->response);
	if (f->cors)
		route->filters.cors = rule_filter_cors(u->w->a, f->cors);
}

static struct route answer(struct rule *u, uint32_t status)
{
	struct route route = { .kind = ROUTE_ANSWER, .answer = { .status = status } };

	decorate(u, &route);
	return route;
}

/* Reports each rule once, for however many host names and listeners it is planned; of very many the
 * first. */
static void drop(struct rule *u, const char *field, const char *why, const char *what)
{
	const char *place = problem_place(why, field) ? "" : arena_printf(u->w->a, "%s: ", field);
	const char *one = arena_printf(u->w->a, "Dropped Rule: %s%s; %s", place, why, what);
	const char *all = u->w->flaws.dropped;

	if (!all)
		u->w->flaws.dropped = one;
	else if (strlen(all) < DROPPED_MAX && !strstr(all, one))
		u->w->flaws.dropped = arena_printf(u->w->a, "%s. %s", all, one);
	route_flaw_add(&u->w->flaws, "UnsupportedValue", field,
		       arena_printf(u->w->a, "%s; %s", why, what));
}

/* The status if no backend can be reached (G-BE-3). */
static uint32_t missing_status(const struct rule *u)
{
	return u->w->grpc ? 503 : 500;
}

/* ---- redirects ---- */

static uint32_t well_known_port(const char *scheme)
{
	return strcmp(scheme, "https") == 0 ? 443 : 80;
}

static struct rewrite redirect_path(struct arena *a, const K8s__HTTPPathModifier *p)
{
	if (!p)
		return (struct rewrite){ 0 };
	if (strcmp(p->type, "ReplaceFullPath") == 0)
		return (struct rewrite){
			.kind = REWRITE_PATH,
			.text = path_to_send(a, p->replace_full_path ? p->replace_full_path : "/")
		};
	return (struct rewrite){
		.kind = REWRITE_ELEMENTS,
		.text = path_to_send(a, p->replace_prefix_match ? p->replace_prefix_match : "/"),
	};
}

/* The port is the given one, or the given scheme's, or the listener's (G-FLT-4); a scheme's default
 * port is not shown. Without a host in the redirect Envoy uses the request's host with its port, so
 * requests with a port in Host need a route of their own (E-RD-4). */
static void add_redirect(struct rule *u, const struct rule_match *m, size_t match, size_t sub,
			 const K8s__HTTPRequestRedirectFilter *f, struct route route)
{
	const struct attachment *at = u->w->at;
	bool tls = at->listener->protocol == LISTENER_HTTPS;
	const char *scheme = f->scheme && *f->scheme ? f->scheme : tls ? "https" : "http";
	uint32_t port = f->has_port               ? (uint32_t)f->port
			: f->scheme && *f->scheme ? well_known_port(scheme)
						  : at->listener->port;
	bool hidden = port == well_known_port(scheme);
	struct rule_match with_port;

	route.kind = ROUTE_REDIRECT;
	route.filters.ask = u->filters.ask;
	route.redirect = (struct redirect){
		.status = f->status_code ? (uint32_t)f->status_code : 302,
		.scheme = f->scheme && *f->scheme ? f->scheme : NULL,
		.host = f->hostname && *f->hostname ? f->hostname : NULL,
		.port = hidden ? 0 : port,
		.path = redirect_path(u->w->a, f->path),
	};
	if (hidden && !route.redirect.host) {
		struct route first = route;

		rule_match_with_port(u->w->a, m, &with_port);
		first.redirect.port = port;
		if (*u->name->domain != '*') {
			first.redirect.port = 0;
			first.redirect.host = u->name->domain;
		}
		add(u, &with_port, match, sub, &first);
		sub++;
	}
	add(u, m, match, sub, &route);
}

/* ---- one match ---- */

static void add_forward(struct rule *u, const struct rule_match *m, size_t match, size_t sub,
			const struct target *targets, size_t n, const struct rule_filters *own,
			struct route route)
{
	struct forward *f = &route.forward;

	route.kind = ROUTE_FORWARD;
	*f = (struct forward){ .missing_status = missing_status(u), .websocket = !u->w->grpc };
	f->targets = arena_memdup(u->w->a, targets, n * sizeof(*targets));
	f->n_targets = n;
	f->rewrite = u->filters.rewrite;
	if (own && own->rewrite.kind != REWRITE_NONE)
		f->rewrite = own->rewrite;
	set_timeouts(u, f);
	set_retries(u, f);
	route.filters.session = rule_session_find(u->w, u->spec->session_persistence, u->index);
	/* Our own answers for missing backends ask no service (E-EA-5). */
	route.filters.ask = own && own->ask ? own->ask : u->filters.ask;
	add_mirrors(u, &u->filters, f);
	if (own)
		add_mirrors(u, own, f);
	add(u, m, match, sub, &route);
}

struct backends {
	struct backend_share *all; /* that can be reached, also those of weight 0 */
	size_t n_all;
	struct target *targets;
	struct rule_filters *filters; /* one a target */
	bool *bad;                    /* its filters cannot be applied: 500 */
	size_t n;
	uint64_t total;
	bool split;    /* a backend has filters that only a route of its own can have */
	bool filtered; /* or others */
};

static const char *prefix_of(const struct rule_match *m)
{
	return m->match.kind == PATH_SEGMENTS || m->match.kind == PATH_PREFIX ? m->match.path
									      : NULL;
}

static void find_backends(struct rule *u, const struct rule_match *m, struct backends *b)
{
	size_t n = u->spec->n_backend_refs;

	*b = (struct backends){ .all = arena_new_of(u->w->a, struct backend_share, n + 1),
				.targets = arena_new_of(u->w->a, struct target, n + 1),
				.filters = arena_new_of(u->w->a, struct rule_filters, n + 1),
				.bad = arena_new_of(u->w->a, bool, n + 1) };
	for (size_t i = 0; i < n; i++) {
		const K8s__HTTPBackendRef *ref = u->spec->backend_refs[i];
		const char *field = arena_printf(u->w->a, "%s.backendRefs[%zu]", u->field, i), *why;
		struct target *t = &b->targets[b->n];
		struct backend_found found;

		*t = (struct target){ .weight = weight_of(ref) };
		t->cluster = find_backend(u, ref, field, &found);
		t->http2 = found.http2;
		b->filtered |= ref->n_filters > 0;
		if (t->cluster)
			b->all[b->n_all++] = (struct backend_share){ found, t->weight };
		if (!t->weight)
			continue;
		b->bad[b->n] = rule_filters_parse(u->w, ref->filters, ref->n_filters, field,
						  prefix_of(m), &b->filters[b->n], &why) < 0;
		if (b->bad[b->n]) {
			t->cluster = NULL;
			b->filters[b->n] = (struct rule_filters){ 0 };
			drop(u, field, why,
			     arena_printf(u->w->a, "its share is answered with %u",
					  missing_status(u)));
		}
		t->request = b->filters[b->n].request;
		t->response = b->filters[b->n].response;
		b->split |= b->filters[b->n].has_more_than_headers;
		b->total += t->weight;
		b->n++;
	}
}

static bool have_edits(const struct backends *b)
{
	for (size_t i = 0; i < b->n; i++)
		if (!header_edits_are_empty(&b->targets[i].request) ||
		    !header_edits_are_empty(&b->targets[i].response))
			return true;
	return false;
}

/* A backend's filters are applied after the rule's, but Envoy has them the other way round: both
 * become the backend's. */
static void move_edits(struct rule *u, struct backends *b, struct route *route)
{
	if (!have_edits(b))
		return;
	for (size_t i = 0; i < b->n; i++) {
		struct target *t = &b->targets[i];

		t->request = header_edits_join(u->w->a, &route->request, &t->request);
		t->response = header_edits_join(u->w->a, &u->filters.response, &t->response);
		t->response = with_cors(u, &t->response);
	}
	route->request = route->response = (struct header_edits){ 0 };
}

/* Shares of requests, all decided by one random number (E-RW-6). */
static void add_split(struct rule *u, const struct rule_match *m, size_t match, size_t sub,
		      const struct backends *b, const struct route *route)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < b->n; i++) {
		struct rule_match own = *m;
		struct target t = b->targets[i];
		struct route redirect = *route;

		sum += t.weight;
		own.match.share = sum < b->total ? (uint32_t)(sum * MILLION / b->total) : 0;
		if (sum < b->total && !own.match.share)
			continue;
		match_finish(u->w->a, &own.match);
		redirect.response = header_edits_join(u->w->a, &t.response, &route->response);
		if (b->filters[i].redirect)
			add_redirect(u, &own, match, sub + 2 * i, b->filters[i].redirect, redirect);
		else
			add_forward(u, &own, match, sub + 2 * i, &t, 1, &b->filters[i], *route);
	}
}

/* That is what the author asks for, but seldom means. */
static void tell_no_backend(const struct rule *u)
{
	object_warning(u->w->r, u->w->head.kind, u->w->head.key, "NoBackend",
		       arena_printf(u->w->a, "%s.backendRefs", u->field),
		       "%s: requests are answered with %u",
		       u->spec->n_backend_refs ? "all have weight 0" : "none is there",
		       missing_status(u));
}

/* ---- sessions among several backends (G-SP-2) ---- */

/* Their cluster keeps a client at its endpoint. A share that no endpoint can serve is apart, since
 * others must not get it; then requests that have a session go to the cluster first. */
static bool add_together(struct rule *u, const struct rule_match *m, size_t match, size_t sub,
			 const struct backends *b, const struct session_cookie *session,
			 const struct route *route)
{
	struct target *targets = arena_new_of(u->w->a, struct target, b->n + 1);
	struct target held = { .weight = 1, .http2 = b->all[0].found.http2 };
	struct rule_match with_session = *m;
	size_t n = 1;

	held.cluster = rule_session_cluster(u->w, u->index, b->all, b->n_all);
	if (!held.cluster)
		return false;
	targets[0] = (struct target){ .cluster = held.cluster, .http2 = held.http2 };
	for (size_t i = 0; i < b->n_all; i++)
		if (rule_session_has_endpoints(u->w, &b->all[i].found))
			targets[0].weight += b->all[i].weight;
	for (size_t i = 0; i < b->n; i++)
		if (!b->targets[i].cluster)
			targets[n++] = b->targets[i];
	for (size_t i = 0; i < b->n_all; i++)
		if (b->all[i].weight && !rule_session_has_endpoints(u->w, &b->all[i].found))
			targets[n++] = (struct target){ .cluster = b->all[i].found.cluster,
							.weight = b->all[i].weight,
							.http2 = b->all[i].found.http2 };
	if (n > 1) {
		rule_session_match(u->w->a, session, &with_session.match);
		add_forward(u, &with_session, match, sub++, &held, 1, NULL, *route);
	}
	if (targets[0].weight)
		add_forward(u, m, match, sub, targets, n, NULL, *route);
	else
		add_forward(u, m, match, sub, targets + 1, n - 1, NULL, *route);
	return true;
}

static bool has_several(const struct backends *b)
{
	for (size_t i = 1; i < b->n_all; i++)
		if (strcmp(b->all[i].found.cluster, b->all[0].found.cluster) != 0)
			return true;
	return false;
}

/* False: the rule has no session, or one that holds within a backend only. */
static bool add_session(struct rule *u, const struct rule_match *m, size_t match, size_t sub,
			const struct backends *b, const struct route *route)
{
	const struct session_cookie *session =
		rule_session_find(u->w, u->spec->session_persistence, u->index);

	if (!session || !has_several(b))
		return false;
	if (!b->filtered && add_together(u, m, match, sub, b, session, route))
		return true;
	object_warning(u->w->r, u->w->head.kind, u->w->head.key, "SessionWithinBackend",
		       arena_printf(u->w->a, "%s.backendRefs", u->field),
		       "a session holds within one backend: between several the weights decide "
		       "each time, if they differ in protocol or TLS, have filters, or are not in "
		       "the cluster");
	return false;
}

/* The object with the session: an XBackend names its kind itself. */
static const char *session_owner(const struct route_work *w, const char *key)
{
	return strchr(key, ' ') ? key : arena_printf(w->a, TRAFFIC_POLICY "%s", key);
}

static void tell_other_session(const struct rule *u)
{
	const struct route_work *w = u->w;

	if (w->session_other && !u->spec->session_persistence)
		object_warning(
			w->r, w->head.kind, w->head.key, "SessionOfAnotherBackend",
			arena_printf(w->a, "%s.backendRefs", u->field),
			"the backends have different sessions, and a rule has one: that of %s "
			"counts, that of %s does not",
			session_owner(w, w->session_policy), session_owner(w, w->session_other));
}

static void plan_match(struct rule *u, const struct rule_match *m, size_t match, size_t sub)
{
	struct route route = answer(u, missing_status(u));
	struct backends b;

	if (u->why) {
		add(u, m, match, sub, &route);
		return;
	}
	if (u->filters.redirect) {
		add_redirect(u, m, match, sub, u->filters.redirect, route);
		return;
	}
	u->w->session = NULL;
	u->w->session_other = NULL;
	find_backends(u, m, &b);
	tell_other_session(u);
	if (!b.total && !b.n)
		tell_no_backend(u);
	if (b.total)
		move_edits(u, &b, &route);
	if (!b.total)
		add(u, m, match, sub, &route);
	else if (add_session(u, m, match, sub, &b, &route))
		return;
	else if (b.split)
		add_split(u, m, match, sub, &b, &route);
	else
		add_forward(u, m, match, sub, b.targets, b.n, NULL, route);
}

/* ---- the rule ---- */

static int parse_match(struct rule *u, size_t i, struct rule_match *ret, const char **why)
{
	if (u->grpc)
		return rule_match_grpc(u->w->a, i < u->grpc->n_matches ? u->grpc->matches[i] : NULL,
				       ret, why);
	return rule_match_http(u->w->a, i < u->spec->n_matches ? u->spec->matches[i] : NULL, ret,
			       why);
}

void rule_plan(struct route_work *w, const K8s__HTTPRouteRule *spec, const K8s__GRPCRouteRule *grpc,
	       size_t index, const struct attached_name *name, struct placed_routes *ret)
{
	struct rule u = { .w = w,
			  .spec = spec,
			  .grpc = grpc,
			  .index = index,
			  .name = name,
			  .field = arena_printf(w->a, "spec.rules[%zu]", index),
			  .ret = ret };
	size_t n = grpc ? grpc->n_matches : spec->n_matches;
	struct rule_match m, preflight;
	const char *why;

	for (size_t i = 0; i < (n ? n : 1); i++) {
		int e;

		if (parse_match(&u, i, &m, &why) < 0) {
			drop(&u, arena_printf(w->a, "%s.matches[%zu]", u.field, i), why,
			     "it matches nothing");
			continue;
		}
		u.why = NULL;
		e = rule_filters_parse(w, spec->filters, spec->n_filters, u.field, prefix_of(&m),
				       &u.filters, &u.why);
		w->has_valid_rule |= e != -EINVAL;
		if (e < 0) {
			drop(&u, u.field, u.why,
			     arena_printf(w->a, "its requests are answered with %u",
					  missing_status(&u)));
			u.filters = (struct rule_filters){ 0 };
		}
		plan_match(&u, &m, i, 0);
		if (u.filters.cors && rule_match_preflight(w->a, &m, &preflight))
			plan_match(&u, &preflight, i, 1000);
	}
}
