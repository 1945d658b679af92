/* One Ingress: what it wants of which host, with its upstreams resolved, as a fact for each host. Says
 * in the Ingress's status what of it cannot be served. Runs in the translator. */
#include <stdlib.h>
#include <string.h>

#include "translator/asks.h"
#include "translator/certificate.h"
#include "translator/delegation.h"
#include "translator/host-name.h"
#include "translator/ingress-options.h"
#include "translator/ingress-path.h"
#include "translator/proxy-headers.h"
#include "translator/units.h"

typedef Portolan__Model__HostRoute HostRoute;
typedef Portolan__Model__HostRoutes HostRoutes;
typedef Portolan__Model__HostTls HostTls;

/* A route and the host that it is for. */
struct wish {
	const char *host;
	HostRoute *route;
	size_t order;
};

struct tls_entry {
	const char *host;
	HostTls *tls;
};

struct plan {
	struct reader *r;
	struct arena *a;
	const char *key; /* of the Ingress */
	const char *namespace;
	const K8s__Ingress *ingress;
	bool allow_http;
	bool redirect; /* plain HTTP to HTTPS */
	struct ingress_options options;
	struct asks_policy asks;
#ifdef FAULT_INJECTION
	bool fault; /* what Envoy will refuse */
#endif
	struct wish *wishes;
	size_t n_wishes;
	struct tls_entry *tls;
	size_t n_tls;
	size_t served, failed; /* routes */
};

#define complain(p, reason, field, ...)                                                            \
	units_error((p)->r, OBJECT_INGRESS, (p)->key, (reason), (field), __VA_ARGS__)

/* ---- TLS ---- */

static void add_tls(struct plan *p, const char *host, const char *secret, const char *field,
		    const Portolan__Model__SecretResult *facts)
{
	HostTls *tls;

	if (strcmp(host, "*") == 0)
		return; /* there is no name for a certificate to be chosen by */
	if (!certificate_covers(facts->names, facts->n_names, host))
		units_warning(p->r, OBJECT_INGRESS, p->key, "CertificateName", field,
			      "the certificate in Secret %s is not for host %s; clients will refuse it",
			      secret, host);
	tls = ENVOY_NEW(p->a, HostTls, PORTOLAN__MODEL__HOST_TLS__INIT);
	tls->secret = (char *)secret;
	tls->field = (char *)field;
	tls->has_min_version = p->options.min_tls != 0;
	tls->min_version = p->options.min_tls;
	tls->has_max_version = p->options.max_tls != 0;
	tls->max_version = p->options.max_tls;
	p->tls[p->n_tls++] = (struct tls_entry){ host, tls };
}

static void plan_tls_hosts(struct plan *p, const K8s__IngressTLS *t, const char *secret,
			   const char *field, const Portolan__Model__SecretResult *facts)
{
	const K8s__IngressSpec *spec = p->ingress->spec;
	const char *why, *host;

	for (size_t i = 0; i < t->n_hosts; i++) {
		host = host_name_normal(p->a, t->hosts[i], &why);
		if (host)
			add_tls(p, host, secret, field, facts);
		else
			complain(p, "InvalidHost", arena_printf(p->a, "%s.hosts[%zu]", field, i),
				 "host \"%s\": %s", t->hosts[i], why);
	}
	/* Without hosts the certificate is for all hosts of this Ingress. */
	for (size_t i = 0; !t->n_hosts && i < spec->n_rules; i++) {
		host = host_name_normal(p->a, spec->rules[i]->host, &why);
		if (host)
			add_tls(p, host, secret, field, facts);
	}
}

/* "name", "namespace/name", or a name in the namespace that an annotation gives: in another namespace only
 * where it is delegated. NULL if it is not. */
