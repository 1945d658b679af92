/* The route that answers a request, and the others: earlier ones that did not match, and later ones
 * that would. */
#include <stdlib.h>
#include <string.h>

#include "translator/explain/explain-internal.h"
#include "translator/model/front-end.h"
#include "translator/model/host-name.h"
#include "translator/model/precedence.h"

#define SHOWN_MAX       8
#define LOOK_BEHIND_MAX 1000 /* routes after the one that matched */

/* One virtual host while it is looked through. */
struct search {
	struct explain *e;
	const struct explain_hosts *hosts;
	const EnvoyVirtualHost *host;
	struct explain_origins origins;
	size_t winner; /* n_routes: no winner */
	const EnvoyRoute *won;
	struct explain_origin winner_origin;
	bool gateway; /* the table is of a Gateway's listener */
};

static size_t find(struct search *s)
{
	const char *why;
	size_t i;

	for (i = 0; i < s->host->n_routes; i++) {
		enum explain_fit fit = explain_match(s->e, s->host->routes[i]->match, &why);

		arena_reset(s->e->scratch);
		if (fit == FIT)
			break;
	}
	return i;
}

/* ---- losing routes ---- */

static void write_other(struct search *s, const EnvoyRoute *route, const struct explain_origin *o,
			const char *why)
{
	struct explain *e = s->e;

	document_map(e->d);
	explain_string(e, "match", explain_match_text(e->a, route->match));
	document_key(e->d, "made_by");
	explain_origin_write(e, o);
	explain_string(e, "why", why);
	document_end(e->d);
}

static size_t path_len(const struct explain_origin *o)
{
	return strlen(o->route->route->path);
}

/* The difference by which it is tried after the winner: the order is host_merge_sort()'s. */
static const char *why_behind(const struct explain_origin *loser,
			      const struct explain_origin *winner)
{
	const ModelHostRoute *l, *w;

	if (loser->order && winner->order)
		return precedence_why(winner->order->data, winner->order->len, loser->order->data,
				      loser->order->len);
	if (!loser->route || !winner->route)
		return "it comes later";
	l = loser->route->route;
	w = winner->route->route;
	if (loser->route->borrowed)
		return "it is for all hosts; the host's own routes go first";
	if (l->fallback && !w->fallback)
		return "it is a default backend, behind everything else";
	if (l->path_kind != w->path_kind && w->path_kind == PATH_EXACT)
		return "an exact path goes first";
	if (l->path_kind != w->path_kind && w->path_kind == PATH_REGEX)
		return "a regular expression goes before a prefix";
	if (path_len(loser) < path_len(winner))
		return "its path is shorter";
	if (l->headers < w->headers)
		return "it has fewer conditions on headers";
	if (l->queries < w->queries)
		return "it has fewer conditions on query parameters";
	return "it comes later";
}

static void write_behind(struct search *s, size_t *n)
{
	const char *why;

	for (size_t i = s->winner + 1; i < s->host->n_routes && i < s->winner + LOOK_BEHIND_MAX;
	     i++) {
		struct explain_origin o;
		enum explain_fit fit = explain_match(s->e, s->host->routes[i]->match, &why);

		if (fit == FIT && (*n)++ < SHOWN_MAX) {
			explain_origin_of(s->e, &s->origins, s->host->routes[i], i, &o);
			write_other(s, s->host->routes[i], &o, why_behind(&o, &s->winner_origin));
		}
		arena_reset(s->e->scratch);
	}
}

/* The route that is in its element of VirtualHost. */
static const EnvoyRoute *unpack(struct explain *e, ProtobufCBinaryData element)
{
	const EnvoyVirtualHost *v = envoy__config__route__v3__virtual_host__unpack(
		arena_pb(e->a), element.len, element.data);

	return v && v->n_routes ? v->routes[0] : NULL;
}

/* Those with the same match as another route are not sent at all. */
static void write_equal(struct search *s, size_t *n)
{
	struct explain *e = s->e;
	const char *why;

	for (size_t i = 0; i < s->origins.host.n_losses; i++) {
		const struct host_loss *l = &s->origins.host.losses[i];
		const ModelHostRoute *r = l->loser.route;
		struct explain_origin o;
		const EnvoyRoute *route;

		if (s->origins.tls && l->loser.borrowed)
			continue;
		route = unpack(e, s->origins.tls ? r->https : r->http);
		if (route && explain_match(e, route->match, &why) == FIT && (*n)++ < SHOWN_MAX) {
			explain_origin_set(&l->loser, &o);
			write_other(s, route, &o, explain_loss_text(e, l));
		}
		arena_reset(e->scratch);
	}
}

