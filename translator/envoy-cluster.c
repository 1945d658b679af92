/* Clusters: a Service's port as Envoy's upstream. Runs in the translator. */
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "envoy/extensions/transport_sockets/tls/v3/tls.pb-c.h"
#include "envoy/extensions/upstreams/http/v3/http_protocol_options.pb-c.h"
#include "translator/envoy.h"
#include "translator/version.h"

#define NAME_HASH_DIGITS 10

#define HTTP_OPTIONS "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"

typedef Envoy__Config__Cluster__V3__Cluster Cluster;
typedef Envoy__Config__Cluster__V3__CircuitBreakers__Thresholds Thresholds;
typedef Envoy__Extensions__TransportSockets__Tls__V3__CertificateValidationContext Validation;
typedef Envoy__Extensions__TransportSockets__Tls__V3__SubjectAltNameMatcher SubjectMatcher;

/* HTTP/2 where it is spoken, and how long connections without requests are kept. */
static void speak(struct arena *a, Cluster *c, bool use_http2, const struct cluster_spec *spec)
{
	const Portolan__Model__ClusterSpec *wish = spec->wish;
	const K8s__ConfigCluster *config = spec->settings->config->envoy->cluster;
	bool idle = wish && wish->has_idle_usec;
	Envoy__Extensions__Upstreams__Http__V3__HttpProtocolOptions options =
		ENVOY__EXTENSIONS__UPSTREAMS__HTTP__V3__HTTP_PROTOCOL_OPTIONS__INIT;
	Envoy__Extensions__Upstreams__Http__V3__HttpProtocolOptions__ExplicitHttpConfig http =
		ENVOY__EXTENSIONS__UPSTREAMS__HTTP__V3__HTTP_PROTOCOL_OPTIONS__EXPLICIT_HTTP_CONFIG__INIT;
	Envoy__Config__Core__V3__Http2ProtocolOptions http2 =
		ENVOY__CONFIG__CORE__V3__HTTP2_PROTOCOL_OPTIONS__INIT;
	Envoy__Config__Core__V3__Http1ProtocolOptions http1 =
		ENVOY__CONFIG__CORE__V3__HTTP1_PROTOCOL_OPTIONS__INIT;
	Envoy__Config__Core__V3__HttpProtocolOptions common =
		ENVOY__CONFIG__CORE__V3__HTTP_PROTOCOL_OPTIONS__INIT;
	Envoy__Config__Cluster__V3__Cluster__TypedExtensionProtocolOptionsEntry *entry = ENVOY_NEW(
		a, Envoy__Config__Cluster__V3__Cluster__TypedExtensionProtocolOptionsEntry,
		ENVOY__CONFIG__CLUSTER__V3__CLUSTER__TYPED_EXTENSION_PROTOCOL_OPTIONS_ENTRY__INIT);

	if (!use_http2 && !idle && !config->has_max_requests_per_connection)
		return;
	if (use_http2) {
		http.protocol_config_case =
			ENVOY__EXTENSIONS__UPSTREAMS__HTTP__V3__HTTP_PROTOCOL_OPTIONS__EXPLICIT_HTTP_CONFIG__PROTOCOL_CONFIG_HTTP2_PROTOCOL_OPTIONS;
		http.http2_protocol_options = &http2;
	} else {
		http.protocol_config_case =
			ENVOY__EXTENSIONS__UPSTREAMS__HTTP__V3__HTTP_PROTOCOL_OPTIONS__EXPLICIT_HTTP_CONFIG__PROTOCOL_CONFIG_HTTP_PROTOCOL_OPTIONS;
		http.http_protocol_options = &http1;
	}
	if (idle)
		common.idle_timeout = envoy_duration(a, wish->idle_usec);
	if (config->has_max_requests_per_connection)
		common.max_requests_per_connection = envoy_uint32(a, config->max_requests_per_connection);
	if (idle || config->has_max_requests_per_connection)
		options.common_http_protocol_options = &common;
	options.upstream_protocol_options_case =
		ENVOY__EXTENSIONS__UPSTREAMS__HTTP__V3__HTTP_PROTOCOL_OPTIONS__UPSTREAM_PROTOCOL_OPTIONS_EXPLICIT_HTTP_CONFIG;
	options.explicit_http_config = &http;
	entry->key = (char *)HTTP_OPTIONS;
	entry->value = envoy_any(a, HTTP_OPTIONS, &options.base);
	c->n_typed_extension_protocol_options = 1;
	c->typed_extension_protocol_options = arena_memdup(a, &entry, sizeof(entry));
}

