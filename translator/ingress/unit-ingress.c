/* One Ingress: resolves its upstreams and emits a fact for each host. The Ingress's status says
 * which parts cannot be served. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/word.h"
#include "k8s/networking.pb-c.h"
#include "translator/check/certificate.h"
#include "translator/host/want.h"
#include "translator/ingress/ingress-options.h"
#include "translator/ingress/ingress-path.h"
#include "translator/model/host-name.h"
#include "translator/model/path.h"
#include "translator/policy/headers.h"
#include "translator/policy/services.h"
#include "translator/resolve/annotation.h"
#include "translator/resolve/class.h"
#include "translator/resolve/config.h"
#include "translator/resolve/host-owner.h"
#include "translator/resolve/object.h"
#include "translator/resolve/path-unmatched.h"
#include "translator/resolve/secret.h"
#include "translator/resolve/upstream.h"
#include "translator/units.h"

#define NAMED_MAX        64
#define NAMED_ROUTES_MAX 10000

/* A route and the host that it is for. */
struct hosted_route {
	const char *host;
	struct route *route;
	size_t order;
};

struct tls_entry {
	const char *host;
	struct host_tls tls;
};

struct translation {
	struct reader *r;
	struct arena *a;
	const char *key; /* of the Ingress */
	const char *namespace;
	const K8s__Ingress *ingress;
	enum plain_http plain;
	struct ingress_options options;
	struct route_authorization authorization;
	struct hosted_route *routes;
	size_t n_routes;
	struct tls_entry *tls;
	size_t n_tls;
	const char **rule_hosts; /* sorted */
	size_t n_rule_hosts;
	const char *named[NAMED_MAX]; /* hosts of certificates that no rule names */
	size_t n_named;
	size_t served, failed; /* routes */
};

#define complain(p, reason, field, ...) \
	object_error((p)->r, OBJECT_INGRESS, (p)->key, (reason), (field), __VA_ARGS__)
#define warn(p, reason, field, ...) \
	object_warning((p)->r, OBJECT_INGRESS, (p)->key, (reason), (field), __VA_ARGS__)

/* RFC 8555, section 8.3: an issuer of certificates asks for it over plain HTTP, when there is no
 * certificate yet. */
#define CHALLENGES "/.well-known/acme-challenge/"

static bool is_challenge(const char *path)
{
	return strncmp(path, CHALLENGES, strlen(CHALLENGES)) == 0;
}

