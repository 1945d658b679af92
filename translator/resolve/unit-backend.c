/* A backend of Gateway API's routes: one port of a Service, or an XBackend, with the protocol
 * and the TLS that its appProtocol and its BackendTLSPolicy ask for. Its key is a packed
 * ClusterSpec, its result the cluster's name, or why it has no cluster. */
#include <string.h>

#include "k8s/gateway-experimental.pb-c.h"
#include "translator/envoy/envoy.h"
#include "translator/kinds.h"
#include "translator/resolve/annotation.h"
#include "translator/resolve/config.h"
#include "translator/resolve/endpoints.h"
#include "translator/resolve/object.h"
#include "translator/resolve/pod-selector.h"
#include "translator/resolve/reference-grant.h"
#include "translator/resolve/secret.h"
#include "translator/resolve/service-options.h"
#include "translator/resolve/tls-policy.h"
#include "translator/resolve/traffic-policy.h"
#include "translator/resolve/upstream.h"
#include "translator/units.h"

/* Envoy allows three retries at once by default, and 1,024 of the others: too few for a gateway
 * (E-CL-6). */
#define RETRIES_MAX  1024
#define REQUESTS_MAX 1000000

struct backend {
	struct reader *r;
	struct arena *a;
	const ModelClusterSpec *key;
	ModelClusterSpec desired;
	struct cluster_spec cluster;
	struct tls_settings tls;
	ModelClusterResult result;
};

static void fail(struct backend *b, const char *reason, const char *message)
{
	b->result.reason = (char *)reason;
	b->result.message = (char *)message;
	emit_result_message(b->r, &b->result.base);
}

/* Equal for clusters that differ in their endpoints only. */
static char *shape_of(struct arena *a, const EnvoyCluster *c)
{
	EnvoyCluster copy = *c;
	EnvoyClusterEdsClusterConfig eds = *c->eds_cluster_config;

	eds.service_name = (char *)"";
	copy.eds_cluster_config = &eds;
	copy.name = copy.alt_stat_name = (char *)"";
	return envoy_cluster_name(a, &copy, "") + 1;
}

static EnvoyLocalityLbEndpoints *share_of(struct backend *b, const ModelClusterShare *s)
{
	EnvoyLocalityLbEndpoints *l = message_new(b->a, EnvoyLocalityLbEndpoints);
	struct endpoints_name name;

	l->locality = message_new(b->a, EnvoyLocality);
	l->locality->zone = s->endpoints;
	/* Without a weight it gets nothing but its sessions. */
	if (s->weight)
		l->load_balancing_weight = envoy_uint32(b->a, s->weight);
	l->lb_endpoints = endpoints_read_named(b->r, s->endpoints, &name, &l->n_lb_endpoints);
	return l;
}

/* The endpoints of all its backends, by their weights. */
static void join(struct backend *b)
{
	const ModelClusterTogether *t = b->key->together;
	EnvoyClusterLoadAssignment load = EnvoyClusterLoadAssignment__INIT;
	uint8_t *packed;
	size_t len;

	b->cluster.namespace = t->namespace_;
	b->cluster.service = t->name;
	b->cluster.port = t->index;
	b->cluster.weighted = b->cluster.at_once = true;
	b->cluster.endpoints =
		arena_printf(b->a, "%s/%s/%u/%s", t->namespace_, t->name, t->index, t->shape);
	load.cluster_name = (char *)b->cluster.endpoints;
	load.endpoints = arena_new_of(b->a, EnvoyLocalityLbEndpoints *, t->n_shares + 1);
	for (size_t i = 0; i < t->n_shares; i++) {
		load.endpoints[i] = share_of(b, t->shares[i]);
		load.endpoints[i]->locality->sub_zone = arena_printf(b->a, "%zu", i);
	}
	load.n_endpoints = t->n_shares;
	packed = reader_pack(b->r, &load.base, &len);
	emit_resource(b->r, RESOURCE_ENDPOINT, b->cluster.endpoints, packed, len);
}