/* Envoy does not look at routes of other virtual hosts. */
static void write_hosts(struct search *s, size_t *n)
{
	struct explain *e = s->e;

	for (size_t i = 1; i < s->hosts->n && (*n)++ < SHOWN_MAX; i++) {
		struct explain_origins origins;

		explain_origins_read(e, s->hosts->found[i].domain, s->origins.tls, &origins);
		document_map(e->d);
		explain_string(e, "match",
			       arena_printf(e->a, "all of host %s", s->hosts->found[i].domain));
		document_key(e->d, "made_by");
		if (origins.host.n_specs)
			explain_object_write(e,
					     (enum object_kind)origins.host.specs[0]->object_kind,
					     origins.host.specs[0]->object_key, NULL);
		else
			explain_origin_write(e, &(struct explain_origin){ 0 });
		explain_string(
			e, "why",
			arena_printf(
				e->a,
				"%s is the closer name, and Envoy looks in one virtual host only",
				s->hosts->found[0].domain));
		document_end(e->d);
	}
}

static void write_lost(struct search *s)
{
	size_t n = 0;

	document_key(s->e->d, "lost");
	document_list(s->e->d);
	if (s->won) {
		write_equal(s, &n);
		write_behind(s, &n);
	}
	/* A Gateway's host names have the routes of less specific ones among their own. */
	if (!s->gateway)
		write_hosts(s, &n);
	document_end(s->e->d);
	if (n > SHOWN_MAX)
		explain_uint(s->e, "lost_total", n);
}

/* ---- near misses ---- */

/* How much of the path is as the match has it. */
static size_t in_common(const struct explain *e, const EnvoyRoute *route)
{
	const char *text, *path = e->request.bare_path;
	size_t n = 0;

	switch (route->match->path_specifier_case) {
	case EnvoyRouteMatch__PATH_SPECIFIER_PREFIX:
		text = route->match->prefix;
		break;
	case EnvoyRouteMatch__PATH_SPECIFIER_PATH:
		text = route->match->path;
		break;
	case EnvoyRouteMatch__PATH_SPECIFIER_PATH_SEPARATED_PREFIX:
		text = route->match->path_separated_prefix;
		break;
	default:
		return 0;
	}
	while (text[n] && text[n] == path[n])
		n++;
	return n;
}

struct miss {
	size_t index, near; /* near: SIZE_MAX if only a condition differs */
};

static int compare(const void *a, const void *b)
{
	const struct miss *x = a, *y = b;

	if (x->near != y->near)
		return x->near > y->near ? -1 : 1;
	return x->index < y->index ? -1 : 1;
}

/* The route of a listener with guards that takes the requests of no other route, or all. */
static bool is_of_listener(const struct explain_origin *o)
{
	const struct front_end *f = front_end(o->kind);

	return f && f->listens;
}

/* Writes the routes with a matching path; if there are none, the closest ones. */
static void write_missed(struct search *s)
{
	struct explain *e = s->e;
	struct miss *all = arena_new_of(e->a, struct miss, s->winner + 1);
	const char *why;
	size_t n = 0;

	for (size_t i = 0; i < s->winner && i < s->host->n_routes; i++) {
		struct miss m = { .index = i };
		enum explain_fit fit = explain_match(e, s->host->routes[i]->match, &why);

		m.near = fit == FIT_CONDITIONS_DIFFER ? SIZE_MAX : in_common(e, s->host->routes[i]);
		if (fit == FIT_CONDITIONS_DIFFER || !s->won || is_of_listener(&s->winner_origin))
			all[n++] = m;
		arena_reset(e->scratch);
	}
	if (n)
		qsort(all, n, sizeof(*all), compare);
	document_key(e->d, "missed");
	document_list(e->d);
	for (size_t i = 0; i < n && i < SHOWN_MAX; i++) {
		const EnvoyRoute *route = s->host->routes[all[i].index];
		struct explain_origin o;

		explain_origin_of(e, &s->origins, route, all[i].index, &o);
		(void)explain_match(e, route->match, &why);
		write_other(s, route, &o, why);
		arena_reset(e->scratch);
	}
	document_end(e->d);
	if (n > SHOWN_MAX)
		explain_uint(e, "missed_total", n);
}