static const char *find_secret(struct plan *p, const char *text, const char *field)
{
	const char *namespace = units_annotation(p->ingress->metadata, "projectcontour.io/tls-cert-namespace");
	const char *key, *why;

	if (!strchr(text, '/') && namespace && *namespace)
		text = arena_printf(p->a, "%s/%s", namespace, text);
	if (delegation_resolve(p->r, text, p->namespace, &key, &why) == 0)
		return key;
	complain(p, "DelegationNotPermitted", field, "%s; its hosts are served without TLS", why);
	p->failed++;
	return NULL;
}

static void plan_tls(struct plan *p, const K8s__IngressTLS *t, size_t index)
{
	const char *field = arena_printf(p->a, "spec.tls[%zu]", index), *secret;
	const char *bound = units_tls_bound(p->r, p->options.min_tls, p->options.max_tls);
	const Portolan__Model__SecretResult *facts;

	if (bound)
		units_warning(p->r, OBJECT_INGRESS, p->key, "TLSVersions", field, "%s", bound);
	if (!*t->secret_name) {
		complain(p, "SecretMissing", field,
			 "there is no secretName: name a Secret with tls.crt and tls.key");
		return;
	}
	if (p->options.tls_bad) {
		complain(p, "TLSVersions", field,
			 "the annotated minimum of TLS versions is above the maximum; its hosts are served "
			 "without TLS");
		p->failed++;
		return;
	}
	secret = find_secret(p, t->secret_name, field);
	if (!secret)
		return;
	facts = units_secret(p->r, secret);
	if (!facts->usable) {
		complain(p, facts->reason, field, "Secret %s: %s; its hosts are served without TLS",
			 secret, facts->message);
		p->failed++;
		return;
	}
	units_secret_kept(p->r, OBJECT_INGRESS, p->key, facts->reason, field, secret, facts);
	if (facts->message && !facts->kept)
		units_warning(p->r, OBJECT_INGRESS, p->key, facts->reason, field, "Secret %s: %s",
			      secret, facts->message);
	plan_tls_hosts(p, t, secret, field, facts);
}

/* The entry that names the host, or else one whose star covers it. */
static HostTls *tls_of(const struct plan *p, const char *host)
{
	for (size_t i = 0; i < p->n_tls; i++)
		if (strcmp(p->tls[i].host, host) == 0)
			return p->tls[i].tls;
	for (size_t i = 0; i < p->n_tls; i++)
		if (host_name_covers(p->tls[i].host, host))
			return p->tls[i].tls;
	return NULL;
}

/* ---- routes ---- */

/* The number of a port that may be given by name. */
static const char *port_number(struct plan *p, const struct route_spec *spec)
{
	const char *key = arena_printf(p->a, "%s/%s", p->namespace, spec->service);
	const K8s__Service *s = read_message(p->r, OBJECT_SERVICE, key);
	const K8s__ServicePort *port;
	bool other;

	port = s && s->spec ? cluster_find_port(s->spec, spec->port, &other) : NULL;
	return port ? arena_printf(p->a, "%d", port->port) : spec->port;
}

/* What the configuration sets for all Services goes where there may be several. */
static void set_headers(struct plan *p, const struct route_spec *spec, Envoy__Config__Route__V3__Route *route)
{
	typedef Envoy__Config__Route__V3__WeightedCluster Weighted;
	typedef Envoy__Config__Route__V3__WeightedCluster__ClusterWeight Weight;
	const K8s__ConfigPolicy *policy = units_config(p->r)->policy;
	struct header_context c = { p->namespace, spec->service, NULL };
	struct header_policy request = { 0 }, response = { 0 };
	Weight *w;

	if (!policy->apply_to_ingress || route->action_case != ENVOY__CONFIG__ROUTE__V3__ROUTE__ACTION_ROUTE)
		return;
	c.port = port_number(p, spec);
	proxy_headers_default(p->a, &c, policy->request_headers, &request);
	proxy_headers_default(p->a, &c, policy->response_headers, &response);
	if (proxy_headers_none(&request) && proxy_headers_none(&response))
		return;
	w = ENVOY_NEW(p->a, Weight, ENVOY__CONFIG__ROUTE__V3__WEIGHTED_CLUSTER__CLUSTER_WEIGHT__INIT);
	w->name = (char *)spec->cluster;
	w->weight = envoy_uint32(p->a, 1);
	proxy_headers_encode(&request, &response, w);
	route->route->cluster_specifier_case =
		ENVOY__CONFIG__ROUTE__V3__ROUTE_ACTION__CLUSTER_SPECIFIER_WEIGHTED_CLUSTERS;
	route->route->weighted_clusters =
		ENVOY_NEW(p->a, Weighted, ENVOY__CONFIG__ROUTE__V3__WEIGHTED_CLUSTER__INIT);
	route->route->weighted_clusters->n_clusters = 1;
	route->route->weighted_clusters->clusters = arena_memdup(p->a, &w, sizeof(w));
}

