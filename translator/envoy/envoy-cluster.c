/* Clusters: a Service's port as Envoy's upstream. */
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/link/version.h"
#include "envoy/extensions/transport_sockets/tls/v3/tls.pb-c.h"
#include "envoy/extensions/upstreams/http/v3/http_protocol_options.pb-c.h"
#include "translator/check/destination.h"
#include "translator/envoy/envoy.h"

#define NAME_HASH_DIGITS 10

#define HTTP_OPTIONS "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"

/* Of one connection; 0: any number. */
static uint32_t max_requests_of(const ModelClusterSpec *desired, const K8s__ConfigCluster *config)
{
	if (desired && desired->has_max_requests)
		return desired->max_requests;
	return config->has_max_requests_per_connection ? config->max_requests_per_connection : 0;
}

/* HTTP/2 where it is spoken, and how long connections without requests are kept. */
static void speak(struct arena *a, EnvoyCluster *c, bool use_http2, const struct cluster_spec *spec)
{
	const ModelClusterSpec *desired = spec->desired;
	const K8s__ConfigCluster *config = spec->settings->config->envoy->cluster;
	bool idle = desired && desired->has_idle_usec;
	uint32_t max_requests = max_requests_of(desired, config);
	EnvoyUpstreamsHttpHttpProtocolOptions options = EnvoyUpstreamsHttpHttpProtocolOptions__INIT;
	EnvoyHttpProtocolOptionsExplicitHttpConfig http =
		EnvoyHttpProtocolOptionsExplicitHttpConfig__INIT;
	EnvoyHttp2ProtocolOptions http2 = EnvoyHttp2ProtocolOptions__INIT;
	EnvoyHttp1ProtocolOptions http1 = EnvoyHttp1ProtocolOptions__INIT;
	EnvoyHttpProtocolOptions common = EnvoyHttpProtocolOptions__INIT;
	EnvoyClusterTypedExtensionProtocolOptionsEntry *entry =
		message_new(a, EnvoyClusterTypedExtensionProtocolOptionsEntry);

	if (!use_http2 && !idle && !max_requests)
		return;
	if (use_http2) {
		http.protocol_config_case =
			EnvoyHttpProtocolOptionsExplicitHttpConfig__PROTOCOL_CONFIG_HTTP2_PROTOCOL_OPTIONS;
		http.http2_protocol_options = &http2;
	} else {
		http.protocol_config_case =
			EnvoyHttpProtocolOptionsExplicitHttpConfig__PROTOCOL_CONFIG_HTTP_PROTOCOL_OPTIONS;
		http.http_protocol_options = &http1;
	}
	if (idle)
		common.idle_timeout = envoy_duration(a, desired->idle_usec);
	if (max_requests)
		common.max_requests_per_connection = envoy_uint32(a, max_requests);
	if (idle || max_requests)
		options.common_http_protocol_options = &common;
	options.upstream_protocol_options_case =
		EnvoyUpstreamsHttpHttpProtocolOptions__UPSTREAM_PROTOCOL_OPTIONS_EXPLICIT_HTTP_CONFIG;
	options.explicit_http_config = &http;
	entry->key = (char *)HTTP_OPTIONS;
	entry->value = envoy_any(a, HTTP_OPTIONS, &options.base);
	c->n_typed_extension_protocol_options = 1;
	c->typed_extension_protocol_options = arena_memdup(a, &entry, sizeof(entry));
}

static EnvoySubjectAltNameMatcher *subject(struct arena *a, int type, char *name)
{
	EnvoySubjectAltNameMatcher *m = message_new(a, EnvoySubjectAltNameMatcher);

	m->san_type = type;
	m->matcher = message_new(a, EnvoyStringMatcher);
	m->matcher->match_pattern_case = EnvoyStringMatcher__MATCH_PATTERN_EXACT;
	m->matcher->exact = name;
	return m;
}

