/* One ExtensionService: a cluster and its endpoints under a name that stays, so that the filters
 * which ask it do not change with it. Its key is "namespace/name", its result how it is asked or
 * why it cannot be. Runs in the translator. */
#include <stdlib.h>
#include <string.h>

#include "common/base/go-duration.h"
#include "translator/kinds.h"
#include "translator/resolve/delegation.h"
#include "translator/resolve/endpoints.h"
#include "translator/resolve/extension.h"
#include "translator/resolve/object.h"
#include "translator/resolve/upstream.h"
#include "translator/units.h"

#define SERVICES_MAX 64
#define AUTHORITY    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_*:"

struct plan {
	struct reader *r;
	struct arena *a;
	const char *key;
	const char *namespace;
	const K8s__ExtensionServiceSpec *spec;
	ModelClusterSpec desired;
	struct cluster_spec cluster;
	EnvoyLocalityLbEndpoints **localities;
	size_t n_localities;
	const char *wrong; /* the first error */
	int64_t timeout_usec;
	bool has_timeout;
};

/* Contour's words. It goes on, so that all errors are reported at once. */
#define complain(p, reason, field, ...)                                                           \
	do {                                                                                      \
		const char *_why = arena_printf((p)->a, __VA_ARGS__);                             \
		(p)->wrong = (p)->wrong ? (p)->wrong : _why;                                      \
		object_error((p)->r, OBJECT_EXTENSION_SERVICE, (p)->key, (reason), (field), "%s", \
			     _why);                                                               \
	} while (0)
#define advise(p, field, ...)                                                                \
	object_warning((p)->r, OBJECT_EXTENSION_SERVICE, (p)->key, "SpecError/IgnoredField", \
		       (field), __VA_ARGS__)

static void plan_timeouts(struct plan *p, const K8s__ProxyTimeouts *t)
{
	struct go_duration response, idle, connection;
	int r;

	if (!t)
		return;
	r = go_duration_parse(t->response, &response);
	r = r < 0 ? r : go_duration_parse(t->idle, &idle);
	r = r < 0 ? r : go_duration_parse(t->idle_connection, &connection);
	if (r < 0) {
		complain(p, "SpecError/TimeoutPolicyNotValid", "spec.timeoutPolicy", "%s",
			 go_duration_why(r));
		return;
	}
	if (*t->idle)
		advise(p, "spec.timeoutPolicy.idle",
		       "calls have no idle timeout; response limits them");
	p->has_timeout = response.set;
	p->timeout_usec = response.usec;
	p->desired.has_idle_usec = connection.set;
	p->desired.idle_usec = connection.usec;
}

static void plan_protocol(struct plan *p, const char *word)
{
	static const struct {
		const char *word;
		enum upstream_protocol protocol;
	} rows[] = { { "", UPSTREAM_H2 },
		     { "h2", UPSTREAM_H2 },
		     { "h2c", UPSTREAM_H2C },
		     { "http/1.1", UPSTREAM_HTTP1 } };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (strcmp(rows[i].word, word ? word : "") == 0) {
			p->cluster.protocol = rows[i].protocol;
			return;
		}
	complain(p, "SpecError/InconsistentProtocol", "spec.protocol",
		 "protocol \"%s\" is not one of h2, h2c, http/1.1", word);
}

static void plan_version(struct plan *p, const char *word)
{
	if (*word && strcmp(word, "v3") != 0)
		advise(p, "spec.protocolVersion",
		       "the services are asked in version v3 of Envoy's API, not in %s: Envoy has "
		       "no "
		       "other",
		       word);
}

/* The client certificate that Envoy presents over TLS. */
static void plan_client(struct plan *p)
{
	const char *why;

	if (p->cluster.protocol == UPSTREAM_H2 &&
	    upstream_read_client(p->r, &p->cluster.secret, &why) < 0)
		complain(p, "TLSError/SecretNotValid", "spec.protocol", "%s", why);
}

static void plan_validation(struct plan *p, K8s__ProxyUpstreamValidation *v)
{
	const char *key, *why;
	ProtobufCBinaryData ca;

	if (!v)
		return;
	if (p->cluster.protocol != UPSTREAM_H2)
		complain(p, "SpecError/InconsistentProtocol", "spec.validation",
			 "certificates are there to be verified with protocol h2 only, not with %s",
			 p->spec->protocol);
	if (delegation_resolve(p->r, v->ca_secret, p->namespace, &key, &why) < 0) {
		complain(p, "TLSError/CACertificateNotDelegated", "spec.validation.caSecret", "%s",
			 why);
		return;
	}
	if (upstream_read_subjects(p->r, v, &p->desired.subjects, &p->desired.n_subjects, &why) <
	    0) {
		complain(p, "SpecError/TLSUpstreamValidation", "spec.validation", "%s", why);
		return;
	}
	if (upstream_read_authority(p->r, key, &ca, &why) < 0) {
		complain(p, "SpecError/TLSUpstreamValidation", "spec.validation.caSecret", "%s",
			 why);
		return;
	}
	p->cluster.ca = ca.data;
	p->cluster.ca_len = ca.len;
	p->desired.sni = v->subject_name;
}

