/* One route as clients see it, for comparisons: its match, its backends, and the rest of its
 * message without the names that Portolan chose. */
#include <stdlib.h>
#include <string.h>

#include "translator/envoy/envoy-header.h"
#include "translator/envoy/envoy-proxy-headers.h"
#include "translator/explain/explain-internal.h"
#include "translator/model/proxy-headers.h"
#include "translator/print/print.h"

/* A cluster's name ends in a hash of its settings: "default/web/80/637f30e42b" is default/web:80 to
 * people. */
static const char *plain_name(struct arena *a, const char *name)
{
	const char *service = strchr(name, '/');
	const char *port = service ? strchr(service + 1, '/') : NULL;
	const char *hash = port ? strchr(port + 1, '/') : NULL;

	if (!hash || strchr(hash + 1, '/') ||
	    strspn(hash + 1, "0123456789abcdef") != strlen(hash + 1))
		return name;
	return arena_printf(a, "%.*s:%.*s", (int)(port - name), name, (int)(hash - port - 1),
			    port + 1);
}

static void print_packed(struct explain *e, const char *key, const ProtobufCMessage *m)
{
	size_t n = protobuf_c_message_get_packed_size(m);
	uint8_t *bytes = arena_alloc(e->a, n + 1);

	(void)protobuf_c_message_pack(m, bytes);
	document_key(e->d, key);
	(void)print_value(e->d, m->descriptor, bytes, n, PRINT_REDACT);
}

/* ---- where it goes ---- */

static uint64_t count_endpoints(struct explain *e, const EnvoyCluster *c)
{
	const char *name = c->eds_cluster_config ? c->eds_cluster_config->service_name : NULL;
	const struct item *i = name ? explain_sent(e, RESOURCE_ENDPOINT, name) : NULL;
	const EnvoyClusterLoadAssignment *l = c->load_assignment;
	uint64_t n = 0;

	if (i)
		l = message_unpack(e->a, EnvoyClusterLoadAssignment, i);
	for (size_t k = 0; l && k < l->n_endpoints; k++)
		n += l->endpoints[k]->n_lb_endpoints;
	return n;
}

static void write_backend(struct explain *e, const char *name, const uint32_t *weight,
			  EnvoyCluster *c, uint64_t endpoints)
{
	document_map(e->d);
	explain_string(e, "name", plain_name(e->a, name));
	if (weight)
		explain_uint(e, "weight", *weight);
	document_put_bool(e->d, "exists", c != NULL);
	if (c) {
		explain_uint(e, "endpoints", endpoints);
		c->name = c->alt_stat_name = (char *)protobuf_c_empty_string;
		c->metadata = NULL;
		print_packed(e, "settings", &c->base);
	}
	document_end(e->d);
}

static void write_cluster(struct explain *e, const char *name, const uint32_t *weight)
{
	const struct item *i = explain_sent(e, RESOURCE_CLUSTER, name);
	EnvoyCluster *c = message_unpack(e->a, EnvoyCluster, i);
	const EnvoyClusterLoadAssignment *joined = explain_joined(e, c);

	if (!joined)
		write_backend(e, name, weight, c, c ? count_endpoints(e, c) : 0);
	for (size_t k = 0; joined && k < joined->n_endpoints; k++) {
		const EnvoyLocalityLbEndpoints *one = joined->endpoints[k];
		uint32_t share = one->load_balancing_weight ? one->load_balancing_weight->value : 0;

		c->eds_cluster_config->service_name = one->locality->zone;
		write_backend(e, one->locality->zone, &share, c, one->n_lb_endpoints);
	}
}

void explain_surface_clusters(struct explain *e, const char *const *names, const uint32_t *weights,
			      size_t n)
{
	document_key(e->d, "clusters");
	document_list(e->d);
	for (size_t i = 0; i < n; i++)
		write_cluster(e, names[i], weights ? &weights[i] : NULL);
	document_end(e->d);
}

static void write_targets(struct explain *e, const EnvoyRoute *r)
{
	bool forwards = r->action_case == EnvoyRoute__ACTION_ROUTE;
	const EnvoyRouteAction *action = forwards ? r->route : NULL;
	const int weighted = EnvoyRouteAction__CLUSTER_SPECIFIER_WEIGHTED_CLUSTERS;
	bool several = action && (int)action->cluster_specifier_case == weighted;
	const EnvoyWeightedCluster *w = several ? action->weighted_clusters : NULL;
	size_t n = w ? w->n_clusters : action ? 1 : 0;
	const char **names = arena_new_of(e->a, const char *, n + 1);
	uint32_t *weights = arena_new_of(e->a, uint32_t, n + 1);

	if (action && !w)
		names[0] = action->cluster;
	for (size_t i = 0; w && i < n; i++) {
		names[i] = w->clusters[i]->name;
		weights[i] = w->clusters[i]->weight ? w->clusters[i]->weight->value : 0;
	}
	explain_surface_clusters(e, names, w ? weights : NULL, n);
}