EnvoyCertificateValidationContext *envoy_verify_upstream(struct arena *a, const void *ca,
							 size_t ca_len, char *const *subjects,
							 size_t n)
{
	EnvoyCertificateValidationContext *v = message_new(a, EnvoyCertificateValidationContext);

	v->trusted_ca = envoy_inline_bytes(a, ca, ca_len);
	v->n_match_typed_subject_alt_names = n;
	v->match_typed_subject_alt_names = arena_new_of(a, EnvoySubjectAltNameMatcher *, n + 1);
	for (size_t i = 0; i < n; i++)
		v->match_typed_subject_alt_names[i] =
			subject(a, EnvoySubjectAltNameMatcher__SAN_TYPE__DNS, subjects[i]);
	return v;
}

/* Where Debian, Ubuntu and Envoy's images have the authorities of the host (E-CL-4). Envoy has no
 * such setting of its own: it refuses system_root_certs. */
#define SYSTEM_AUTHORITIES "/etc/ssl/certs/ca-certificates.crt"

/* Verifies the certificate, which must have one of the names or URIs. */
static EnvoyCertificateValidationContext *verify(struct arena *a, const struct cluster_spec *spec)
{
	const ModelClusterSpec *desired = spec->desired;
	EnvoyCertificateValidationContext *v = envoy_verify_upstream(
		a, spec->ca, spec->ca_len, desired->subjects, desired->n_subjects);
	size_t n = desired->n_subjects + desired->n_subject_uris;
	EnvoySubjectAltNameMatcher **all = arena_new_of(a, EnvoySubjectAltNameMatcher *, n + 1);

	if (desired->n_subjects)
		memcpy(all, v->match_typed_subject_alt_names, desired->n_subjects * sizeof(*all));
	for (size_t i = 0; i < desired->n_subject_uris; i++)
		all[desired->n_subjects + i] = subject(a, EnvoySubjectAltNameMatcher__SAN_TYPE__URI,
						       desired->subject_uris[i]);
	v->match_typed_subject_alt_names = all;
	v->n_match_typed_subject_alt_names = n;
	if (desired->has_verify_depth)
		v->max_verify_depth = envoy_uint32(a, desired->verify_depth);
	if (spec->system_authorities) {
		v->trusted_ca = message_new(a, EnvoyDataSource);
		v->trusted_ca->specifier_case = EnvoyDataSource__SPECIFIER_FILENAME;
		v->trusted_ca->filename = (char *)SYSTEM_AUTHORITIES;
	}
	return v;
}

/* The cluster's own versions and ciphers count, not the configuration's bounds: they apply only to
 * this upstream. */
static EnvoyTlsParameters *parameters(struct arena *a, const struct cluster_spec *spec)
{
	const K8s__ConfigTLS *all = spec->settings->config->envoy->cluster->upstream_tls;
	const ModelClusterSpec *desired = spec->desired;
	K8s__ConfigTLS own = *all;

	if (desired && desired->has_tls_min)
		own.minimum_protocol_version = (char *)(desired->tls_min == 3 ? "1.3" : "1.2");
	if (desired && desired->has_tls_max)
		own.maximum_protocol_version = (char *)(desired->tls_max == 3 ? "1.3" : "1.2");
	if (desired && desired->n_ciphers) {
		own.cipher_suites = desired->ciphers;
		own.n_cipher_suites = desired->n_ciphers;
	}
	return envoy_tls_parameters(a, &own, 0, 0);
}

static void speak_tls(struct arena *a, EnvoyCluster *c, const struct cluster_spec *spec)
{
	EnvoyUpstreamTlsContext tls = EnvoyUpstreamTlsContext__INIT;
	EnvoyCommonTlsContext common = EnvoyCommonTlsContext__INIT;
	EnvoySdsSecretConfig sds = EnvoySdsSecretConfig__INIT;
	EnvoySdsSecretConfig *all_sds[] = { &sds };
	char *alpn[] = { (char *)"h2" };

	tls.common_tls_context = &common;
	common.tls_params = parameters(a, spec);
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
	if (spec->ca || spec->system_authorities) {
		common.validation_context_type_case =
			EnvoyCommonTlsContext__VALIDATION_CONTEXT_TYPE_VALIDATION_CONTEXT;
		common.validation_context = verify(a, spec);
	}
	tls.sni = destination_server_name(a, spec->desired ? spec->desired->sni : NULL);
	if (!*tls.sni)
		tls.sni = destination_server_name(a, spec->external_name);
	c->transport_socket = message_new(a, EnvoyTransportSocket);
	c->transport_socket->name = (char *)"envoy.transport_sockets.tls";
	c->transport_socket->config_type_case = EnvoyTransportSocket__CONFIG_TYPE_TYPED_CONFIG;
	c->transport_socket->typed_config = envoy_any(
		a, "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext", &tls.base);
}

