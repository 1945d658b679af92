/* What clients get that name no host in their TLS handshake: one filter chain and one route table for all hosts
 * that serve them. It is there while there is such a host. Runs in the translator. */
#include <string.h>

#include "translator/asks.h"
#include "translator/envoy-server-name.h"
#include "translator/units.h"

#define TABLE "ingress_fallbackcert"

static void emit_chain(struct reader *r, enum resource_kind kind, Envoy__Config__Listener__V3__FilterChain *chain)
{
	uint8_t *packed;
	size_t len;

	packed = reader_pack(r, &chain->base, &len);
	envoy_element(reader_arena(r), ENVOY_LISTENER_CHAINS, packed, len, &packed, &len);
	/* A name that no host can have. */
	emit_part(r, kind, "ingress_https", "/fallback-certificate", packed, len);
}

void unit_fallback(struct reader *r, const char *key, size_t key_len)
{
	Portolan__Model__HostTls tls = PORTOLAN__MODEL__HOST_TLS__INIT;
	struct arena *a = reader_arena(r);
	Envoy__Config__Listener__V3__FilterChain *chain;
	const struct item *const *hosts;
	uint8_t *packed;
	size_t n, len;

	hosts = read_facts(r, FACT_FALLBACK, key, key_len, &n);
	if (!n)
		return;
	tls.secret = (char *)item_value(hosts[0]); /* the configuration's, and so the same for all */
	tls.has_cookies = tls.cookies = 1;	     /* which of them need it must not change the chain */
	tls.asks = asks_gather(r, NULL);
	packed = reader_pack(r, &envoy_routes(a, TABLE)->base, &len);
	emit_head(r, RESOURCE_ROUTE, TABLE, packed, len, true);
	chain = envoy_fallback_chain(a, reader_settings(r), &tls, TABLE);
	emit_chain(r, RESOURCE_LISTENER, chain);
	if (!units_hosts_are_shared(r))
		return;
	/* The shared listener's matcher knows it. */
	chain->filter_chain_match = NULL;
	chain->name = (char *)SERVER_NAME_NONE;
	emit_chain(r, RESOURCE_NEWER_LISTENER, chain);
}