static void emit(struct backend *b)
{
	EnvoyCluster *c;
	uint8_t *packed;
	size_t len;

	if (b->key->together)
		join(b);
	c = envoy_cluster(b->a, &b->cluster);
	if (c->eds_cluster_config && !b->key->together && !b->key->udp) {
		b->result.endpoints = (char *)b->cluster.endpoints;
		b->result.shape = shape_of(b->a, c);
	}
	packed = reader_pack(b->r, &c->base, &len);
	emit_resource(b->r, RESOURCE_CLUSTER, c->name, packed, len);
	b->result.name = c->name;
	b->result.has_http2 = b->result.http2 = upstream_speaks_http2(b->cluster.protocol);
	emit_result_message(b->r, &b->result.base);
}

/* ---- TLS and protocol ---- */

static enum upstream_protocol combine(bool http2, bool tls)
{
	if (tls)
		return http2 ? UPSTREAM_H2 : UPSTREAM_TLS;
	return http2 ? UPSTREAM_H2C : UPSTREAM_HTTP1;
}

/* Clients choose what they speak: the port's protocol says what the backend speaks, not what is
 * missing. */
static bool are_bytes(const struct backend *b)
{
	return b->key->stream || b->key->untouched;
}

/* tls: a policy asks for it. */
static enum upstream_protocol protocol_of_port(struct backend *b, const K8s__ServicePort *port,
					       bool tls)
{
	enum upstream_protocol found = UPSTREAM_HTTP1;

	if (port->app_protocol && *port->app_protocol &&
	    !service_options_app_protocol(port->app_protocol, &found))
		b->result.app_protocol = port->app_protocol;
	return combine(b->key->grpc || upstream_speaks_http2(found),
		       tls || (!are_bytes(b) && (found == UPSTREAM_TLS || found == UPSTREAM_H2)));
}

/* The words of XBackend.spec.protocol. */
static enum upstream_protocol protocol_of_word(const struct backend *b, const char *word, bool tls)
{
	static const struct {
		const char *word;
		bool http2, tls;
	} rows[] = {
		{ "HTTP2", true, true },
		{ "H2C", true, false },
		{ "GRPC", true, false },
		{ "WSS", false, true },
	};
	bool http2 = b->key->grpc;

	for (size_t i = 0; word && i < ARRAY_SIZE(rows); i++)
		if (strcmp(rows[i].word, word) == 0) {
			http2 |= rows[i].http2;
			tls |= rows[i].tls && !are_bytes(b);
		}
	return combine(http2, tls);
}

/* Applies the policy; false with the result if the backend must not be reached. */
static bool secure(struct backend *b, const char *namespace,
		   const K8s__BackendTLSPolicyValidation *v, const char *policy)
{
	tls_policy_read(b->r, namespace, v, &b->tls);
	if (b->tls.accepted) {
		b->result.has_policy_failed = b->result.policy_failed = 1;
		fail(b, b->tls.accepted, arena_printf(b->a, "%s: %s", policy, b->tls.accepted_why));
		return false;
	}
	b->desired.sni = (char *)b->tls.sni;
	b->desired.subjects = b->tls.names;
	b->desired.n_subjects = b->tls.n_names;
	b->desired.subject_uris = b->tls.uris;
	b->desired.n_subject_uris = b->tls.n_uris;
	b->cluster.ca = b->tls.authority;
	b->cluster.ca_len = b->tls.authority_len;
	b->cluster.system_authorities = b->tls.system;
	return true;
}

