/* What a rate limit service is asked, and which. Runs in the translator. */
#include <errno.h>
#include <string.h>

#include "translator/extension.h"
#include "translator/proxy-condition.h"
#include "translator/rate-limit.h"

#define DOMAIN "contour"

typedef Envoy__Config__Route__V3__RateLimit RateLimit;
typedef Envoy__Config__Route__V3__RateLimit__Action Action;
typedef Portolan__Model__RateLimits RateLimits;

RateLimits *rate_limit_service(struct reader *r)
{
	const K8s__ConfigRateLimitService *wish = units_config(r)->rate_limit_service;
	const K8s__ConfigReference *ref = wish ? wish->extension_service : NULL;
	RateLimits *m;
	struct extension e;

	if (!wish)
		return NULL;
	m = ENVOY_NEW(reader_arena(r), RateLimits, PORTOLAN__MODEL__RATE_LIMITS__INIT);
	extension_find(r, ref ? ref->namespace_ : "", ref ? ref->name : "", &e);
	m->cluster = (char *)e.cluster;
	m->authority = (char *)e.authority;
	m->has_timeout_usec = e.result->has_timeout_usec;
	m->timeout_usec = e.result->timeout_usec;
	m->domain = *wish->domain ? wish->domain : (char *)DOMAIN;
	m->has_fail_open = m->has_tell_limits = m->has_exhausted = 1;
	m->fail_open = wish->fail_open;
	m->tell_limits = wish->enable_x_rate_limit_headers;
	m->exhausted = wish->enable_resource_exhausted_code;
	return m;
}

/* ---- descriptors ---- */

static int by_key(struct arena *a, const K8s__ProxyGenericKey *wish, Action *ret, const char **ret_why)
{
	if (!*wish->value) {
		*ret_why = "genericKey needs a value";
		return -EINVAL;
	}
	ret->action_specifier_case = ENVOY__CONFIG__ROUTE__V3__RATE_LIMIT__ACTION__ACTION_SPECIFIER_GENERIC_KEY;
	ret->generic_key = ENVOY_NEW(a, Envoy__Config__Route__V3__RateLimit__Action__GenericKey,
				     ENVOY__CONFIG__ROUTE__V3__RATE_LIMIT__ACTION__GENERIC_KEY__INIT);
	ret->generic_key->descriptor_key = wish->key;
	ret->generic_key->descriptor_value = wish->value;
	return 0;
}

static int by_header(struct arena *a, const K8s__ProxyRequestHeaderKey *wish, Action *ret, const char **ret_why)
{
	if (!proxy_condition_is_token(wish->header_name) || !*wish->descriptor_key) {
		*ret_why = "requestHeader needs a headerName that is one, and a descriptorKey";
		return -EINVAL;
	}
	ret->action_specifier_case = ENVOY__CONFIG__ROUTE__V3__RATE_LIMIT__ACTION__ACTION_SPECIFIER_REQUEST_HEADERS;
	ret->request_headers = ENVOY_NEW(a, Envoy__Config__Route__V3__RateLimit__Action__RequestHeaders,
					 ENVOY__CONFIG__ROUTE__V3__RATE_LIMIT__ACTION__REQUEST_HEADERS__INIT);
	ret->request_headers->header_name = wish->header_name;
	ret->request_headers->descriptor_key = wish->descriptor_key;
	return 0;
}

static int by_match(struct arena *a, const K8s__ProxyRequestHeaderMatch *wish, Action *ret, const char **ret_why)
{
	Envoy__Config__Route__V3__RateLimit__Action__HeaderValueMatch *m =
		ENVOY_NEW(a, Envoy__Config__Route__V3__RateLimit__Action__HeaderValueMatch,
			  ENVOY__CONFIG__ROUTE__V3__RATE_LIMIT__ACTION__HEADER_VALUE_MATCH__INIT);
	struct value_match match;
	int r;

	m->headers = arena_new_of(a, Envoy__Config__Route__V3__HeaderMatcher *, wish->n_headers + 1);
	for (size_t i = 0; i < wish->n_headers; i++) {
		r = proxy_condition_parse_header(a, wish->headers[i], &match, ret_why);
		if (r < 0)
			return r;
		if (r == 0)
			m->headers[m->n_headers++] = proxy_condition_header(a, &match);
	}
	if (!m->n_headers || !*wish->value) {
		*ret_why = "requestHeaderValueMatch needs headers with conditions, and a value";
		return -EINVAL;
	}
	m->descriptor_value = wish->value;
	m->expect_match = envoy_bool(a, !wish->has_expect_match || wish->expect_match);
	ret->action_specifier_case =
		ENVOY__CONFIG__ROUTE__V3__RATE_LIMIT__ACTION__ACTION_SPECIFIER_HEADER_VALUE_MATCH;
	ret->header_value_match = m;
	return 0;
}

static int read_entry(struct arena *a, const K8s__ProxyRateLimitEntry *e, Action **ret, const char **ret_why)
{
	Action *m = ENVOY_NEW(a, Action, ENVOY__CONFIG__ROUTE__V3__RATE_LIMIT__ACTION__INIT);

	*ret = m;
	if ((e->generic_key != NULL) + (e->request_header != NULL) + (e->request_header_value_match != NULL) +
		    (e->remote_address != NULL) !=
	    1) {
		*ret_why = "it needs exactly one of genericKey, requestHeader, requestHeaderValueMatch and "
			   "remoteAddress";
		return -EINVAL;
	}
	if (e->generic_key)
		return by_key(a, e->generic_key, m, ret_why);
	if (e->request_header)
		return by_header(a, e->request_header, m, ret_why);
	if (e->request_header_value_match)
		return by_match(a, e->request_header_value_match, m, ret_why);
	m->action_specifier_case = ENVOY__CONFIG__ROUTE__V3__RATE_LIMIT__ACTION__ACTION_SPECIFIER_REMOTE_ADDRESS;
	m->remote_address = ENVOY_NEW(a, Envoy__Config__Route__V3__RateLimit__Action__RemoteAddress,
				      ENVOY__CONFIG__ROUTE__V3__RATE_LIMIT__ACTION__REMOTE_ADDRESS__INIT);
	return 0;
}

int rate_limit_read(struct arena *a, const K8s__ProxyGlobalRateLimit *wish, RateLimit ***ret, size_t *ret_n,
		    const char **ret_field, const char **ret_why)
{
	RateLimit **all = arena_new_of(a, RateLimit *, wish->n_descriptors + 1);

	for (size_t i = 0; i < wish->n_descriptors; i++) {
		const K8s__ProxyRateLimitDescriptor *d = wish->descriptors[i];
		RateLimit *m = ENVOY_NEW(a, RateLimit, ENVOY__CONFIG__ROUTE__V3__RATE_LIMIT__INIT);

		*ret_field = arena_printf(a, "descriptors[%zu]", i);
		*ret_why = "it has no entries";
		if (!d->n_entries)
			return -EINVAL;
		m->actions = arena_new_of(a, Action *, d->n_entries);
		for (size_t k = 0; k < d->n_entries; k++) {
			*ret_field = arena_printf(a, "descriptors[%zu].entries[%zu]", i, k);
			if (read_entry(a, d->entries[k], &m->actions[k], ret_why) < 0)
				return -EINVAL;
			m->n_actions++;
		}
		all[i] = m;
	}
	*ret = all;
	*ret_n = wish->n_descriptors;
	return 0;
}
