/* The endpoints of one port of a Service, or of the pods with its selector, as an EDS resource. The
 * unit's key is the resource's name (endpoints.h). */
#include <string.h>

#include "translator/envoy/envoy.h"
#include "translator/resolve/endpoints.h"
#include "translator/resolve/no-endpoints.h"
#include "translator/resolve/object.h"
#include "translator/units.h"

static void tell(struct reader *r, const struct endpoints_name *name, ModelEndpointsResult *ret)
{
	ret->why = (char *)no_endpoints_why(r, name->service, name->port_name, name->udp);
	ret->has_unsliced = 1;
	ret->unsliced = endpoints_are_unsliced(r, name->service);
	/* Requests to pods are not the Service's: who has asked for the pods is told. */
	if (name->port_name)
		object_warning(r, OBJECT_SERVICE, name->service, "NoEndpoints", NULL,
			       "%s; requests are answered with 503", ret->why);
}

void unit_endpoints(struct reader *r, const char *key, size_t key_len _unused_)
{
	EnvoyClusterLoadAssignment load = EnvoyClusterLoadAssignment__INIT;
	EnvoyLocalityLbEndpoints locality = EnvoyLocalityLbEndpoints__INIT;
	EnvoyLocalityLbEndpoints *localities[] = { &locality };
	ModelEndpointsResult result = ModelEndpointsResult__INIT;
	struct endpoints_name name;
	uint8_t *packed;
	size_t len;

	locality.lb_endpoints = endpoints_read_named(r, key, &name, &locality.n_lb_endpoints);
	load.cluster_name = (char *)key;
	if (locality.n_lb_endpoints) {
		load.n_endpoints = 1;
		load.endpoints = localities;
		locality.load_balancing_weight = envoy_uint32(reader_arena(r), 1);
	}
	packed = reader_pack(r, &load.base, &len);
	emit_resource(r, RESOURCE_ENDPOINT, key, packed, len);
	if (!locality.n_lb_endpoints)
		tell(r, &name, &result);
	emit_result_message(r, &result.base);
}