/* Requests to the Service, by whichever port (GEP-3388). */
static void follow_traffic_policy(struct backend *b)
{
	size_t n, len;
	const struct traffic_policy *all =
		traffic_policies_read(b->r, b->key->namespace_, b->key->service, &n);
	char **policies = arena_new_of(b->a, char *, b->result.n_policies + n + 1);

	if (!n)
		return;
	for (size_t i = 0; i < b->result.n_policies; i++)
		policies[i] = b->result.policies[i];
	for (size_t i = 0; i < n; i++)
		policies[b->result.n_policies++] =
			arena_printf(b->a, TRAFFIC_POLICY "%s", all[i].key);
	b->result.policies = policies;
	traffic_policy_limit(all[0].object, &b->cluster.limits);
	if (!all[0].object->spec->session_persistence)
		return;
	b->result.has_session = 1;
	b->result.session.data =
		reader_pack(b->r, &all[0].object->spec->session_persistence->base, &len);
	b->result.session.len = len;
	b->result.session_policy = (char *)all[0].key;
}

static void limit(struct backend *b)
{
	const K8s__CircuitBreakerPolicy *all = config_read(b->r)->envoy->cluster->circuit_breakers;
	struct upstream_limits *l = &b->cluster.limits;

	if (!l->retries && !all->max_retries)
		l->retries = RETRIES_MAX;
	if (!l->requests && !all->max_requests)
		l->requests = REQUESTS_MAX;
	if (!l->connections && !all->max_connections)
		l->connections = REQUESTS_MAX;
	if (!l->pending && !all->max_pending_requests)
		l->pending = REQUESTS_MAX;
}

/* ---- Services ---- */

static const K8s__ServicePort *find_port(const K8s__ServiceSpec *spec, const char *wanted, bool udp)
{
	for (size_t i = 0; i < spec->n_ports; i++) {
		const K8s__ServicePort *p = spec->ports[i];
		bool is_udp = strcmp(p->protocol, "UDP") == 0;

		if (p->port == atoi(wanted) && is_udp == udp &&
		    (is_udp || !*p->protocol || strcmp(p->protocol, "TCP") == 0))
			return p;
	}
	return NULL;
}

/* All policies for the port get a status, since each must name the Gateways that reach it. */
static bool follow_policy(struct backend *b, const K8s__ServicePort *port, bool *ret_tls)
{
	size_t n;
	const struct tls_policy *all = tls_policies_read(b->r, b->key->namespace_, &n);
	const struct tls_policy *best = tls_policy_choose(all, n, b->key->service, port->name);

	b->result.policies = arena_new_of(b->a, char *, n + 1);
	for (size_t i = 0; i < n; i++)
		if (tls_policy_targets(&all[i], b->key->service, port->name))
			b->result.policies[b->result.n_policies++] = (char *)all[i].key;
	*ret_tls = best != NULL;
	return !best || secure(b, b->key->namespace_, best->object->spec->validation,
			       arena_printf(b->a, "BackendTLSPolicy %s", best->key));
}

/* Returns why there are none, or NULL. */
static const char *find_endpoints(struct backend *b, const char *name)
{
	const struct item *item = read_unit(b->r, UNIT_ENDPOINTS, name, strlen(name));
	const ModelEndpointsResult *result = message_unpack(b->a, ModelEndpointsResult, item);

	b->cluster.endpoints = name;
	b->result.has_unsliced = b->result.unsliced = result->unsliced;
	return result->why;
}

static void use_service(struct backend *b, const char *key, const K8s__Service *s)
{
	const K8s__ServicePort *port = s->spec ? find_port(s->spec, b->key->port, b->key->udp)
					       : NULL;
	const char *why;
	bool tls = false;

	if (!port) {
		fail(b, "ServicePortMissing",
		     arena_printf(b->a, "there is no %s port %s in Service %s",
				  b->key->udp ? "UDP" : "TCP", b->key->port, key));
		return;
	}
	b->cluster.port = (uint32_t)port->port;
	annotation_check(b->r, OBJECT_SERVICE, key, s->metadata);
	service_options_check_ports(b->r, key, s);
	b->cluster.limits = service_options_limits(b->r, key, s->metadata);
	b->cluster.ejection = service_options_ejection(b->r, key, s->metadata);
	limit(b);
	if (strcmp(s->spec->type, "ExternalName") == 0) {
		why = upstream_check_external(b->r, key, s->spec->external_name);
		if (why) {
			fail(b, "ExternalNameNotAllowed", why);
			return;
		}
		b->cluster.external_name = s->spec->external_name;
	} else {
		(void)find_endpoints(b, arena_printf(b->a, "%s%s%s%s",
						     b->key->udp ? UDP_ENDPOINTS : "", key,
						     *port->name ? "/" : "", port->name));
	}
	if (!b->key->udp && !b->key->untouched && !follow_policy(b, port, &tls))
		return;
	if (!b->key->udp)
		follow_traffic_policy(b);
	b->cluster.protocol = b->key->udp ? UPSTREAM_HTTP1 : protocol_of_port(b, port, tls);
	emit(b);
}

