/* Whom an HTTPProxy's host asks about its requests. Runs in the translator. */
#include <errno.h>
#include <string.h>

#include "translator/proxy-authorization.h"

#define FIELD "spec.virtualhost.authorization"
#define CONFIG_FIELD "globalExtAuth of the configuration"

/* Nothing is said of the node's routes: they are served, and refused by Envoy. */
static void tell(struct proxy_node *node, const char *reason, const char *field, const char *why)
{
	units_error(node->r, OBJECT_HTTP_PROXY, node->key, reason, field, "%s; requests are refused", why);
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

static int plan_own(struct proxy_node *node, const K8s__HTTPProxySpec *spec, struct proxy_authorization *ret)
{
	const K8s__ProxyAuthorization *wish = spec->virtualhost->authorization;
	const char *why = check_place(spec);
	struct authorization_problem problem;
	int r;

	if (why) {
		proxy_error(node, "AuthError/AuthNotPermitted", FIELD, "%s", why);
		return -EINVAL;
	}
	r = authorization_read(node->r, wish, node->namespace, &ret->own, &problem);
	if (r == -EINVAL) {
		proxy_error(node, problem.reason, arena_printf(node->a, FIELD ".%s", problem.field), "%s",
			    problem.why);
		return -EINVAL;
	}
	if (r < 0)
		tell(node, problem.reason, arena_printf(node->a, FIELD ".%s", problem.field), problem.why);
	if (wish->http_settings && !ret->own->use_http)
		proxy_warning(node, "SpecError/IgnoredField", FIELD ".httpSettings",
			      "it counts with serviceType http only");
	ret->use_http = ret->own->use_http;
	authorization_overlay(node->a, wish->auth_policy, &ret->policy);
	return 0;
}

static int plan_global(struct proxy_node *node, const K8s__ProxyAuthorization *wish,
		       const struct authorization_global *global, struct proxy_authorization *ret)
{
	const K8s__ProxyAuthPolicy *policy = wish ? wish->auth_policy : global->policy;

	if (wish && (*wish->response_timeout || wish->fail_open || wish->with_request_body ||
		     strcmp(wish->service_type, "http") == 0 || wish->http_settings))
		proxy_warning(node, "SpecError/IgnoredField", FIELD,
			      "without an extensionRef only authPolicy counts; " CONFIG_FIELD " says all else");
	ret->use_http = global->filter->use_http;
	if (ret->use_http && policy && policy->n_context) {
		proxy_error(node, "AuthError/AuthContextForHTTP", FIELD ".authPolicy.context",
			    CONFIG_FIELD " asks a service of type http, which cannot be told of a context");
		return -EINVAL;
	}
	authorization_overlay(node->a, policy, &ret->policy);
	if (global->problem.reason && !ret->policy.disabled)
		tell(node, global->problem.reason, NULL,
		     arena_printf(node->a, CONFIG_FIELD ": %s: %s", global->problem.field, global->problem.why));
	return 0;
}

int proxy_authorization_plan(struct proxy_node *node, const K8s__HTTPProxySpec *spec,
			     struct proxy_authorization *ret)
{
	const K8s__ProxyAuthorization *wish = spec->virtualhost->authorization;
	struct authorization_global global;

	authorization_global(node->r, &global);
	ret->global = global.filter != NULL;
	if (wish && wish->extension_ref && *wish->extension_ref->name)
		return plan_own(node, spec, ret);
	if (global.filter)
		return plan_global(node, wish, &global, ret);
	if (!wish || (wish->auth_policy && wish->auth_policy->disabled))
		return 0;
	proxy_error(node, "AuthError/ExtensionServiceNotFound", FIELD,
		    "it has no extensionRef, and there is no globalExtAuth in the configuration that would be asked "
		    "instead");
	return -EINVAL;
}

int proxy_authorization_route(struct proxy_node *node, const K8s__ProxyAuthPolicy *wish, struct proxy_route *ret)
{
	const struct proxy_authorization *host = node->authorization;
	struct authorization_policy policy;
	Google__Protobuf__Any *config;

	if (!host || (!host->own && !host->global))
		return 0;
	if (host->use_http && wish && wish->n_context) {
		proxy_error(node, "AuthError/AuthContextForHTTP",
			    arena_printf(node->a, "%s.authPolicy.context", ret->field),
			    "a service of type http cannot be told of a context");
		return -EINVAL;
	}
	policy = host->policy;
	authorization_overlay(node->a, wish, &policy);
	config = authorization_route(node->a, &policy);
	if (config)
		envoy_route_filter(node->a, ENVOY_AUTHORIZATION, config, ret->route);
	/* The host's own service is asked over TLS only: the plain listener is everybody's. */
	if (host->own && !policy.disabled && ret->insecure) {
		proxy_warning(node, "SpecError/IgnoredField", arena_printf(node->a, "%s.permitInsecure", ret->field),
			      "over plain HTTP its requests would not be authorized, so they are redirected; "
			      "authPolicy.disabled opens it");
		ret->insecure = false;
	}
	return 0;
}

void proxy_authorization_exempt(const struct proxy_node *node, Envoy__Config__Route__V3__Route *ret)
{
	if (node->authorization && node->authorization->global)
		envoy_route_filter(node->a, ENVOY_AUTHORIZATION, envoy_authorization_off(node->a), ret);
}
