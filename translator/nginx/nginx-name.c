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

/* ---- names that are redirected ---- */

static const char *other_name(struct arena *a, const char *host)
{
	if (*host == '*')
		return NULL;
	return strncmp(host, "www.", 4) == 0 ? host + 4 : arena_printf(a, "www.%s", host);
}

static bool redirects(const struct nginx_ingress *in)
{
	bool on = false;

	(void)nginx_bool(nginx_own_text(in, "from-to-www-redirect") ?: "", &on);
	return on && !in->canary;
}

/* The host that redirects the name to itself, or NULL: nginx has the servers of redirects first, so
 * these go before aliases. */
static const char *redirected_to(struct nginx_plan *p, const char *name)
{
	const char *host = other_name(p->a, name);
	const struct item *const *facts;
	size_t n = 0;

	facts = host ? read_facts(p->r, FACT_NGINX_HOST, host, strlen(host), &n) : NULL;
	for (size_t i = 0; i < n; i++) {
		const char *key = (const char *)item_value(facts[i]);
		const struct nginx_ingress *in = nginx_ingress_read(p->r, key, false);

		if (in && redirects(in))
			return host;
	}
	return NULL;
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
};

/* Of two hosts with one alias, the first by name gets it. */
static const char *owner_of(struct nginx_plan *p, const char *alias)
{
	const struct item *fact = read_first_fact(p->r, FACT_NGINX_ALIAS, alias, strlen(alias));

	return fact ? (const char *)item_value(fact) : p->host;
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
	const char *owner, *to;

	if (why) {
		nginx_warning(g->p, g->in, "AliasNotServed", ANNOTATION("server-alias"),
			      "alias \"%s\": %s", alias, why);
		return;
	}
	if (strcmp(alias, g->p->host) == 0 || has_ingress(g->p, alias))
		return; /* an Ingress has the name itself */
	to = redirected_to(g->p, alias);
	if (to) {
		nginx_warning(g->p, g->in, "AliasNotServed", ANNOTATION("server-alias"),
			      "alias %s is redirected to %s by from-to-www-redirect, as with "
			      "ingress-nginx",
			      alias, to);
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

static void add_www_routes(struct nginx_plan *other, const struct nginx_ingress *in, const char *to)
{
	struct nginx_source s = { .ingress = in,
				  .text = "/",
				  .field = ANNOTATION("from-to-www-redirect"),
				  .implicit = true };
	struct route base = { .match = { .kind = PATH_PREFIX, .path = "/" } };

	nginx_redirect_name(other, &s, &base, to);
}

static void add_www(struct naming *g)
{
	const char *name = other_name(g->p->a, g->p->host);
	const struct nginx_ingress *in = NULL;
	struct nginx_plan other = *g->p;
	struct host_spec spec = *g->spec;

	for (size_t i = 0; i < g->p->n_mains && !in; i++)
		in = redirects(g->p->mains[i]) ? g->p->mains[i] : NULL;
	if (!name || !in || has_ingress(g->p, name))
		return;
	other.host = name;
	other.routes = (struct routes){ 0 };
	spec.host = name;
	spec.tcp = NULL;
	spec.tls = nginx_tls_name(&other, g->spec->tls);
	other.tls = false;
	add_www_routes(&other, in, g->p->host);
	other.tls = true;
	if (spec.tls)
		add_www_routes(&other, in, g->p->host);
	spec.routes = other.routes;
	want_host(other.r, &spec);
}

void nginx_names_want(struct nginx_plan *p, const struct nginx_locations *locations,
		      const struct host_spec *spec)
{
	struct naming g = { .p = p, .locations = locations, .spec = spec };

	add_aliases(&g);
	add_www(&g);
}
