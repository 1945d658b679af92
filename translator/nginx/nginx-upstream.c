/* Upstreams: the Service and port of a path, with the annotations that belong to them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "proto/model.pb-c.h"
#include "translator/kinds.h"
#include "translator/model/cluster.h"
#include "translator/nginx/nginx-config.h"
#include "translator/nginx/nginx-plan.h"
#include "translator/nginx/nginx-upstream.h"
#include "translator/resolve/upstream.h"

typedef Portolan__Model__ClusterSpec ClusterSpec;

const char *nginx_upstream_key(struct arena *a, const char *namespace,
			       const K8s__IngressServiceBackend *b)
{
	const K8s__ServiceBackendPort *port = b->port;

	if (!port)
		return arena_printf(a, "%s/%s:", namespace, b->name);
	if (*port->name)
		return arena_printf(a, "%s/%s:%s", namespace, b->name, port->name);
	return arena_printf(a, "%s/%s:%d", namespace, b->name, port->number);
}

/* Whose the backend is. */
static const struct nginx_ingress *owner(const struct nginx_source *s)
{
	return s->canary ? s->canary : s->ingress;
}

const struct nginx_ingress *nginx_upstream_first(struct nginx_plan *p, const struct nginx_source *s)
{
	const struct nginx_ingress *in = owner(s);
	const char *key = nginx_upstream_key(p->a, in->namespace, s->backend->service);
	const struct item *fact = read_first_fact(p->r, FACT_NGINX_SERVICE, key, strlen(key));
	const char *name = fact ? (const char *)item_value(fact) : in->key;
	const struct nginx_ingress *first;

	if (strcmp(name, in->key) == 0)
		return in;
	for (size_t i = 0; i < p->n_mains; i++)
		if (strcmp(p->mains[i]->key, name) == 0)
			return p->mains[i];
	first = nginx_ingress_read(p->r, name, false);
	return first ? first : in;
}

const struct nginx_ingress *nginx_upstream_affine(struct nginx_plan *p,
						  const struct nginx_source *s)
{
	const struct item *fact;
	const char *key, *name;

	if (!s->backend || !s->backend->service)
		return s->ingress;
	key = nginx_upstream_key(p->a, s->ingress->namespace, s->backend->service);
	fact = read_last_fact(p->r, FACT_NGINX_AFFINITY, key, strlen(key));
	name = fact ? (const char *)item_value(fact) : s->ingress->key;
	if (strcmp(name, s->ingress->key) == 0)
		return s->ingress;
	/* The paths of a host often have one Service. */
	if (!p->affine || strcmp(p->affine->key, name) != 0)
		p->affine = nginx_ingress_read(p->r, name, false);
	return p->affine ? p->affine : s->ingress;
}

/* ---- ports ---- */

static bool is_target(const K8s__ServicePort *port, const char *text)
{
	const K8s__IntOrString *t = port->target_port;
	char number[16];

	if (!t)
		return false;
	if (t->str_val && *t->str_val)
		return strcmp(t->str_val, text) == 0;
	(void)snprintf(number, sizeof(number), "%d", t->int_val);
	return strcmp(number, text) == 0;
}

/* ingress-nginx takes a Service's port by its number, its name or its target port. */
static const char *port_text(struct nginx_plan *p, const char *service,
			     const K8s__ServiceBackendPort *wanted)
{
	const char *text = *wanted->name ? wanted->name : arena_printf(p->a, "%d", wanted->number);
	const K8s__Service *s = read_message(p->r, OBJECT_SERVICE, service);

	for (size_t i = 0; s && s->spec && i < s->spec->n_ports; i++) {
		const K8s__ServicePort *port = s->spec->ports[i];
		const char *number = arena_printf(p->a, "%d", port->port);

		if (strcmp(number, text) == 0 || strcmp(port->name, text) == 0 ||
		    is_target(port, text))
			return number;
	}
	return text;
}

/* ---- TLS ---- */

static const struct {
	const char *word, *http, *https;
} protocols[] = {
	{ "HTTP", "http", "http" }, { "HTTPS", "tls", "tls" }, { "AUTO_HTTP", "http", "tls" },
	{ "GRPC", "h2c", "h2c" },   { "GRPCS", "h2", "h2" },
};

/* NULL for FastCGI, which Envoy does not speak. */
static const char *protocol(struct nginx_plan *p, const struct nginx_ingress *in)
{
	const char *word = nginx_text(p->r, in, "backend-protocol");

	for (size_t i = 0; word && i < ARRAY_SIZE(protocols); i++)
		if (strcasecmp(word, protocols[i].word) == 0)
			return p->tls ? protocols[i].https : protocols[i].http;
	return word ? NULL : "http";
}

