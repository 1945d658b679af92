/* The endpoints of one port of a Service as an EDS resource. The unit's key is the resource's name:
 * "namespace/service", "namespace/service/port name" or "namespace/service/port name/port name",
 * where the second port is that of health checks. */
#include <string.h>

#include "translator/envoy/envoy.h"
#include "translator/resolve/endpoints.h"
#include "translator/resolve/no-endpoints.h"
#include "translator/resolve/object.h"
#include "translator/units.h"

#define UDP "udp:" /* before the key: endpoints of a UDP port */

void unit_endpoints(struct reader *r, const char *key, size_t key_len _unused_)
{
	EnvoyClusterLoadAssignment load = EnvoyClusterLoadAssignment__INIT;
	EnvoyLocalityLbEndpoints locality = EnvoyLocalityLbEndpoints__INIT;
	EnvoyLocalityLbEndpoints *localities[] = { &locality };
	struct arena *a = reader_arena(r);
	bool udp = strncmp(key, UDP, strlen(UDP)) == 0;
	char *service = arena_strdup(a, udp ? key + strlen(UDP) : key),
	     *name = strchr(strchr(service, '/') + 1, '/'), *health = NULL;
	ModelEndpointsResult result = ModelEndpointsResult__INIT;
	uint8_t *packed;
	size_t len;

	if (name) {
		*name++ = '\0';
		health = strchr(name, '/');
	}
	if (health)
		*health++ = '\0';
	locality.lb_endpoints =
		udp ? endpoints_read_udp(r, service, name ? name : "", &locality.n_lb_endpoints)
		    : endpoints_read(r, service, name ? name : "", health,
				     &locality.n_lb_endpoints);
	load.cluster_name = (char *)key;
	if (locality.n_lb_endpoints) {
		load.n_endpoints = 1;
		load.endpoints = localities;
		locality.load_balancing_weight = envoy_uint32(a, 1);
	}
	packed = reader_pack(r, &load.base, &len);
	emit_resource(r, RESOURCE_ENDPOINT, key, packed, len);
	if (!locality.n_lb_endpoints) {
		result.why = (char *)no_endpoints_why(r, service, name ? name : "");
		result.has_unsliced = 1;
		result.unsliced = endpoints_are_unsliced(r, service);
		object_warning(r, OBJECT_SERVICE, service, "NoEndpoints", NULL,
			       "%s; requests are answered with 503", result.why);
	}
	emit_result_message(r, &result.base);
}