/* A rule without a host, and the default backend, are for all hosts: so many routes. */
static size_t count_for_all(const K8s__IngressSpec *s)
{
	size_t n = s->default_backend ? 1 : 0;

	for (size_t i = 0; i < s->n_rules; i++)
		if (!*s->rules[i]->host && s->rules[i]->ingress_rule_value &&
		    s->rules[i]->ingress_rule_value->http)
			n += s->rules[i]->ingress_rule_value->http->n_paths;
	return n;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void read_rule_hosts(struct translation *p)
{
	const K8s__IngressSpec *s = p->ingress->spec;
	const char *host, *why;

	p->rule_hosts = arena_new_of(p->a, const char *, s->n_rules + 1);
	for (size_t i = 0; i < s->n_rules; i++) {
		host = host_name_normal(p->a, s->rules[i]->host, &why);
		if (host)
			p->rule_hosts[p->n_rule_hosts++] = host;
	}
	if (p->n_rule_hosts)
		qsort(p->rule_hosts, p->n_rule_hosts, sizeof(*p->rule_hosts), compare_names);
}

/* Whether a rule has the host, or one that the wildcard covers. */
static bool has_rule(const struct translation *p, const char *host)
{
	if (p->n_rule_hosts &&
	    bsearch(&host, p->rule_hosts, p->n_rule_hosts, sizeof(*p->rule_hosts), compare_names))
		return true;
	for (size_t i = 0; *host == '*' && i < p->n_rule_hosts; i++)
		if (host_name_covers(host, p->rule_hosts[i]))
			return true;
	return false;
}

/* A certificate's host without a rule gets the rules for all hosts. */
static void add_named(struct translation *p, const char *host, const char *field)
{
	size_t n = count_for_all(p->ingress->spec);

	if (strcmp(host, "*") == 0 || has_rule(p, host))
		return;
	for (size_t i = 0; i < p->n_named; i++)
		if (strcmp(p->named[i], host) == 0)
			return;
	if (!n)
		warn(p, "CertificateUnused", field, "no rule of this Ingress has host %s", host);
	else if (p->n_named == NAMED_MAX || (p->n_named + 1) * n > NAMED_ROUTES_MAX)
		warn(p, "CertificateUnused", field,
		     "no rule of this Ingress has host %s, and it has too many such hosts and "
		     "paths",
		     host);
	else
		p->named[p->n_named++] = host;
}

/* ---- TLS ---- */

static void add_tls(struct translation *p, const char *host, const char *secret, const char *field,
		    const ModelSecretResult *facts)
{
	if (strcmp(host, "*") == 0) {
		warn(p, "CertificateWithoutHost", field,
		     "a certificate is chosen by the name that a client asks for: what is for all "
		     "hosts is served over plain HTTP only. List the certificate's hosts in "
		     "%s.hosts",
		     field);
		return;
	}
	if (!certificate_covers(facts->names, facts->n_names, host))
		object_warning(
			p->r, OBJECT_INGRESS, p->key, "CertificateName", field,
			"the certificate in Secret %s is not for host %s; clients will refuse it",
			secret, host);
	p->tls[p->n_tls++] = (struct tls_entry){ host,
						 { .secret = secret,
						   .field = field,
						   .min_version = p->options.min_tls,
						   .max_version = p->options.max_tls } };
}

static void plan_tls_hosts(struct translation *p, const K8s__IngressTLS *t, const char *secret,
			   const char *field, const ModelSecretResult *facts)
{
	const K8s__IngressSpec *spec = p->ingress->spec;
	const char *why, *host;

	for (size_t i = 0; i < t->n_hosts; i++) {
		host = host_name_normal(p->a, t->hosts[i], &why);
		if (host) {
			add_named(p, host, arena_printf(p->a, "%s.hosts[%zu]", field, i));
			add_tls(p, host, secret, field, facts);
		} else {
			complain(p, "InvalidHost", arena_printf(p->a, "%s.hosts[%zu]", field, i),
				 "host \"%s\": %s", t->hosts[i], why);
		}
	}
	if (!t->n_hosts && !spec->n_rules)
		add_tls(p, "*", secret, field, facts);
	/* Without hosts the certificate is for all hosts of this Ingress. */
	for (size_t i = 0; !t->n_hosts && i < spec->n_rules; i++) {
		host = host_name_normal(p->a, spec->rules[i]->host, &why);
		if (host)
			add_tls(p, host, secret, field, facts);
	}
}

/* "name", "namespace/name", or a name in the namespace that an annotation gives. */
static const char *secret_name(const struct translation *p, const char *text)
{
	const char *namespace =
		object_annotation(p->ingress->metadata, "projectcontour.io/tls-cert-namespace");

	return strchr(text, '/') || !namespace || !*namespace
		       ? text
		       : arena_printf(p->a, "%s/%s", namespace, text);
}

static void report_secret(struct translation *p, const char *field, const struct secret_found *use)
{
	secret_report_kept(p->r, OBJECT_INGRESS, p->key, use->facts->reason, field, use->key,
			   use->facts);
	if (use->facts->message && !use->facts->kept)
		object_warning(p->r, OBJECT_INGRESS, p->key, use->facts->reason, field, "%s",
			       use->why);
}

/* The consequence for its hosts when there is no certificate. */
static const char *without_certificate(const struct translation *p)
{
	switch (p->plain) {
	case PLAIN_REDIRECTED:
		return "unless another object brings a certificate, its hosts are redirected to "
		       "HTTPS where nothing answers; only " CHALLENGES " is served over plain HTTP";
	case PLAIN_ABSENT:
		return "unless another object brings a certificate, its hosts are not served at "
		       "all, for kubernetes.io/ingress.allow-http is false";
	default:
		return "its hosts are served without TLS";
	}
}

static void plan_tls(struct translation *p, const K8s__IngressTLS *t, size_t index)
{
	const char *field = arena_printf(p->a, "spec.tls[%zu]", index);
	const char *bound = config_tls_bound(p->r, p->options.min_tls, p->options.max_tls);
	struct secret_found use;
	int r;

	if (bound)
		object_warning(p->r, OBJECT_INGRESS, p->key, "TLSVersions", field, "%s", bound);
	if (!*t->secret_name) {
		complain(p, "SecretMissing", field,
			 "there is no secretName: name a Secret with tls.crt and tls.key; %s",
			 without_certificate(p));
		return;
	}
	if (p->options.tls_bad) {
		complain(p, "TLSVersions", field,
			 "the annotated minimum of TLS versions is above the maximum; %s",
			 without_certificate(p));
		p->failed++;
		return;
	}
	r = secret_use(p->r, secret_name(p, t->secret_name), p->namespace, &use);
	if (r < 0) {
		complain(p, r == -EACCES ? "DelegationNotPermitted" : use.facts->reason, field,
			 "%s; %s", use.why, without_certificate(p));
		p->failed++;
		return;
	}
	report_secret(p, field, &use);
	plan_tls_hosts(p, t, use.key, field, use.facts);
}

/* The entry that names the host, or else one with a star that covers it. */
static const struct host_tls *tls_of(const struct translation *p, const char *host)
{
	for (size_t i = 0; i < p->n_tls; i++)
		if (strcmp(p->tls[i].host, host) == 0)
			return &p->tls[i].tls;
	for (size_t i = 0; i < p->n_tls; i++)
		if (host_name_covers(p->tls[i].host, host))
			return &p->tls[i].tls;
	return NULL;
}

/* ---- routes ---- */

/* The configuration's settings for all Services. */
static void add_headers(struct translation *p, const K8s__IngressServiceBackend *b,
			const char *wanted, struct target *ret)
{
	const K8s__ConfigPolicy *policy = config_read(p->r)->policy;
	struct header_context c = { p->namespace, b->name, wanted };
	const K8s__ServicePort *port;
	const K8s__Service *s;
	bool other;

	if (!policy->apply_to_ingress)
		return;
	/* The number of a port; Ingresses may name it. */
	s = read_message(p->r, OBJECT_SERVICE, arena_printf(p->a, "%s/%s", p->namespace, b->name));
	port = s && s->spec ? upstream_find_port(s->spec, wanted, &other) : NULL;
	if (port)
		c.port = arena_printf(p->a, "%d", port->port);
	header_policy_default(p->a, &c, policy->request_headers, &ret->request);
	header_policy_default(p->a, &c, policy->response_headers, &ret->response);
}

/* -EINVAL: said in the status. */
static int check_backend(struct translation *p, const K8s__IngressBackend *b, const char *field)
{
	const K8s__ServiceBackendPort *port = b && b->service ? b->service->port : NULL;

	if (!b || !b->service || !*b->service->name) {
		complain(p, "BackendNotSupported", field,
			 b && b->resource
				 ? "a resource is not supported as a backend: name a Service"
				 : "there is no Service: give service.name and service.port");
		return -EINVAL;
	}
	if (!port || (!*port->name && !port->number)) {
		complain(p, "ServicePortMissing", field,
			 "there is no service.port: give its name or number");
		return -EINVAL;
	}
	return 0;
}

/* Makes the backend the route's only target. Without an upstream the answer is 503, so that a
 * longer path with a missing Service does not fall through to a shorter one. */
static void add_target(struct translation *p, const K8s__IngressBackend *b, const char *field,
		       struct route *ret)
{
	ModelClusterSpec spec = ModelClusterSpec__INIT;
	const ModelClusterResult *result;
	struct target *target;

	if (check_backend(p, b, field) < 0) {
		p->failed++;
		return;
	}
	spec.namespace_ = (char *)p->namespace;
	spec.service = b->service->name;
	spec.port = *b->service->port->name ? b->service->port->name
					    : arena_printf(p->a, "%d", b->service->port->number);
	result = upstream_find(p->r, &spec);
	if (!result->name) {
		complain(p, result->reason, field, "%s; requests are answered with 503",
			 result->message);
		p->failed++;
		return;
	}
	if (result->reason)
		object_warning(p->r, OBJECT_INGRESS, p->key, result->reason, field, "%s",
			       result->message);
	p->served++;
	target = arena_new_of(p->a, struct target, 1);
	*target = (struct target){ .cluster = result->name, .http2 = result->http2, .weight = 1 };
	add_headers(p, b->service, spec.port, target);
	ret->forward.targets = target;
	ret->forward.n_targets = 1;
}

/* A route to the backend; path: in the rule's spelling. */
static struct route *make_route(struct translation *p, const K8s__IngressBackend *backend,
				const char *path, const char *backend_field)
{
	struct route *route = arena_new_of(p->a, struct route, 1);

	*route = (struct route){
		.forward = { .missing_status = 503,
			     .timeouts = { .request = p->options.timeout },
			     .retries = p->options.retries,
			     .websocket = ingress_options_websocket(p->a, &p->options, path) },
		.filters = { .authorization = p->authorization },
		.plain = p->plain == PLAIN_REDIRECTED && is_challenge(path) ? PLAIN_SERVED
									    : p->plain
	};
	add_target(p, backend, backend_field, route);
	return route;
}

static void add_route(struct translation *p, const char *host, struct route *route)
{
	p->routes[p->n_routes] = (struct hosted_route){ host, route, p->n_routes };
	p->n_routes++;
}

static void add_to_named(struct translation *p, struct route *route)
{
	for (size_t i = 0; i < p->n_named; i++)
		add_route(p, p->named[i], route);
}

static void plan_path(struct translation *p, const char *host, const K8s__HTTPIngressPath *path,
		      const char *field)
{
	const char *written = *path->path ? path->path : "/", *why;
	struct ingress_path parsed;
	struct route *route;

	if (ingress_path_parse(p->a, path->path_type, path->path, &parsed, &why) < 0) {
		complain(p, "InvalidPath", arena_printf(p->a, "%s.path", field), "path \"%s\": %s",
			 path->path, why);
		p->failed++;
		return;
	}
	route = make_route(p, path->backend, written, arena_printf(p->a, "%s.backend", field));
	route->origin.field = field;
	route->match.kind = parsed.kind;
	route->match.path = parsed.path;
	match_finish(p->a, &route->match);
	why = path_unmatched(p->r, &route->match);
	if (why)
		warn(p, "PathNeverMatches", arena_printf(p->a, "%s.path", field),
		     "path %s: no request has such a path: %s", path->path, why);
	why = path_with_star(path->path, parsed.kind == PATH_REGEX);
	if (why)
		warn(p, "PathWithStar", arena_printf(p->a, "%s.path", field), "path %s: %s",
		     path->path, why);
	add_route(p, host, route);
	if (strcmp(host, "*") == 0)
		add_to_named(p, route);
}

static void plan_rule(struct translation *p, const K8s__IngressRule *rule, size_t index)
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

/* For every host of this Ingress, and for hosts that no other object serves: after all other routes
 * of the host. */
static void plan_default(struct translation *p, const K8s__IngressBackend *backend)
{
	const K8s__IngressSpec *s = p->ingress->spec;
	const char *field = "spec.defaultBackend", *why, *host;
	struct route *route = make_route(p, backend, "/", field);

	route->origin.field = field;
	route->tier = TIER_FALLBACK;
	route->match.kind = PATH_PREFIX;
	route->match.path = "/";
	match_finish(p->a, &route->match);
	add_route(p, "*", route);
	add_to_named(p, route);
	for (size_t i = 0; i < s->n_rules; i++) {
		host = host_name_normal(p->a, s->rules[i]->host, &why);
		if (host && strcmp(host, "*") != 0)
			add_route(p, host, route);
	}
}

/* ---- annotations that meet nothing ---- */

static bool has_path(const K8s__IngressSpec *s, const char *path)
{
	for (size_t i = 0; i < s->n_rules; i++) {
		const K8s__IngressRuleValue *v = s->rules[i]->ingress_rule_value;

		for (size_t k = 0; v && v->http && k < v->http->n_paths; k++)
			if (strcmp(*v->http->paths[k]->path ? v->http->paths[k]->path : "/",
				   path) == 0)
				return true;
	}
	return s->default_backend && strcmp(path, "/") == 0;
}

static void report_unmet(struct translation *p)
{
	const K8s__IngressSpec *s = p->ingress->spec;
	const char *path;

	for (const char *list = p->options.websocket_paths; (path = word_next_copy(p->a, &list));)
		if (!has_path(s, path))
			warn(p, "AnnotationIgnored",
			     "metadata.annotations[projectcontour.io/websocket-routes]",
			     "no path of this Ingress is written \"%.64s\"", path);
	for (size_t i = 0; i < ARRAY_SIZE(ingress_options_of_tls) && !s->n_tls; i++)
		if (object_annotation(p->ingress->metadata, ingress_options_of_tls[i]))
			warn(p, "AnnotationIgnored",
			     arena_printf(p->a, "metadata.annotations[%s]",
					  ingress_options_of_tls[i]),
			     "it has no effect without spec.tls");
}

/* ---- the whole ---- */

static int compare(const void *a, const void *b)
{
	const struct hosted_route *x = a, *y = b;
	int d = strcmp(x->host, y->host);

	return d ? d : (x->order > y->order) - (x->order < y->order);
}

/* Of equal settings the older object's wins; objects without a creation time are ordered by name.
 */
static const char *sort_key(const struct translation *p)
{
	const K8s__Time *t = p->ingress->metadata->creation_timestamp;

	return arena_printf(p->a, "%020lld/%s", t ? (long long)t->seconds : 0LL, p->key);
}

/* Otherwise a user who may write Ingresses anywhere could answer for another team's host. */
static bool may_have(struct translation *p, const char *host)
{
	struct host_owner owner;

	if (host_is_open(p->r, host, p->namespace, &owner))
		return true;
	complain(p, "HostOwned", "spec.rules",
		 "host %s belongs to %s %s of another namespace: its paths are not served", host,
		 object_kind(owner.kind)->kind, owner.key);
	p->failed++;
	return false;
}

static void emit_hosts(struct translation *p)
{
	const char *sort = sort_key(p);

	if (p->n_routes)
		qsort(p->routes, p->n_routes, sizeof(*p->routes), compare);
	for (size_t i = 0, end; i < p->n_routes; i = end) {
		const char *host = p->routes[i].host;
		struct host_spec spec = { .host = host,
					  .kind = OBJECT_INGRESS,
					  .object = p->key,
					  .sort = sort,
					  .one_label = true,
					  .tls = tls_of(p, host) };

		for (end = i; end < p->n_routes && strcmp(p->routes[end].host, host) == 0; end++)
			;
		spec.routes.all = arena_new_of(p->a, struct route, end - i);
		for (size_t k = i; k < end; k++)
			spec.routes.all[spec.routes.n++] = *p->routes[k].route;
		if (may_have(p, host))
			want_host(p->r, &spec);
		else
			p->served -= MIN(p->served, end - i);
	}
}

static size_t count_routes(const K8s__IngressSpec *s)
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

static Portolan__Ipc__Verdict verdict_of(const struct translation *p)
{
	if (!p->served)
		return PORTOLAN__IPC__VERDICT__VERDICT_REJECTED;
	return p->failed ? PORTOLAN__IPC__VERDICT__VERDICT_PARTIAL
			 : PORTOLAN__IPC__VERDICT__VERDICT_ACCEPTED;
}

static void translate(struct translation *p)
{
	const K8s__IngressSpec *s = p->ingress->spec;

	p->tls = arena_new_of(p->a, struct tls_entry, count_tls(s));
	read_rule_hosts(p);
	for (size_t i = 0; i < s->n_tls; i++)
		plan_tls(p, s->tls[i], i);
	p->routes = arena_new_of(p->a, struct hosted_route,
				 count_routes(s) + p->n_named * count_for_all(s));
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
	struct translation p = { .r = r, .a = reader_arena(r), .key = key, .ingress = ingress };
	K8s__IngressSpec empty = K8S__INGRESS_SPEC__INIT;
	const char *name, *class, *why;

	if (!ingress || !ingress->metadata)
		return;
	class = ingress->spec ? ingress->spec->ingress_class_name : NULL;
	if (class_is_nginx(r, ingress->metadata, class))
		return;
	if (!class_is_ours(r, ingress->metadata, class, &why)) {
		class_leave(r, OBJECT_INGRESS, key, ingress->metadata, class, why);
		return;
	}
	if (!ingress->spec)
		ingress->spec = &empty;
	object_split_key(r, key, &p.namespace, &name);
	if (annotation_read_bool(r, OBJECT_INGRESS, key, ingress->metadata,
				 "ingress.kubernetes.io/force-ssl-redirect", false))
		p.plain = PLAIN_REDIRECTED;
	else if (!annotation_read_bool(r, OBJECT_INGRESS, key, ingress->metadata,
				       "kubernetes.io/ingress.allow-http", true))
		p.plain = PLAIN_ABSENT;
	annotation_check(r, OBJECT_INGRESS, key, ingress->metadata);
	annotation_check_foreign(r, OBJECT_INGRESS, key, ingress->metadata, NULL);
	ingress_options_read(r, key, ingress->metadata, &p.options);
	services_policy_read(r, &p.authorization);
	report_unmet(&p);
	translate(&p);
	emit_verdict(r, OBJECT_INGRESS, key, verdict_of(&p));
}
