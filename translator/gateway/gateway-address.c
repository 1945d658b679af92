/* Addresses and ports: the Gateways of a host must not want the same ones (host mode). */
#include <arpa/inet.h>
#include <string.h>

#include "translator/gateway/gateway.h"
#include "translator/kinds.h"
#include "translator/resolve/config.h"

#define ADDRESSES_MAX 16

typedef Portolan__Model__GatewayClaim GatewayClaim;

/* The addresses for Gateways that name none. */
static const char *const *pool(struct reader *r, size_t *ret_n)
{
	const K8s__ConfigPortolanGateway *g = config_read(r)->portolan->gateway;

	*ret_n = g->n_addresses;
	return (const char *const *)g->addresses;
}

static bool is_wildcard(const char *address)
{
	return strcmp(address, "0.0.0.0") == 0 || strcmp(address, "::") == 0;
}

static bool collide(const char *x, const char *y)
{
	return strcmp(x, y) == 0 || is_wildcard(x) || is_wildcard(y);
}

static bool is_ip(const char *s)
{
	unsigned char bytes[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, s, bytes) == 1 || inet_pton(AF_INET6, s, bytes) == 1;
}

static bool is_among(const char *const *all, size_t n, const char *address)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(all[i], address) == 0)
			return true;
	return false;
}

/* A place in the pool that depends on the Gateway's name, so that it stays where it is when others
 * come and go (FNV-1a). */
static size_t first_place(const char *key, size_t n)
{
	uint32_t h = 2166136261u;

	for (const char *p = key; *p; p++)
		h = (h ^ (unsigned char)*p) * 16777619u;
	return h % n;
}

/* ---- who holds an address ---- */

struct holder {
	const GatewayClaim *claim;
	const char *addresses[ADDRESSES_MAX];
	size_t n;
};

static bool is_held(const struct holder *all, size_t n, const char *address)
{
	for (size_t i = 0; i < n; i++)
		if (is_among(all[i].addresses, all[i].n, address))
			return true;
	return false;
}

static void take_from_pool(struct reader *r, const struct holder *before, size_t n_before,
			   struct holder *h)
{
	size_t n, first;
	const char *const *all = pool(r, &n);

	if (!n) {
		h->addresses[h->n++] = config_read(r)->envoy->http->address;
		return;
	}
	first = first_place(h->claim->gateway, n);
	for (size_t i = 0; i < n; i++) {
		const char *address = all[(first + i) % n];

		if (is_held(before, n_before, address) || is_among(h->addresses, h->n, address))
			continue;
		h->addresses[h->n++] = address;
		return;
	}
}

static void assign(struct reader *r, const struct holder *before, size_t n_before, struct holder *h)
{
	const GatewayClaim *c = h->claim;

	for (size_t i = 0; i < c->n_addresses && h->n < ADDRESSES_MAX; i++)
		h->addresses[h->n++] = c->addresses[i];
	for (uint32_t i = 0; i < c->unnamed && h->n < ADDRESSES_MAX; i++)
		take_from_pool(r, before, n_before, h);
}

/* All Gateways up to this one, the older first; the last is this one. */
static struct holder *find_holders(struct reader *r, const char *key, size_t *ret_n)
{
	struct arena *a = reader_arena(r);
	const struct item *const *facts;
	struct holder *all;
	size_t n;

	facts = read_facts(r, FACT_GATEWAY_CLAIM, "", 0, &n);
	all = arena_new_of(a, struct holder, n + 1);
	*ret_n = 0;
	for (size_t i = 0; i < n; i++) {
		struct holder *h = &all[*ret_n];

		*h = (struct holder){ .claim = message_unpack(a, ModelGatewayClaim, facts[i]) };
		assign(r, all, *ret_n, h);
		++*ret_n;
		if (strcmp(h->claim->gateway, key) == 0)
			return all;
	}
	*ret_n = 0;
	return all;
}

/* ---- one Gateway ---- */

static const char *type_of(const K8s__GatewaySpecAddress *x)
{
	return *x->type ? x->type : "IPAddress";
}

/* A host's addresses are reachable from inside and outside the cluster alike; other values have an
 * unknown meaning. */
static bool is_routable(const K8s__GatewaySpecAddress *x)
{
	return !x->routability || !*x->routability || strcmp(x->routability, "Cluster") == 0;
}

/* all, n: the addresses that it may have; 0: any. */
static void check_one(struct arena *a, const K8s__GatewaySpecAddress *x, size_t i,
		      const char *const *all, size_t n, struct gateway_addresses *ret)
{
	const char *field = arena_printf(a, "spec.addresses[%zu]", i);

	if (strcmp(type_of(x), "IPAddress") != 0)
		flaw_set(&ret->accepted, "UnsupportedAddress",
			 arena_printf(a, "%s: type %s is not supported, IPAddress is", field,
				      x->type));
	else if (!is_routable(x))
		flaw_set(&ret->accepted, "UnsupportedAddress",
			 arena_printf(a, "%s: routability %s is not supported, Cluster is", field,
				      x->routability));
	else if (*x->value && !is_ip(x->value))
		flaw_set(&ret->programmed, "AddressNotUsable",
			 arena_printf(a, "%s: \"%s\" is no IP address", field, x->value));
	else if (*x->value && n && !is_among(all, n, x->value))
		flaw_set(&ret->programmed, "AddressNotUsable",
			 arena_printf(a,
				      "%s: %s is not among the addresses that the configuration "
				      "has for Gateways",
				      field, x->value));
	else
		ret->n_usable++;
}