Validation *envoy_verify_upstream(struct arena *a, const void *ca, size_t ca_len, char *const *subjects, size_t n)
{
	Validation *v = ENVOY_NEW(
		a, Validation, ENVOY__EXTENSIONS__TRANSPORT_SOCKETS__TLS__V3__CERTIFICATE_VALIDATION_CONTEXT__INIT);

	v->trusted_ca = envoy_inline_bytes(a, ca, ca_len);
	v->n_match_typed_subject_alt_names = n;
	v->match_typed_subject_alt_names = arena_new_of(a, SubjectMatcher *, n + 1);
	for (size_t i = 0; i < n; i++) {
		SubjectMatcher *m = ENVOY_NEW(
			a, SubjectMatcher,
			ENVOY__EXTENSIONS__TRANSPORT_SOCKETS__TLS__V3__SUBJECT_ALT_NAME_MATCHER__INIT);

		m->san_type =
			ENVOY__EXTENSIONS__TRANSPORT_SOCKETS__TLS__V3__SUBJECT_ALT_NAME_MATCHER__SAN_TYPE__DNS;
		m->matcher = ENVOY_NEW(a, Envoy__Type__Matcher__V3__StringMatcher,
				       ENVOY__TYPE__MATCHER__V3__STRING_MATCHER__INIT);
		m->matcher->match_pattern_case =
			ENVOY__TYPE__MATCHER__V3__STRING_MATCHER__MATCH_PATTERN_EXACT;
		m->matcher->exact = subjects[i];
		v->match_typed_subject_alt_names[i] = m;
	}
	return v;
}

static void speak_tls(struct arena *a, Cluster *c, const struct cluster_spec *spec)
{
	Envoy__Extensions__TransportSockets__Tls__V3__UpstreamTlsContext tls =
		ENVOY__EXTENSIONS__TRANSPORT_SOCKETS__TLS__V3__UPSTREAM_TLS_CONTEXT__INIT;
	Envoy__Extensions__TransportSockets__Tls__V3__CommonTlsContext common =
		ENVOY__EXTENSIONS__TRANSPORT_SOCKETS__TLS__V3__COMMON_TLS_CONTEXT__INIT;
	Envoy__Extensions__TransportSockets__Tls__V3__SdsSecretConfig sds =
		ENVOY__EXTENSIONS__TRANSPORT_SOCKETS__TLS__V3__SDS_SECRET_CONFIG__INIT;
	Envoy__Extensions__TransportSockets__Tls__V3__SdsSecretConfig *all_sds[] = { &sds };
	char *alpn[] = { (char *)"h2" };

	tls.common_tls_context = &common;
	common.tls_params = envoy_tls_parameters(a, spec->settings->config->envoy->cluster->upstream_tls, 0, 0);
	if (spec->secret) {
		sds.name = (char *)spec->secret;
		sds.sds_config = envoy_ads(a);
		common.n_tls_certificate_sds_secret_configs = 1;
		common.tls_certificate_sds_secret_configs = all_sds;
	}
	if (spec->protocol == UPSTREAM_H2) {
		common.n_alpn_protocols = 1;
		common.alpn_protocols = alpn;
	}
	if (spec->ca) {
		common.validation_context_type_case =
			ENVOY__EXTENSIONS__TRANSPORT_SOCKETS__TLS__V3__COMMON_TLS_CONTEXT__VALIDATION_CONTEXT_TYPE_VALIDATION_CONTEXT;
		common.validation_context = envoy_verify_upstream(a, spec->ca, spec->ca_len, spec->wish->subjects,
								  spec->wish->n_subjects);
	}
	if (spec->wish && spec->wish->sni)
		tls.sni = spec->wish->sni;
	else if (spec->external_name)
		tls.sni = (char *)spec->external_name;
	c->transport_socket = ENVOY_NEW(a, Envoy__Config__Core__V3__TransportSocket,
					ENVOY__CONFIG__CORE__V3__TRANSPORT_SOCKET__INIT);
	c->transport_socket->name = (char *)"envoy.transport_sockets.tls";
	c->transport_socket->config_type_case =
		ENVOY__CONFIG__CORE__V3__TRANSPORT_SOCKET__CONFIG_TYPE_TYPED_CONFIG;
	c->transport_socket->typed_config = envoy_any(
		a, "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext", &tls.base);
}

