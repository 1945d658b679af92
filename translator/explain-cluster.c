/* Where a request goes: clusters and their endpoints. Runs in the translator. */
#include <string.h>

#include "translator/explain-internal.h"

typedef Envoy__Config__Cluster__V3__Cluster Cluster;
typedef Envoy__Config__Endpoint__V3__ClusterLoadAssignment Assignment;
typedef Envoy__Config__Endpoint__V3__LbEndpoint LbEndpoint;

#define CLUSTERS_MAX 20
#define ENDPOINTS_MAX 20

static const char *health_word(Envoy__Config__Core__V3__HealthStatus s)
{
	static const char *const words[] = {
		[ENVOY__CONFIG__CORE__V3__HEALTH_STATUS__UNKNOWN] = "healthy",
		[ENVOY__CONFIG__CORE__V3__HEALTH_STATUS__HEALTHY] = "healthy",
		[ENVOY__CONFIG__CORE__V3__HEALTH_STATUS__UNHEALTHY] = "unhealthy",
		[ENVOY__CONFIG__CORE__V3__HEALTH_STATUS__DRAINING] = "draining",
		[ENVOY__CONFIG__CORE__V3__HEALTH_STATUS__TIMEOUT] = "timeout",
		[ENVOY__CONFIG__CORE__V3__HEALTH_STATUS__DEGRADED] = "degraded",
	};

	return (unsigned)s < ARRAY_SIZE(words) ? words[s] : "unknown";
}

static void write_endpoint(struct explain *e, const LbEndpoint *l)
{
	const Envoy__Config__Core__V3__Address *address = l->endpoint ? l->endpoint->address : NULL;

	document_map(e->d);
	if (address && address->address_case == ENVOY__CONFIG__CORE__V3__ADDRESS__ADDRESS_SOCKET_ADDRESS) {
		explain_string(e, "address", address->socket_address->address);
		explain_uint(e, "port", address->socket_address->port_value);
	}
	explain_string(e, "health", health_word(l->health_status));
	document_end(e->d);
}

static size_t write_assignment(struct explain *e, const Assignment *a)
{
	size_t n = 0;

	document_key(e->d, "endpoints");
	document_list(e->d);
	for (size_t i = 0; a && i < a->n_endpoints; i++)
		for (size_t k = 0; k < a->endpoints[i]->n_lb_endpoints; k++)
			if (n++ < ENDPOINTS_MAX)
				write_endpoint(e, a->endpoints[i]->lb_endpoints[k]);
	document_end(e->d);
	explain_uint(e, "endpoints_total", n);
	return n;
}

static size_t write_endpoints(struct explain *e, const Cluster *c)
{
	const char *name = c->eds_cluster_config && *c->eds_cluster_config->service_name ?
				   c->eds_cluster_config->service_name : c->name;
	const struct item *i;
	const Assignment *a;
	size_t n;

	if (c->type != ENVOY__CONFIG__CLUSTER__V3__CLUSTER__DISCOVERY_TYPE__EDS)
		return write_assignment(e, c->load_assignment);
	i = explain_sent(e, RESOURCE_ENDPOINT, name);
	a = i ? envoy__config__endpoint__v3__cluster_load_assignment__unpack(arena_pb(e->a), i->value_len,
									      item_value(i)) :
		NULL;
	n = write_assignment(e, a);
	document_key(e->d, "endpoints_made_by");
	explain_made_from(e, RESOURCE_ENDPOINT, name);
	return n;
}

static size_t write_cluster(struct explain *e, const char *name, const uint32_t *weight)
{
	const struct item *i = explain_sent(e, RESOURCE_CLUSTER, name);
	const Cluster *c = i ? envoy__config__cluster__v3__cluster__unpack(arena_pb(e->a), i->value_len,
									   item_value(i)) :
			       NULL;
	size_t n = 0;

	document_map(e->d);
	explain_string(e, "name", name);
	if (weight)
		explain_uint(e, "weight", *weight);
	if (c) {
		document_key(e->d, "made_by");
		explain_made_from(e, RESOURCE_CLUSTER, name);
		n = write_endpoints(e, c);
	} else {
		explain_string(e, "note", "there is no such cluster");
	}
	document_end(e->d);
	return n;
}

size_t explain_clusters_write(struct explain *e, char *const *names, const uint32_t *weights, size_t n)
{
	size_t endpoints = 0;

	document_key(e->d, "clusters");
	document_list(e->d);
	for (size_t i = 0; i < n && i < CLUSTERS_MAX; i++)
		endpoints += write_cluster(e, names[i], weights ? &weights[i] : NULL);
	document_end(e->d);
	if (n > CLUSTERS_MAX)
		explain_uint(e, "clusters_total", n);
	return endpoints;
}