static void check(struct arena *a, const K8s__Gateway *gateway, const char *const *all, size_t n,
		  struct gateway_addresses *ret)
{
	for (size_t i = 0; i < gateway->spec->n_addresses; i++)
		check_one(a, gateway->spec->addresses[i], i, all, n, ret);
	if (!gateway->spec->n_addresses)
		ret->n_usable = 1;
}

void gateway_addresses_find(struct reader *r, const char *key, const K8s__Gateway *gateway,
			    struct gateway_addresses *ret)
{
	static const char *const any = "0.0.0.0";
	struct arena *a = reader_arena(r);
	const char *const *pooled;
	struct holder *all;
	size_t n;

	*ret = (struct gateway_addresses){ 0 };
	if (gateway_is_provisioned(r)) {
		ret->n = 1;
		ret->all = arena_memdup(a, &any, sizeof(any));
		check(a, gateway, NULL, 0, ret);
		return;
	}
	pooled = pool(r, &n);
	check(a, gateway, pooled, n, ret);
	all = find_holders(r, key, &n);
	if (!n)
		return;
	ret->n = all[n - 1].n;
	ret->all = arena_memdup(a, all[n - 1].addresses, ret->n * sizeof(*ret->all));
	if (!ret->n)
		flaw_set(&ret->programmed, "AddressNotAssigned",
			 "no address of the configuration's is left for it");
}

/* ---- ports ---- */

static const char *own_port(struct reader *r, const struct gateway_addresses *addresses,
			    uint32_t port, bool udp)
{
	const K8s__ContourConfigurationSpec *c = config_read(r);
	const struct {
		const K8s__ConfigEnvoyListener *listener;
		const char *what;
		bool here;
	} rows[] = { { c->envoy->http, "envoy.http", !udp },
		     { c->envoy->https, "envoy.https", !udp || c->portolan->http3->enabled } };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		for (size_t k = 0; k < addresses->n; k++)
			if (rows[i].here && (uint32_t)rows[i].listener->port == port &&
			    collide(rows[i].listener->address, addresses->all[k]))
				return arena_printf(reader_arena(r),
						    "port %u at %s is where Ingresses and "
						    "HTTPProxies are served (%s in the "
						    "configuration)",
						    port, addresses->all[k], rows[i].what);
	return NULL;
}

/* Envoys of its own have their pages for metrics and health at these. */
static const char *page_port(struct reader *r, uint32_t port)
{
	const K8s__ConfigEnvoy *e = config_read(r)->envoy;
	const struct {
		int32_t port;
		const char *what;
	} rows[] = {
		{ e->metrics ? e->metrics->port : 0, "envoy.metrics" },
		{ e->health ? e->health->port : 0, "envoy.health" },
		{ e->om_enforced_health ? e->om_enforced_health->port : 0,
		  "envoy.omEnforcedHealth" },
		{ e->network->admin_port, "envoy.network.adminPort" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if ((uint32_t)rows[i].port == port)
			return arena_printf(reader_arena(r),
					    "port %u is where Envoy has pages of its own (%s in "
					    "the configuration)",
					    port, rows[i].what);
	return NULL;
}

static bool has_port(const GatewayClaim *c, uint32_t port, bool udp)
{
	const uint32_t *all = udp ? c->udp_ports : c->ports;
	size_t n = udp ? c->n_udp_ports : c->n_ports;

	for (size_t i = 0; i < n; i++)
		if (all[i] == port)
			return true;
	return false;
}

/* The address among these that the holder has; NULL: none. */
static const char *shared_address(const struct holder *h, const struct gateway_addresses *addresses)
{
	for (size_t k = 0; k < h->n; k++)
		for (size_t m = 0; m < addresses->n; m++)
			if (collide(h->addresses[k], addresses->all[m]))
				return addresses->all[m];
	return NULL;
}

const char *gateway_port_holder(struct reader *r, const char *key,
				const struct gateway_addresses *addresses, uint32_t port, bool udp)
{
	const char *why, *at;
	size_t n;
	struct holder *all;

	if (gateway_is_provisioned(r))
		return udp ? NULL : page_port(r, port);
	why = own_port(r, addresses, port, udp);
	if (why)
		return why;
	all = find_holders(r, key, &n);
	for (size_t i = 0; i + 1 < n; i++)
		if (has_port(all[i].claim, port, udp) && (at = shared_address(&all[i], addresses)))
			return arena_printf(reader_arena(r),
					    "port %u at %s belongs to the older Gateway %s", port,
					    at, all[i].claim->gateway);
	return NULL;
}
