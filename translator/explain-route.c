/* The route that a request meets, and those that it does not: what came before and did not match, what
 * comes behind and would have. Runs in the translator. */
#include <stdlib.h>
#include <string.h>

#include "translator/explain-internal.h"

typedef Envoy__Config__Route__V3__Route Route;
typedef Envoy__Config__Route__V3__VirtualHost VirtualHost;

#define SHOWN_MAX 8
#define LOOK_BEHIND_MAX 1000 /* routes after the one that matched */

/* One virtual host while it is looked through. */
struct search {
	struct explain *e;
	const struct explain_hosts *hosts;
	const VirtualHost *host;
	struct explain_origins origins;
	size_t winner; /* n_routes: none */
	const Route *won;
	struct explain_origin winner_origin;
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

/* ---- what lost ---- */

static void write_other(struct search *s, const Route *route, const struct explain_origin *o, const char *why)
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

/* By what it comes behind the winner: the order is host_merge_settle()'s. */
static const char *why_behind(const struct explain_origin *loser, const struct explain_origin *winner)
{
	const Portolan__Model__HostRoute *l, *w;

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

	for (size_t i = s->winner + 1; i < s->host->n_routes && i < s->winner + LOOK_BEHIND_MAX; i++) {
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
static const Route *unpack(struct explain *e, ProtobufCBinaryData element)
{
	const VirtualHost *v =
		envoy__config__route__v3__virtual_host__unpack(arena_pb(e->a), element.len, element.data);

	return v && v->n_routes ? v->routes[0] : NULL;
}

/* Those with the same match as another route are not sent at all. */
static void write_equal(struct search *s, size_t *n)
{
	struct explain *e = s->e;
	const char *why;

	for (size_t i = 0; i < s->origins.n_losses; i++) {
		const struct explain_loss *l = &s->origins.losses[i];
		const Portolan__Model__HostRoute *r = l->loser->route;
		struct explain_origin o;
		const Route *route = unpack(e, s->origins.tls ? r->https : r->http);

		if (route && explain_match(e, route->match, &why) == FIT && (*n)++ < SHOWN_MAX) {
			explain_origin_set(l->loser, &o);
			write_other(s, route, &o, explain_loss_text(e, l));
		}
		arena_reset(e->scratch);
	}
}

/* Of other virtual hosts Envoy does not look at any route. */
static void write_hosts(struct search *s, size_t *n)
{
	struct explain *e = s->e;

	for (size_t i = 1; i < s->hosts->n && (*n)++ < SHOWN_MAX; i++) {
		struct explain_origins origins;

		explain_origins_read(e, s->hosts->found[i].domain, s->origins.tls, &origins);
		document_map(e->d);
		explain_string(e, "match", arena_printf(e->a, "all of host %s", s->hosts->found[i].domain));
		document_key(e->d, "made_by");
		if (origins.n_wishes)
			explain_object_write(e, (enum object_kind)origins.wishes[0]->object_kind,
					     origins.wishes[0]->object_key, NULL);
		else
			explain_origin_write(e, &(struct explain_origin){ 0 });
		explain_string(e, "why",
			       arena_printf(e->a, "%s is the closer name, and Envoy looks in one virtual host only",
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
	write_hosts(s, &n);
	document_end(s->e->d);
	if (n > SHOWN_MAX)
		explain_uint(s->e, "lost_total", n);
}

/* ---- near misses ---- */

/* How much of the path is as the match has it. */
static size_t in_common(const struct explain *e, const Route *route)
{
	const char *text, *path = e->request.bare_path;
	size_t n = 0;

	switch (route->match->path_specifier_case) {
	case ENVOY__CONFIG__ROUTE__V3__ROUTE_MATCH__PATH_SPECIFIER_PREFIX:
		text = route->match->prefix;
		break;
	case ENVOY__CONFIG__ROUTE__V3__ROUTE_MATCH__PATH_SPECIFIER_PATH:
		text = route->match->path;
		break;
	case ENVOY__CONFIG__ROUTE__V3__ROUTE_MATCH__PATH_SPECIFIER_PATH_SEPARATED_PREFIX:
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

/* Those whose path matches; and where nothing matched at all, those that are closest to it. */
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
		if (fit == FIT_CONDITIONS_DIFFER || !s->won)
			all[n++] = m;
		arena_reset(e->scratch);
	}
	if (n)
		qsort(all, n, sizeof(*all), compare);
	document_key(e->d, "missed");
	document_list(e->d);
	for (size_t i = 0; i < n && i < SHOWN_MAX; i++) {
		const Route *route = s->host->routes[all[i].index];
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

/* ---- all of it ---- */

static void write_host(struct explain *e, const char *table, const VirtualHost *v, const char *domain)
{
	document_key(e->d, "virtual_host");
	document_map(e->d);
	explain_string(e, "table", table);
	explain_string(e, "name", v->name);
	explain_string(e, "domain", domain);
	document_end(e->d);
}

static bool write_route(struct search *s)
{
	struct explain *e = s->e;
	bool served;

	if (!s->won) {
		explain_nothing(e, "not-found", 404,
				arena_printf(e->a, "no route of host %s matches", s->hosts->found[0].domain));
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
	/* Portolan's own answers: 421, and what stands for a Service that is missing. */
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

bool explain_route_write(struct explain *e, const char *table)
{
	struct explain_hosts hosts;
	struct search s = { .e = e, .hosts = &hosts };
	bool served;

	if (explain_host_find(e, table, &hosts) < 0 || !hosts.n) {
		explain_nothing(e, "not-found", 404,
				arena_printf(e->a, "no object serves host %s", e->request.authority));
		document_key(e->d, "absent");
		explain_absent_write(e, lower_host(e));
		return false;
	}
	s.host = explain_host_get(e, &hosts, &hosts.found[0]);
	explain_origins_read(e, hosts.found[0].domain, e->request.tls, &s.origins);
	write_host(e, table, s.host, hosts.found[0].domain);
	s.winner = find(&s);
	s.won = s.winner < s.host->n_routes ? s.host->routes[s.winner] : NULL;
	served = write_route(&s);
	write_lost(&s);
	write_missed(&s);
	document_key(e->d, "absent");
	explain_absent_write(e, lower_host(e));
	return served;
}
