/* A Gateway's claim on addresses and ports, and on its class: so that Gateways that want the same
 * find each other. */
#include <string.h>

#include "translator/gateway/gateway.h"
#include "translator/kinds.h"
#include "translator/resolve/object.h"
#include "translator/units.h"

typedef Portolan__Model__GatewayClaim GatewayClaim;

struct ports {
	uint32_t *all;
	size_t n;
};

static void add_port(struct ports *p, uint32_t port)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->all[i] == port)
			return;
	p->all[p->n++] = port;
}

static void add_ports(K8s__Listener *const *all, size_t n, struct ports *tcp, struct ports *udp)
{
	for (size_t i = 0; i < n; i++)
		add_port(strcmp(all[i]->protocol, "UDP") == 0 ? udp : tcp, (uint32_t)all[i]->port);
}

static void claim_ports(struct reader *r, const char *key, const K8s__Gateway *g, GatewayClaim *c)
{
	struct arena *a = reader_arena(r);
	size_t n_sets, n = g->spec->n_listeners;
	const struct listener_set *sets = gateway_sets(r, key, g, &n_sets);
	struct ports tcp, udp;

	for (size_t i = 0; i < n_sets; i++)
		n += sets[i].allowed ? sets[i].object->spec->n_listeners : 0;
	tcp = (struct ports){ arena_new_of(a, uint32_t, n + 1), 0 };
	udp = (struct ports){ arena_new_of(a, uint32_t, n + 1), 0 };
	add_ports(g->spec->listeners, g->spec->n_listeners, &tcp, &udp);
	for (size_t i = 0; i < n_sets; i++)
		if (sets[i].allowed)
			add_ports(sets[i].object->spec->listeners,
				  sets[i].object->spec->n_listeners, &tcp, &udp);
	c->ports = tcp.all;
	c->n_ports = tcp.n;
	c->udp_ports = udp.all;
	c->n_udp_ports = udp.n;
}

static void claim_addresses(struct reader *r, const K8s__Gateway *g, GatewayClaim *c)
{
	c->addresses = arena_new_of(reader_arena(r), char *, g->spec->n_addresses + 1);
	for (size_t i = 0; i < g->spec->n_addresses; i++) {
		if (*g->spec->addresses[i]->value)
			c->addresses[c->n_addresses++] = g->spec->addresses[i]->value;
		else
			c->unnamed++;
	}
	if (!g->spec->n_addresses)
		c->unnamed = 1;
}

void unit_gateway_claim(struct reader *r, const char *key, size_t key_len _unused_)
{
	const K8s__Gateway *g = read_message(r, OBJECT_GATEWAY, key);
	GatewayClaim c = PORTOLAN__MODEL__GATEWAY_CLAIM__INIT;
	const char *why, *sort, *fleet;
	struct flaw flaw = { 0 };
	uint8_t *packed;
	size_t len;

	if (!g || !g->spec || !gateway_class_is_ours(r, g->spec->gateway_class_name, &why))
		return;
	c.gateway = (char *)key;
	claim_addresses(r, g, &c);
	claim_ports(r, key, g, &c);
	sort = gateway_sort_key(reader_arena(r), g->metadata, key);
	packed = reader_pack(r, &c.base, &len);
	/* Gateways with their own Envoys conflict with no other, but those of one class may share
	 * theirs. */
	fleet = gateway_is_provisioned(r) ? gateway_merge_fleet(r, g->spec->gateway_class_name)
					  : "";
	if (fleet && (!*fleet || !gateway_merge_refuses(r, key, g, &flaw)))
		emit_fact(r, FACT_GATEWAY_CLAIM, fleet, strlen(fleet), sort, strlen(sort), packed,
			  len);
	emit_fact(r, FACT_CLASS_USE, g->spec->gateway_class_name,
		  strlen(g->spec->gateway_class_name), key, strlen(key), NULL, 0);
	if (g->spec->default_scope && strcmp(g->spec->default_scope, "All") == 0)
		emit_fact(r, FACT_DEFAULT_GATEWAY, "", 0, key, strlen(key), NULL, 0);
}