static bool is_on(struct nginx_plan *p, const struct nginx_ingress *in, const char *name)
{
	const char *text = nginx_text(p->r, in, name);

	return text && strcmp(text, "on") == 0;
}

static void set_subject(struct nginx_plan *p, ClusterSpec *spec, const char *name)
{
	spec->subjects = arena_new_of(p->a, char *, 1);
	spec->subjects[0] = (char *)name;
	spec->n_subjects = 1;
}

/* proxy-ssl-protocols: Envoy takes a lowest and a highest version. Without it nginx speaks only TLS
 * 1.2. */
static void set_versions(struct nginx_plan *p, const struct nginx_ingress *in, ClusterSpec *spec)
{
	const char *list = nginx_text(p->r, in, "proxy-ssl-protocols");
	bool two = !list || strstr(list, "TLSv1.2"), three = list && strstr(list, "TLSv1.3");

	if (!two && !three)
		return;
	spec->has_tls_min = spec->has_tls_max = 1;
	spec->tls_min = two ? 2 : 3;
	spec->tls_max = three ? 3 : 2;
}

static void set_ciphers(struct nginx_plan *p, const struct nginx_ingress *in, ClusterSpec *spec)
{
	const char *list = nginx_text(p->r, in, "proxy-ssl-ciphers");

	if (list)
		nginx_ciphers_read(p, in, list, "proxy-ssl-ciphers", &spec->ciphers,
				   &spec->n_ciphers);
}

/* The Ingress's own, or the first of the host that has proxy-ssl-secret: nginx writes it into the
 * server, and other paths inherit it, unless proxy-ssl-location-only says otherwise. */
static const struct nginx_ingress *securing(struct nginx_plan *p, const struct nginx_ingress *in)
{
	if (nginx_own_text(in, "proxy-ssl-secret") ||
	    nginx_config_flag(p->r, "proxy-ssl-location-only", false))
		return in;
	for (size_t i = 0; i < p->n_mains; i++)
		if (nginx_own_text(p->mains[i], "proxy-ssl-secret"))
			return p->mains[i];
	return in;
}

/* proxy-ssl-*: these count only together with proxy-ssl-secret. -EACCES: the path is closed. */
static int secure(struct nginx_plan *p, const struct nginx_ingress *of, ClusterSpec *spec,
		  const char **ret_why)
{
	const struct nginx_ingress *in = securing(p, of);
	const char *secret = nginx_own_text(in, "proxy-ssl-secret");
	const char *name = nginx_own_text(in, "proxy-ssl-name");
	const char *text = secret;

	if (is_on(p, in, "proxy-ssl-server-name") && (secret || in->tls_without_secret))
		spec->sni = (char *)name;
	if (!secret)
		return 0;
	secret = nginx_reference(p, in, secret, ret_why);
	if (!secret)
		return -EACCES;
	if (!read_message(p->r, OBJECT_SECRET, secret)) {
		*ret_why = arena_printf(p->a, "there is no Secret %s", text);
		return -EACCES;
	}
	spec->client_secret = (char *)secret;
	set_versions(p, in, spec);
	set_ciphers(p, in, spec);
	if (is_on(p, in, "proxy-ssl-verify")) {
		spec->ca_secret = (char *)secret;
		spec->has_verify_depth = 1;
		spec->verify_depth =
			(uint32_t)MAX(1, nginx_number(p->r, in, "proxy-ssl-verify-depth", 1));
		if (name)
			set_subject(p, spec, name);
	}
	return 0;
}

const char *nginx_reference(struct nginx_plan *p, const struct nginx_ingress *in, const char *text,
			    const char **ret_why)
{
	const char *slash = strchr(text, '/');
	size_t n = slash ? (size_t)(slash - text) : 0;

	if (!slash)
		return arena_printf(p->a, "%s/%s", in->namespace, text);
	if (n == strlen(in->namespace) && strncmp(text, in->namespace, n) == 0)
		return text;
	if (nginx_config_crosses_namespaces(p->r))
		return text;
	*ret_why = arena_printf(p->a,
				"%s is in another namespace; allow-cross-namespace-resources in "
				"the ConfigMap allows it",
				text);
	return NULL;
}

/* ---- the cluster ---- */

static uint32_t balancing(struct nginx_plan *p, const struct nginx_ingress *first)
{
	const char *word = nginx_text(p->r, first, "load-balance");

	if (nginx_own_text(first, "upstream-hash-by"))
		return BALANCING_RING_HASH;
	return word && strcmp(word, "ewma") == 0 ? BALANCING_LEAST_REQUEST : BALANCING_ROUND_ROBIN;
}

