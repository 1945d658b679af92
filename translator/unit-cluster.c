/* One port of a Service as an upstream. Its key is a packed ClusterSpec, its result the cluster's name
 * or why there is none. Runs in the translator. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "translator/certificate.h"
#include "translator/service-options.h"
#include "translator/units.h"

#define SUBJECTS_MAX 8
#define SUBJECT_MAX 250
#define NAME_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_*:"

typedef Portolan__Model__ClusterSpec ClusterSpec;
typedef Portolan__Model__ClusterResult ClusterResult;

static bool is_tcp(const K8s__ServicePort *p)
{
	return !*p->protocol || strcmp(p->protocol, "TCP") == 0;
}

static bool has_port(const K8s__ServicePort *p, const char *wanted)
{
	char *end;
	long number = strtol(wanted, &end, 10);

	if (!*end)
		return p->port == number;
	return strcmp(p->name, wanted) == 0;
}

const K8s__ServicePort *cluster_find_port(const K8s__ServiceSpec *spec, const char *wanted, bool *ret_other)
{
	*ret_other = false;
	for (size_t i = 0; i < spec->n_ports; i++) {
		if (!has_port(spec->ports[i], wanted))
			continue;
		if (is_tcp(spec->ports[i]))
			return spec->ports[i];
		*ret_other = true;
	}
	return NULL;
}

/* KEP-3726: the protocols that Kubernetes itself defines, and Contour's "https"; annotations count only where
 * there is no appProtocol. */
static enum upstream_protocol protocol_of(const K8s__Service *s, const K8s__ServicePort *p,
					  const ClusterSpec *spec)
{
	static const struct {
		const char *word;
		enum upstream_protocol protocol;
	} rows[] = { { "h2", UPSTREAM_H2 }, { "h2c", UPSTREAM_H2C }, { "tls", UPSTREAM_TLS } };

	for (size_t i = 0; spec->protocol && i < ARRAY_SIZE(rows); i++)
		if (strcmp(rows[i].word, spec->protocol) == 0)
			return rows[i].protocol;
	if (!p->app_protocol)
		return service_options_protocol(s->metadata, p);
	if (strcmp(p->app_protocol, "kubernetes.io/h2c") == 0)
		return UPSTREAM_H2C;
	return strcmp(p->app_protocol, "https") == 0 ? UPSTREAM_TLS : UPSTREAM_HTTP1;
}

/* An external name must not lead Envoy to itself or to its host: GHSA-5ph6-qq5x-7jwc. */
static bool is_local_name(const char *name)
{
	static const char *const names[] = { "localhost", "localhost.localdomain",
					     "local.projectcontour.io", "ip6-localhost", "ip6-loopback" };
	size_t len = strlen(name);
	struct in6_addr v6;
	struct in_addr v4;

	while (len && name[len - 1] == '.')
		len--;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strlen(names[i]) == len && strncasecmp(name, names[i], len) == 0)
			return true;
	if (len >= 10 && strncasecmp(name + len - 10, ".localhost", 10) == 0) /* RFC 6761, 6.3 */
		return true;
	/* inet_aton takes all that resolvers take: "127.1", "0x7f000001", "2130706433". */
	if (inet_aton(name, &v4)) {
		uint32_t ip = ntohl(v4.s_addr);

		return ip >> 24 == 127 || ip >> 24 == 0 || ip >> 16 == 0xa9fe;
	}
	if (inet_pton(AF_INET6, name, &v6) == 1)
		return IN6_IS_ADDR_LOOPBACK(&v6) || IN6_IS_ADDR_UNSPECIFIED(&v6) ||
		       IN6_IS_ADDR_LINKLOCAL(&v6) || IN6_IS_ADDR_V4MAPPED(&v6);
	return false;
}

static const char *check_external(struct reader *r, const char *key, const char *name)
{
	if (!units_config(r)->enable_external_name_service)
		return arena_printf(reader_arena(r),
				    "Service %s is of type ExternalName, which is off; "
				    "enableExternalNameService in the configuration allows it",
				    key);
	if (!*name)
		return arena_printf(reader_arena(r), "Service %s has no spec.externalName", key);
	if (is_local_name(name))
		return arena_printf(reader_arena(r),
				    "Service %s has an externalName that means this host: %s", key, name);
	return NULL;
}

static void fail(struct reader *r, const char *reason, const char *message)
{
	ClusterResult result = PORTOLAN__MODEL__CLUSTER_RESULT__INIT;

	result.reason = (char *)reason;
	result.message = (char *)message;
	units_result(r, &result.base);
}

static void emit(struct reader *r, const struct cluster_spec *spec)
{
	ClusterResult result = PORTOLAN__MODEL__CLUSTER_RESULT__INIT;
	Envoy__Config__Cluster__V3__Cluster *c = envoy_cluster(reader_arena(r), spec);
	uint8_t *packed;
	size_t len;

	packed = reader_pack(r, &c->base, &len);
	emit_resource(r, RESOURCE_CLUSTER, c->name, packed, len);
	result.name = c->name;
	units_result(r, &result.base);
}

/* It goes into headers and handshakes as well. */
static bool is_subject(const char *s)
{
	size_t n = strlen(s);

	return n && n <= SUBJECT_MAX && strspn(s, NAME_CHARACTERS) == n;
}