static ProtobufCBinaryData encode(struct plan *p, const struct route_spec *spec, const char *written)
{
	Envoy__Config__Route__V3__Route *route = envoy_route(p->a, spec);
	ProtobufCBinaryData d;
	uint8_t *packed;
	size_t len;

	set_headers(p, spec, route);
	ingress_options_apply(p->a, &p->options, written, route);
	asks_policy_apply(p->a, &p->asks, route);
	packed = reader_pack(p->r, &route->base, &len);
	envoy_element(p->a, ENVOY_HOST_ROUTES, packed, len, &d.data, &d.len);
	return d;
}

static void add_route(struct plan *p, const char *host, struct route_spec *spec, const char *written,
		      const char *field, bool fallback)
{
	HostRoute *route = ENVOY_NEW(p->a, HostRoute, PORTOLAN__MODEL__HOST_ROUTE__INIT);

	spec->host = host;
#ifdef FAULT_INJECTION
	if (p->fault) {
		spec->kind = PATH_REGEX;
		spec->path = "(";
	}
#endif
	route->has_path_kind = 1;
	route->path_kind = spec->kind;
	route->path = (char *)spec->path;
	route->field = (char *)field;
	route->has_rank = 1;
	route->rank = 1; /* of the same match an HTTPProxy goes before an Ingress, as with Contour */
	route->has_fallback = fallback;
	route->fallback = fallback;
	route->has_https = 1;
	route->https = encode(p, spec, written);
	route->has_http = p->allow_http || p->redirect;
	if (p->redirect) {
		spec->https_redirect = true;
		route->http = encode(p, spec, written);
		spec->https_redirect = false;
	} else if (route->has_http) {
		route->http = route->https;
	}
	p->wishes[p->n_wishes] = (struct wish){ host, route, p->n_wishes };
	p->n_wishes++;
}

/* The backend's cluster, or none: then the answer is 503, so that a longer path whose
 * Service is missing does not fall through to what a shorter one serves. */
static void resolve(struct plan *p, const K8s__IngressBackend *b, const char *field, struct route_spec *ret)
{
	Portolan__Model__ClusterSpec spec = PORTOLAN__MODEL__CLUSTER_SPEC__INIT;
	const K8s__ServiceBackendPort *port = b && b->service ? b->service->port : NULL;
	const Portolan__Model__ClusterResult *result;
	const struct item *item;
	uint8_t *key;
	size_t len;

	if (!b || !b->service || !*b->service->name) {
		complain(p, "BackendNotSupported", field,
			 b && b->resource ? "a resource is not supported as a backend: name a Service" :
					    "there is no Service: give service.name and service.port");
		return;
	}
	if (!port || (!*port->name && !port->number)) {
		complain(p, "ServicePortMissing", field, "there is no service.port: give its name or number");
		return;
	}
	spec.namespace_ = (char *)p->namespace;
	spec.service = b->service->name;
	spec.port = *port->name ? port->name : arena_printf(p->a, "%d", port->number);
	key = reader_pack(p->r, &spec.base, &len);
	item = read_unit(p->r, UNIT_CLUSTER, (const char *)key, len);
	result = portolan__model__cluster_result__unpack(arena_pb(p->a), item->value_len, item_value(item));
	if (!result->name)
		complain(p, result->reason, field, "%s; requests are answered with 503", result->message);
	ret->service = spec.service;
	ret->port = spec.port;
	ret->cluster = result->name;
}

