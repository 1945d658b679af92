/* Serves clients that name no host in their TLS handshake: one filter chain and one route table
 * for all hosts that serve such clients. Exists while such a host exists. */
#include <string.h>

#include "common/base/hashmap.h"
#include "translator/envoy/envoy-server-name.h"
#include "translator/host/want.h"
#include "translator/kinds.h"
#include "translator/policy/services.h"
#include "translator/resolve/config.h"
#include "translator/units.h"

#define TABLE "ingress_fallbackcert"

static void emit_chain(struct reader *r, enum resource_kind kind,
		       Envoy__Config__Listener__V3__FilterChain *chain)
{
	uint8_t *packed;
	size_t len;

	packed = reader_pack(r, &chain->base, &len);
	envoy_element(reader_arena(r), ENVOY_LISTENER_CHAINS, packed, len, &packed, &len);
	/* A name that no host can have. */
	emit_part(r, kind, "ingress_https", "/fallback-certificate", packed, len);
}

static const void *item_name(const void *entry, size_t *ret_len)
{
	const struct item *i = entry;

	*ret_len = i->key_len;
	return i->data;
}

/* Names below a wildcard of these hosts that other hosts serve, only to clients that name them. */
static const char **find_misdirected(struct reader *r, const struct item *const *hosts, size_t n,
				     size_t *ret_n)
{
	struct hashmap served = HASHMAP_INIT(item_name);
	size_t n_all = 0, cap = 0;
	const char **all = NULL;

	for (size_t i = 0; i < n; i++)
		(void)hashmap_put(&served, (struct item *)hosts[i]);
	for (size_t i = 0; i < n; i++) {
		size_t n_below;
		const char **below = want_hosts_below(r, hosts[i]->data, &n_below), **more;

		if (n_all + n_below > cap) {
			more = arena_new_of(reader_arena(r), const char *,
					    cap = 2 * (n_all + n_below));
			if (n_all)
				memcpy(more, all, n_all * sizeof(*all));
			all = more;
		}
		for (size_t k = 0; k < n_below; k++)
			if (!hashmap_get_str(&served, below[k]))
				all[n_all++] = below[k];
	}
	hashmap_done(&served);
	*ret_n = n_all;
	return all;
}

static void emit_table(struct reader *r, const struct item *const *hosts, size_t n, bool authorized)
{
	struct arena *a = reader_arena(r);
	size_t len, n_others, others_len = 0;
	const char **others = find_misdirected(r, hosts, n, &n_others);
	uint8_t *packed = reader_pack(r, &envoy_routes(a, TABLE)->base, &len), *rest = NULL, *head;

	if (n_others)
		envoy_misdirected(a, authorized, others, n_others, &rest, &others_len);
	head = arena_alloc(a, len + others_len);
	memcpy(head, packed, len);
	if (others_len)
		memcpy(head + len, rest, others_len);
	emit_head(r, RESOURCE_ROUTE, TABLE, head, len + others_len, true);
}

void unit_fallback(struct reader *r, const char *key, size_t key_len)
{
	Portolan__Model__HostTls tls = PORTOLAN__MODEL__HOST_TLS__INIT;
	struct arena *a = reader_arena(r);
	Envoy__Config__Listener__V3__FilterChain *chain;
	const struct item *const *hosts;
	size_t n;

	hosts = read_facts(r, FACT_FALLBACK, key, key_len, &n);
	if (!n)
		return;
	tls.secret =
		(char *)item_value(hosts[0]); /* the configuration's, and so the same for all */
	tls.has_cookies = tls.cookies = 1;    /* whether any needs it must not change the chain */
	tls.has_access = tls.access = 1;
	tls.services = services_gather(r, NULL);
	emit_table(r, hosts, n, tls.services && tls.services->authorization);
	chain = envoy_fallback_chain(a, reader_settings(r), &tls, TABLE);
	emit_chain(r, RESOURCE_LISTENER, chain);
	if (!config_hosts_are_shared(r))
		return;
	/* The shared listener's matcher knows it. */
	chain->filter_chain_match = NULL;
	chain->name = (char *)SERVER_NAME_NONE;
	emit_chain(r, RESOURCE_NEWER_LISTENER, chain);
}