/* ---- the rest of the message ---- */

static EnvoyWeightedCluster *plain_weighted(struct arena *a, const EnvoyWeightedCluster *w)
{
	EnvoyWeightedCluster *copy = arena_memdup(a, w, sizeof(*w));

	copy->clusters = arena_new_of(a, EnvoyWeightedClusterClusterWeight *, w->n_clusters + 1);
	for (size_t i = 0; i < w->n_clusters; i++) {
		copy->clusters[i] = arena_memdup(a, w->clusters[i], sizeof(*w->clusters[i]));
		copy->clusters[i]->name = arena_strdup(a, plain_name(a, w->clusters[i]->name));
	}
	return copy;
}

static EnvoyRouteAction *plain_action(struct arena *a, const EnvoyRouteAction *action)
{
	EnvoyRouteAction *copy = arena_memdup(a, action, sizeof(*action));

	if (copy->cluster_specifier_case == EnvoyRouteAction__CLUSTER_SPECIFIER_WEIGHTED_CLUSTERS)
		copy->weighted_clusters = plain_weighted(a, action->weighted_clusters);
	else
		copy->cluster = arena_strdup(a, plain_name(a, action->cluster));
	copy->request_mirror_policies = arena_new_of(a, EnvoyRouteActionRequestMirrorPolicy *,
						     action->n_request_mirror_policies + 1);
	for (size_t i = 0; i < action->n_request_mirror_policies; i++) {
		EnvoyRouteActionRequestMirrorPolicy *m =
			arena_memdup(a, action->request_mirror_policies[i], sizeof(*m));

		m->cluster = arena_strdup(a, plain_name(a, m->cluster));
		copy->request_mirror_policies[i] = m;
	}
	return copy;
}

/* Takes the filter's entry out of the route. */
static bool take_filter(struct arena *a, const char *name, EnvoyRoute *r)
{
	size_t n = r->n_typed_per_filter_config;
	EnvoyRouteTypedPerFilterConfigEntry **all =
		arena_new_of(a, EnvoyRouteTypedPerFilterConfigEntry *, n + 1);

	r->n_typed_per_filter_config = 0;
	for (size_t i = 0; i < n; i++)
		if (strcmp(r->typed_per_filter_config[i]->key, name) != 0)
			all[r->n_typed_per_filter_config++] = r->typed_per_filter_config[i];
	r->typed_per_filter_config = all;
	return r->n_typed_per_filter_config < n;
}

/* To a client it is the same whether the route sets these headers, or the listener does for it. */
static void show_proxy_headers(struct arena *a, EnvoyRoute *r)
{
	struct header_edits edits = { 0 };
	EnvoyHeaderValueOption **set;
	char **remove;

	if (!take_filter(a, ENVOY_PROXY_HEADERS, r))
		return;
	proxy_headers(a, &edits);
	set = arena_new_of(a, EnvoyHeaderValueOption *, edits.n + r->n_request_headers_to_add);
	remove = arena_new_of(a, char *, edits.n_remove + r->n_request_headers_to_remove);
	for (size_t i = 0; i < edits.n_remove; i++)
		remove[i] = (char *)(uintptr_t)edits.remove[i];
	memcpy(set, envoy_header_options(a, &edits), edits.n * sizeof(*set));
	for (size_t i = 0; i < r->n_request_headers_to_add; i++)
		set[edits.n + i] = r->request_headers_to_add[i];
	for (size_t i = 0; i < r->n_request_headers_to_remove; i++)
		remove[edits.n_remove + i] = r->request_headers_to_remove[i];
	r->request_headers_to_add = set;
	r->n_request_headers_to_add += edits.n;
	r->request_headers_to_remove = remove;
	r->n_request_headers_to_remove += edits.n_remove;
}

static void write_settings(struct explain *e, const EnvoyRoute *r)
{
	EnvoyRoute copy = *r;

	copy.name = copy.stat_prefix = (char *)protobuf_c_empty_string;
	copy.metadata = NULL;
	copy.decorator = NULL;
	copy.match = NULL;
	show_proxy_headers(e->a, &copy);
	if (copy.action_case == EnvoyRoute__ACTION_ROUTE)
		copy.route = plain_action(e->a, r->route);
	print_packed(e, "settings", &copy.base);
}

void explain_surface_route(struct explain *e, const EnvoyRoute *r, const struct explain_origin *o)
{
	document_map(e->d);
	explain_string(e, "match", explain_match_text(e->a, r->match));
	explain_string(e, "action", explain_route_action(r));
	if (r->action_case == EnvoyRoute__ACTION_DIRECT_RESPONSE)
		explain_uint(e, "status", r->direct_response->status);
	write_targets(e, r);
	print_packed(e, "conditions", &r->match->base);
	write_settings(e, r);
	if (o->kind) {
		document_key(e->d, "made_by");
		explain_origin_write(e, o);
	}
	document_end(e->d);
}
