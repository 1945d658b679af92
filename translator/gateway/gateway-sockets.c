/* Parents and sockets of a Gateway. */
#include "translator/gateway/gateway-sockets.h"

#include <stdlib.h>
#include <string.h>

#include "translator/gateway/attach.h"
#include "translator/host/want-listener.h"
#include "translator/kinds.h"

/* With more HTTPS listeners on a port, their names are not listed for 421 in each other's tables:
 * each then answers 421 to all names other than its own. */
#define OTHERS_MAX 1000

typedef Portolan__Model__Parent Parent;
typedef Portolan__Model__ParentListener ParentListener;

const char *gateway_socket_name(const struct gateway *g, uint32_t port, bool udp)
{
	const char *where = g->addresses.n ? g->addresses.all[0] : "nowhere";

	/* A fleet has no conflicts with other Gateways. */
	return arena_printf(g->a, "gateway/%s/%u%s", *g->fleet ? g->fleet : where, port,
			    udp ? "/udp" : "");
}

void gateway_sockets_count_guards(struct gateway *g, const struct gateway_listener *l)
{
	if (!l->n_guards || l->protocol != LISTENER_HTTP)
		return;
	if (!g->http_guards)
		g->http_guards = arena_new_of(g->a, uint8_t, UINT16_MAX + 1);
	g->http_guards[(uint16_t)l->spec->port] =
		MAX(g->http_guards[(uint16_t)l->spec->port], (uint8_t)l->n_guards);
}

/* In the listener's connection manager. */
static size_t count_guards(const struct gateway *g, const struct gateway_listener *l)
{
	if (l->protocol != LISTENER_HTTP)
		return l->n_guards;
	return g->http_guards ? g->http_guards[(uint16_t)l->spec->port] : 0;
}

/* The route table of an HTTP or HTTPS listener; for others the same as the socket. Its name has the
 * number of guards: connections that are older than a guard keep the former table, so no route of
 * the new one is ever served without the guard. */
static const char *table_name(const struct gateway *g, const struct gateway_listener *l)
{
	uint32_t port = (uint32_t)l->spec->port;
	size_t n = count_guards(g, l);
	const char *guards = n ? arena_printf(g->a, "?guards=%zu", n) : "";

	if (l->protocol == LISTENER_HTTP)
		return arena_printf(g->a, "gateway/%s/%u%s", g->named, port, guards);
	if (l->protocol == LISTENER_HTTPS)
		return arena_printf(g->a, "gateway/%s/%u/%s%s", g->named, port, l->host, guards);
	return gateway_socket_name(g, port, l->protocol == LISTENER_UDP);
}

/* ---- parents ---- */

static char **list_taken(struct arena *a, const struct taken_host *taken, size_t *ret_n)
{
	size_t n = 0;
	char **all;

	for (const struct taken_host *t = taken; t; t = t->next)
		n++;
	all = arena_new_of(a, char *, n + 1);
	*ret_n = n;
	/* Found last, listed first. */
	for (const struct taken_host *t = taken; t; t = t->next)
		all[--n] = (char *)t->host;
	return all;
}

static ParentListener *parent_listener(struct gateway *g, const struct gateway_listener *l)
{
	const K8s__RouteNamespaces *from =
		l->spec->allowed_routes ? l->spec->allowed_routes->namespaces : NULL;
	ParentListener *p = arena_new_of(g->a, ParentListener, 1);

	portolan__model__parent_listener__init(p);
	p->name = l->spec->name;
	p->port = (uint32_t)l->spec->port;
	p->protocol = l->protocol;
	p->host = (char *)l->host;
	p->table = (char *)table_name(g, l);
	p->accepted = gateway_listener_is_accepted(l);
	p->n_kinds = l->n_kinds;
	p->kinds = arena_new_of(g->a, uint32_t, 2);
	for (size_t i = 0; i < l->n_kinds; i++)
		p->kinds[i] = l->kinds[i];
	p->from = attach_from_word(from ? from->from : "");
	if (p->from == ATTACH_FROM_SELECTED && from->selector) {
		p->has_selector = 1;
		p->selector.data = reader_pack(g->r, &from->selector->base, &p->selector.len);
	}
	p->taken = list_taken(g->a, l->taken, &p->n_taken);
	return p;
}

void gateway_parents_emit(struct gateway *g)
{
	for (size_t i = 0; i < g->n_owners; i++) {
		const struct listener_owner *o = &g->owners[i];
		const char *key = gateway_parent_key(g->a, o->kind, o->key);
		Parent p = PORTOLAN__MODEL__PARENT__INIT;
		uint8_t *packed;
		size_t len;

		p.gateway = (char *)g->key;
		p.namespace_ = (char *)o->namespace;
		p.client_secret = (char *)g->client_secret;
		p.fleet = *g->fleet ? (char *)g->fleet : NULL;
		p.listeners = arena_new_of(g->a, ParentListener *, o->n_specs + 1);
		for (size_t k = 0; k < o->n_specs; k++)
			p.listeners[p.n_listeners++] = parent_listener(g, &o->listeners[k]);
		packed = reader_pack(g->r, &p.base, &len);
		emit_fact(g->r, FACT_PARENT, key, strlen(key), "", 0, packed, len);
	}
	/* A set that is not allowed is known as a parent without listeners. */
	for (size_t i = 0; i < g->n_sets; i++) {
		const char *key = gateway_parent_key(g->a, OBJECT_LISTENER_SET, g->sets[i].key);
		Parent p = PORTOLAN__MODEL__PARENT__INIT;
		uint8_t *packed;
		size_t len;

		if (g->sets[i].allowed)
			continue;
		p.gateway = (char *)g->key;
		p.namespace_ = g->sets[i].object->metadata->namespace_;
		packed = reader_pack(g->r, &p.base, &len);
		emit_fact(g->r, FACT_PARENT, key, strlen(key), "", 0, packed, len);
	}
}