int cluster_read_subjects(struct reader *r, K8s__ProxyUpstreamValidation *v, char ***ret, size_t *ret_n, const char **ret_why)
{
	if (!*v->subject_name || v->n_subject_names > SUBJECTS_MAX ||
	    (v->n_subject_names && strcmp(v->subject_names[0], v->subject_name) != 0)) {
		*ret_why = "subjectName is needed, and the first of at most 8 subjectNames must be the same";
		return -EINVAL;
	}
	*ret = v->n_subject_names ? v->subject_names : &v->subject_name;
	*ret_n = v->n_subject_names ? v->n_subject_names : 1;
	for (size_t i = 0; i < *ret_n; i++)
		if (!is_subject((*ret)[i])) {
			*ret_why = arena_printf(reader_arena(r),
						"\"%s\" is not a name that a certificate could be for",
						(*ret)[i]);
			return -EINVAL;
		}
	return 0;
}

int cluster_read_authority(struct reader *r, const char *secret, ProtobufCBinaryData *ret, const char **ret_why)
{
	const K8s__Secret *s = read_message(r, OBJECT_SECRET, secret);
	const char *why = "there is no such Secret";
	ProtobufCBinaryData ca = { 0 };

	for (size_t i = 0; s && i < s->n_data; i++)
		if (strcmp(s->data[i]->key, "ca.crt") == 0)
			ca = s->data[i]->value;
	if (s && certificate_check_authority(ca.data, ca.len, &why) == 0) {
		*ret = ca;
		return 0;
	}
	*ret_why = arena_printf(reader_arena(r), "Secret %s: %s", secret, why);
	return -EINVAL;
}

int cluster_read_client(struct reader *r, const char **ret, const char **ret_why)
{
	const char *key = units_reference(r, units_config(r)->envoy->client_certificate);
	const Portolan__Model__SecretResult *facts = key ? units_secret(r, key) : NULL;

	if (facts && !facts->usable) {
		*ret_why = arena_printf(reader_arena(r), "the client certificate of the configuration, Secret %s: %s",
					key, facts->message);
		return -EINVAL;
	}
	*ret = key;
	return 0;
}

static int secure(struct reader *r, const ClusterSpec *spec, struct cluster_spec *ret)
{
	ProtobufCBinaryData ca = { 0 };
	const char *why;

	if (ret->protocol != UPSTREAM_TLS && ret->protocol != UPSTREAM_H2)
		return 0;
	if (spec->ca_secret && cluster_read_authority(r, spec->ca_secret, &ca, &why) < 0) {
		fail(r, "TLSUpstreamValidation", why);
		return -EINVAL;
	}
	if (cluster_read_client(r, &ret->secret, &why) < 0) {
		fail(r, "ClientCertificateInvalid", why);
		return -EINVAL;
	}
	ret->ca = ca.data;
	ret->ca_len = ca.len;
	return 0;
}

/* Its number at the endpoints is found by its name. */
static int find_health_port(struct reader *r, const K8s__Service *s, const ClusterSpec *spec,
			    const K8s__ServicePort **ret, const char **ret_why)
{
	const char *wanted = arena_printf(reader_arena(r), "%u", spec->health->port);
	bool other;

	*ret = cluster_find_port(s->spec, wanted, &other);
	if (*ret && *(*ret)->name)
		return 0;
	*ret_why = arena_printf(reader_arena(r), *ret ? "has no name for port %s, where its health is checked" :
							"has no port %s, where its health is to be checked",
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

static void translate(struct reader *r, const ClusterSpec *spec, const char *key, const K8s__Service *s)
{
	struct arena *a = reader_arena(r);
	struct cluster_spec cluster = { .settings = reader_settings(r),
					.namespace = spec->namespace_,
					.service = spec->service };
	bool external = s->spec && strcmp(s->spec->type, "ExternalName") == 0, other;
	const K8s__ServicePort *port, *health;
	const char *why;

	port = s->spec ? cluster_find_port(s->spec, spec->port, &other) : NULL;
	if (!port) {
		fail(r, "ServicePortMissing",
		     arena_printf(a, s->spec && other ? "port %s of Service %s is not for TCP" :
							"there is no port %s in Service %s",
				  spec->port, key));
		return;
	}
	if (port->port < 1 || port->port > 65535) {
		fail(r, "ServicePortInvalid",
		     arena_printf(a, "port %d of Service %s is not between 1 and 65535", port->port, key));
		return;
	}
	health = port;
	if (spec->health && spec->health->has_port && find_health_port(r, s, spec, &health, &why) < 0) {
		fail(r, "ServicePortMissing", arena_printf(a, "Service %s %s", key, why));
		return;
	}
	cluster.port = (uint32_t)port->port;
	cluster.protocol = protocol_of(s, port, spec);
	cluster.limits = service_options_limits(r, key, s->metadata);
	cluster.wish = spec;
	if (external) {
		why = check_external(r, key, s->spec->external_name);
		if (why) {
			fail(r, "ExternalNameNotAllowed", why);
			return;
		}
		cluster.external_name = s->spec->external_name;
	} else {
		cluster.endpoints = endpoints_of(a, key, port, health);
		(void)read_unit(r, UNIT_ENDPOINTS, cluster.endpoints, strlen(cluster.endpoints));
	}
	if (secure(r, spec, &cluster) == 0)
		emit(r, &cluster);
}

void unit_cluster(struct reader *r, const char *key, size_t key_len)
{
	struct arena *a = reader_arena(r);
	const ClusterSpec *spec =
		portolan__model__cluster_spec__unpack(arena_pb(a), key_len, (const uint8_t *)key);
	const char *service = arena_printf(a, "%s/%s", spec->namespace_, spec->service);
	const K8s__Service *s = read_message(r, OBJECT_SERVICE, service);

	if (s)
		translate(r, spec, service, s);
	else
		fail(r, "ServiceMissing", arena_printf(a, "there is no Service %s", service));
}