static void plan_path(struct plan *p, const char *host, const K8s__HTTPIngressPath *path, const char *field)
{
	struct route_spec spec = { .status = 503 };
	struct ingress_path parsed;
	const char *why;

	if (ingress_path_parse(p->a, path->path_type, path->path, &parsed, &why) < 0) {
		complain(p, "InvalidPath", arena_printf(p->a, "%s.path", field), "path \"%s\": %s",
			 path->path, why);
		p->failed++;
		return;
	}
	spec.kind = parsed.kind;
	spec.path = parsed.path;
	resolve(p, path->backend, arena_printf(p->a, "%s.backend", field), &spec);
	if (spec.cluster)
		p->served++;
	else
		p->failed++;
	add_route(p, host, &spec, *path->path ? path->path : "/", field, false);
}

static void plan_rule(struct plan *p, const K8s__IngressRule *rule, size_t index)
{
	const K8s__HTTPIngressRuleValue *http =
		rule->ingress_rule_value ? rule->ingress_rule_value->http : NULL;
	const char *why, *host = host_name_normal(p->a, rule->host, &why);

	if (!host) {
		complain(p, "InvalidHost", arena_printf(p->a, "spec.rules[%zu].host", index),
			 "host \"%s\": %s", rule->host, why);
		p->failed++;
		return;
	}
	for (size_t i = 0; http && i < http->n_paths; i++)
		plan_path(p, host, http->paths[i],
			  arena_printf(p->a, "spec.rules[%zu].http.paths[%zu]", index, i));
}

/* For every host of this Ingress, and for hosts that nobody else serves: behind all that is said
 * elsewhere. */
static void plan_default(struct plan *p, const K8s__IngressBackend *backend)
{
	struct route_spec spec = { .kind = PATH_PREFIX, .path = "/", .status = 503 };
	const K8s__IngressSpec *s = p->ingress->spec;
	const char *field = "spec.defaultBackend", *why, *host;

	resolve(p, backend, field, &spec);
	if (spec.cluster)
		p->served++;
	else
		p->failed++;
	add_route(p, "*", &spec, "/", field, true);
	for (size_t i = 0; i < s->n_rules; i++) {
		host = host_name_normal(p->a, s->rules[i]->host, &why);
		if (host && strcmp(host, "*") != 0)
			add_route(p, host, &spec, "/", field, true);
	}
}

/* ---- all of it ---- */

static int compare(const void *a, const void *b)
{
	const struct wish *x = a, *y = b;
	int d = strcmp(x->host, y->host);

	return d ? d : (x->order > y->order) - (x->order < y->order);
}

/* Older objects go first where several want the same; those without an age by name. */
static const char *sort_key(const struct plan *p)
{
	const K8s__Time *t = p->ingress->metadata->creation_timestamp;

	return arena_printf(p->a, "%020lld/%s", t ? (long long)t->seconds : 0LL, p->key);
}

static void emit_hosts(struct plan *p)
{
	const char *sort = sort_key(p);

	qsort(p->wishes, p->n_wishes, sizeof(*p->wishes), compare);
	for (size_t i = 0, end; i < p->n_wishes; i = end) {
		HostRoutes routes = PORTOLAN__MODEL__HOST_ROUTES__INIT;
		const char *host = p->wishes[i].host;

		for (end = i; end < p->n_wishes && strcmp(p->wishes[end].host, host) == 0; end++)
			;
		routes.has_object_kind = 1;
		routes.object_kind = OBJECT_INGRESS;
		routes.object_key = (char *)p->key;
		routes.tls = tls_of(p, host);
		routes.n_routes = end - i;
		routes.routes = arena_new_of(p->a, HostRoute *, end - i);
		for (size_t k = i; k < end; k++)
			routes.routes[k - i] = p->wishes[k].route;
		units_want_host(p->r, host, sort, &routes);
	}
}

