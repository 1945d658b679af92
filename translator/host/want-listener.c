/* Sockets as facts. */
#include "translator/host/want-listener.h"

#include <string.h>

#include "translator/host/want-domain.h"
#include "translator/host/want-stream.h"
#include "translator/kinds.h"

typedef Portolan__Model__HostClient HostClient;
typedef Portolan__Model__ListenerChain ListenerChain;
typedef Portolan__Model__ListenerSpec ListenerSpec;

static HostClient *encode_client(struct arena *a, const struct client_validation *c)
{
	HostClient *out = arena_new_of(a, HostClient, 1);

	portolan__model__host_client__init(out);
	out->has_authority = c->authority != NULL;
	out->authority = (ProtobufCBinaryData){ c->authority_len, (uint8_t *)c->authority };
	out->has_may_be_absent = out->may_be_absent = c->may_be_absent;
	out->has_untrusted = out->untrusted = c->untrusted;
	return out;
}

static ListenerChain *encode_chain(struct arena *a, const struct listener_chain *c)
{
	ListenerChain *out = arena_new_of(a, ListenerChain, 1);

	portolan__model__listener_chain__init(out);
	out->protocol = c->protocol;
	out->host = (char *)c->host;
	out->table = (char *)c->table;
	out->closed = c->closed;
	out->secrets = (char **)(uintptr_t)c->secrets;
	out->n_secrets = c->n_secrets;
	out->client = c->client ? encode_client(a, c->client) : NULL;
	out->others = (char **)(uintptr_t)c->others;
	out->n_others = c->n_others;
	out->has_guards = c->n_guards > 0;
	out->guards = (uint32_t)c->n_guards;
	return out;
}

/* Envoy asks guards only about requests with a route, so that there is one for all others. If a
 * guard cannot be asked, its place is before all routes. */
static void guard(struct arena *a, const struct listener_chain *c, struct domain_spec *ret)
{
	static const uint8_t first[] = { 0 }, last[] = { 0xff };
	struct route *route = arena_new_of(a, struct route, 1);
	struct domain_route *placed = arena_new_of(a, struct domain_route, 1);

	*route = (struct route){
		.origin.field = c->guards_field,
		.match = { .kind = PATH_PREFIX, .path = "/" },
		.kind = ROUTE_ANSWER,
		.answer.status = c->refuses ? 500 : 404,
	};
	match_finish(a, &route->match);
	*placed = (struct domain_route){ route, c->refuses ? first : last, 1, "all of a listener" };
	ret->routes = placed;
	ret->n_routes = 1;
	if (!c->refuses) {
		ret->guards = c->guards;
		ret->n_guards = c->n_guards;
	}
}

/* The host names of a listener before any route attaches: routes of a less specific listener
 * never serve them (G-ISO-2). */
static void want_base(struct reader *r, const struct listener_chain *c, enum object_kind kind,
		      const char *object)
{
	struct domain_spec domain = { .table = c->table,
				      .listener_host = c->host,
				      .domain = c->host,
				      .kind = kind,
				      .object = object };
	struct stream_spec stream = { .socket = c->table,
				      .listener_host = c->host,
				      .domain = c->host,
				      .kind = kind,
				      .object = object };

	if (c->n_guards || c->refuses)
		guard(reader_arena(r), c, &domain);
	if (listener_has_routes(c->protocol) && !c->closed)
		want_domain(r, &domain);
	else if (!listener_has_routes(c->protocol))
		want_stream(r, &stream);
}

void want_listener(struct reader *r, const struct listener_spec *spec, enum object_kind kind,
		   const char *object)
{
	struct arena *a = reader_arena(r);
	ListenerSpec m = PORTOLAN__MODEL__LISTENER_SPEC__INIT;
	uint8_t *packed;
	size_t len;

	m.name = (char *)spec->name;
	m.addresses = (char **)(uintptr_t)spec->addresses;
	m.n_addresses = spec->n_addresses;
	m.fleet = *spec->fleet ? (char *)spec->fleet : NULL;
	m.port = spec->port;
	m.udp = spec->udp;
	m.tracing = (Portolan__Model__Tracing *)(uintptr_t)spec->tracing;
	m.object_kind = kind;
	m.object_key = (char *)object;
	m.chains = arena_new_of(a, ListenerChain *, spec->n_chains + 1);
	for (size_t i = 0; i < spec->n_chains; i++) {
		m.chains[m.n_chains++] = encode_chain(a, &spec->chains[i]);
		want_base(r, &spec->chains[i], kind, object);
	}
	packed = reader_pack(r, &m.base, &len);
	emit_fact(r, FACT_SOCKET, spec->name, strlen(spec->name), "", 0, packed, len);
}

const ListenerSpec *listener_find(struct reader *r, const char *name)
{
	const struct item *const *facts;
	size_t n;

	facts = read_facts(r, FACT_SOCKET, name, strlen(name), &n);
	return n ? message_unpack(reader_arena(r), ModelListenerSpec, facts[0]) : NULL;
}