static void find(struct nginx_plan *p, const struct nginx_source *s, const ClusterSpec *spec,
		 struct target *ret)
{
	const ModelClusterResult *result = upstream_find(p->r, spec);

	if (!result->name)
		nginx_error(p, owner(s), result->reason, s->field, "%s; %s", result->message,
			    s->canary ? "the main Ingress gets all requests"
				      : "requests are answered with 503");
	ret->cluster = result->name;
	ret->http2 = result->name && result->http2;
	ret->empty = result->name && result->reason && strcmp(result->reason, "NoEndpoints") == 0;
}

static void set_timeout(struct nginx_plan *p, const struct nginx_ingress *in, ClusterSpec *spec)
{
	spec->has_connect_msec = 1;
	spec->connect_msec = (uint32_t)MAX(1, nginx_number(p->r, in, "proxy-connect-timeout", 5)) *
			     1000;
}

static bool has_port(struct nginx_plan *p, const struct nginx_source *s)
{
	const K8s__IngressServiceBackend *b = s->backend->service;
	const struct nginx_ingress *in = owner(s);

	if (!b || !*b->name || !b->port || (!*b->port->name && !b->port->number)) {
		nginx_error(p, in, b ? "ServicePortMissing" : "BackendNotSupported", s->field, "%s",
			    b ? "there is no service.port: give its name or number"
			      : "only a Service can be a backend");
		return false;
	}
	return true;
}

static void set_service(struct nginx_plan *p, const struct nginx_source *s, ClusterSpec *spec)
{
	const K8s__IngressServiceBackend *b = s->backend->service;
	const char *namespace = owner(s)->namespace;

	spec->namespace_ = (char *)namespace;
	spec->service = b->name;
	spec->port = (char *)port_text(p, arena_printf(p->a, "%s/%s", namespace, b->name), b->port);
}

const char *nginx_upstream_raw(struct nginx_plan *p, const struct nginx_source *s)
{
	ClusterSpec spec = PORTOLAN__MODEL__CLUSTER_SPEC__INIT;
	struct target target = { 0 };

	if (!has_port(p, s))
		return NULL;
	set_service(p, s, &spec);
	spec.protocol = (char *)"http";
	find(p, s, &spec, &target);
	return target.cluster;
}

/* connection-proxy-header: close. */
static void set_connection(const struct nginx_ingress *in, ClusterSpec *spec)
{
	const char *word = nginx_own_text(in, "connection-proxy-header");

	if (!word || strcmp(word, "close") != 0)
		return;
	spec->has_max_requests = 1;
	spec->max_requests = 1;
}

void nginx_upstream_find(struct nginx_plan *p, const struct nginx_source *s, struct target *ret)
{
	const struct nginx_ingress *in = s->ingress, *first;
	ClusterSpec spec = PORTOLAN__MODEL__CLUSTER_SPEC__INIT;
	const char *why = NULL;

	if (!has_port(p, s))
		return;
	first = nginx_upstream_first(p, s);
	set_service(p, s, &spec);
	spec.protocol = (char *)(p->passthrough ? "tls" : protocol(p, in));
	if (!spec.protocol || secure(p, in, &spec, &why) < 0) {
		nginx_error(p, in, "BackendNotSupported", s->field,
			    "%s; requests are answered with 503",
			    why ? why : "Envoy does not speak FastCGI");
		return;
	}
	spec.balancing = balancing(p, first);
	spec.has_balancing = spec.balancing != BALANCING_ROUND_ROBIN;
	spec.cluster_ip = spec.has_cluster_ip = nginx_flag(p->r, first, "service-upstream", false);
	set_timeout(p, in, &spec);
	set_connection(in, &spec);
	find(p, s, &spec, ret);
}

void nginx_upstream_default(struct nginx_plan *p, const struct nginx_source *s, const char *service,
			    struct target *ret)
{
	ClusterSpec spec = PORTOLAN__MODEL__CLUSTER_SPEC__INIT;
	const K8s__Service *object = read_message(p->r, OBJECT_SERVICE, service);
	const char *namespace, *name;

	object_split_key(p->r, service, &namespace, &name);
	spec.namespace_ = (char *)namespace;
	spec.service = (char *)name;
	spec.port = object && object->spec && object->spec->n_ports
			    ? arena_printf(p->a, "%d", object->spec->ports[0]->port)
			    : (char *)"80";
	spec.protocol = (char *)"http";
	find(p, s, &spec, ret);
}