static void plan_balancing(struct plan *p, const K8s__ProxyLoadBalancer *desired)
{
	const char *strategy = desired ? desired->strategy : "";

	p->desired.has_balancing = 1;
	p->desired.balancing = BALANCING_ROUND_ROBIN;
	if (strcmp(strategy, "WeightedLeastRequest") == 0)
		p->desired.balancing = BALANCING_LEAST_REQUEST;
	else if (strcmp(strategy, "Random") == 0)
		p->desired.balancing = BALANCING_RANDOM;
	else if (strcmp(strategy, "Cookie") == 0 || strcmp(strategy, "RequestHash") == 0)
		advise(p, "spec.loadBalancerPolicy",
		       "the calls are Envoy's own, without a client to tell apart, so the strategy "
		       "is RoundRobin");
	else if (*strategy && strcmp(strategy, "RoundRobin") != 0)
		advise(p, "spec.loadBalancerPolicy.strategy",
		       "the strategy is unknown, so it is RoundRobin; known are RoundRobin, "
		       "WeightedLeastRequest and Random");
}

static void plan_limits(struct plan *p, const K8s__CircuitBreakerPolicy *desired)
{
	p->cluster.own_limits = desired != NULL;
	if (desired)
		p->cluster.limits = (struct upstream_limits){ desired->max_connections,
							      desired->max_pending_requests,
							      desired->max_requests,
							      desired->max_retries,
							      desired->per_host_max_connections };
}

/* ---- endpoints ---- */

static const K8s__ServicePort *find_port(struct plan *p, const K8s__ExtensionServiceTarget *t,
					 const char *service, const char *field)
{
	const K8s__Service *s = read_message(p->r, OBJECT_SERVICE, service);
	const K8s__ServicePort *port;
	bool other = false;

	if (!s || !s->spec) {
		complain(p, "ServiceError/ServiceUnresolvedReference", field, "%s",
			 object_missing(p->r, OBJECT_SERVICE, service));
		return NULL;
	}
	if (strcmp(s->spec->type, "ExternalName") == 0) {
		complain(p, "ServiceError/UnsupportedServiceType", field,
			 "Service %s is of type ExternalName, which an ExtensionService cannot use",
			 service);
		return NULL;
	}
	port = upstream_find_port(s->spec, arena_printf(p->a, "%d", t->port), &other);
	if (!port)
		complain(p, "ServiceError/ServiceUnresolvedReference", field,
			 other ? "port %d of Service %s is not for TCP"
			       : "there is no port %d in Service %s",
			 t->port, service);
	return port;
}

/* Each Service is a locality: Envoy has weights for those. */
static EnvoyLocalityLbEndpoints *locality(struct plan *p, const K8s__ExtensionServiceTarget *t,
					  uint32_t weight)
{
	EnvoyLocalityLbEndpoints *l = message_new(p->a, EnvoyLocalityLbEndpoints);

	l->locality = message_new(p->a, EnvoyLocality);
	l->locality->zone = t->name;
	l->locality->sub_zone = arena_printf(p->a, "%d", t->port);
	l->load_balancing_weight = envoy_uint32(p->a, weight);
	return l;
}

static EnvoyLocalityLbEndpoints *find_locality(const struct plan *p,
					       const K8s__ExtensionServiceTarget *t)
{
	for (size_t i = 0; i < p->n_localities; i++)
		if (strcmp(p->localities[i]->locality->zone, t->name) == 0 &&
		    atoi(p->localities[i]->locality->sub_zone) == t->port)
			return p->localities[i];
	return NULL;
}

static void add_service(struct plan *p, size_t index, uint32_t weight)
{
	const K8s__ExtensionServiceTarget *t = p->spec->services[index];
	const char *service = arena_printf(p->a, "%s/%s", p->namespace, t->name);
	const K8s__ServicePort *port;
	EnvoyLocalityLbEndpoints *l = find_locality(p, t);

	if (l) {
		l->load_balancing_weight->value += weight;
		return;
	}
	port = find_port(p, t, service, arena_printf(p->a, "spec.services[%zu]", index));
	if (!port || !weight)
		return;
	l = locality(p, t, weight);
	l->lb_endpoints = endpoints_read(p->r, service, port->name, NULL, &l->n_lb_endpoints);
	if (l->n_lb_endpoints)
		p->localities[p->n_localities++] = l;
}

