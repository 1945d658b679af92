/* Tells the graph which sockets Envoys have answered for. */
#include "translator/guard/programmed.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/hashmap.h"
#include "proto/ipc.pb-c.h"
#include "proto/model.pb-c.h"
#include "translator/graph/cell.h"
#include "translator/kinds.h"

struct socket {
	char *name;
	char *fleet;       /* its fleet; "": the default */
	uint64_t source;   /* of the world that it came with */
	struct item *fact; /* NULL: no Envoy has answered for it */
	bool seen;
};

struct programmed {
	struct graph *graph;
	const struct quarantine *quarantine;
	const struct state *objects, *reports;
	struct hashmap sockets;
	struct item *known; /* injected: that this is known at all */
	bool settled;
	uint64_t source; /* of the settlement that is under way */
};

static const void *socket_key(const void *entry, size_t *ret_len)
{
	const struct socket *s = entry;

	*ret_len = strlen(s->name);
	return s->name;
}

static void socket_free(struct socket *s)
{
	item_unref(s->fact);
	free(s->fleet);
	free(s->name);
	free(s);
}

struct programmed *programmed_new(struct graph *g, const struct quarantine *q,
				  const struct state *objects, const struct state *reports)
{
	struct programmed *p = xnew(struct programmed, 1);

	*p = (struct programmed){ .graph = g,
				  .quarantine = q,
				  .objects = objects,
				  .reports = reports,
				  .sockets = HASHMAP_INIT(socket_key) };
	p->known = item_new(FACT_PROGRAMMED, "", 0, NULL, 0, NULL, 0);
	graph_inject(g, FACT_PROGRAMMED, "", 0, p->known);
	return p;
}

void programmed_free(struct programmed *p)
{
	struct socket *s;

	if (!p)
		return;
	HASHMAP_FOREACH (&p->sockets, s)
		socket_free(s);
	hashmap_done(&p->sockets);
	item_unref(p->known);
	free(p);
}

/* The latest world that an Envoy of the fleet has answered; 0: none has answered its first.
 * *ret_here: whether there is an Envoy of the fleet. */
static uint64_t answered(const struct programmed *p, const char *fleet, bool *ret_here)
{
	uint64_t latest = 0;
	struct item *i;
	size_t pos = 0;

	*ret_here = false;
	while ((i = state_next(p->reports, &pos))) {
		Portolan__Ipc__EnvoyReport *r;

		if (i->kind != REPORT_ENVOY)
			continue;
		r = portolan__ipc__envoy_report__unpack(NULL, i->value_len, item_value(i));
		/* An older xds-server reports only accepted worlds. */
		if (r && strcmp(r->fleet ? r->fleet : "", fleet) == 0) {
			latest = MAX(latest,
				     r->has_answered_source ? r->answered_source : r->acked_source);
			*ret_here = true;
		}
		portolan__ipc__envoy_report__free_unpacked(r, NULL);
	}
	return latest;
}

/* A fleet has the name of its Gateway. */
static bool is_available(const struct programmed *p, const char *fleet)
{
	struct item *i = state_get(p->objects, OBJECT_INFRASTRUCTURE, fleet, strlen(fleet));
	Portolan__Ipc__Infrastructure *known =
		i ? portolan__ipc__infrastructure__unpack(NULL, i->value_len, item_value(i)) : NULL;
	bool is = known && known->available;

	portolan__ipc__infrastructure__free_unpacked(known, NULL);
	return is;
}

static bool is_served(const struct programmed *p, const struct socket *s)
{
	bool here;

	if (answered(p, s->fleet, &here) >= s->source)
		return !quarantine_undecided(p->quarantine, RESOURCE_LISTENER, s->name,
					     strlen(s->name));
	return !here && *s->fleet && is_available(p, s->fleet);
}

/* The name of a socket says its fleet, so the fleet of a socket never changes. */
static char *fleet_of(struct graph *g, const char *key, size_t key_len)
{
	size_t n = 0;
	const struct item *const *facts = graph_facts(g, FACT_SOCKET, key, key_len, &n);
	Portolan__Model__ListenerSpec *spec;
	char *fleet;

	if (!n)
		return xstrdup("");
	spec = portolan__model__listener_spec__unpack(NULL, facts[0]->value_len,
						      item_value(facts[0]));
	fleet = xstrdup(spec && spec->fleet ? spec->fleet : "");
	portolan__model__listener_spec__free_unpacked(spec, NULL);
	return fleet;
}

static void on_socket(void *ctx, const char *key, size_t key_len)
{
	struct programmed *p = ctx;
	struct socket *s = hashmap_get(&p->sockets, key, key_len);

	if (!s) {
		s = xnew(struct socket, 1);
		/* Envoys know a socket that a former translator served already. */
		*s = (struct socket){ .name = xstrndup(key, key_len),
				      .fleet = fleet_of(p->graph, key, key_len),
				      .source = p->settled ? p->source : 1 };
		(void)hashmap_put(&p->sockets, s);
	}
	s->seen = true;
}

static void announce(struct programmed *p, struct socket *s)
{
	s->fact = item_new(FACT_PROGRAMMED, s->name, strlen(s->name), NULL, 0, NULL, 0);
	graph_inject(p->graph, FACT_PROGRAMMED, s->name, strlen(s->name), s->fact);
}

static bool forget(struct programmed *p, struct socket *s)
{
	bool reported = s->fact != NULL;

	if (reported)
		graph_uninject(p->graph, FACT_PROGRAMMED, s->name, strlen(s->name), s->fact);
	(void)hashmap_remove(&p->sockets, s->name, strlen(s->name));
	socket_free(s);
	return reported;
}

bool programmed_settle(struct programmed *p, uint64_t source)
{
	struct vec gone = { 0 };
	struct socket *s;
	bool changed = false;

	p->source = source;
	graph_fact_keys(p->graph, FACT_SOCKET, on_socket, p);
	p->settled = true;
	HASHMAP_FOREACH (&p->sockets, s) {
		if (!s->seen) {
			vec_add(&gone, s);
			continue;
		}
		s->seen = false;
		if (s->fact || !is_served(p, s))
			continue;
		announce(p, s);
		changed = true;
	}
	for (uint32_t i = 0; i < gone.n; i++)
		changed |= forget(p, vec_at(&gone, i));
	vec_done(&gone);
	return changed;
}
