/* Hosts that no Ingress names: the default backend of the settings, or 404, after the ConfigMap's
 * authentication and limits; over HTTPS with the default certificate. */
#include <string.h>

#include "common/configuration/configuration.h"
#include "translator/host/want.h"
#include "translator/kinds.h"
#include "translator/nginx/nginx-config.h"
#include "translator/nginx/nginx-plan.h"
#include "translator/nginx/nginx-snippet.h"
#include "translator/nginx/nginx-tls.h"

void nginx_unknown_health(struct nginx_plan *p, const struct nginx_source *s)
{
	struct route route = { .match = { .kind = PATH_EXACT, .path = "/healthz" },
			       .kind = ROUTE_ANSWER,
			       .answer = { .status = 200 } };

	if (strcmp(p->host, "*") == 0)
		nginx_route_append(p, s, &route);
}

/* A canary alone serves no host. */
static bool has_ingress(struct reader *r)
{
	const struct item *const *facts;
	size_t n;

	facts = read_facts(r, FACT_NGINX_HOST, "*", 1, &n);
	for (size_t i = 0; i < n; i++) {
		const char *key = (const char *)item_value(facts[i]);
		const struct nginx_ingress *in = nginx_ingress_read(r, key, false);

		if (in && !in->canary)
			return true;
	}
	return false;
}

void nginx_unknown_want(struct reader *r)
{
	struct arena *a = reader_arena(r);
	K8s__IngressSpec s = K8S__INGRESS_SPEC__INIT;
	K8s__Ingress object = K8S__INGRESS__INIT;
	struct nginx_ingress none = { .key = CONFIGURATION_KEY,
				      .namespace = "",
				      .object = &object };
	struct nginx_ingress *mains = &none;
	struct nginx_source source = {
		.ingress = &none, .text = "/", .implicit = true, .field = "ingressNginx"
	};
	struct nginx_path path = { .text = "/", .of = &source };
	struct nginx_plan p = { .r = r,
				.a = a,
				.host = "*",
				.mains = &mains,
				.n_mains = 1,
				.paths = &path,
				.n_paths = 1,
				.quiet = true };
	struct host_spec spec = {
		.host = "*", .kind = OBJECT_INGRESS, .object = CONFIGURATION_KEY, .sort = "~"
	};
	struct nginx_locations locations;

	if (has_ingress(r))
		return;
	object.spec = &s;
	spec.tls = nginx_tls_complete(&p, nginx_tls_choose(&p));
	if (!spec.tls && !nginx_config_default_backend(r))
		return; /* 404 is what Envoy says without it, too */
	nginx_locations(a, &path, 1, &locations);
	nginx_routes_add(&p, &locations, spec.tls != NULL);
	for (size_t i = 0; i < p.routes.n; i++)
		p.routes.all[i].tier = TIER_LAST; /* others' default backends go before */
	spec.routes = p.routes;
	spec.filters.uncompressed = nginx_config_is_uncompressed(r);
	want_host(r, &spec);
}