EnvoyClusterLoadAssignment *envoy_one_endpoint(struct arena *a, const char *cluster,
					       const char *host, uint32_t port)
{
	EnvoyClusterLoadAssignment *load = message_new(a, EnvoyClusterLoadAssignment);
	EnvoyLocalityLbEndpoints *locality = message_new(a, EnvoyLocalityLbEndpoints);
	EnvoyLbEndpoint *lb = message_new(a, EnvoyLbEndpoint);

	lb->host_identifier_case = EnvoyLbEndpoint__HOST_IDENTIFIER_ENDPOINT;
	lb->endpoint = message_new(a, EnvoyEndpoint);
	lb->endpoint->address = envoy_address(a, host, port);
	locality->n_lb_endpoints = 1;
	locality->lb_endpoints = arena_memdup(a, &lb, sizeof(lb));
	load->cluster_name = (char *)cluster;
	load->n_endpoints = 1;
	load->endpoints = arena_memdup(a, &locality, sizeof(locality));
	return load;
}

/* The external name itself. */
static EnvoyClusterLoadAssignment *external(struct arena *a, const struct cluster_spec *spec)
{
	EnvoyClusterLoadAssignment *load = envoy_one_endpoint(
		a, arena_printf(a, "%s/%s/%u", spec->namespace, spec->service, spec->port),
		spec->external_name, spec->port);

	if (spec->desired && spec->desired->health && spec->desired->health->has_port)
		load->endpoints[0]->lb_endpoints[0]->endpoint->health_check_config =
			envoy_health_port(a, spec->desired->health->port);
	return load;
}

void envoy_look_up(EnvoyCluster *c, const char *family)
{
	static const struct {
		const char *word;
		Envoy__Config__Cluster__V3__Cluster__DnsLookupFamily family;
	} rows[] = {
		{ "auto", EnvoyCluster__DNS_LOOKUP_FAMILY__AUTO },
		{ "v4", EnvoyCluster__DNS_LOOKUP_FAMILY__V4_ONLY },
		{ "v6", EnvoyCluster__DNS_LOOKUP_FAMILY__V6_ONLY },
		{ "all", EnvoyCluster__DNS_LOOKUP_FAMILY__ALL },
	};

	c->type = EnvoyCluster__DISCOVERY_TYPE__STRICT_DNS;
	c->dns_lookup_family = EnvoyCluster__DNS_LOOKUP_FAMILY__V4_PREFERRED;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (strcmp(rows[i].word, family) == 0)
			c->dns_lookup_family = rows[i].family;
	/* All addresses of a name are tried as one endpoint's (RFC 8305) only with this type. */
	if (c->dns_lookup_family == EnvoyCluster__DNS_LOOKUP_FAMILY__ALL)
		c->type = EnvoyCluster__DISCOVERY_TYPE__LOGICAL_DNS;
}

static void find_endpoints(struct arena *a, EnvoyCluster *c, const struct cluster_spec *spec)
{
	c->cluster_discovery_type_case = EnvoyCluster__CLUSTER_DISCOVERY_TYPE_TYPE;
	if (spec->external_name) {
		envoy_look_up(c, spec->settings->config->envoy->cluster->dns_lookup_family);
		c->load_assignment = external(a, spec);
		return;
	}
	c->type = EnvoyCluster__DISCOVERY_TYPE__EDS;
	c->eds_cluster_config = message_new(a, EnvoyClusterEdsClusterConfig);
	c->eds_cluster_config->eds_config = envoy_ads(a);
	c->eds_cluster_config->service_name = (char *)spec->endpoints;
}