/* ---- XBackends ---- */

/* Only a backend of mode ClientAndServer is shown a certificate, and that is its own. */
static bool find_certificate(struct backend *b, const char *key, const K8s__XBackendTLS *tls)
{
	const K8s__SecretObjectReference *ref = tls->client_certificate_ref;
	const struct grant_end from = { object_kind(OBJECT_X_BACKEND)->group, "XBackend",
					b->key->namespace_, NULL };
	struct grant_end to = { "", "Secret", b->key->namespace_, "" };
	const ModelSecretResult *facts;

	b->cluster.secret = NULL;
	if (strcmp(tls->mode, "ClientAndServer") != 0)
		return true;
	if (!ref || *ref->group || (*ref->kind && strcmp(ref->kind, "Secret") != 0)) {
		fail(b, "InvalidClientCertificateRef",
		     arena_printf(b->a, "XBackend %s names no Secret", key));
		return false;
	}
	to.namespace = ref->namespace_ ? ref->namespace_ : b->key->namespace_;
	to.name = ref->name;
	/* Checks the grant first, so that no text tells about other namespaces (G-RG-6). */
	if (!reference_grant_permits(b->r, &from, &to)) {
		fail(b, "RefNotPermitted",
		     arena_printf(b->a, "XBackend %s: %s", key,
				  reference_grant_missing(b->a, &to)));
		return false;
	}
	b->cluster.secret = arena_printf(b->a, "%s/%s", to.namespace, to.name);
	facts = secret_find(b->r, b->cluster.secret);
	if (!facts->usable)
		fail(b, "InvalidClientCertificateRef",
		     arena_printf(b->a, "XBackend %s: Secret %s: %s", key, b->cluster.secret,
				  facts->message));
	return facts->usable;
}

/* False with the result if it must not be reached. */
static bool secure_x_backend(struct backend *b, const char *key, const K8s__XBackendTLS *tls)
{
	const char *name = arena_printf(b->a, "XBackend %s", key);

	if (!tls->validation) {
		fail(b, "Invalid", arena_printf(b->a, "%s has no tls.validation", name));
		return false;
	}
	return secure(b, b->key->namespace_, tls->validation, name) &&
	       find_certificate(b, key, tls);
}

/* These three return false with the result if it cannot be reached. */

static bool find_name(struct backend *b, const char *use, const K8s__XBackendSpec *x)
{
	const char *host = x->external_hostname ? x->external_hostname->hostname : "",
		   *why = upstream_check_host(b->r, use, host);

	if (why)
		fail(b, "Invalid", why);
	b->cluster.external_name = host;
	return !why;
}