Envoy__Config__Endpoint__V3__ClusterLoadAssignment *envoy_one_endpoint(struct arena *a, const char *cluster,
								       const char *host, uint32_t port)
{
	Envoy__Config__Endpoint__V3__ClusterLoadAssignment *load =
		ENVOY_NEW(a, Envoy__Config__Endpoint__V3__ClusterLoadAssignment,
			  ENVOY__CONFIG__ENDPOINT__V3__CLUSTER_LOAD_ASSIGNMENT__INIT);
	Envoy__Config__Endpoint__V3__LocalityLbEndpoints *locality =
		ENVOY_NEW(a, Envoy__Config__Endpoint__V3__LocalityLbEndpoints,
			  ENVOY__CONFIG__ENDPOINT__V3__LOCALITY_LB_ENDPOINTS__INIT);
	Envoy__Config__Endpoint__V3__LbEndpoint *lb =
		ENVOY_NEW(a, Envoy__Config__Endpoint__V3__LbEndpoint,
			  ENVOY__CONFIG__ENDPOINT__V3__LB_ENDPOINT__INIT);

	lb->host_identifier_case = ENVOY__CONFIG__ENDPOINT__V3__LB_ENDPOINT__HOST_IDENTIFIER_ENDPOINT;
	lb->endpoint = ENVOY_NEW(a, Envoy__Config__Endpoint__V3__Endpoint,
				 ENVOY__CONFIG__ENDPOINT__V3__ENDPOINT__INIT);
	lb->endpoint->address = envoy_address(a, host, port);
	locality->n_lb_endpoints = 1;
	locality->lb_endpoints = arena_memdup(a, &lb, sizeof(lb));
	load->cluster_name = (char *)cluster;
	load->n_endpoints = 1;
	load->endpoints = arena_memdup(a, &locality, sizeof(locality));
	return load;
}

/* The external name itself. */
static Envoy__Config__Endpoint__V3__ClusterLoadAssignment *external(struct arena *a,
								    const struct cluster_spec *spec)
{
	Envoy__Config__Endpoint__V3__ClusterLoadAssignment *load =
		envoy_one_endpoint(a, arena_printf(a, "%s/%s/%u", spec->namespace, spec->service, spec->port),
				   spec->external_name, spec->port);

	if (spec->wish && spec->wish->health && spec->wish->health->has_port)
		load->endpoints[0]->lb_endpoints[0]->endpoint->health_check_config =
			envoy_health_port(a, spec->wish->health->port);
	return load;
}

