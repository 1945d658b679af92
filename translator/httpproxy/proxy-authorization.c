/* The authorization service of an HTTPProxy's host. */
#include <errno.h>
#include <string.h>

#include "translator/httpproxy/proxy-authorization.h"

#define FIELD        "spec.virtualhost.authorization"
#define CONFIG_FIELD "globalExtAuth of the configuration"

/* The node's routes have no fault: they are served, and Envoy refuses their requests. */
static void tell(struct proxy_node *node, const char *reason, const char *field, const char *why)
{
	object_error(node->r, OBJECT_HTTP_PROXY, node->key, reason, field,
		     "%s; requests are refused", why);
}

static const char *check_place(const K8s__HTTPProxySpec *spec)
{
	const K8s__ProxyTLS *tls = spec->virtualhost->tls;

	if (!tls)
		return "external authorization needs tls";
	if (tls->passthrough)
		return "what is passed through is not looked at";
	return spec->tcpproxy ? "of a tcpproxy's connections no requests are seen" : NULL;
}

static int plan_own(struct proxy_node *node, const K8s__HTTPProxySpec *spec,
		    struct proxy_authorization *ret)
{
	const K8s__ProxyAuthorization *desired = spec->virtualhost->authorization;
	const char *why = check_place(spec);
	struct authorization_problem problem;
	int r;

	if (why) {
		proxy_error(node, "AuthError/AuthNotPermitted", FIELD, "%s", why);
		return -EINVAL;
	}
	r = authorization_read(node->r, desired, node->namespace, &ret->own, &problem);
	if (r == -EINVAL) {
		proxy_error(node, problem.reason, arena_printf(node->a, FIELD ".%s", problem.field),
			    "%s", problem.why);
		return -EINVAL;
	}
	if (r < 0)
		tell(node, problem.reason, arena_printf(node->a, FIELD ".%s", problem.field),
		     problem.why);
	if (desired->http_settings && !ret->own->use_http)
		proxy_warning(node, "SpecError/IgnoredField", FIELD ".httpSettings",
			      "it counts with serviceType http only");
	ret->use_http = ret->own->use_http;
	authorization_overlay(node->a, desired->auth_policy, &ret->policy);
	return 0;
}

static int plan_global(struct proxy_node *node, const K8s__ProxyAuthorization *desired,
		       const struct authorization_global *global, struct proxy_authorization *ret)
{
	const K8s__ProxyAuthPolicy *policy = desired ? desired->auth_policy : global->policy;

	if (desired &&
	    (*desired->response_timeout || desired->fail_open || desired->with_request_body ||
	     strcmp(desired->service_type, "http") == 0 || desired->http_settings))
		proxy_warning(node, "SpecError/IgnoredField", FIELD,
			      "without an extensionRef only authPolicy counts; " CONFIG_FIELD
			      " says all else");
	ret->use_http = global->filter->use_http;
	if (ret->use_http && policy && policy->n_context) {
		proxy_error(node, "AuthError/AuthContextForHTTP", FIELD ".authPolicy.context",
			    CONFIG_FIELD
			    " asks a service of type http, which cannot be told of a context");
		return -EINVAL;
	}
	authorization_overlay(node->a, policy, &ret->policy);
	if (global->problem.reason && !ret->policy.disabled)
		tell(node, global->problem.reason, NULL,
		     arena_printf(node->a, CONFIG_FIELD ": %s: %s", global->problem.field,
				  global->problem.why));
	return 0;
}

int proxy_authorization_plan(struct proxy_node *node, const K8s__HTTPProxySpec *spec,
			     struct proxy_authorization *ret)
{
	const K8s__ProxyAuthorization *desired = spec->virtualhost->authorization;
	struct authorization_global global;

	authorization_global(node->r, &global);
	ret->global = global.filter != NULL;
	if (desired && desired->extension_ref && *desired->extension_ref->name)
		return plan_own(node, spec, ret);
	if (global.filter)
		return plan_global(node, desired, &global, ret);
	if (!desired || (desired->auth_policy && desired->auth_policy->disabled))
		return 0;
	proxy_error(node, "AuthError/ExtensionServiceNotFound", FIELD,
		    "it has no extensionRef, and there is no globalExtAuth in the configuration "
		    "that would be asked "
		    "instead");
	return -EINVAL;
}

int proxy_authorization_route(struct proxy_node *node, const K8s__ProxyAuthPolicy *desired,
			      struct route *ret)
{
	const struct proxy_authorization *host = node->authorization;
	struct authorization_policy policy;

	if (!host || (!host->own && !host->global)) {
		if (desired && desired->n_context)
			proxy_warning(
				node, "SpecError/IgnoredField",
				arena_printf(node->a, "%s.authPolicy.context", ret->origin.field),
				"ignored: no service is asked about requests for %s", node->host);
		return 0;
	}
	if (host->use_http && desired && desired->n_context) {
		proxy_error(node, "AuthError/AuthContextForHTTP",
			    arena_printf(node->a, "%s.authPolicy.context", ret->origin.field),
			    "a service of type http cannot be told of a context");
		return -EINVAL;
	}
	policy = host->policy;
	authorization_overlay(node->a, desired, &policy);
	ret->filters.authorization = authorization_route(&policy);
	/* The host's own service is asked only over TLS: the plain listener is shared by all
	 * hosts. */
	if (host->own && !policy.disabled && ret->plain == PLAIN_SERVED) {
		proxy_warning(node, "SpecError/IgnoredField",
			      arena_printf(node->a, "%s.permitInsecure", ret->origin.field),
			      "over plain HTTP its requests would not be authorized, so they are "
			      "redirected; "
			      "authPolicy.disabled opens it");
		ret->plain = PLAIN_REDIRECTED;
	}
	return 0;
}
