/* A socket of Envoy's, and the heads of its route tables. */
#include <string.h>

#include "translator/envoy/envoy-socket.h"
#include "translator/host/want-listener.h"
#include "translator/kinds.h"
#include "translator/policy/services.h"
#include "translator/units.h"

typedef Portolan__Model__ListenerChain ListenerChain;
typedef Portolan__Model__ListenerSpec ListenerSpec;

static bool has_table(const ListenerChain *c)
{
	return listener_has_routes((enum listener_protocol)c->protocol) && !c->closed;
}

static bool has_routes(const ListenerSpec *s)
{
	for (size_t i = 0; i < s->n_chains; i++)
		if (has_table(s->chains[i]))
			return true;
	return false;
}

/* HTTP listeners of a socket share a table. */
static bool is_first_of_table(const ListenerSpec *s, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (s->chains[i]->protocol == LISTENER_HTTP &&
		    s->chains[at]->protocol == LISTENER_HTTP)
			return false;
	return true;
}

void unit_socket(struct reader *r, const char *key, size_t key_len)
{
	const ListenerSpec *s = listener_find(r, key);
	uint8_t *packed;
	size_t len;

	if (!s)
		return;
	reader_fleet(r, s->fleet ? s->fleet : "");
	reader_blame(r, (enum object_kind)s->object_kind, s->object_key);
	for (size_t i = 0; i < s->n_chains; i++)
		if (is_first_of_table(s, i) && has_table(s->chains[i]))
			emit_fact(r, FACT_ROUTE_TABLE, s->chains[i]->table,
				  strlen(s->chains[i]->table), key, key_len, NULL, 0);
	packed = reader_pack(r,
			     &envoy_socket(reader_arena(r), reader_settings(r), s,
					   has_routes(s) ? services_tracing(r) : NULL)
				      ->base,
			     &len);
	emit_head(r, RESOURCE_LISTENER, s->name, packed, len, false);
}

/* Its parts are known when it is decided how each host name is served. */
void unit_route_table(struct reader *r, const char *key, size_t key_len)
{
	const struct item *const *sockets;
	const ListenerSpec *s;
	uint8_t *packed;
	size_t n, len;

	sockets = read_facts(r, FACT_ROUTE_TABLE, key, key_len, &n);
	s = n ? listener_find(r,
			      arena_strndup(reader_arena(r), sockets[0]->data, sockets[0]->key_len))
	      : NULL;
	if (!s)
		return;
	reader_fleet(r, s->fleet ? s->fleet : "");
	reader_blame(r, (enum object_kind)s->object_kind, s->object_key);
	for (size_t i = 0; i < s->n_chains; i++) {
		const ListenerChain *c = s->chains[i];

		if (!has_table(c) || strlen(c->table) != key_len ||
		    memcmp(c->table, key, key_len) != 0)
			continue;
		envoy_socket_table(reader_arena(r), c, &packed, &len);
		emit_head(r, RESOURCE_ROUTE, c->table, packed, len, false);
		return;
	}
}