void envoy_look_up(Cluster *c, const char *family)
{
	static const struct {
		const char *word;
		Envoy__Config__Cluster__V3__Cluster__DnsLookupFamily family;
	} rows[] = {
		{ "auto", ENVOY__CONFIG__CLUSTER__V3__CLUSTER__DNS_LOOKUP_FAMILY__AUTO },
		{ "v4", ENVOY__CONFIG__CLUSTER__V3__CLUSTER__DNS_LOOKUP_FAMILY__V4_ONLY },
		{ "v6", ENVOY__CONFIG__CLUSTER__V3__CLUSTER__DNS_LOOKUP_FAMILY__V6_ONLY },
		{ "all", ENVOY__CONFIG__CLUSTER__V3__CLUSTER__DNS_LOOKUP_FAMILY__ALL },
	};

	c->type = ENVOY__CONFIG__CLUSTER__V3__CLUSTER__DISCOVERY_TYPE__STRICT_DNS;
	c->dns_lookup_family = ENVOY__CONFIG__CLUSTER__V3__CLUSTER__DNS_LOOKUP_FAMILY__V4_PREFERRED;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (strcmp(rows[i].word, family) == 0)
			c->dns_lookup_family = rows[i].family;
	/* All addresses of a name are tried as one endpoint's (RFC 8305) only with this type. */
	if (c->dns_lookup_family == ENVOY__CONFIG__CLUSTER__V3__CLUSTER__DNS_LOOKUP_FAMILY__ALL)
		c->type = ENVOY__CONFIG__CLUSTER__V3__CLUSTER__DISCOVERY_TYPE__LOGICAL_DNS;
}

static void find_endpoints(struct arena *a, Cluster *c, const struct cluster_spec *spec)
{
	c->cluster_discovery_type_case = ENVOY__CONFIG__CLUSTER__V3__CLUSTER__CLUSTER_DISCOVERY_TYPE_TYPE;
	if (spec->external_name) {
		envoy_look_up(c, spec->settings->config->envoy->cluster->dns_lookup_family);
		c->load_assignment = external(a, spec);
		return;
	}
	c->type = ENVOY__CONFIG__CLUSTER__V3__CLUSTER__DISCOVERY_TYPE__EDS;
	c->eds_cluster_config = ENVOY_NEW(a, Envoy__Config__Cluster__V3__Cluster__EdsClusterConfig,
					  ENVOY__CONFIG__CLUSTER__V3__CLUSTER__EDS_CLUSTER_CONFIG__INIT);
	c->eds_cluster_config->eds_config = envoy_ads(a);
	c->eds_cluster_config->service_name = (char *)spec->endpoints;
}

static Envoy__Config__Cluster__V3__Cluster__SlowStartConfig *slow_start(
	struct arena *a, const Portolan__Model__SlowStart *wish)
{
	Envoy__Config__Cluster__V3__Cluster__SlowStartConfig *s =
		ENVOY_NEW(a, Envoy__Config__Cluster__V3__Cluster__SlowStartConfig,
			  ENVOY__CONFIG__CLUSTER__V3__CLUSTER__SLOW_START_CONFIG__INIT);

	s->slow_start_window = envoy_duration(a, wish->window_usec);
	s->aggression = ENVOY_NEW(a, Envoy__Config__Core__V3__RuntimeDouble,
				  ENVOY__CONFIG__CORE__V3__RUNTIME_DOUBLE__INIT);
	s->aggression->default_value = wish->aggression;
	s->aggression->runtime_key = (char *)"portolan.slowstart.aggression";
	s->min_weight_percent = ENVOY_NEW(a, Envoy__Type__V3__Percent, ENVOY__TYPE__V3__PERCENT__INIT);
	s->min_weight_percent->value = wish->min_weight_percent;
	return s;
}

static void start_slowly(struct arena *a, Cluster *c, const Portolan__Model__ClusterSpec *wish)
{
	if (wish->balancing == BALANCING_LEAST_REQUEST) {
		c->lb_config_case = ENVOY__CONFIG__CLUSTER__V3__CLUSTER__LB_CONFIG_LEAST_REQUEST_LB_CONFIG;
		c->least_request_lb_config =
			ENVOY_NEW(a, Envoy__Config__Cluster__V3__Cluster__LeastRequestLbConfig,
				  ENVOY__CONFIG__CLUSTER__V3__CLUSTER__LEAST_REQUEST_LB_CONFIG__INIT);
		c->least_request_lb_config->slow_start_config = slow_start(a, wish->slow_start);
	} else {
		c->lb_config_case = ENVOY__CONFIG__CLUSTER__V3__CLUSTER__LB_CONFIG_ROUND_ROBIN_LB_CONFIG;
		c->round_robin_lb_config =
			ENVOY_NEW(a, Envoy__Config__Cluster__V3__Cluster__RoundRobinLbConfig,
				  ENVOY__CONFIG__CLUSTER__V3__CLUSTER__ROUND_ROBIN_LB_CONFIG__INIT);
		c->round_robin_lb_config->slow_start_config = slow_start(a, wish->slow_start);
	}
}

