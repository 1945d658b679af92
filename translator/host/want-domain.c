/* Host names of listeners as facts. */
#include "translator/host/want-domain.h"

#include <string.h>

#include "proto/model.pb-c.h"
#include "translator/envoy/envoy-ask.h"
#include "translator/envoy/envoy-route.h"
#include "translator/kinds.h"

typedef Portolan__Model__DomainRoute DomainRoute;
typedef Portolan__Model__DomainRoutes DomainRoutes;

char *domain_key_text(struct arena *a, const struct domain_key *k)
{
	return arena_printf(a, "%s %s %s", k->table, k->listener_host, k->domain);
}

struct domain_key domain_key_parse(struct arena *a, const char *key, size_t len)
{
	char *text = arena_strndup(a, key, len), *host = strchr(text, ' '),
	     *domain = strchr(host + 1, ' ');

	*host = *domain = '\0';
	return (struct domain_key){ text, host + 1, domain + 1 };
}

static DomainRoute *encode(struct reader *r, const struct domain_route *from)
{
	struct arena *a = reader_arena(r);
	const struct route *route = from->route;
	DomainRoute *out = arena_new_of(a, DomainRoute, 1);

	portolan__model__domain_route__init(out);
	out->order = (ProtobufCBinaryData){ from->order_len, (uint8_t *)from->order };
	out->route = envoy_route_encode(a, "*", false, route);
	out->match = from->match ? (char *)from->match
				 : arena_printf(a, "%d%s %s", route->match.kind, route->match.path,
						route->match.text);
	out->field = (char *)route->origin.field;
	return out;
}

void want_domain(struct reader *r, const struct domain_spec *spec)
{
	struct arena *a = reader_arena(r);
	struct domain_key key = { spec->table, spec->listener_host, spec->domain };
	const char *text = domain_key_text(a, &key);
	const char *sort = arena_printf(a, "%d %s", spec->kind, spec->object);
	DomainRoutes m = PORTOLAN__MODEL__DOMAIN_ROUTES__INIT;
	uint8_t *packed;
	size_t len;

	m.object_kind = spec->kind;
	m.object_key = (char *)spec->object;
	m.routes = arena_new_of(a, DomainRoute *, spec->n_routes + 1);
	for (size_t i = 0; i < spec->n_routes; i++)
		m.routes[m.n_routes++] = encode(r, &spec->routes[i]);
	if (spec->n_guards) {
		m.has_options = 1;
		m.options = envoy_guards(a, spec->guards, spec->n_guards);
	}
	packed = reader_pack(r, &m.base, &len);
	emit_fact(r, FACT_DOMAIN, text, strlen(text), sort, strlen(sort), packed, len);
}
