/* ingress-nginx's Ingresses: one unit lists for each Ingress the hosts and Services of its paths,
 * another makes each host's routes from all its Ingresses. */
#include <string.h>

#include "translator/host/want.h"
#include "translator/kinds.h"
#include "translator/model/host-name.h"
#include "translator/nginx/nginx-canary.h"
#include "translator/nginx/nginx-config.h"
#include "translator/nginx/nginx-name.h"
#include "translator/nginx/nginx-plan.h"
#include "translator/nginx/nginx-tls.h"
#include "translator/nginx/nginx-upstream.h"
#include "translator/resolve/class.h"
#include "translator/resolve/host-owner.h"
#include "translator/units.h"

/* ---- one Ingress ---- */

/* Oldest first; of equally old ones the greater name first, so its bytes are complemented. */
static const char *sort_key(struct arena *a, const struct nginx_ingress *in, size_t *ret_len)
{
	const K8s__Time *t = in->object->metadata->creation_timestamp;
	char *key = arena_strdup(a, arena_printf(a, "%020lld/%s", t ? (long long)t->seconds : 0LL,
						 in->key));
	size_t len = strlen(key);

	for (size_t i = 21; i < len; i++)
		key[i] = (char)~key[i];
	key[len] = (char)0xff; /* after every name that continues */
	*ret_len = len + 1;
	return key;
}

struct emission {
	struct reader *r;
	struct arena *a;
	const struct nginx_ingress *in;
	const char *sort;
	size_t sort_len;
	const char **done; /* keys of facts that were emitted already */
	size_t n_done;
	const char *host; /* the host whose aliases are emitted */
};

static void emit_once(struct emission *e, enum fact_kind fact, const char *key)
{
	const char *name = arena_printf(e->a, "%d%s", (int)fact, key);

	for (size_t i = 0; i < e->n_done; i++)
		if (strcmp(e->done[i], name) == 0)
			return;
	e->done[e->n_done++] = name;
	emit_fact(e->r, fact, key, strlen(key), e->sort, e->sort_len, e->in->key,
		  strlen(e->in->key) + 1);
}

static void emit_service(struct emission *e, const K8s__IngressBackend *b)
{
	const char *key;

	if (!b || !b->service || e->in->canary)
		return;
	key = nginx_upstream_key(e->a, e->in->namespace, b->service);
	emit_once(e, FACT_NGINX_SERVICE, key);
	if (nginx_own_text(e->in, "affinity"))
		emit_once(e, FACT_NGINX_AFFINITY, key);
}

static void emit_alias(void *ctx, const char *alias, const char *why)
{
	struct emission *e = ctx;
	const char *sort = arena_printf(e->a, "%s %s", e->host, e->in->key);

	if (!why)
		emit_fact(e->r, FACT_NGINX_ALIAS, alias, strlen(alias), sort, strlen(sort), e->host,
			  strlen(e->host) + 1);
}

static void emit_rule(struct emission *e, const K8s__IngressRule *rule, size_t index)
{
	const K8s__HTTPIngressRuleValue *http =
		rule->ingress_rule_value ? rule->ingress_rule_value->http : NULL;
	const char *why, *host = host_name_normal(e->a, rule->host, &why);

	if (!host) {
		object_error(e->r, OBJECT_INGRESS, e->in->key, "InvalidHost",
			     arena_printf(e->a, "spec.rules[%zu].host", index), "host \"%s\": %s",
			     rule->host, why);
		return;
	}
	emit_once(e, FACT_NGINX_HOST, host);
	if (!e->in->canary) {
		e->host = host;
		nginx_name_each(e->a, e->in, emit_alias, e);
	}
	for (size_t i = 0; http && i < http->n_paths; i++)
		emit_service(e, http->paths[i]->backend);
}

static size_t count_facts(const K8s__IngressSpec *s)
{
	size_t n = 6;

	for (size_t i = 0; i < s->n_rules; i++)
		n += 2 +
		     2 * (s->rules[i]->ingress_rule_value && s->rules[i]->ingress_rule_value->http
				  ? s->rules[i]->ingress_rule_value->http->n_paths
				  : 0);
	return n;
}

