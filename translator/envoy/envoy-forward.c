/* Forwarding: where requests go, and how. */
#include <stdlib.h>
#include <string.h>

#include "envoy/extensions/internal_redirect/previous_routes/v3/previous_routes_config.pb-c.h"
#include "envoy/extensions/retry/host/previous_hosts/v3/previous_hosts.pb-c.h"
#include "translator/envoy/envoy-forward.h"
#include "translator/envoy/envoy-header.h"
#include "translator/envoy/envoy-match.h"
#include "translator/envoy/envoy-rewrite.h"
#include "translator/envoy/envoy-route-filter.h"

#define TRIED_HOSTS_MAX 5 /* endpoints that are passed over before one is tried again */

/* ---- targets ---- */

static bool is_plain(const struct target *t)
{
	return header_edits_are_empty(&t->request) && header_edits_are_empty(&t->response) &&
	       !t->cookies.n;
}

static int compare_weights(const void *a, const void *b)
{
	const EnvoyWeightedClusterClusterWeight *x = *(EnvoyWeightedClusterClusterWeight *const *)a,
						*y = *(EnvoyWeightedClusterClusterWeight *const *)b;
	int d = strcmp(x->name, y->name);

	return d ? d
		 : (x->weight->value > y->weight->value) - (x->weight->value < y->weight->value);
}

static EnvoyWeightedClusterClusterWeight *share(struct arena *a, const struct target *t,
						uint32_t weight)
{
	EnvoyWeightedClusterClusterWeight *w = message_new(a, EnvoyWeightedClusterClusterWeight);

	w->name = (char *)(t->cluster ? t->cluster : NO_CLUSTER);
	w->weight = envoy_uint32(a, weight);
	envoy_target_headers(a, &t->request, &t->response, w);
	envoy_target_filters(a, &t->cookies, w);
	return w;
}

/* Each weight is cut so that Envoy can add them up in 32 bits. */
static EnvoyWeightedCluster *shares(struct arena *a, const struct target *const *targets, size_t n,
				    bool equal)
{
	EnvoyWeightedCluster *w = message_new(a, EnvoyWeightedCluster);
	uint32_t max = UINT32_MAX / (uint32_t)n;

	w->clusters = arena_new_of(a, EnvoyWeightedClusterClusterWeight *, n);
	for (size_t i = 0; i < n; i++)
		w->clusters[w->n_clusters++] =
			share(a, targets[i], equal ? 1 : MIN(targets[i]->weight, max));
	qsort(w->clusters, w->n_clusters, sizeof(*w->clusters), compare_weights);
	return w;
}

/* False: no request can get anywhere. */
static bool set_targets(struct arena *a, const struct forward *f, EnvoyRouteAction *ret)
{
	const struct target **used = arena_new_of(a, const struct target *, f->n_targets + 1);
	bool weighted = false, there = false;
	size_t n = 0;

	for (size_t i = 0; i < f->n_targets; i++)
		weighted |= f->targets[i].weight > 0;
	for (size_t i = 0; i < f->n_targets; i++) {
		if (!f->targets[i].cluster && !f->targets[i].weight)
			continue; /* missing: it gets no requests */
		used[n++] = &f->targets[i];
		there |= weighted ? f->targets[i].weight > 0 : f->equal_if_zero;
	}
	if (!there)
		return false;
	if (n == 1 && is_plain(used[0])) {
		ret->cluster_specifier_case = EnvoyRouteAction__CLUSTER_SPECIFIER_CLUSTER;
		ret->cluster = (char *)(used[0]->cluster ? used[0]->cluster : NO_CLUSTER);
	} else {
		ret->cluster_specifier_case = EnvoyRouteAction__CLUSTER_SPECIFIER_WEIGHTED_CLUSTERS;
		ret->weighted_clusters = shares(a, used, n, !weighted);
	}
	if (f->missing_status == 500)
		ret->cluster_not_found_response_code =
			EnvoyRouteAction__CLUSTER_NOT_FOUND_RESPONSE_CODE__INTERNAL_SERVER_ERROR;
	else if (f->missing_status == 404)
		ret->cluster_not_found_response_code =
			EnvoyRouteAction__CLUSTER_NOT_FOUND_RESPONSE_CODE__NOT_FOUND;
	return true;
}

