/* A cluster of several Services with shares: a locality each, with the share as its weight. Its key
 * is a packed SpreadSpec. A share without endpoints goes to an address that never answers, so that
 * the others do not get it (G-L4-2, E-L4-4). */
#include <string.h>

#include "translator/envoy/envoy.h"
#include "translator/resolve/endpoints.h"
#include "translator/resolve/object.h"
#include "translator/units.h"

#define NOBODY_ADDRESS "127.0.0.1"
#define NOBODY_PORT    9 /* discard (RFC 863) */

static const K8s__ServicePort *find_port(const K8s__Service *s, uint32_t port)
{
	for (size_t i = 0; s && s->spec && i < s->spec->n_ports; i++)
		if ((uint32_t)s->spec->ports[i]->port == port &&
		    strcmp(s->spec->ports[i]->protocol, "UDP") == 0)
			return s->spec->ports[i];
	return NULL;
}

static void send_nowhere(struct arena *a, EnvoyLocalityLbEndpoints *ret)
{
	EnvoyClusterLoadAssignment *load = envoy_one_endpoint(a, "", NOBODY_ADDRESS, NOBODY_PORT);

	ret->lb_endpoints = load->endpoints[0]->lb_endpoints;
	ret->n_lb_endpoints = 1;
	ret->lb_endpoints[0]->endpoint->address->socket_address->protocol =
		EnvoySocketAddress__PROTOCOL__UDP;
}

static EnvoyLocalityLbEndpoints *locality(struct reader *r, const ModelSpreadShare *s, size_t index)
{
	struct arena *a = reader_arena(r);
	EnvoyLocalityLbEndpoints *l = message_new(a, EnvoyLocalityLbEndpoints);
	const K8s__Service *service = read_message(r, OBJECT_SERVICE, s->service);
	const K8s__ServicePort *port = s->missing ? NULL : find_port(service, s->port);

	l->locality = message_new(a, EnvoyLocality);
	l->locality->zone = s->service;
	l->locality->sub_zone = arena_printf(a, "%zu", index);
	l->load_balancing_weight = envoy_uint32(a, s->weight);
	if (port)
		l->lb_endpoints = endpoints_read_udp(r, s->service, port->name, &l->n_lb_endpoints);
	if (!l->n_lb_endpoints)
		send_nowhere(a, l);
	return l;
}

void unit_spread(struct reader *r, const char *key, size_t key_len)
{
	struct arena *a = reader_arena(r);
	const ModelSpreadSpec *spec =
		portolan__model__spread_spec__unpack(arena_pb(a), key_len, (const uint8_t *)key);
	EnvoyClusterLoadAssignment load = EnvoyClusterLoadAssignment__INIT;
	ModelClusterSpec desired = ModelClusterSpec__INIT;
	struct cluster_spec cluster = { .settings = reader_settings(r),
					.name = spec->name,
					.endpoints = spec->name,
					.weighted = true,
					.desired = &desired };
	uint8_t *packed;
	size_t len;

	load.cluster_name = spec->name;
	load.endpoints = arena_new_of(a, EnvoyLocalityLbEndpoints *, spec->n_shares + 1);
	for (size_t i = 0; i < spec->n_shares; i++)
		load.endpoints[load.n_endpoints++] = locality(r, spec->shares[i], i);
	packed = reader_pack(r, &envoy_cluster(a, &cluster)->base, &len);
	emit_resource(r, RESOURCE_CLUSTER, spec->name, packed, len);
	packed = reader_pack(r, &load.base, &len);
	emit_resource(r, RESOURCE_ENDPOINT, spec->name, packed, len);
}