/* ---- the whole ---- */

static void write_host(struct explain *e, const char *table, const EnvoyVirtualHost *v,
		       const char *domain)
{
	document_key(e->d, "virtual_host");
	document_map(e->d);
	explain_string(e, "table", table);
	explain_string(e, "name", v->name);
	explain_string(e, "domain", domain);
	document_end(e->d);
}

/* A rule of Gateway API in which nothing is wrong, and yet Envoy answers itself. */
static bool is_empty_rule(struct explain *e, const struct explain_origin *o)
{
	const struct front_end *f = front_end(o->kind);

	return e->status == 500 && f && f->parents &&
	       !explain_problems_any(e, o->kind, o->key, false);
}

static bool write_route(struct search *s)
{
	struct explain *e = s->e;
	bool served;

	if (!s->won) {
		explain_nothing(e, "not-found", 404,
				arena_printf(e->a, "no route of host %s matches",
					     s->hosts->found[0].domain));
		return false;
	}
	explain_origin_of(e, &s->origins, s->won, s->winner, &s->winner_origin);
	document_key(e->d, "route");
	document_map(e->d);
	explain_string(e, "match", explain_match_text(e->a, s->won->match));
	document_key(e->d, "made_by");
	explain_origin_write(e, &s->winner_origin);
	document_end(e->d);
	served = explain_action_write(e, s->won, s->host);
	if (is_of_listener(&s->winner_origin)) {
		if (served && e->status == 404)
			explain_string(e, "why",
				       arena_printf(e->a, "no route of host %s matches",
						    s->hosts->found[0].domain));
		return false;
	}
	if (served && is_empty_rule(e, &s->winner_origin))
		explain_string(e, "why",
			       "the rule has no backend, or the weight of all of them is 0");
	/* Portolan's own answers have no owner: 421, and the answer for a missing Service. */
	return served && s->winner_origin.kind && !explain_origin_faulty(e, &s->winner_origin);
}

static const char *lower_host(struct explain *e)
{
	char *host = arena_strdup(e->a, e->request.host);

	for (char *p = host; *p; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p - 'A' + 'a');
	return host;
}

/* Why no Envoy has the table with the host's routes, or NULL. */
static const char *table_refused(struct explain *e, const char *table, const char *domain)
{
	size_t len;
	const char *key = explain_part_key(e->a, table, domain, &len);

	return explain_refusal_of(e, RESOURCE_ROUTE, table, key, len,
				  "a request is answered with 404");
}

static const char *no_host(struct explain *e, const char *table)
{
	const char *why = NULL;

	for (const char *host = lower_host(e); host && !why; host = host_name_above(e->a, host))
		why = explain_refusal_of_host(e, RESOURCE_ROUTE, table, host);
	return why ? why : arena_printf(e->a, "no object serves host %s", e->request.authority);
}

bool explain_route_write(struct explain *e, const char *table)
{
	struct explain_hosts hosts;
	struct search s = { .e = e, .hosts = &hosts };
	const char *refused;
	bool served;

	if (explain_host_find(e, table, &hosts) < 0 || !hosts.n) {
		explain_nothing(e, "not-found", 404, no_host(e, table));
		document_key(e->d, "absent");
		explain_absent_write(e, lower_host(e), false);
		return false;
	}
	refused = table_refused(e, table, hosts.found[0].domain);
	if (refused) {
		explain_nothing(e, "not-found", 404, refused);
		return false;
	}
	s.host = explain_host_get(e, &hosts, &hosts.found[0]);
	explain_origins_of_table(e, table, hosts.found[0].domain, e->request.tls, &s.origins);
	write_host(e, table, s.host, hosts.found[0].domain);
	s.gateway = explain_gateway_listener_write(e, table, hosts.found[0].domain);
	s.winner = find(&s);
	s.won = s.winner < s.host->n_routes ? s.host->routes[s.winner] : NULL;
	served = write_route(&s);
	write_lost(&s);
	write_missed(&s);
	document_key(e->d, "absent");
	explain_absent_write(e, lower_host(e), false);
	return served;
}