/* ---- sockets ---- */

/* Listeners in the order of their sockets. */
static int compare(const void *a, const void *b)
{
	const struct gateway_listener *x = *(const struct gateway_listener *const *)a;
	const struct gateway_listener *y = *(const struct gateway_listener *const *)b;
	bool xu = x->protocol == LISTENER_UDP, yu = y->protocol == LISTENER_UDP;

	if (x->spec->port != y->spec->port)
		return x->spec->port < y->spec->port ? -1 : 1;
	if (xu != yu)
		return xu ? 1 : -1;
	if (x->protocol != y->protocol)
		return x->protocol < y->protocol ? -1 : 1;
	return strcmp(x->host, y->host);
}

/* Listeners with a part in a socket. Those that are not served close their connections, so that a
 * less specific listener does not get them (E-LI-7). */
static bool has_chain(const struct gateway_listener *l)
{
	if (l->conflict.reason || l->protocol == LISTENER_UNKNOWN)
		return false;
	return !l->accepted.reason || strcmp(l->accepted.reason, "NoValidCACertificate") == 0;
}

static void list_others(struct gateway *g, const struct gateway_listener *const *all, size_t n,
			const struct gateway_listener *own, struct listener_chain *ret)
{
	const char **others = arena_new_of(g->a, const char *, n + 1);
	static const char *const any = "*";
	size_t n_https = 0;

	for (size_t i = 0; i < n; i++)
		n_https += all[i]->protocol == LISTENER_HTTPS;
	if (n_https > OTHERS_MAX && strcmp(own->host, "*") != 0) {
		ret->others = arena_memdup(g->a, &any, sizeof(any));
		ret->n_others = 1;
		return;
	}
	for (size_t i = 0; i < n; i++)
		if (all[i] != own && all[i]->protocol == LISTENER_HTTPS)
			others[ret->n_others++] = all[i]->host;
	ret->others = others;
}

static void want_socket(struct gateway *g, const struct gateway_listener *const *all, size_t n)
{
	const struct gateway_listener *first = all[0];
	struct listener_chain *chains = arena_new_of(g->a, struct listener_chain, n);
	struct listener_spec spec = {
		.addresses = g->addresses.all,
		.n_addresses = g->addresses.n,
		.fleet = g->fleet,
		.port = (uint32_t)first->spec->port,
		.udp = first->protocol == LISTENER_UDP,
		.tracing = g->tracing,
		.chains = chains,
		.n_chains = n,
	};

	spec.name = gateway_socket_name(g, spec.port, spec.udp);
	for (size_t i = 0; i < n; i++) {
		const struct gateway_listener *l = all[i];

		chains[i] = (struct listener_chain){
			.protocol = l->protocol,
			.host = l->host,
			.table = table_name(g, l),
			.closed = listener_terminates_tls(l->protocol) &&
				  !gateway_listener_is_served(l),
			.secrets = l->secrets,
			.n_secrets = l->n_secrets,
			.client = l->client,
			.guards = l->guards,
			.n_guards = l->n_guards,
			.refuses = l->refuses,
			.guards_field = arena_printf(g->a, "%s.filters.requests", l->field),
		};
		if (l->protocol == LISTENER_HTTPS)
			list_others(g, all, n, l, &chains[i]);
	}
	want_listener(g->r, &spec, OBJECT_GATEWAY, g->key);
}

void gateway_sockets_want(struct gateway *g)
{
	const struct gateway_listener **all;
	size_t n = 0;

	for (size_t i = 0; i < g->n_owners; i++)
		n += g->owners[i].n_specs;
	all = arena_new_of(g->a, const struct gateway_listener *, n + 1);
	n = 0;
	for (size_t i = 0; i < g->n_owners; i++)
		for (size_t k = 0; k < g->owners[i].n_specs; k++)
			if (has_chain(&g->owners[i].listeners[k]))
				all[n++] = &g->owners[i].listeners[k];
	if (!n || !g->addresses.n)
		return;
	qsort(all, n, sizeof(*all), compare);
	for (size_t i = 0, end; i < n; i = end) {
		for (end = i + 1;
		     end < n && all[end]->spec->port == all[i]->spec->port &&
		     (all[end]->protocol == LISTENER_UDP) == (all[i]->protocol == LISTENER_UDP);
		     end++)
			;
		want_socket(g, all + i, end - i);
	}
}
