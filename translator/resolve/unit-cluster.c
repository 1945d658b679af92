/* One port of a Service as an upstream. Its key is a packed ClusterSpec, its result the
 * cluster's name, or why it has no cluster. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "translator/envoy/envoy.h"
#include "translator/kinds.h"
#include "translator/resolve/annotation.h"
#include "translator/resolve/config.h"
#include "translator/resolve/object.h"
#include "translator/resolve/secret.h"
#include "translator/resolve/service-options.h"
#include "translator/resolve/upstream.h"
#include "translator/units.h"

/* The cluster's own protocol. */
static bool desired_protocol(const ModelClusterSpec *spec, enum upstream_protocol *ret)
{
	static const struct {
		const char *word;
		enum upstream_protocol protocol;
	} rows[] = { { "h2", UPSTREAM_H2 },
		     { "h2c", UPSTREAM_H2C },
		     { "tls", UPSTREAM_TLS },
		     { "http", UPSTREAM_HTTP1 } };

	for (size_t i = 0; spec->protocol && i < ARRAY_SIZE(rows); i++)
		if (strcmp(rows[i].word, spec->protocol) == 0) {
			*ret = rows[i].protocol;
			return true;
		}
	return false;
}

static enum upstream_protocol protocol_of(struct reader *r, const char *key, const K8s__Service *s,
					  const K8s__ServicePort *p, const ModelClusterSpec *spec)
{
	enum upstream_protocol found;

	if (desired_protocol(spec, &found))
		return found;
	found = service_options_protocol(s->metadata, p);
	if (p->app_protocol && *p->app_protocol &&
	    !service_options_app_protocol(p->app_protocol, &found))
		service_options_tell_protocol(r, key, p->app_protocol, p->port);
	return found;
}

static void fail(struct reader *r, const char *reason, const char *message)
{
	ModelClusterResult result = ModelClusterResult__INIT;

	result.reason = (char *)reason;
	result.message = (char *)message;
	emit_result_message(r, &result.base);
}

static bool speaks_tls(enum upstream_protocol p)
{
	return p == UPSTREAM_TLS || p == UPSTREAM_H2;
}

/* why: the reason for having no endpoint; NULL: there are some, or they are unknown to us. */
static void emit(struct reader *r, const struct cluster_spec *spec, const char *why)
{
	ModelClusterResult result = ModelClusterResult__INIT;
	EnvoyCluster *c = envoy_cluster(reader_arena(r), spec);
	uint8_t *packed;
	size_t len;

	packed = reader_pack(r, &c->base, &len);
	emit_resource(r, RESOURCE_CLUSTER, c->name, packed, len);
	result.name = c->name;
	result.has_http2 = result.http2 = upstream_speaks_http2(spec->protocol);
	result.has_unverified = result.unverified = spec->desired->ca_secret &&
						    !speaks_tls(spec->protocol);
	if (why) {
		result.reason = (char *)"NoEndpoints";
		result.message = arena_printf(reader_arena(r),
					      "Service %s/%s has no endpoint to send to: %s",
					      spec->namespace, spec->service, why);
	}
	emit_result_message(r, &result.base);
}

static int secure(struct reader *r, const ModelClusterSpec *spec, struct cluster_spec *ret)
{
	ProtobufCBinaryData ca = { 0 };
	const char *why;

	if (!speaks_tls(ret->protocol))
		return 0;
	if (spec->ca_secret && upstream_read_authority(r, spec->ca_secret, &ca, &why) < 0) {
		fail(r, "TLSUpstreamValidation", why);
		return -EINVAL;
	}
	if (spec->client_secret && secret_find(r, spec->client_secret)->usable)
		ret->secret = spec->client_secret;
	else if (upstream_read_client(r, &ret->secret, &why) < 0) {
		fail(r, "ClientCertificateInvalid", why);
		return -EINVAL;
	}
	ret->ca = ca.data;
	ret->ca_len = ca.len;
	return 0;
}

/* Its number at the endpoints is found by its name. */
static int find_health_port(struct reader *r, const K8s__Service *s, const ModelClusterSpec *spec,
			    const K8s__ServicePort **ret, const char **ret_why)
{
	const char *wanted = arena_printf(reader_arena(r), "%u", spec->health->port);
	bool other;

	*ret = upstream_find_port(s->spec, wanted, &other);
	if (*ret && *(*ret)->name)
		return 0;
	*ret_why = arena_printf(reader_arena(r),
				*ret    ? "has no name for port %s, where its health is checked"
				: other ? "has port %s, where its health is to be checked, but "
					  "not for TCP"
					: "has no port %s, where its health is to be checked",
				wanted);
	return -EINVAL;
}