/* Without any weight all are equal; a weight of zero beside others gets no requests. */
static void plan_services(struct plan *p)
{
	size_t n = p->spec->n_services;
	bool weighted = false;

	if (!n || n > SERVICES_MAX) {
		complain(p, "ServiceError/ServiceUnresolvedReference", "spec.services",
			 n ? "there may be at most %d services" : "there are no services",
			 SERVICES_MAX);
		return;
	}
	for (size_t i = 0; i < n; i++)
		weighted = weighted || p->spec->services[i]->weight;
	p->localities = arena_new_of(p->a, EnvoyLocalityLbEndpoints *, n);
	for (size_t i = 0; i < n; i++) /* so that Envoy can add them up in 32 bits */
		add_service(p, i,
			    weighted ? MIN(p->spec->services[i]->weight, UINT32_MAX / (uint32_t)n)
				     : 1);
}

/* ---- the whole ---- */

static void emit_cluster(struct plan *p)
{
	EnvoyClusterLoadAssignment load = EnvoyClusterLoadAssignment__INIT;
	uint8_t *packed;
	size_t len;

	packed = reader_pack(p->r, &envoy_cluster(p->a, &p->cluster)->base, &len);
	emit_resource(p->r, RESOURCE_CLUSTER, p->cluster.name, packed, len);
	load.cluster_name = (char *)p->cluster.name;
	load.n_endpoints = p->n_localities;
	load.endpoints = p->localities;
	packed = reader_pack(p->r, &load.base, &len);
	emit_resource(p->r, RESOURCE_ENDPOINT, p->cluster.name, packed, len);
}

/* gRPC's :authority. Authors of references may write any text for an ExtensionService's name. */
static char *authority_of(struct arena *a, const char *text)
{
	char *name = arena_strdup(a, text);

	for (char *c = name; *c; c++)
		if (!strchr(AUTHORITY, *c))
			*c = *c == '/' ? '.' : '_';
	return name;
}

static void translate(struct plan *p, ModelExtensionResult *ret)
{
	p->cluster.settings = reader_settings(p->r);
	p->cluster.name = arena_printf(p->a, "extension/%s", p->key);
	p->cluster.endpoints = p->cluster.name;
	p->cluster.weighted = true;
	p->cluster.desired = &p->desired;
	plan_protocol(p, p->spec->protocol);
	plan_version(p, p->spec->protocol_version);
	plan_timeouts(p, p->spec->timeout_policy);
	plan_balancing(p, p->spec->load_balancer_policy);
	plan_limits(p, p->spec->circuit_breaker_policy);
	plan_validation(p, p->spec->validation);
	plan_client(p);
	plan_services(p);
	if (p->wrong) {
		ret->message = arena_printf(p->a, "ExtensionService %s: %s", p->key, p->wrong);
		emit_verdict(p->r, OBJECT_EXTENSION_SERVICE, p->key,
			     PORTOLAN__IPC__VERDICT__VERDICT_REJECTED);
		return;
	}
	emit_cluster(p);
	ret->cluster = (char *)p->cluster.name;
	ret->authority = authority_of(p->a, p->desired.sni ? p->desired.sni : p->cluster.name);
	ret->has_timeout_usec = p->has_timeout;
	ret->timeout_usec = p->timeout_usec;
	ret->has_http1 = 1;
	ret->http1 = p->cluster.protocol == UPSTREAM_HTTP1;
	emit_verdict(p->r, OBJECT_EXTENSION_SERVICE, p->key,
		     PORTOLAN__IPC__VERDICT__VERDICT_ACCEPTED);
}

void unit_extension(struct reader *r, const char *key, size_t key_len _unused_)
{
	const K8s__ExtensionService *e = read_message(r, OBJECT_EXTENSION_SERVICE, key);
	K8s__ExtensionServiceSpec empty = K8S__EXTENSION_SERVICE_SPEC__INIT;
	struct plan p = {
		.r = r, .a = reader_arena(r), .key = key, .desired = ModelClusterSpec__INIT
	};
	ModelExtensionResult result = ModelExtensionResult__INIT;
	const char *name;

	if (e) {
		object_split_key(r, key, &p.namespace, &name);
		p.spec = e->spec ? e->spec : &empty;
		translate(&p, &result);
	} else {
		result.message = (char *)object_missing(r, OBJECT_EXTENSION_SERVICE, key);
	}
	emit_result_message(r, &result.base);
}

void extension_find(struct reader *r, const char *namespace, const char *name,
		    struct extension *ret)
{
	struct arena *a = reader_arena(r);
	const char *key = arena_printf(a, "%s/%s", namespace, name);
	const struct item *item = read_unit(r, UNIT_EXTENSION, key, strlen(key));

	ret->result = message_unpack(a, ModelExtensionResult, item);
	ret->cluster = arena_printf(a, "extension/%s", key);
	ret->authority = ret->result->authority ? ret->result->authority
						: authority_of(a, ret->cluster);
}
