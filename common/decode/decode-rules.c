/* The few things about Kubernetes' objects that their schemas cannot say. Used by the decoder. */
#include <string.h>

#include "common/base/cleanup.h"
#include "common/decode/decode-rules.h"
#include "common/decode/object-kind.h"
#include "k8s/core.pb-c.h"
#include "k8s/discovery.pb-c.h"
#include "k8s/networking.pb-c.h"

/* ---- names ---- */

/* The same as json_name in the .proto, which protobuf-c does not carry: tests/proto compares. */
static const struct {
	const char *message, *field, *json;
} json_names[] = {
	{ "k8s.ServiceSpec", "cluster_ip", "clusterIP" },
	{ "k8s.ServiceSpec", "cluster_ips", "clusterIPs" },
	{ "k8s.ServiceSpec", "external_ips", "externalIPs" },
	{ "k8s.ServiceSpec", "load_balancer_ip", "loadBalancerIP" },
	{ "k8s.SessionAffinityConfig", "client_ip", "clientIP" },
	{ "k8s.ProxyJWTProvider", "remote_jwks", "remoteJWKS" },
	{ "k8s.ProxyJWTProvider", "forward_jwt", "forwardJWT" },
	{ "k8s.ProxyJWTProvider", "local_jwks", "localJWKS" },
	{ "k8s.ProxyRequestHash", "hash_source_ip", "hashSourceIP" },
	{ "k8s.ConfigEnvoy", "default_http_versions", "defaultHTTPVersions" },
	{ "k8s.EnvoySettings", "base_id", "baseID" },
	{ "k8s.ConfigListener", "per_connection_buffer_limit_bytes",
	  "per-connection-buffer-limit-bytes" },
	{ "k8s.ConfigListener", "max_requests_per_io_cycle", "maxRequestsPerIOCycle" },
	{ "k8s.ConfigLogging", "access_log_json_fields", "accessLogJSONFields" },
	{ "k8s.ConfigCluster", "per_connection_buffer_limit_bytes",
	  "per-connection-buffer-limit-bytes" },
	{ "k8s.ConfigCluster", "upstream_tls", "upstreamTLS" },
	{ "k8s.BackendTLSPolicyValidation", "well_known_ca_certificates",
	  "wellKnownCACertificates" },
};

static const struct {
	const char *message, *field;
} inlined[] = {
	{ "k8s.IngressRule", "ingress_rule_value" },
};

/* Fields of Kubernetes' schema that ours leaves out. */
static const struct {
	const char *message, *json;
} unused[] = {
	{ "k8s.ObjectMeta", "generateName" },
	{ "k8s.ObjectMeta", "selfLink" },
	{ "k8s.ObjectMeta", "deletionGracePeriodSeconds" },
	{ "k8s.ObjectMeta", "ownerReferences" },
	{ "k8s.ObjectMeta", "finalizers" },
	{ "k8s.ObjectMeta", "managedFields" },
	{ "k8s.ListMeta", "selfLink" },
	{ "k8s.Endpoint", "deprecatedTopology" },
	{ "k8s.EndpointHints", "forNodes" },
	{ "k8s.ObjectReference", "uid" },
	{ "k8s.ObjectReference", "apiVersion" },
	{ "k8s.ObjectReference", "resourceVersion" },
	{ "k8s.ObjectReference", "fieldPath" },
	/* The watcher reads and writes these as JSON (watcher/status). */
	{ "k8s.GatewayClass", "status" },
	{ "k8s.Gateway", "status" },
	{ "k8s.ListenerSet", "status" },
	{ "k8s.HTTPRoute", "status" },
	{ "k8s.GRPCRoute", "status" },
	{ "k8s.TLSRoute", "status" },
	{ "k8s.TCPRoute", "status" },
	{ "k8s.UDPRoute", "status" },
	{ "k8s.BackendTLSPolicy", "status" },
	{ "k8s.XBackend", "status" },
	{ "k8s.XBackendTrafficPolicy", "status" },
	{ "k8s.XTelemetryPolicy", "status" },
};

const char *rule_json_name(const char *message, const char *field)
{
	for (size_t i = 0; i < ARRAY_SIZE(json_names); i++)
		if (strcmp(json_names[i].message, message) == 0 &&
		    strcmp(json_names[i].field, field) == 0)
			return json_names[i].json;
	return NULL;
}

bool rule_inlined(const char *message, const char *field)
{
	for (size_t i = 0; i < ARRAY_SIZE(inlined); i++)
		if (strcmp(inlined[i].message, message) == 0 &&
		    strcmp(inlined[i].field, field) == 0)
			return true;
	return false;
}