/* How requests are spread, and which endpoints are fit for them. */
static void balance(struct arena *a, Cluster *c, const struct cluster_spec *spec)
{
	static const Envoy__Config__Cluster__V3__Cluster__LbPolicy policies[] = {
		[BALANCING_ROUND_ROBIN] = ENVOY__CONFIG__CLUSTER__V3__CLUSTER__LB_POLICY__ROUND_ROBIN,
		[BALANCING_LEAST_REQUEST] = ENVOY__CONFIG__CLUSTER__V3__CLUSTER__LB_POLICY__LEAST_REQUEST,
		[BALANCING_RANDOM] = ENVOY__CONFIG__CLUSTER__V3__CLUSTER__LB_POLICY__RANDOM,
		[BALANCING_RING_HASH] = ENVOY__CONFIG__CLUSTER__V3__CLUSTER__LB_POLICY__RING_HASH,
	};
	const Portolan__Model__ClusterSpec *wish = spec->wish;
	Envoy__Config__Core__V3__HealthCheck *check;

	c->lb_policy = policies[MIN(wish->balancing, (uint32_t)BALANCING_RING_HASH)];
	if (wish->slow_start)
		start_slowly(a, c, wish);
	if (!wish->health)
		return;
	check = envoy_health_check(a, wish->health, spec->protocol);
	c->n_health_checks = 1;
	c->health_checks = arena_memdup(a, &check, sizeof(check));
	/* An endpoint that Kubernetes takes away is gone, whatever the check says. */
	c->ignore_health_on_host_removal = true;
}

/* What is not said of the one is as it is for all. */
static struct upstream_limits limits_of(const struct cluster_spec *spec)
{
	const K8s__CircuitBreakerPolicy *all = spec->settings->config->envoy->cluster->circuit_breakers;
	const struct upstream_limits *own = &spec->limits;

	if (spec->own_limits)
		return *own;
	return (struct upstream_limits){
		.connections = own->connections ? own->connections : all->max_connections,
		.pending = own->pending ? own->pending : all->max_pending_requests,
		.requests = own->requests ? own->requests : all->max_requests,
		.retries = own->retries ? own->retries : all->max_retries,
		.connections_per_host =
			own->connections_per_host ? own->connections_per_host : all->per_host_max_connections,
	};
}

static void limit(struct arena *a, Cluster *c, const struct upstream_limits *l)
{
	Envoy__Config__Cluster__V3__CircuitBreakers *all;
	Thresholds *t, *host;

	if (!l->connections && !l->pending && !l->requests && !l->retries && !l->connections_per_host)
		return;
	all = ENVOY_NEW(a, Envoy__Config__Cluster__V3__CircuitBreakers,
			ENVOY__CONFIG__CLUSTER__V3__CIRCUIT_BREAKERS__INIT);
	t = ENVOY_NEW(a, Thresholds, ENVOY__CONFIG__CLUSTER__V3__CIRCUIT_BREAKERS__THRESHOLDS__INIT);
	t->max_connections = l->connections ? envoy_uint32(a, l->connections) : NULL;
	t->max_pending_requests = l->pending ? envoy_uint32(a, l->pending) : NULL;
	t->max_requests = l->requests ? envoy_uint32(a, l->requests) : NULL;
	t->max_retries = l->retries ? envoy_uint32(a, l->retries) : NULL;
	t->track_remaining = true;
	all->n_thresholds = 1;
	all->thresholds = arena_memdup(a, &t, sizeof(t));
	if (l->connections_per_host) {
		host = ENVOY_NEW(a, Thresholds, ENVOY__CONFIG__CLUSTER__V3__CIRCUIT_BREAKERS__THRESHOLDS__INIT);
		host->max_connections = envoy_uint32(a, l->connections_per_host);
		all->n_per_host_thresholds = 1;
		all->per_host_thresholds = arena_memdup(a, &host, sizeof(host));
	}
	c->circuit_breakers = all;
}