static bool annotation_is(const K8s__Ingress *ingress, const char *name, const char *value)
{
	const char *have = units_annotation(ingress->metadata, name);

	return have && strcmp(have, value) == 0;
}

static size_t count_wishes(const K8s__IngressSpec *s)
{
	size_t n = 1 + s->n_rules;

	for (size_t i = 0; i < s->n_rules; i++)
		if (s->rules[i]->ingress_rule_value && s->rules[i]->ingress_rule_value->http)
			n += s->rules[i]->ingress_rule_value->http->n_paths;
	return n;
}

static size_t count_tls(const K8s__IngressSpec *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n_tls; i++)
		n += s->tls[i]->n_hosts ? s->tls[i]->n_hosts : s->n_rules;
	return n;
}

static Portolan__Ipc__Verdict verdict_of(const struct plan *p)
{
	if (!p->served)
		return PORTOLAN__IPC__VERDICT__VERDICT_REJECTED;
	return p->failed ? PORTOLAN__IPC__VERDICT__VERDICT_PARTIAL :
			   PORTOLAN__IPC__VERDICT__VERDICT_ACCEPTED;
}

static void translate(struct plan *p)
{
	const K8s__IngressSpec *s = p->ingress->spec;

	p->wishes = arena_new_of(p->a, struct wish, count_wishes(s));
	p->tls = arena_new_of(p->a, struct tls_entry, count_tls(s));
	for (size_t i = 0; i < s->n_tls; i++)
		plan_tls(p, s->tls[i], i);
	for (size_t i = 0; i < s->n_rules; i++)
		plan_rule(p, s->rules[i], i);
	if (s->default_backend)
		plan_default(p, s->default_backend);
	if (!p->served && !p->failed)
		complain(p, "NothingDefined", "spec",
			 "it has neither a rule with paths nor a defaultBackend");
	emit_hosts(p);
}

void unit_ingress(struct reader *r, const char *key, size_t key_len _unused_)
{
	K8s__Ingress *ingress = read_message(r, OBJECT_INGRESS, key);
	struct plan p = { .r = r, .a = reader_arena(r), .key = key, .ingress = ingress };
	K8s__IngressSpec empty = K8S__INGRESS_SPEC__INIT;
	const char *name, *why;

	if (!ingress || !ingress->metadata)
		return;
#ifdef FAULT_INJECTION
	if (annotation_is(ingress, "portolan.io/fault", "crash"))
		abort();
	p.fault = annotation_is(ingress, "portolan.io/fault", "reject");
#endif
	if (!units_class_is_ours(r, ingress->metadata,
				 ingress->spec ? ingress->spec->ingress_class_name : NULL, &why)) {
		emit_problem(r, OBJECT_INGRESS, key, PORTOLAN__IPC__SEVERITY__SEVERITY_INFO, "OtherClass",
			     "spec.ingressClassName", "%s", why);
		emit_verdict(r, OBJECT_INGRESS, key, PORTOLAN__IPC__VERDICT__VERDICT_IGNORED);
		return;
	}
	if (!ingress->spec)
		ingress->spec = &empty;
	units_split_key(r, key, &p.namespace, &name);
	p.redirect = annotation_is(ingress, "ingress.kubernetes.io/force-ssl-redirect", "true");
	p.allow_http = !annotation_is(ingress, "kubernetes.io/ingress.allow-http", "false");
	ingress_options_read(r, key, ingress->metadata, &p.options);
	asks_policy_read(r, &p.asks);
	translate(&p);
	emit_verdict(r, OBJECT_INGRESS, key, verdict_of(&p));
}
