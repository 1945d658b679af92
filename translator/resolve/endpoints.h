/* Endpoints of Services. */
#pragma once

#include "envoy/config/endpoint/v3/endpoint_components.pb-c.h"
#include "k8s/core.pb-c.h"
#include "k8s/discovery.pb-c.h"
#include "translator/envoy/envoy.h"
#include "translator/graph/graph.h"
#include "translator/model/message.h"

/* A slice's metadata without the rest of it, in the arena; NULL if it has none. */
const K8s__ObjectMeta *endpoints_metadata(const struct item *slice, struct arena *a);
/* The name of the Service that a slice with this metadata belongs to, or NULL. */
const char *endpoints_service(const K8s__ObjectMeta *meta);
/* Index: EndpointSlices by the Service that they belong to. */
int endpoints_index(const struct item *object, struct arena *scratch, const char **ret_key);
/* Precedes "namespace/service/port name" in the names of endpoints of a UDP port. */
#define UDP_ENDPOINTS "udp:"

/* What the name of an EDS resource says. */
struct endpoints_name {
	const char *service; /* "namespace/service" */
	const char
		*port_name; /* "" for the only port; NULL: the ports of the Service do not count */
	bool udp;
};

/* The endpoints of a port of the Service "namespace/service". port_name "": the Service's only
 * port, which needs no name. health_name: the name of the port of their health checks, or NULL. */
EnvoyLbEndpoint **endpoints_read(struct reader *r, const char *service, const char *port_name,
				 const char *health_name, size_t *ret_n);
/* The same for a UDP port. */
EnvoyLbEndpoint **endpoints_read_udp(struct reader *r, const char *service, const char *port_name,
				     size_t *ret_n);
/* The same for the name of an EDS resource: "namespace/service", then perhaps "/port name", then
 * perhaps "/port name of health checks"; UDP_ENDPOINTS or SELECTED_PODS may go before it. */
EnvoyLbEndpoint **endpoints_read_named(struct reader *r, const char *name,
				       struct endpoints_name *ret, size_t *ret_n);
/* Parts of a slice: whether the endpoint is ready, the address one of the slice's type, and the
 * port one for UDP, or else for TCP. */
bool endpoints_is_ready(const K8s__Endpoint *e);
bool endpoints_is_address(const char *type, const char *address);
bool endpoints_is_port(const K8s__EndpointPort *p, bool udp);
/* No slice names the Service: its controller may not have come to it yet. */
bool endpoints_are_unsliced(struct reader *r, const char *service);