static void set_mirrors(struct arena *a, const struct forward *f, EnvoyRouteAction *ret)
{
	ret->request_mirror_policies =
		arena_new_of(a, EnvoyRouteActionRequestMirrorPolicy *, f->n_mirrors + 1);
	for (size_t i = 0; i < f->n_mirrors; i++) {
		EnvoyRouteActionRequestMirrorPolicy *m =
			message_new(a, EnvoyRouteActionRequestMirrorPolicy);

		m->cluster = (char *)f->mirrors[i].cluster;
		if (f->mirrors[i].denominator)
			m->runtime_fraction = envoy_fraction(a, f->mirrors[i].numerator,
							     f->mirrors[i].denominator);
		m->disable_shadow_host_suffix_append = f->mirrors[i].same_host;
		if (f->mirrors[i].host)
			m->host_rewrite_literal = (char *)f->mirrors[i].host;
		ret->request_mirror_policies[ret->n_request_mirror_policies++] = m;
	}
}

/* ---- retries ---- */

static void pass_over_tried(struct arena *a, EnvoyRetryPolicy *ret)
{
	EnvoyRetryPolicyRetryHostPredicate *p = message_new(a, EnvoyRetryPolicyRetryHostPredicate);
	EnvoyPreviousHostsPredicate m = EnvoyPreviousHostsPredicate__INIT;

	p->name = (char *)"envoy.retry_host_predicates.previous_hosts";
	p->config_type_case = EnvoyRetryPolicyRetryHostPredicate__CONFIG_TYPE_TYPED_CONFIG;
	p->typed_config = envoy_any(
		a, "envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate", &m.base);
	ret->n_retry_host_predicate = 1;
	ret->retry_host_predicate = arena_memdup(a, &p, sizeof(p));
	ret->host_selection_retry_max_attempts = TRIED_HOSTS_MAX;
}

static void leave_out_methods(struct arena *a, EnvoyRetryPolicy *ret)
{
	static const struct value_match m = {
		.name = ":method", .op = MATCH_REGEX, .value = "POST|LOCK|PATCH", .invert = true
	};
	EnvoyHeaderMatcher *matcher = envoy_header_matcher(a, &m);

	ret->n_retriable_request_headers = 1;
	ret->retriable_request_headers = arena_memdup(a, &matcher, sizeof(matcher));
}

static EnvoyRetryPolicy *retries(struct arena *a, const struct retries *r)
{
	EnvoyRetryPolicy *p;

	if (!r)
		return NULL;
	p = message_new(a, EnvoyRetryPolicy);
	p->retry_on = (char *)(r->on ? r->on : "");
	if (r->has_count)
		p->num_retries = envoy_uint32(a, r->count);
	if (r->per_try.set && !r->per_try.infinite)
		p->per_try_timeout = envoy_duration(a, r->per_try.usec);
	if (r->per_try_idle.set)
		p->per_try_idle_timeout = envoy_duration(a, r->per_try_idle.usec);
	p->n_retriable_status_codes = r->n_codes;
	p->retriable_status_codes = r->codes;
	if (r->backoff.set && r->backoff.usec) {
		p->retry_back_off = message_new(a, EnvoyRetryPolicyRetryBackOff);
		p->retry_back_off->base_interval = envoy_duration(a, r->backoff.usec);
		p->retry_back_off->max_interval = envoy_duration(a, 10 * r->backoff.usec);
	}
	if (r->other_endpoints && r->on)
		pass_over_tried(a, p);
	if (r->idempotent_only && r->on)
		leave_out_methods(a, p);
	return p;
}

/* ---- hashing ---- */

static EnvoyRouteActionHashPolicy *hash(struct arena *a, const struct hash_key *k)
{
	EnvoyRouteActionHashPolicy *h = message_new(a, EnvoyRouteActionHashPolicy);

	h->terminal = k->terminal;
	switch (k->by) {
	case HASH_BY_HEADER:
		h->policy_specifier_case = EnvoyRouteActionHashPolicy__POLICY_SPECIFIER_HEADER;
		h->header = message_new(a, EnvoyRouteActionHashPolicyHeader);
		h->header->header_name = (char *)k->name;
		if (k->cut_query)
			h->header->regex_rewrite = envoy_substitute(a, "\\?.*", "");
		break;
	case HASH_BY_QUERY:
		h->policy_specifier_case =
			EnvoyRouteActionHashPolicy__POLICY_SPECIFIER_QUERY_PARAMETER;
		h->query_parameter = message_new(a, EnvoyRouteActionHashPolicyQueryParameter);
		h->query_parameter->name = (char *)k->name;
		break;
	case HASH_BY_COOKIE:
		h->policy_specifier_case = EnvoyRouteActionHashPolicy__POLICY_SPECIFIER_COOKIE;
		h->cookie = message_new(a, EnvoyRouteActionHashPolicyCookie);
		h->cookie->name = (char *)k->name;
		h->cookie->path = (char *)k->path;
		h->cookie->ttl = envoy_duration(a, k->ttl_usec);
		break;
	case HASH_BY_ADDRESS:
		h->policy_specifier_case =
			EnvoyRouteActionHashPolicy__POLICY_SPECIFIER_CONNECTION_PROPERTIES;
		h->connection_properties =
			message_new(a, EnvoyRouteActionHashPolicyConnectionProperties);
		h->connection_properties->source_ip = true;
		break;
	}
	return h;
}