static const char *endpoints_of(struct arena *a, const char *service, const K8s__ServicePort *port,
				const K8s__ServicePort *health)
{
	if (health != port)
		return arena_printf(a, "%s/%s/%s", service, port->name, health->name);
	return *port->name ? arena_printf(a, "%s/%s", service, port->name) : service;
}

/* Why there are no endpoints; NULL: there are some. */
static const char *read_endpoints(struct reader *r, const char *key)
{
	const struct item *i = read_unit(r, UNIT_ENDPOINTS, key, strlen(key));
	const ModelEndpointsResult *result =
		message_unpack(reader_arena(r), ModelEndpointsResult, i);

	return result ? result->why : NULL;
}

/* A headless Service has no cluster IP. */
static bool has_cluster_ip(const K8s__Service *s)
{
	return *s->spec->cluster_ip && strcmp(s->spec->cluster_ip, "None") != 0;
}

static void translate(struct reader *r, const ModelClusterSpec *spec, const char *key,
		      const K8s__Service *s)
{
	struct arena *a = reader_arena(r);
	struct cluster_spec cluster = { .settings = reader_settings(r),
					.namespace = spec->namespace_,
					.service = spec->service };
	bool external = s->spec && strcmp(s->spec->type, "ExternalName") == 0, other;
	const K8s__ServicePort *port, *health;
	const char *why, *missing = NULL;

	port = s->spec ? upstream_find_port(s->spec, spec->port, &other) : NULL;
	if (!port) {
		fail(r, "ServicePortMissing",
		     arena_printf(a,
				  s->spec && other ? "port %s of Service %s is not for TCP"
						   : "there is no port %s in Service %s",
				  spec->port, key));
		return;
	}
	if (port->port < 1 || port->port > 65535) {
		fail(r, "ServicePortInvalid",
		     arena_printf(a, "port %d of Service %s is not between 1 and 65535", port->port,
				  key));
		return;
	}
	health = port;
	if (spec->health && spec->health->has_port &&
	    find_health_port(r, s, spec, &health, &why) < 0) {
		fail(r, "ServicePortMissing", arena_printf(a, "Service %s %s", key, why));
		return;
	}
	cluster.port = (uint32_t)port->port;
	cluster.protocol = protocol_of(r, key, s, port, spec);
	annotation_check(r, OBJECT_SERVICE, key, s->metadata);
	service_options_check_ports(r, key, s);
	cluster.limits = service_options_limits(r, key, s->metadata);
	cluster.ejection = service_options_ejection(r, key, s->metadata);
	cluster.desired = spec;
	if (external) {
		why = upstream_check_external(r, key, s->spec->external_name);
		if (why) {
			fail(r, "ExternalNameNotAllowed", why);
			return;
		}
		cluster.external_name = s->spec->external_name;
	} else if (spec->cluster_ip && has_cluster_ip(s)) {
		cluster.external_name = s->spec->cluster_ip;
	} else {
		cluster.endpoints = endpoints_of(a, key, port, health);
		missing = read_endpoints(r, cluster.endpoints);
	}
	if (secure(r, spec, &cluster) == 0)
		emit(r, &cluster, missing);
}

/* A host of a URL that an object names. */
static void translate_host(struct reader *r, const ModelClusterSpec *spec)
{
	struct cluster_spec cluster = { .settings = reader_settings(r),
					.namespace = spec->namespace_,
					.service = spec->service,
					.external_name = spec->external_host,
					.desired = spec };
	char *end;
	long port = strtol(spec->port, &end, 10);
	const char *why = upstream_check_host(r, spec->service, spec->external_host);

	if (why || *end || port < 1 || port > 65535) {
		fail(r, "HostNotAllowed",
		     why ? why
			 : arena_printf(reader_arena(r), "%s: \"%s\" is not a port", spec->service,
					spec->port));
		return;
	}
	cluster.port = (uint32_t)port;
	(void)desired_protocol(spec, &cluster.protocol);
	if (secure(r, spec, &cluster) == 0)
		emit(r, &cluster, NULL);
}

void unit_cluster(struct reader *r, const char *key, size_t key_len)
{
	struct arena *a = reader_arena(r);
	const ModelClusterSpec *spec =
		portolan__model__cluster_spec__unpack(arena_pb(a), key_len, (const uint8_t *)key);
	const char *service = arena_printf(a, "%s/%s", spec->namespace_, spec->service);
	const K8s__Service *s;

	if (spec->external_host) {
		translate_host(r, spec);
		return;
	}
	s = read_message(r, OBJECT_SERVICE, service);
	if (s)
		translate(r, spec, service, s);
	else
		fail(r, "ServiceMissing", object_missing(r, OBJECT_SERVICE, service));
}