bool rule_unused(const char *message, const char *json_name, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(unused); i++)
		if (strcmp(unused[i].message, message) == 0 && strlen(unused[i].json) == len &&
		    memcmp(unused[i].json, json_name, len) == 0)
			return true;
	return false;
}

/* ---- the API server's defaults (k8s.io/kubernetes, pkg/apis/…/v1/defaults.go) ---- */

static void default_string(char **s, const char *value)
{
	if (!*s || !**s)
		*s = (char *)value;
}

static void default_service(struct arena *arena, ProtobufCMessage *object)
{
	K8s__ServiceSpec *spec = ((K8s__Service *)object)->spec;

	if (!spec)
		return;
	default_string(&spec->type, "ClusterIP");
	default_string(&spec->session_affinity, "None");
	for (size_t i = 0; i < spec->n_ports; i++) {
		K8s__ServicePort *p = spec->ports[i];
		K8s__IntOrString *t = p->target_port;

		default_string(&p->protocol, "TCP");
		if (t && (t->type ? *t->str_val : t->int_val))
			continue;
		t = arena_new_of(arena, K8s__IntOrString, 1);
		k8s__int_or_string__init(t);
		t->int_val = p->port;
		t->has_int_val = p->port != 0;
		p->target_port = t;
	}
}

static void default_endpoint_slice(struct arena *arena _unused_, ProtobufCMessage *object)
{
	K8s__EndpointSlice *slice = (K8s__EndpointSlice *)object;

	for (size_t i = 0; i < slice->n_ports; i++) {
		default_string(&slice->ports[i]->name, "");
		default_string(&slice->ports[i]->protocol, "TCP");
	}
}

static void default_secret(struct arena *arena _unused_, ProtobufCMessage *object)
{
	default_string(&((K8s__Secret *)object)->type, "Opaque");
}

static void default_ingress_class(struct arena *arena _unused_, ProtobufCMessage *object)
{
	K8s__IngressClassSpec *spec = ((K8s__IngressClass *)object)->spec;

	if (spec && spec->parameters)
		default_string(&spec->parameters->scope, "Cluster");
}

/* Every namespace carries its name as a label, for selectors. */
static void default_namespace(struct arena *arena, ProtobufCMessage *object)
{
	static const char label[] = "kubernetes.io/metadata.name";
	K8s__ObjectMeta *m = ((K8s__Namespace *)object)->metadata;
	K8s__ObjectMeta__LabelsEntry **labels, *entry;
	size_t at = 0;

	while (at < m->n_labels && strcmp(m->labels[at]->key, label) < 0)
		at++;
	if (at < m->n_labels && strcmp(m->labels[at]->key, label) == 0) {
		m->labels[at]->value = m->name;
		return;
	}
	entry = arena_new_of(arena, K8s__ObjectMeta__LabelsEntry, 1);
	k8s__object_meta__labels_entry__init(entry);
	entry->key = (char *)label;
	entry->value = m->name;
	labels = arena_new_of(arena, K8s__ObjectMeta__LabelsEntry *, m->n_labels + 1);
	if (at)
		memcpy(labels, m->labels, at * sizeof(*labels));
	labels[at] = entry;
	if (at < m->n_labels)
		memcpy(labels + at + 1, m->labels + at, (m->n_labels - at) * sizeof(*labels));
	m->labels = labels;
	m->n_labels++;
}

/* Statuses speak of a generation, which files do not have. */
static void default_generation(struct arena *arena _unused_, ProtobufCMessage *object)
{
	K8s__ObjectMeta *m = ((K8s__Namespace *)object)->metadata;

	if (!m->generation)
		m->generation = m->has_generation = 1;
}

static void (*const defaults[OBJECT_KIND_MAX_])(struct arena *arena, ProtobufCMessage *object) = {
	[OBJECT_SERVICE] = default_service,
	[OBJECT_ENDPOINT_SLICE] = default_endpoint_slice,
	[OBJECT_SECRET] = default_secret,
	[OBJECT_INGRESS_CLASS] = default_ingress_class,
	[OBJECT_NAMESPACE] = default_namespace,
	[OBJECT_GATEWAY_CLASS] = default_generation,
	[OBJECT_GATEWAY] = default_generation,
	[OBJECT_LISTENER_SET] = default_generation,
	[OBJECT_HTTP_ROUTE] = default_generation,
	[OBJECT_GRPC_ROUTE] = default_generation,
	[OBJECT_TLS_ROUTE] = default_generation,
	[OBJECT_TCP_ROUTE] = default_generation,
	[OBJECT_UDP_ROUTE] = default_generation,
	[OBJECT_BACKEND_TLS_POLICY] = default_generation,
	[OBJECT_X_BACKEND] = default_generation,
	[OBJECT_X_BACKEND_TRAFFIC_POLICY] = default_generation,
	[OBJECT_X_TELEMETRY_POLICY] = default_generation,
	[OBJECT_REFERENCE_GRANT] = default_generation,
};