static EnvoyClusterSlowStartConfig *slow_start(struct arena *a, const ModelSlowStart *desired)
{
	EnvoyClusterSlowStartConfig *s = message_new(a, EnvoyClusterSlowStartConfig);

	s->slow_start_window = envoy_duration(a, desired->window_usec);
	s->aggression = message_new(a, EnvoyRuntimeDouble);
	s->aggression->default_value = desired->aggression;
	s->aggression->runtime_key = (char *)"portolan.slowstart.aggression";
	s->min_weight_percent = message_new(a, EnvoyPercent);
	s->min_weight_percent->value = desired->min_weight_percent;
	return s;
}

static void start_slowly(struct arena *a, EnvoyCluster *c, const ModelClusterSpec *desired)
{
	if (desired->balancing == BALANCING_LEAST_REQUEST) {
		c->lb_config_case = EnvoyCluster__LB_CONFIG_LEAST_REQUEST_LB_CONFIG;
		c->least_request_lb_config = message_new(a, EnvoyClusterLeastRequestLbConfig);
		c->least_request_lb_config->slow_start_config = slow_start(a, desired->slow_start);
	} else {
		c->lb_config_case = EnvoyCluster__LB_CONFIG_ROUND_ROBIN_LB_CONFIG;
		c->round_robin_lb_config = message_new(a, EnvoyClusterRoundRobinLbConfig);
		c->round_robin_lb_config->slow_start_config = slow_start(a, desired->slow_start);
	}
}

/* How requests are spread, and which endpoints are fit for them. */
static void balance(struct arena *a, EnvoyCluster *c, const struct cluster_spec *spec)
{
	static const Envoy__Config__Cluster__V3__Cluster__LbPolicy policies[] = {
		[BALANCING_ROUND_ROBIN] = EnvoyCluster__LB_POLICY__ROUND_ROBIN,
		[BALANCING_LEAST_REQUEST] = EnvoyCluster__LB_POLICY__LEAST_REQUEST,
		[BALANCING_RANDOM] = EnvoyCluster__LB_POLICY__RANDOM,
		[BALANCING_RING_HASH] = EnvoyCluster__LB_POLICY__RING_HASH,
	};
	const ModelClusterSpec *desired = spec->desired;
	EnvoyHealthCheck *check;

	c->lb_policy = policies[MIN(desired->balancing, (uint32_t)BALANCING_RING_HASH)];
	if (desired->slow_start)
		start_slowly(a, c, desired);
	if (!desired->health)
		return;
	check = envoy_health_check(a, desired->health, spec->protocol);
	c->n_health_checks = 1;
	c->health_checks = arena_memdup(a, &check, sizeof(check));
	/* An endpoint that Kubernetes removes is gone, whatever the health check says. */
	c->ignore_health_on_host_removal = true;
}

/* A limit that the one does not set is as for all. */
static struct upstream_limits limits_of(const struct cluster_spec *spec)
{
	const K8s__CircuitBreakerPolicy *all =
		spec->settings->config->envoy->cluster->circuit_breakers;
	const struct upstream_limits *own = &spec->limits;

	if (spec->own_limits)
		return *own;
	return (struct upstream_limits){
		.connections = own->connections ? own->connections : all->max_connections,
		.pending = own->pending ? own->pending : all->max_pending_requests,
		.requests = own->requests ? own->requests : all->max_requests,
		.retries = own->retries ? own->retries : all->max_retries,
		.connections_per_host = own->connections_per_host ? own->connections_per_host
								  : all->per_host_max_connections,
		.retry_budget = own->retry_budget,
		.retry_percent = own->retry_percent,
		.retry_min = own->retry_min,
	};
}