static void set_hash(struct arena *a, const struct forward *f, EnvoyRouteAction *ret)
{
	ret->hash_policy = arena_new_of(a, EnvoyRouteActionHashPolicy *, f->n_hash + 1);
	for (size_t i = 0; i < f->n_hash; i++)
		ret->hash_policy[ret->n_hash_policy++] = hash(a, &f->hash[i]);
}

/* ---- internal redirects ---- */

static EnvoyTypedExtensionConfig *predicate(struct arena *a, const char *name, const char *type)
{
	/* The other has no fields, either. */
	EnvoyPreviousRoutesConfig nothing = EnvoyPreviousRoutesConfig__INIT;
	EnvoyTypedExtensionConfig *p = message_new(a, EnvoyTypedExtensionConfig);

	p->name = (char *)name;
	p->typed_config = envoy_any(a, type, &nothing.base);
	return p;
}

static EnvoyInternalRedirectPolicy *internal_redirect(struct arena *a,
						      const struct internal_redirect *r)
{
	EnvoyInternalRedirectPolicy *p;

	if (!r)
		return NULL;
	p = message_new(a, EnvoyInternalRedirectPolicy);
	if (r->max)
		p->max_internal_redirects = envoy_uint32(a, r->max);
	p->n_redirect_response_codes = r->n_codes;
	p->redirect_response_codes = r->codes;
	p->allow_cross_scheme_redirect = r->safe_cross_scheme || r->cross_scheme;
	p->predicates = arena_new_of(a, EnvoyTypedExtensionConfig *, 2);
	if (r->safe_cross_scheme)
		p->predicates[p->n_predicates++] =
			predicate(a, "envoy.internal_redirect_predicates.safe_cross_scheme",
				  "envoy.extensions.internal_redirect.safe_cross_scheme.v3."
				  "SafeCrossSchemeConfig");
	if (r->no_repeats)
		p->predicates[p->n_predicates++] =
			predicate(a, "envoy.internal_redirect_predicates.previous_routes",
				  "envoy.extensions.internal_redirect.previous_routes.v3."
				  "PreviousRoutesConfig");
	return p;
}

/* ---- the whole ---- */

static void set_host(const struct header_edits *request, EnvoyRouteAction *ret)
{
	if (request->host) {
		ret->host_rewrite_specifier_case =
			EnvoyRouteAction__HOST_REWRITE_SPECIFIER_HOST_REWRITE_LITERAL;
		ret->host_rewrite_literal = (char *)request->host;
	} else if (request->host_header) {
		ret->host_rewrite_specifier_case =
			EnvoyRouteAction__HOST_REWRITE_SPECIFIER_HOST_REWRITE_HEADER;
		ret->host_rewrite_header = (char *)request->host_header;
	}
}

static void allow_websocket(struct arena *a, EnvoyRouteAction *ret)
{
	EnvoyRouteActionUpgradeConfig *u = message_new(a, EnvoyRouteActionUpgradeConfig);

	u->upgrade_type = (char *)"websocket";
	ret->n_upgrade_configs = 1;
	ret->upgrade_configs = arena_memdup(a, &u, sizeof(u));
}

EnvoyRouteAction *envoy_forward(struct arena *a, const struct route *r)
{
	const struct forward *f = &r->forward;
	EnvoyRouteAction *ret = message_new(a, EnvoyRouteAction);
	struct envoy_rewrite rewrite = envoy_rewrite(a, &r->match, &f->rewrite);

	if (!set_targets(a, f, ret))
		return NULL;
	set_mirrors(a, f, ret);
	set_host(&r->request, ret);
	if (rewrite.prefix)
		ret->prefix_rewrite = rewrite.prefix;
	ret->regex_rewrite = rewrite.regex;
	if (f->timeouts.request.set)
		ret->timeout = envoy_duration(a, f->timeouts.request.usec);
	if (f->timeouts.idle.set)
		ret->idle_timeout = envoy_duration(a, f->timeouts.idle.usec);
	ret->retry_policy = retries(a, f->retries);
	set_hash(a, f, ret);
	ret->internal_redirect_policy = internal_redirect(a, f->internal_redirect);
	if (f->websocket)
		allow_websocket(a, ret);
	envoy_count(a, &r->filters, ret);
	return ret;
}
