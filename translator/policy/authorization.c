/* The service that is asked whether a request may pass. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/go-duration.h"
#include "translator/model/message.h"
#include "translator/policy/authorization.h"
#include "translator/resolve/config.h"
#include "translator/resolve/extension.h"

#define API_VERSION  "projectcontour.io/v1alpha1"
#define BODY_DEFAULT 1024

/* Header names are compared in lower case, which is how Envoy has them. */
static int read_pattern(struct arena *a, const K8s__ProxyAuthHeader *desired,
			ModelAuthorizationPattern **ret)
{
	const struct {
		const char *text;
		enum match_operator operator;
	} rows[] = {
		{ desired->exact, MATCH_EXACT },
		{ desired->prefix, MATCH_PREFIX },
		{ desired->suffix, MATCH_SUFFIX },
		{ desired->contains, MATCH_CONTAINS },
	};
	ModelAuthorizationPattern *p = message_new(a, ModelAuthorizationPattern);
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (!*rows[i].text)
			continue;
		p->operator_ = rows[i].operator;
		p->text = arena_strdup(a, rows[i].text);
		n++;
	}
	if (n != 1)
		return -EINVAL;
	for (char *c = p->text; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	*ret = p;
	return 0;
}

static int read_patterns(struct arena *a, K8s__ProxyAuthHeader *const *desired, size_t n,
			 const char *field, ModelAuthorizationPattern ***ret, size_t *ret_n,
			 struct authorization_problem *problem)
{
	*ret = arena_new_of(a, ModelAuthorizationPattern *, n + 1);
	for (size_t i = 0; i < n; i++)
		if (read_pattern(a, desired[i], &(*ret)[i]) < 0) {
			problem->reason = "AuthError/AuthBadAllowedHeader";
			problem->field = arena_printf(a, "httpSettings.%s[%zu]", field, i);
			problem->why = "it needs exactly one of exact, prefix, suffix and contains";
			return -EINVAL;
		}
	*ret_n = n;
	return 0;
}

static bool is_path(const char *s)
{
	for (const char *c = s; *c; c++)
		if (!isgraph((unsigned char)*c) || *c == '?' || *c == '#')
			return false;
	return *s == '/';
}

static int read_http(struct arena *a, const K8s__ProxyAuthHTTP *desired, ModelAuthorization *ret,
		     struct authorization_problem *problem)
{
	if (!desired)
		return 0;
	if (*desired->path_prefix && !is_path(desired->path_prefix)) {
		problem->reason = "AuthError/AuthBadPathPrefix";
		problem->field = "httpSettings.pathPrefix";
		problem->why = "it begins with a slash, and is a path alone";
		return -EINVAL;
	}
	ret->path_prefix = desired->path_prefix;
	if (read_patterns(a, desired->allowed_authorization_headers,
			  desired->n_allowed_authorization_headers, "allowedAuthorizationHeaders",
			  &ret->reported_headers, &ret->n_reported_headers, problem) < 0)
		return -EINVAL;
	return read_patterns(a, desired->allowed_upstream_headers,
			     desired->n_allowed_upstream_headers, "allowedUpstreamHeaders",
			     &ret->upstream_headers, &ret->n_upstream_headers, problem);
}

static int read_kind(struct arena *a, const K8s__ProxyAuthorization *desired,
		     ModelAuthorization *ret, struct authorization_problem *problem)
{
	ret->has_use_http = 1;
	ret->use_http = strcmp(desired->service_type, "http") == 0;
	if (!ret->use_http && *desired->service_type &&
	    strcmp(desired->service_type, "grpc") != 0) {
		problem->reason = "AuthError/AuthBadServiceType";
		problem->field = "serviceType";
		problem->why =
			arena_printf(a, "\"%s\" is neither grpc nor http", desired->service_type);
		return -EINVAL;
	}
	if (ret->use_http && desired->auth_policy && desired->auth_policy->n_context) {
		problem->reason = "AuthError/AuthContextForHTTP";
		problem->field = "authPolicy.context";
		problem->why = "a service of type http cannot be told of a context";
		return -EINVAL;
	}
	return ret->use_http ? read_http(a, desired->http_settings, ret, problem) : 0;
}

static int read_body(struct arena *a, const K8s__ProxyAuthBody *desired, ModelAuthorization *ret,
		     struct authorization_problem *problem)
{
	ModelAuthorizationBody *b;

	if (!desired)
		return 0;
	if (desired->has_max_request_bytes && !desired->max_request_bytes) {
		problem->reason = "AuthError/AuthBadRequestBody";
		problem->field = "withRequestBody.maxRequestBytes";
		problem->why = "it is at least 1";
		return -EINVAL;
	}
	b = message_new(a, ModelAuthorizationBody);
	b->max_bytes = desired->has_max_request_bytes ? desired->max_request_bytes : BODY_DEFAULT;
	b->partial = desired->allow_partial_message;
	b->raw = desired->pack_as_bytes;
	ret->body = b;
	return 0;
}

static int read_timeout(const K8s__ProxyAuthorization *desired, ModelAuthorization *ret,
			struct authorization_problem *problem)
{
	struct go_duration d;
	int r = go_duration_parse(desired->response_timeout, &d);