void unit_nginx_ingress(struct reader *r, const char *key, size_t key_len _unused_)
{
	struct emission e = { .r = r, .a = reader_arena(r) };
	const K8s__Ingress *object;
	const K8s__IngressSpec *s;

	object = read_message(r, OBJECT_INGRESS, key);
	if (!object || !object->spec ||
	    !class_is_nginx(r, object->metadata, object->spec->ingress_class_name))
		return;
	e.in = nginx_ingress_read(r, key, true);
	s = e.in->object->spec;
	if (e.in->ignored) {
		emit_verdict(r, OBJECT_INGRESS, key, PORTOLAN__IPC__VERDICT__VERDICT_REJECTED);
		return;
	}
	e.done = arena_new_of(e.a, const char *, count_facts(s));
	e.sort = sort_key(e.a, e.in, &e.sort_len);
	for (size_t i = 0; i < s->n_rules; i++)
		emit_rule(&e, s->rules[i], i);
	/* That of a canary is for hosts that no Ingress names, beside its rules, too. */
	if (s->default_backend && (!s->n_rules || e.in->canary))
		emit_once(&e, FACT_NGINX_HOST, "*");
	emit_service(&e, s->default_backend);
	emit_verdict(r, OBJECT_INGRESS, key,
		     e.in->denied ? PORTOLAN__IPC__VERDICT__VERDICT_PARTIAL
				  : PORTOLAN__IPC__VERDICT__VERDICT_ACCEPTED);
}

/* ---- one host ---- */

struct collection {
	struct nginx_plan *p;
	struct nginx_path *canary_paths;
	size_t n_canary_paths;
};

static void add_path(struct collection *c, const struct nginx_ingress *in,
		     const K8s__HTTPIngressPath *path, const char *field)
{
	const char *rewrite = nginx_own_text(in, "rewrite-target");
	struct nginx_source *s = arena_new_of(c->p->a, struct nginx_source, 1);
	const char *text = *path->path ? path->path : "/";
	struct nginx_path *to = in->canary ? &c->canary_paths[c->n_canary_paths++]
					   : &c->p->paths[c->p->n_paths++];
	bool regex = false;

	if (!path->backend || !path->backend->service) {
		nginx_error(c->p, in, "BackendNotSupported", field,
			    "only a Service can be a backend; the path is not served");
		if (in->canary)
			c->n_canary_paths--;
		else
			c->p->n_paths--;
		return;
	}
	(void)nginx_bool(nginx_own_text(in, "use-regex") ?: "", &regex);
	*s = (struct nginx_source){ in, path->backend, text, field, false };
	*to = (struct nginx_path){
		.text = text,
		.exact = strcmp(path->path_type, "Exact") == 0,
		.use_regex = regex,
		.rewrites = rewrite && strcmp(rewrite, text) != 0,
		.of = s,
	};
}

/* A canary of the default backend for the hosts that no Ingress names. */
static void add_default(struct collection *c, const struct nginx_ingress *in)
{
	const K8s__IngressBackend *backend = in->object->spec->default_backend;
	struct nginx_source *s = arena_new_of(c->p->a, struct nginx_source, 1);

	*s = (struct nginx_source){ in, backend, "/", "spec.defaultBackend", true };
	if (backend->service)
		c->canary_paths[c->n_canary_paths++] = (struct nginx_path){ .text = "/", .of = s };
}

static void add_ingress(struct collection *c, const struct nginx_ingress *in)
{
	const K8s__IngressSpec *s = in->object->spec;
	const char *why;

	if (in->canary && s->default_backend && strcmp(c->p->host, "*") == 0)
		add_default(c, in);
	for (size_t i = 0; i < s->n_rules; i++) {
		const K8s__IngressRuleValue *value = s->rules[i]->ingress_rule_value;
		const char *host = host_name_normal(c->p->a, s->rules[i]->host, &why);

		if (!host || strcmp(host, c->p->host) != 0)
			continue;
		for (size_t k = 0; value && value->http && k < value->http->n_paths; k++)
			add_path(c, in, value->http->paths[k],
				 arena_printf(c->p->a, "spec.rules[%zu].http.paths[%zu]", i, k));
	}
}

/* Unknown hosts have the default backend of the first Ingress without rules, and its annotations. A
 * rule without a host gives its own paths alone. */
static const struct nginx_ingress *first_for_unknown(struct nginx_plan *p)
{
	struct nginx_ingress *none = arena_memdup(p->a, p->mains[0], sizeof(*none));
	K8s__Ingress *object = arena_memdup(p->a, none->object, sizeof(*object));

	for (size_t i = 0; i < p->n_mains; i++)
		if (p->mains[i]->object->spec->default_backend &&
		    !p->mains[i]->object->spec->n_rules)
			return p->mains[i];
	object->spec = arena_memdup(p->a, object->spec, sizeof(*object->spec));
	object->spec->default_backend = NULL;
	none->object = object;
	none->n_values = 0;
	none->denied = NULL;
	return none;
}

/* Each host has the path / with the annotations of its first Ingress, until a path / of type Prefix
 * replaces it. */
static void add_implicit(struct nginx_plan *p)
{
	const struct nginx_ingress *first = p->mains[0];
	struct nginx_source *s;

	for (size_t i = 0; i < p->n_paths; i++)
		if (!p->paths[i].exact && strcmp(p->paths[i].text, "/") == 0)
			return;
	if (strcmp(p->host, "*") == 0)
		first = first_for_unknown(p);
	s = arena_new_of(p->a, struct nginx_source, 1);
	*s = (struct nginx_source){ first, first->object->spec->default_backend, "/",
				    first->object->spec->default_backend ? "spec.defaultBackend"
									 : "metadata.annotations",
				    true };
	p->paths[p->n_paths++] = (struct nginx_path){ .text = "/", .of = s };
}

