/* Where a request goes: clusters and their endpoints. */
#include <string.h>

#include "envoy/extensions/transport_sockets/tls/v3/tls.pb-c.h"
#include "translator/explain/explain-internal.h"

#define CLUSTERS_MAX  20
#define ENDPOINTS_MAX 20

static const char *health_word(Envoy__Config__Core__V3__HealthStatus s)
{
	static const char *const words[] = {
		[EnvoyHealthStatus__UNKNOWN] = "healthy",
		[EnvoyHealthStatus__HEALTHY] = "healthy",
		[EnvoyHealthStatus__UNHEALTHY] = "unhealthy",
		[EnvoyHealthStatus__DRAINING] = "draining",
		[EnvoyHealthStatus__TIMEOUT] = "timeout",
		[EnvoyHealthStatus__DEGRADED] = "degraded",
	};

	return (unsigned)s < ARRAY_SIZE(words) ? words[s] : "unknown";
}

static void write_endpoint(struct explain *e, const EnvoyLbEndpoint *l)
{
	const EnvoyAddress *address = l->endpoint ? l->endpoint->address : NULL;

	document_map(e->d);
	if (address && address->address_case == EnvoyAddress__ADDRESS_SOCKET_ADDRESS) {
		explain_string(e, "address", address->socket_address->address);
		explain_uint(e, "port", address->socket_address->port_value);
	}
	explain_string(e, "health", health_word(l->health_status));
	document_end(e->d);
}

static size_t write_assignment(struct explain *e, const EnvoyClusterLoadAssignment *a)
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

static const EnvoyClusterLoadAssignment *find_sent(struct explain *e, const char *name)
{
	const struct item *i = explain_sent(e, RESOURCE_ENDPOINT, name);

	return message_unpack(e->a, EnvoyClusterLoadAssignment, i);
}

const EnvoyClusterLoadAssignment *explain_joined(struct explain *e, const EnvoyCluster *c)
{
	const char *name = c && c->eds_cluster_config ? c->eds_cluster_config->service_name : "";

	return strncmp(name, JOINED_CLUSTERS, strlen(JOINED_CLUSTERS)) == 0 ? find_sent(e, name)
									    : NULL;
}

static size_t write_endpoints(struct explain *e, const EnvoyCluster *c, const char *effect,
			      const char **ret_refused)
{
	const char *name = c->eds_cluster_config && *c->eds_cluster_config->service_name
				   ? c->eds_cluster_config->service_name
				   : c->name;
	size_t n;

	if (c->type != EnvoyCluster__DISCOVERY_TYPE__EDS)
		return write_assignment(e, c->load_assignment);
	*ret_refused = explain_refusal_of(e, RESOURCE_ENDPOINT, name, NULL, 0, effect);
	n = write_assignment(e, find_sent(e, name));
	document_key(e->d, "endpoints_made_by");
	explain_made_from(e, RESOURCE_ENDPOINT, name);
	return *ret_refused ? 0 : n;
}

/* Those that connections to the cluster need. */
static const char *refused_secret(struct explain *e, const EnvoyCluster *c, const char *effect)
{
	const GoogleAny *any = c->transport_socket ? c->transport_socket->typed_config : NULL;
	const EnvoyUpstreamTlsContext *tls =
		explain_any(e->a, any, &EnvoyUpstreamTlsContext__descriptor);

	return tls ? explain_secrets_refused(e, tls->common_tls_context, effect) : NULL;
}

static void write_cluster(struct explain *e, const char *name, const uint32_t *weight,
			  const char *effect, struct explain_targets *t)
{
	const struct item *i = explain_sent(e, RESOURCE_CLUSTER, name);
	const EnvoyCluster *c = message_unpack(e->a, EnvoyCluster, i);
	const char *refused = NULL, *later = NULL;
	size_t n;

	document_map(e->d);
	explain_string(e, "name", name);
	if (weight)
		explain_uint(e, "weight", *weight);
	if (c) {
		refused = explain_refusal_of(e, RESOURCE_CLUSTER, name, NULL, 0, effect);
		refused = refused ? refused : refused_secret(e, c, effect);
		document_key(e->d, "made_by");
		explain_made_from(e, RESOURCE_CLUSTER, name);
		n = write_endpoints(e, c, effect, &later);
		refused = refused ? refused : later;
		t->endpoints += refused ? 0 : n;
		t->there++;
	}
	if (!c || refused)
		explain_string(e, "note", refused ? refused : "there is no such cluster");
	if (refused && !t->refused)
		t->refused = refused;
	document_end(e->d);
}

struct explain_targets explain_clusters_write(struct explain *e, char *const *names,
					      const uint32_t *weights, size_t n, const char *effect)
{
	struct explain_targets t = { 0 };

	document_key(e->d, "clusters");
	document_list(e->d);
	for (size_t i = 0; i < n && i < CLUSTERS_MAX; i++)
		write_cluster(e, names[i], weights ? &weights[i] : NULL, effect, &t);
	document_end(e->d);
	if (n > CLUSTERS_MAX)
		explain_uint(e, "clusters_total", n);
	return t;
}