	if (r < 0) {
		problem->reason = "AuthError/AuthResponseTimeoutInvalid";
		problem->field = "responseTimeout";
		problem->why = go_duration_why(r);
		return r;
	}
	ret->has_timeout_usec = d.set;
	ret->timeout_usec = d.usec;
	return 0;
}

static int find_service(struct reader *r, const K8s__ProxyAuthorization *desired,
			const char *namespace, ModelAuthorization *ret,
			struct authorization_problem *problem)
{
	const K8s__ExtensionReference *ref = desired->extension_ref;
	struct extension e;

	if (*ref->api_version && strcmp(ref->api_version, API_VERSION) != 0) {
		problem->reason = "AuthError/AuthBadResourceVersion";
		problem->field = "extensionRef.apiVersion";
		problem->why = arena_printf(reader_arena(r), "\"%s\" is not " API_VERSION,
					    ref->api_version);
		return -EINVAL;
	}
	extension_find(r, *ref->namespace_ ? ref->namespace_ : namespace, ref->name, &e);
	ret->cluster = (char *)e.cluster;
	ret->authority = (char *)e.authority;
	ret->has_fail_open = 1;
	/* If the settings allow it, requests pass while the service is out of reach, but not if it
	 * was never set up. */
	ret->fail_open = desired->fail_open && e.result->cluster;
	if (!ret->has_timeout_usec && e.result->has_timeout_usec) {
		ret->has_timeout_usec = 1;
		ret->timeout_usec = e.result->timeout_usec;
	}
	problem->field = "extensionRef";
	problem->reason = "AuthError/ExtensionServiceNotFound";
	if (!e.result->cluster) {
		problem->why = e.result->message;
		return -ENOENT;
	}
	if (e.result->http1 && !ret->use_http) {
		problem->why = arena_printf(
			reader_arena(r),
			"ExtensionService %s speaks http/1.1, which cannot carry gRPC: it needs "
			"protocol h2 or h2c, or serviceType http here",
			ref->name);
		ret->fail_open = false;
		return -ENOENT;
	}
	problem->reason = NULL;
	return 0;
}

int authorization_read(struct reader *r, const K8s__ProxyAuthorization *desired,
		       const char *namespace, ModelAuthorization **ret,
		       struct authorization_problem *ret_problem)
{
	struct arena *a = reader_arena(r);
	ModelAuthorization *m = message_new(a, ModelAuthorization);
	int e;

	*ret_problem = (struct authorization_problem){ 0 };
	if (read_kind(a, desired, m, ret_problem) < 0 ||
	    read_timeout(desired, m, ret_problem) < 0 ||
	    read_body(a, desired->with_request_body, m, ret_problem) < 0)
		return -EINVAL;
	e = find_service(r, desired, namespace, m, ret_problem);
	if (e != -EINVAL)
		*ret = m;
	return e;
}

void authorization_global(struct reader *r, struct authorization_global *ret)
{
	const K8s__ProxyAuthorization *desired = config_read(r)->global_ext_auth;
	struct arena *a = reader_arena(r);
	int e = -EINVAL;

	*ret = (struct authorization_global){ 0 };
	if (!desired)
		return;
	ret->policy = desired->auth_policy;
	if (desired->extension_ref && *desired->extension_ref->name &&
	    *desired->extension_ref->namespace_) {
		e = authorization_read(r, desired, "", &ret->filter, &ret->problem);
	} else {
		ret->problem.reason = "AuthError/ExtensionServiceNotFound";
		ret->problem.field = "extensionRef";
		ret->problem.why = "it needs a namespace and a name";
	}
	if (e != -EINVAL)
		return;
	/* Fails closed: no cluster has this name. */
	ret->filter = message_new(a, ModelAuthorization);
	ret->filter->cluster = (char *)"extension/none";
}

/* ---- policies ---- */

static int compare_pairs(const void *x, const void *y)
{
	return strcmp(((const struct context_pair *)x)->key, ((const struct context_pair *)y)->key);
}

void authorization_overlay(struct arena *a, const K8s__ProxyAuthPolicy *with,
			   struct authorization_policy *ret)
{
	struct context_pair *all, *more;
	size_t n = 0, i = 0, k = 0;

	if (!with)
		return;
	ret->disabled = with->disabled;
	if (!with->n_context)
		return;
	more = arena_new_of(a, struct context_pair, with->n_context);
	for (; i < with->n_context; i++)
		more[i] = (struct context_pair){ with->context[i]->key, with->context[i]->value };
	qsort(more, with->n_context, sizeof(*more), compare_pairs);
	all = arena_new_of(a, struct context_pair, ret->n + with->n_context);
	for (i = 0; i < ret->n || k < with->n_context;) {
		int d = i == ret->n            ? 1
			: k == with->n_context ? -1
					       : compare_pairs(&ret->context[i], &more[k]);

		i += d == 0; /* the later value counts */
		all[n++] = d < 0 ? ret->context[i++] : more[k++];
	}
	ret->context = all;
	ret->n = n;
}

struct route_authorization authorization_route(const struct authorization_policy *policy)
{
	if (policy->disabled)
		return (struct route_authorization){ .kind = AUTHORIZATION_OFF };
	if (!policy->n)
		return (struct route_authorization){ .kind = AUTHORIZATION_INHERITED };
	return (struct route_authorization){ AUTHORIZATION_WITH_CONTEXT, policy->context,
					     policy->n };
}