void rules_default(struct arena *arena, unsigned kind, ProtobufCMessage *object)
{
	if (kind < OBJECT_KIND_MAX_ && defaults[kind])
		defaults[kind](arena, object);
}

/* ---- applied to every object ---- */

/* stringData is how people write data; it wins where both have a key. Both are sorted. */
static void fold_string_data(struct arena *arena, K8s__Secret *s)
{
	K8s__Secret__DataEntry **out, *e;
	size_t n = 0, i = 0, j = 0;

	if (!s->n_string_data)
		return;
	out = arena_new_of(arena, K8s__Secret__DataEntry *, s->n_data + s->n_string_data);
	while (i < s->n_data || j < s->n_string_data) {
		int c = i == s->n_data          ? 1
			: j == s->n_string_data ? -1
						: strcmp(s->data[i]->key, s->string_data[j]->key);

		if (c < 0) {
			out[n++] = s->data[i++];
			continue;
		}
		i += c == 0;
		e = arena_new_of(arena, K8s__Secret__DataEntry, 1);
		k8s__secret__data_entry__init(e);
		e->key = s->string_data[j]->key;
		e->has_value = 1;
		e->value.data = (uint8_t *)s->string_data[j]->value;
		e->value.len = strlen(s->string_data[j]->value);
		out[n++] = e;
		j++;
	}
	s->data = out;
	s->n_data = n;
	s->n_string_data = 0;
	s->string_data = NULL;
}

/* kubectl's copy of the whole object, which for a Secret is a copy of its data. */
static void drop_last_applied(K8s__ObjectMeta *m)
{
	size_t n = 0;

	for (size_t i = 0; i < m->n_annotations; i++)
		if (strcmp(m->annotations[i]->key,
			   "kubectl.kubernetes.io/last-applied-configuration") != 0)
			m->annotations[n++] = m->annotations[i];
	m->n_annotations = n;
}

void rules_canonical(struct arena *arena, unsigned kind, ProtobufCMessage *object)
{
	/* Every kind has its metadata first. */
	K8s__ObjectMeta *m = ((K8s__Namespace *)object)->metadata;

	if (m)
		drop_last_applied(m);
	if (kind == OBJECT_SECRET)
		fold_string_data(arena, (K8s__Secret *)object);
}

/* ---- names of objects (k8s.io/apimachinery, pkg/util/validation) ---- */

static bool is_label(const char *s, size_t n, size_t max)
{
	if (n == 0 || n > max || s[0] == '-' || s[n - 1] == '-')
		return false;
	for (size_t i = 0; i < n; i++)
		if (!((s[i] >= 'a' && s[i] <= 'z') || (s[i] >= '0' && s[i] <= '9') || s[i] == '-'))
			return false;
	return true;
}

bool rule_is_subdomain(const char *s)
{
	size_t len = strlen(s);
	const char *dot;

	if (len > 253)
		return false;
	for (; (dot = strchr(s, '.')); s = dot + 1)
		if (!is_label(s, (size_t)(dot - s), 253))
			return false;
	return is_label(s, strlen(s), 253);
}

/* A path segment: the name of a signer is in it, "example.com:signer:1". */
static bool is_bundle_name(const char *s)
{
	return strlen(s) <= 253 && !strpbrk(s, "/%") && strcmp(s, ".") != 0 && strcmp(s, "..") != 0;
}

const char *rule_name_problem(unsigned kind, const char *name)
{
	if (kind == OBJECT_CLUSTER_TRUST_BUNDLE)
		return is_bundle_name(name) ? NULL : "must not have \"/\" or \"%\" in it";
	if (kind == OBJECT_SERVICE || kind == OBJECT_NAMESPACE)
		return is_label(name, strlen(name), 63) ? NULL
							: "must be 1 to 63 lower-case letters, "
							  "digits and \"-\", beginning and "
							  "ending with a letter or digit";
	return rule_is_subdomain(name)
		       ? NULL
		       : "must be lower-case letters, digits, \"-\" and \".\", each part "
			 "beginning and ending with a letter or digit";
}

const char *rule_namespace_problem(const char *name)
{
	return rule_name_problem(OBJECT_NAMESPACE, name);
}
