/* The rate limit service and the descriptors that it gets. */
#include <errno.h>
#include <string.h>

#include "translator/policy/header-match.h"
#include "translator/policy/rate-limit.h"
#include "translator/resolve/config.h"
#include "translator/resolve/extension.h"

#define DOMAIN "contour"

ModelRateLimits *rate_limit_service(struct reader *r)
{
	const K8s__ConfigRateLimitService *from = config_read(r)->rate_limit_service;
	const K8s__ConfigReference *ref = from ? from->extension_service : NULL;
	ModelRateLimits *m;
	struct extension e;

	if (!from)
		return NULL;
	m = message_new(reader_arena(r), ModelRateLimits);
	extension_find(r, ref ? ref->namespace_ : "", ref ? ref->name : "", &e);
	m->cluster = (char *)e.cluster;
	m->authority = (char *)e.authority;
	m->has_timeout_usec = e.result->has_timeout_usec;
	m->timeout_usec = e.result->timeout_usec;
	m->domain = *from->domain ? from->domain : (char *)DOMAIN;
	m->has_fail_open = m->has_tell_limits = m->has_exhausted = 1;
	m->fail_open = from->fail_open;
	m->tell_limits = from->enable_x_rate_limit_headers;
	m->exhausted = from->enable_resource_exhausted_code;
	return m;
}

/* ---- descriptors ---- */

static int by_key(const K8s__ProxyGenericKey *from, struct rate_limit_entry *ret,
		  const char **ret_why)
{
	if (!*from->value) {
		*ret_why = "genericKey needs a value";
		return -EINVAL;
	}
	*ret = (struct rate_limit_entry){ RATE_LIMIT_BY_KEY, .key = from->key,
					  .value = from->value };
	return 0;
}

static int by_header(const K8s__ProxyRequestHeaderKey *from, struct rate_limit_entry *ret,
		     const char **ret_why)
{
	if (!match_is_readable_header(from->header_name) || !*from->descriptor_key) {
		*ret_why = "requestHeader needs a headerName that is one, and a descriptorKey";
		return -EINVAL;
	}
	*ret = (struct rate_limit_entry){ RATE_LIMIT_BY_HEADER, .key = from->descriptor_key,
					  .value = from->header_name };
	return 0;
}

static int by_match(struct arena *a, const K8s__ProxyRequestHeaderMatch *from,
		    struct rate_limit_entry *ret, const char **ret_why)
{
	struct value_match *all = arena_new_of(a, struct value_match, from->n_headers + 1);
	size_t n = 0;
	int r;

	for (size_t i = 0; i < from->n_headers; i++) {
		r = header_match_parse(a, from->headers[i], &all[n], ret_why);
		if (r < 0)
			return r;
		n += r == 0;
	}
	if (!n || !*from->value) {
		*ret_why = "requestHeaderValueMatch needs headers with conditions, and a value";
		return -EINVAL;
	}
	*ret = (struct rate_limit_entry){ RATE_LIMIT_BY_MATCH, .value = from->value, .headers = all,
					  .n_headers = n,
					  .expect_no_match = from->has_expect_match &&
							     !from->expect_match };
	return 0;
}

static int read_entry(struct arena *a, const K8s__ProxyRateLimitEntry *e,
		      struct rate_limit_entry *ret, const char **ret_why)
{
	if ((e->generic_key != NULL) + (e->request_header != NULL) +
		    (e->request_header_value_match != NULL) + (e->remote_address != NULL) !=
	    1) {
		*ret_why = "it needs exactly one of genericKey, requestHeader, "
			   "requestHeaderValueMatch and remoteAddress";
		return -EINVAL;
	}
	if (e->generic_key)
		return by_key(e->generic_key, ret, ret_why);
	if (e->request_header)
		return by_header(e->request_header, ret, ret_why);
	if (e->request_header_value_match)
		return by_match(a, e->request_header_value_match, ret, ret_why);
	*ret = (struct rate_limit_entry){ RATE_LIMIT_BY_ADDRESS };
	return 0;
}

int rate_limit_read(struct arena *a, const K8s__ProxyGlobalRateLimit *from, struct rate_limits *ret,
		    const char **ret_field, const char **ret_why)
{
	struct rate_limit *all = arena_new_of(a, struct rate_limit, from->n_descriptors + 1);

	for (size_t i = 0; i < from->n_descriptors; i++) {
		const K8s__ProxyRateLimitDescriptor *d = from->descriptors[i];

		*ret_field = arena_printf(a, "descriptors[%zu]", i);
		*ret_why = "it has no entries";
		if (!d->n_entries)
			return -EINVAL;
		all[i].entries = arena_new_of(a, struct rate_limit_entry, d->n_entries);
		for (size_t k = 0; k < d->n_entries; k++) {
			*ret_field = arena_printf(a, "descriptors[%zu].entries[%zu]", i, k);
			if (read_entry(a, d->entries[k], &all[i].entries[k], ret_why) < 0)
				return -EINVAL;
			all[i].n++;
		}
	}
	*ret = (struct rate_limits){ all, from->n_descriptors };
	return 0;
}
