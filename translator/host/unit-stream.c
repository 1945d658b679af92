/* Connections of a listener for one server name (or all), which are passed on: the oldest route has
 * them (G-L4-3, G-L4-6). */
#include <string.h>

#include "translator/envoy/envoy-socket.h"
#include "translator/host/want-domain.h"
#include "translator/host/want-listener.h"
#include "translator/kinds.h"
#include "translator/units.h"

typedef Portolan__Model__ListenerChain ListenerChain;
typedef Portolan__Model__ListenerSpec ListenerSpec;
typedef Portolan__Model__StreamTargets StreamTargets;

static const ListenerChain *find_chain(const ListenerSpec *s, const char *host)
{
	for (size_t i = 0; i < s->n_chains; i++)
		if (strcmp(s->chains[i]->host, host) == 0 &&
		    !listener_has_routes((enum listener_protocol)s->chains[i]->protocol))
			return s->chains[i];
	return NULL;
}

void unit_stream(struct reader *r, const char *key, size_t key_len)
{
	struct arena *a = reader_arena(r);
	struct domain_key k = domain_key_parse(a, key, key_len);
	const ListenerSpec *socket = listener_find(r, k.table);
	const ListenerChain *chain = socket ? find_chain(socket, k.listener_host) : NULL;
	const struct item *const *facts;
	const StreamTargets *first;
	uint8_t *packed;
	size_t n, len;

	facts = read_facts(r, FACT_STREAM, key, key_len, &n);
	if (!n || !chain)
		return;
	first = message_unpack(a, ModelStreamTargets, facts[0]);
	reader_blame(r, (enum object_kind)first->object_kind, first->object_key);
	envoy_socket_stream(a, reader_settings(r), socket, chain, k.domain, first, &packed, &len);
	emit_part(r, RESOURCE_LISTENER, socket->name, arena_printf(a, "stream/%s", k.domain),
		  packed, len);
}