/* Pods are not watched: a Service with the same selector knows them. */
static bool find_pods(struct backend *b, const char *key, const K8s__XBackendSpec *x)
{
	const K8s__XBackendEndpointSelector *selector = x->endpoint_selector;
	const char *service, *why, *text;

	if (!selector || !selector->n_match_labels) {
		fail(b, "Invalid",
		     arena_printf(b->a, "XBackend %s has no endpointSelector.matchLabels", key));
		return false;
	}
	service = pod_selector_service(b->r, b->key->namespace_, selector);
	if (!service) {
		text = pod_selector_text(b->a, selector);
		fail(b, "NoService",
		     arena_printf(b->a,
				  "XBackend %s: no Service of its namespace has exactly the "
				  "selector %s, and Portolan knows pods by Services only: make a "
				  "Service with this selector (clusterIP: None is enough)",
				  key, text));
		return false;
	}
	why = find_endpoints(b,
			     arena_printf(b->a, SELECTED_PODS "%s/%u", service, b->cluster.port));
	if (why)
		object_warning(b->r, OBJECT_X_BACKEND, key, "NoEndpoints", "spec.endpointSelector",
			       "Service %s, which has the same selector: %s; requests are "
			       "answered with 503",
			       service, why);
	return true;
}

static bool find_x_backend(struct backend *b, const char *key, const char *use,
			   const K8s__XBackendSpec *x)
{
	int32_t port = !x->port ? 0 : x->port->has_number ? x->port->number : x->port->port;

	if (port < 1 || port > 65535) {
		fail(b, "Invalid", arena_printf(b->a, "XBackend %s has no port.number", key));
		return false;
	}
	b->cluster.port = (uint32_t)port;
	if (strcmp(x->type, "EndpointSelector") == 0)
		return find_pods(b, key, x);
	if (strcmp(x->type, "ExternalHostname") == 0)
		return find_name(b, use, x);
	fail(b, "Unsupported",
	     arena_printf(b->a, "XBackend %s: type %s is not supported", key, x->type));
	return false;
}

/* Sessions of its own, with selected pods only (GEP-1619). */
static void keep_sessions(struct backend *b, const char *use, const K8s__XBackendSpec *x)
{
	size_t len;

	if (!x->session_persistence || strcmp(x->type, "EndpointSelector") != 0)
		return;
	b->result.has_session = 1;
	b->result.session.data = reader_pack(b->r, &x->session_persistence->base, &len);
	b->result.session.len = len;
	b->result.session_policy = (char *)use;
}

static void use_x_backend(struct backend *b, const char *key, const K8s__XBackendSpec *x)
{
	bool tls = !b->key->untouched && x->tls && *x->tls->mode &&
		   strcmp(x->tls->mode, "None") != 0;
	const char *use = arena_printf(b->a, XBACKEND_USE "%s", key);

	b->result.policies = arena_memdup(b->a, &use, sizeof(use));
	b->result.n_policies = 1;
	if (!find_x_backend(b, key, use, x))
		return;
	limit(b);
	if (tls && !secure_x_backend(b, key, x->tls))
		return;
	keep_sessions(b, use, x);
	b->cluster.protocol = protocol_of_word(b, x->protocol, tls);
	emit(b);
}

void unit_backend(struct reader *r, const char *key, size_t key_len)
{
	struct arena *a = reader_arena(r);
	struct backend b = { .r = r,
			     .a = a,
			     .desired = ModelClusterSpec__INIT,
			     .result = ModelClusterResult__INIT };
	const K8s__XBackend *x;
	const K8s__Service *s;
	const char *object;

	b.key = portolan__model__cluster_spec__unpack(arena_pb(a), key_len, (const uint8_t *)key);
	object = arena_printf(a, "%s/%s", b.key->namespace_, b.key->service);
	b.cluster = (struct cluster_spec){ .settings = reader_settings(r),
					   .namespace = b.key->namespace_,
					   .service = b.key->service,
					   .secret = b.key->client_secret,
					   .desired = &b.desired };
	if (b.key->external) {
		x = read_message(r, OBJECT_X_BACKEND, object);
		if (x && x->spec)
			use_x_backend(&b, object, x->spec);
		else
			fail(&b, "Missing", object_missing(r, OBJECT_X_BACKEND, object));
		return;
	}
	s = read_message(r, OBJECT_SERVICE, object);
	if (s)
		use_service(&b, object, s);
	else
		fail(&b, "ServiceMissing", object_missing(r, OBJECT_SERVICE, object));
}
