/* Gateways of one class that share their Envoys: an annotation of the GatewayClass asks for it. All
 * their listeners are together, as those of one Gateway with ListenerSets are: of two that get in
 * each other's way, the one of the older Gateway is served. */
#include <string.h>

#include "common/decode/object-kind.h"
#include "translator/gateway/gateway.h"
#include "translator/kinds.h"

#define MEMBERS_MAX 1000

typedef Portolan__Model__GatewayClaim GatewayClaim;

const char *gateway_merge_fleet(struct reader *r, const char *class)
{
	const char *word;

	if (!gateway_is_provisioned(r) || !gateway_class_is_merged(r, class, &word))
		return NULL;
	return arena_printf(reader_arena(r), FLEET_OF_CLASS "%s", class);
}

bool gateway_merge_refuses(struct reader *r, const char *key, const K8s__Gateway *gateway,
			   struct flaw *ret)
{
	const K8s__GatewayInfrastructure *own = gateway->spec->infrastructure;
	struct gateway_addresses addresses;

	gateway_addresses_find(r, key, gateway, &addresses);
	flaw_set(ret, addresses.accepted.reason, addresses.accepted.message);
	if (own && own->parameters_ref)
		flaw_set(
			ret, "InvalidParameters",
			arena_printf(reader_arena(r),
				     "spec.infrastructure.parametersRef: the Gateways of "
				     "GatewayClass %s share their Envoys, whose parameters are the "
				     "class's",
				     gateway->spec->gateway_class_name));
	return ret->reason != NULL;
}

const char **gateway_merge_members(struct reader *r, const char *fleet, size_t *ret_n)
{
	struct arena *a = reader_arena(r);
	const struct item *const *facts;
	const char **all;
	size_t n;

	facts = read_facts(r, FACT_GATEWAY_CLAIM, fleet, strlen(fleet), &n);
	*ret_n = MIN(n, (size_t)MEMBERS_MAX);
	all = arena_new_of(a, const char *, *ret_n + 1);
	for (size_t i = 0; i < *ret_n; i++) {
		const GatewayClaim *c = message_unpack(a, ModelGatewayClaim, facts[i]);

		all[i] = c->gateway;
	}
	return all;
}