static void limit(struct arena *a, EnvoyCluster *c, const struct upstream_limits *l)
{
	EnvoyCircuitBreakers *all;
	EnvoyCircuitBreakersThresholds *t, *host;

	if (!l->connections && !l->pending && !l->requests && !l->retries &&
	    !l->connections_per_host && !l->retry_budget)
		return;
	all = message_new(a, EnvoyCircuitBreakers);
	t = message_new(a, EnvoyCircuitBreakersThresholds);
	t->max_connections = l->connections ? envoy_uint32(a, l->connections) : NULL;
	t->max_pending_requests = l->pending ? envoy_uint32(a, l->pending) : NULL;
	t->max_requests = l->requests ? envoy_uint32(a, l->requests) : NULL;
	t->max_retries = l->retries ? envoy_uint32(a, l->retries) : NULL;
	if (l->retry_budget) {
		t->retry_budget = message_new(a, EnvoyCircuitBreakersThresholdsRetryBudget);
		t->retry_budget->budget_percent = message_new(a, EnvoyPercent);
		t->retry_budget->budget_percent->value = l->retry_percent;
		t->retry_budget->min_retry_concurrency = envoy_uint32(a, l->retry_min);
	}
	t->track_remaining = true;
	all->n_thresholds = 1;
	all->thresholds = arena_memdup(a, &t, sizeof(t));
	if (l->connections_per_host) {
		host = message_new(a, EnvoyCircuitBreakersThresholds);
		host->max_connections = envoy_uint32(a, l->connections_per_host);
		all->n_per_host_thresholds = 1;
		all->per_host_thresholds = arena_memdup(a, &host, sizeof(host));
	}
	c->circuit_breakers = all;
}

/* Only by errors that follow each other: a rate of success says little of a few requests. Once all
 * endpoints are ejected, requests go to all of them, as if none was. */
static void eject(struct arena *a, EnvoyCluster *c, const struct upstream_ejection *e,
		  bool has_checks)
{
	EnvoyOutlierDetection *d;

	if (!e->consecutive_5xx)
		return;
	d = message_new(a, EnvoyOutlierDetection);
	d->consecutive_5xx = envoy_uint32(a, e->consecutive_5xx);
	d->interval = envoy_duration(a, e->interval_usec);
	d->base_ejection_time = envoy_duration(a, e->ejection_usec);
	d->max_ejection_percent = envoy_uint32(a, e->max_percent);
	d->enforcing_success_rate = envoy_uint32(a, 0);
	c->outlier_detection = d;
	if (!has_checks)
		c->common_lb_config->healthy_panic_threshold->value = 1;
}

char *envoy_cluster_name(struct arena *a, const EnvoyCluster *c, const char *begin)
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

EnvoyCluster *envoy_cluster(struct arena *a, const struct cluster_spec *spec)
{
	EnvoyCluster *c = message_new(a, EnvoyCluster);
	struct upstream_limits limits;

	c->alt_stat_name = stat_name(a, spec);
	c->connect_timeout = envoy_duration(a, spec->desired && spec->desired->has_connect_msec
						       ? spec->desired->connect_msec * USEC_PER_MSEC
						       : spec->settings->timeouts.connect.usec);
	if (spec->settings->config->envoy->cluster->has_per_connection_buffer_limit_bytes)
		c->per_connection_buffer_limit_bytes = envoy_uint32(
			a,
			spec->settings->config->envoy->cluster->per_connection_buffer_limit_bytes);
	/* By default Envoy sends requests to unhealthy endpoints once half of them are
	 * unhealthy. */
	c->common_lb_config = message_new(a, EnvoyClusterCommonLbConfig);
	c->common_lb_config->healthy_panic_threshold = message_new(a, EnvoyPercent);
	if (spec->weighted) {
		c->common_lb_config->locality_config_specifier_case =
			EnvoyClusterCommonLbConfig__LOCALITY_CONFIG_SPECIFIER_LOCALITY_WEIGHTED_LB_CONFIG;
		c->common_lb_config->locality_weighted_lb_config =
			message_new(a, EnvoyClusterCommonLbConfigLocalityWeightedLbConfig);
	}
	if (spec->at_once)
		c->common_lb_config->update_merge_window = envoy_duration(a, 0);
	find_endpoints(a, c, spec);
	speak(a, c, upstream_speaks_http2(spec->protocol), spec);
	if (spec->protocol == UPSTREAM_TLS || spec->protocol == UPSTREAM_H2)
		speak_tls(a, c, spec);
	if (spec->desired)
		balance(a, c, spec);
	limits = limits_of(spec);
	limit(a, c, &limits);
	eject(a, c, &spec->ejection, c->n_health_checks > 0);
	c->name = spec->name ? (char *)spec->name
			     : envoy_cluster_name(a, c,
						  arena_printf(a, "%s/%s/%u", spec->namespace,
							       spec->service, spec->port));
	return c;
}