char *envoy_cluster_name(struct arena *a, const Cluster *c, const char *begin)
{
	uint8_t version[VERSION_SIZE];
	char hex[VERSION_HEX + 1];
	size_t len = protobuf_c_message_get_packed_size(&c->base);
	uint8_t *packed = arena_alloc(a, len);

	(void)protobuf_c_message_pack(&c->base, packed);
	version_of(packed, len, version);
	version_to_hex(version, hex);
	return arena_printf(a, "%s/%.*s", begin, NAME_HASH_DIGITS, hex);
}

static char *stat_name(struct arena *a, const struct cluster_spec *spec)
{
	char *name;

	if (!spec->name)
		return arena_printf(a, "%s_%s_%u", spec->namespace, spec->service, spec->port);
	name = arena_strdup(a, spec->name);
	for (char *p = name; *p; p++)
		if (*p == '/')
			*p = '_';
	return name;
}

Cluster *envoy_cluster(struct arena *a, const struct cluster_spec *spec)
{
	Cluster *c = ENVOY_NEW(a, Cluster, ENVOY__CONFIG__CLUSTER__V3__CLUSTER__INIT);
	struct upstream_limits limits;

	c->alt_stat_name = stat_name(a, spec);
	c->connect_timeout = envoy_duration(a, spec->settings->timeouts.connect.usec);
	if (spec->settings->config->envoy->cluster->has_per_connection_buffer_limit_bytes)
		c->per_connection_buffer_limit_bytes = envoy_uint32(
			a, spec->settings->config->envoy->cluster->per_connection_buffer_limit_bytes);
	/* Without this Envoy sends requests to unhealthy endpoints once half of them are. */
	c->common_lb_config = ENVOY_NEW(a, Envoy__Config__Cluster__V3__Cluster__CommonLbConfig,
					ENVOY__CONFIG__CLUSTER__V3__CLUSTER__COMMON_LB_CONFIG__INIT);
	c->common_lb_config->healthy_panic_threshold =
		ENVOY_NEW(a, Envoy__Type__V3__Percent, ENVOY__TYPE__V3__PERCENT__INIT);
	if (spec->weighted) {
		c->common_lb_config->locality_config_specifier_case =
			ENVOY__CONFIG__CLUSTER__V3__CLUSTER__COMMON_LB_CONFIG__LOCALITY_CONFIG_SPECIFIER_LOCALITY_WEIGHTED_LB_CONFIG;
		c->common_lb_config->locality_weighted_lb_config = ENVOY_NEW(
			a, Envoy__Config__Cluster__V3__Cluster__CommonLbConfig__LocalityWeightedLbConfig,
			ENVOY__CONFIG__CLUSTER__V3__CLUSTER__COMMON_LB_CONFIG__LOCALITY_WEIGHTED_LB_CONFIG__INIT);
	}
	find_endpoints(a, c, spec);
	speak(a, c, spec->protocol == UPSTREAM_H2C || spec->protocol == UPSTREAM_H2, spec);
	if (spec->protocol == UPSTREAM_TLS || spec->protocol == UPSTREAM_H2)
		speak_tls(a, c, spec);
	if (spec->wish)
		balance(a, c, spec);
	limits = limits_of(spec);
	limit(a, c, &limits);
	c->name = spec->name ? (char *)spec->name :
			       envoy_cluster_name(a, c, arena_printf(a, "%s/%s/%u", spec->namespace,
								     spec->service, spec->port));
	return c;
}
