/* Further names of a host: server-alias, and the name with or without "www.". */
#include <string.h>

#include "translator/host/want.h"
#include "translator/kinds.h"
#include "translator/model/host-name.h"
#include "translator/nginx/nginx-config.h"
#include "translator/nginx/nginx-name.h"
#include "translator/nginx/nginx-tls.h"

#define ANNOTATION(name) "metadata.annotations[" NGINX_PREFIX name "]"

static bool has_ingress(struct nginx_plan *p, const char *host)
{
	size_t n;

	(void)read_facts(p->r, FACT_NGINX_HOST, host, strlen(host), &n);
	return n > 0;
}

/* ---- aliases ---- */

void nginx_name_each(struct arena *a, const struct nginx_ingress *in,
		     void (*fn)(void *ctx, const char *alias, const char *why), void *ctx)
{
	const char *list = nginx_own_text(in, "server-alias");

	for (const char *q = list ? list + strspn(list, ", ") : ""; *q; q += strspn(q, ", ")) {
		size_t n = strcspn(q, ", ");
		const char *word = arena_strndup(a, q, n), *host, *why = NULL;

		q += n;
		/* nginx: ".x" is "x" and "*.x". */
		host = host_name_normal(a, *word == '.' ? word + 1 : word, &why);
		fn(ctx, host ? host : word, host ? NULL : why);
		if (host && *word == '.')
			fn(ctx, arena_printf(a, "*%s", word), NULL);
	}
}

struct naming {
	struct nginx_plan *p;
	const struct nginx_ingress *in;
	const struct nginx_locations *locations;
	const struct host_spec *spec;
	const struct nginx_ingress *www_of; /* the Ingress with from-to-www-redirect */
	const char *www;                    /* the name that it redirects; NULL: none */
};

/* Of two hosts with one alias, the first by name gets it. */
static const char *owner_of(struct nginx_plan *p, const char *alias)
{
	const struct item *const *facts;
	size_t n;

	facts = read_facts(p->r, FACT_NGINX_ALIAS, alias, strlen(alias), &n);
	return n ? (const char *)item_value(facts[0]) : p->host;
}

static void want(struct naming *g, const char *host, const struct nginx_plan *as)
{
	struct nginx_plan other = *as;
	struct host_spec spec = *g->spec;

	other.host = host;
	other.main = as->host;
	other.routes = (struct routes){ 0 };
	other.pages = (struct nginx_pages){ 0 };
	spec.host = host;
	spec.one_label = false;
	spec.tcp = NULL;
	spec.tls = nginx_tls_name(&other, g->spec->tls);
	other.has_tls = spec.tls && spec.tls == g->spec->tls && g->p->has_tls;
	nginx_routes_add(&other, g->locations, spec.tls != NULL);
	spec.routes = other.routes;
	want_host(other.r, &spec);
}

static void add_alias(void *ctx, const char *alias, const char *why)
{
	struct naming *g = ctx;
	const char *owner;

	if (why) {
		nginx_warning(g->p, g->in, "AliasNotServed", ANNOTATION("server-alias"),
			      "alias \"%s\": %s", alias, why);
		return;
	}
	if (strcmp(alias, g->p->host) == 0 || has_ingress(g->p, alias))
		return; /* an Ingress has the name itself */
	if (g->www && strcmp(alias, g->www) == 0) {
		nginx_warning(g->p, g->in, "AliasNotServed", ANNOTATION("server-alias"),
			      "alias %s is redirected by from-to-www-redirect", alias);
		return;
	}
	owner = owner_of(g->p, alias);
	if (strcmp(owner, g->p->host) == 0)
		want(g, alias, g->p);
	else
		nginx_warning(g->p, g->in, "AliasNotServed", ANNOTATION("server-alias"),
			      "alias %s belongs to host %s", alias, owner);
}

/* The first Ingress of the host that has aliases wins. */
static void add_aliases(struct naming *g)
{
	bool done = false;

	for (size_t i = 0; i < g->p->n_mains; i++) {
		g->in = g->p->mains[i];
		if (!nginx_own_text(g->in, "server-alias"))
			continue;
		if (done)
			nginx_warning(
				g->p, g->in, "AnnotationOverruled", ANNOTATION("server-alias"),
				"an older Ingress of host %s has aliases; these are not served",
				g->p->host);
		else
			nginx_name_each(g->p->a, g->in, add_alias, g);
		done = true;
	}
}

/* ---- www ---- */

static const char *other_name(struct nginx_plan *p)
{
	if (*p->host == '*')
		return NULL;
	return strncmp(p->host, "www.", 4) == 0 ? p->host + 4
						: arena_printf(p->a, "www.%s", p->host);
}

static void add_www_routes(struct nginx_plan *other, const struct nginx_ingress *in, const char *to)
{
	struct nginx_source s = { .ingress = in,
				  .text = "/",
				  .field = ANNOTATION("from-to-www-redirect"),
				  .implicit = true };
	struct route base = { .match = { .kind = PATH_PREFIX, .path = "/" } };

	nginx_redirect_name(other, &s, &base, to);
}

static void find_www(struct naming *g)
{
	const char *name = other_name(g->p);
	bool on = false;

	for (size_t i = 0; name && !has_ingress(g->p, name) && i < g->p->n_mains && !on; i++) {
		g->www_of = g->p->mains[i];
		(void)nginx_bool(nginx_own_text(g->www_of, "from-to-www-redirect") ?: "", &on);
	}
	g->www = on ? name : NULL;
}

static void add_www(struct naming *g)
{
	struct nginx_plan other = *g->p;
	struct host_spec spec = *g->spec;

	if (!g->www)
		return;
	other.host = g->www;
	other.routes = (struct routes){ 0 };
	spec.host = g->www;
	spec.tcp = NULL;
	spec.tls = nginx_tls_name(&other, g->spec->tls);
	other.tls = false;
	add_www_routes(&other, g->www_of, g->p->host);
	other.tls = true;
	if (spec.tls)
		add_www_routes(&other, g->www_of, g->p->host);
	spec.routes = other.routes;
	want_host(other.r, &spec);
}

void nginx_names_want(struct nginx_plan *p, const struct nginx_locations *locations,
		      const struct host_spec *spec)
{
	struct naming g = { .p = p, .locations = locations, .spec = spec };

	find_www(&g);
	add_aliases(&g);
	add_www(&g);
}