static size_t count_paths(struct nginx_ingress *const *all, size_t n)
{
	size_t paths = 1;

	for (size_t i = 0; i < n; i++) {
		const K8s__IngressSpec *s = all[i]->object->spec;

		paths += s->default_backend != NULL;
		for (size_t k = 0; k < s->n_rules; k++)
			if (s->rules[k]->ingress_rule_value &&
			    s->rules[k]->ingress_rule_value->http)
				paths += s->rules[k]->ingress_rule_value->http->n_paths;
	}
	return paths;
}

/* A host that belongs to an object of another namespace (resolve/host-owner.h) is closed. */
static bool may_have(struct nginx_plan *p, const struct nginx_ingress *in)
{
	struct host_owner owner;

	if (host_is_open(p->r, p->host, in->namespace, &owner))
		return true;
	nginx_error(p, in, "HostOwned", "spec.rules",
		    "host %s belongs to %s %s of another namespace: its paths are not served",
		    p->host, object_kind(owner.kind)->kind, owner.key);
	emit_verdict(p->r, OBJECT_INGRESS, in->key, PORTOLAN__IPC__VERDICT__VERDICT_PARTIAL);
	return false;
}

static struct nginx_ingress **read_ingresses(struct nginx_plan *p, size_t *ret_n)
{
	const struct item *const *facts;
	struct nginx_ingress **all;
	size_t n;

	facts = read_facts(p->r, FACT_NGINX_HOST, p->host, strlen(p->host), &n);
	all = arena_new_of(p->a, struct nginx_ingress *, n + 1);
	*ret_n = 0;
	for (size_t i = 0; i < n; i++) {
		struct nginx_ingress *in =
			nginx_ingress_read(p->r, (const char *)item_value(facts[i]), false);

		if (in && may_have(p, in))
			all[(*ret_n)++] = in;
	}
	return all;
}

static void collect(struct nginx_plan *p)
{
	size_t n, paths;
	struct nginx_ingress **all = read_ingresses(p, &n);
	struct collection c = { .p = p };

	paths = count_paths(all, n);
	p->mains = arena_new_of(p->a, struct nginx_ingress *, n + 1);
	p->paths = arena_new_of(p->a, struct nginx_path, paths);
	p->canaries = arena_new_of(p->a, struct nginx_canary, paths);
	c.canary_paths = arena_new_of(p->a, struct nginx_path, paths);
	for (size_t i = 0; i < n; i++) {
		if (!all[i]->canary)
			p->mains[p->n_mains++] = all[i];
		add_ingress(&c, all[i]);
	}
	if (p->n_mains)
		add_implicit(p);
	for (size_t i = 0; i < c.n_canary_paths; i++)
		nginx_canary_add(p, &c.canary_paths[i]);
}

static void report_lost(struct nginx_plan *p, const struct nginx_locations *l)
{
	for (size_t i = 0; i < l->n_lost; i++) {
		const struct nginx_source *s = l->lost[i].path->of, *winner = l->lost[i].winner->of;
		bool itself = s->ingress == winner->ingress;

		nginx_warning(p, s->ingress, "PathConflict", s->field,
			      "host %s, path %s is served by %s%s instead", p->host, s->text,
			      itself ? "an earlier path of the same Ingress: "
				     : "the older Ingress ",
			      itself ? winner->field : winner->ingress->key);
		emit_verdict(p->r, OBJECT_INGRESS, s->ingress->key,
			     PORTOLAN__IPC__VERDICT__VERDICT_PARTIAL);
	}
}

/* Without use-regex and rewrite-target the text of a path is no regular expression. */
static void report_patterns(struct nginx_plan *p, const struct nginx_locations *l)
{
	for (size_t i = 0; !l->regex && i < p->n_paths; i++) {
		const struct nginx_source *s = p->paths[i].of;

		if (!s->implicit && nginx_location_is_pattern(s->text))
			nginx_warning(p, s->ingress, "PathIsText", s->field,
				      "host %s, path %s: no Ingress of the host has use-regex or "
				      "rewrite-target, so the path is matched as it is written, "
				      "as with ingress-nginx",
				      p->host, s->text);
	}
}

static void report_never(struct nginx_plan *p, const struct nginx_locations *l)
{
	for (size_t i = 0; i < p->n_paths; i++) {
		const struct nginx_source *s = p->paths[i].of;

		if (!s->implicit && nginx_location_is_never(s->text, l->regex))
			nginx_warning(p, s->ingress, "PathNeverMatches", s->field,
				      "host %s, path %s: no request has such a path, since \"//\" "
				      "in requests becomes \"/\", as with ingress-nginx",
				      p->host, s->text);
	}
}

/* Different paths may become one location: regular expressions of one text, whatever their type; or
 * "/app" and "/app/", both of type Prefix. */
static void report_same(struct nginx_plan *p, const struct nginx_locations *l)
{
	for (size_t i = 1; i < l->n; i++) {
		const struct nginx_location *one = &l->all[i], *before = &l->all[i - 1];
		const struct nginx_source *s = one->path->of, *first = before->path->of;

		if (s == first || s->implicit || first->implicit || one->match != before->match ||
		    strcmp(one->text, before->text) != 0)
			continue;
		nginx_warning(p, s->ingress, l->regex ? "PathNeverMatches" : "PathShared", s->field,
			      "host %s, path %s: %s of %s is the same location, and gets its "
			      "requests%s",
			      p->host, s->text, first->field, first->ingress->key,
			      l->regex ? ", since the paths are regular expressions (use-regex, "
					 "rewrite-target), as with ingress-nginx"
				       : "; ingress-nginx could not have accepted both");
	}
}

static void report_bad(struct nginx_plan *p, const struct nginx_locations *l)
{
	for (size_t i = 0; i < l->n_bad; i++) {
		const struct nginx_source *s = l->bad[i].path->of;

		nginx_error(p, s->ingress, "InvalidRegex", s->field,
			    "host %s: path %s is not a regular expression that Envoy accepts "
			    "(RE2): %s; the path is not served",
			    p->host, s->text, l->bad[i].why);
		emit_verdict(p->r, OBJECT_INGRESS, s->ingress->key,
			     PORTOLAN__IPC__VERDICT__VERDICT_PARTIAL);
	}
}

/* ssl-passthrough: the Service of the path / gets the host's TLS connections as they come. */
static const struct host_tcp *passed_on(struct nginx_plan *p)
{
	const struct nginx_source *root = NULL;
	const struct nginx_ingress *in = NULL;
	struct host_tcp *tcp;
	const char *cluster;

	for (size_t i = 0; i < p->n_mains && !in; i++)
		if (nginx_flag(p->r, p->mains[i], "ssl-passthrough", false))
			in = p->mains[i];
	for (size_t i = 0; i < p->n_paths && !root; i++)
		if (strcmp(p->paths[i].text, "/") == 0)
			root = p->paths[i].of;
	if (!in || !nginx_config_passes_tls(p->r))
		return NULL;
	if (!root || !root->backend || *p->host == '*') {
		nginx_warning(p, in, "AnnotationWithoutEffect",
			      "metadata.annotations[" NGINX_PREFIX "ssl-passthrough]",
			      "host %s has %s, so its TLS connections are not passed on", p->host,
			      *p->host == '*' ? "a wildcard" : "no path /");
		return NULL;
	}
	cluster = nginx_upstream_raw(p, root);
	if (!cluster)
		return NULL;
	tcp = arena_new_of(p->a, struct host_tcp, 1);
	tcp->targets = arena_new_of(p->a, struct tcp_target, 1);
	tcp->targets[0] = (struct tcp_target){ cluster, 1 };
	tcp->n = 1;
	return tcp;
}

void unit_nginx_host(struct reader *r, const char *key, size_t key_len _unused_)
{
	struct nginx_plan p = { .r = r, .a = reader_arena(r), .host = key };
	struct host_spec spec = { .host = key, .kind = OBJECT_INGRESS, .one_label = true };
	struct nginx_locations locations;
	struct host_tls *tls;
	size_t sort_len;

	collect(&p);
	if (!p.n_mains)
		return;
	spec.tcp = passed_on(&p);
	p.passthrough = spec.tcp != NULL;
	tls = nginx_tls_choose(&p);
	nginx_client_read(&p);
	if (tls)
		tls->client = p.client.validation;
	spec.tls = nginx_tls_complete(&p, tls);
	p.has_tls = p.has_tls && (spec.tls || spec.tcp);
	if (spec.tcp)
		spec.tls = NULL;
	nginx_locations(p.a, p.paths, p.n_paths, &locations);
	report_lost(&p, &locations);
	report_bad(&p, &locations);
	report_patterns(&p, &locations);
	report_same(&p, &locations);
	report_never(&p, &locations);
	nginx_routes_add(&p, &locations, spec.tls != NULL);
	spec.object = p.mains[0]->key;
	spec.sort = sort_key(p.a, p.mains[0], &sort_len);
	spec.routes = p.routes;
	spec.filters.limits = p.limits;
	spec.filters.uncompressed = nginx_config_is_uncompressed(r);
	want_host(r, &spec);
	nginx_names_want(&p, &locations, &spec);
}
