/* Who is asked about requests, where. Runs in the translator. */
#include <string.h>

#include "common/configuration.h"
#include "translator/asks.h"
#include "translator/authorization.h"
#include "translator/extension.h"
#include "translator/rate-limit.h"

typedef Portolan__Model__HostAsks HostAsks;

/* NULL: requests are not traced, as is said in the configuration's status where they should be. */
static Portolan__Model__Collector *collector(struct reader *r)
{
	const K8s__ConfigTracing *wish = units_config(r)->tracing;
	Portolan__Model__Collector *m;
	struct extension e;

	if (!wish || !wish->extension_service)
		return NULL;
	extension_find(r, wish->extension_service->namespace_, wish->extension_service->name, &e);
	if (!e.result->cluster || e.result->http1)
		return NULL;
	m = ENVOY_NEW(reader_arena(r), Portolan__Model__Collector, PORTOLAN__MODEL__COLLECTOR__INIT);
	m->cluster = (char *)e.cluster;
	m->authority = (char *)e.authority;
	m->has_timeout_usec = e.result->has_timeout_usec;
	m->timeout_usec = e.result->timeout_usec;
	return m;
}

HostAsks *asks_gather(struct reader *r, const Portolan__Model__HostTls *tls)
{
	HostAsks *m = ENVOY_NEW(reader_arena(r), HostAsks, PORTOLAN__MODEL__HOST_ASKS__INIT);
	struct authorization_global global;

	m->rate_limits = rate_limit_service(r);
	if (tls && tls->asks)
		m->authorization = tls->asks->authorization;
	if (!m->authorization) {
		authorization_global(r, &global);
		m->authorization = global.filter;
	}
	m->collector = collector(r);
	return m->authorization || m->rate_limits || m->collector ? m : NULL;
}

static void complain(struct reader *r, const char *reason, const char *field, const char *why)
{
	units_error(r, OBJECT_CONTOUR_CONFIGURATION, CONFIGURATION_KEY, reason, field, "%s", why);
}

static void report_rate_limits(struct reader *r, const K8s__ConfigRateLimitService *wish)
{
	const K8s__ConfigReference *ref = wish->extension_service;
	Envoy__Config__Route__V3__RateLimit **limits;
	struct arena *a = reader_arena(r);
	const char *field, *why;
	struct extension e;
	size_t n;

	extension_find(r, ref ? ref->namespace_ : "", ref ? ref->name : "", &e);
	if (!e.result->cluster)
		complain(r, "ExtensionServiceNotFound", "spec.rateLimitService.extensionService",
			 arena_printf(a, "%s; requests with limits are %s", e.result->message,
				      wish->fail_open ? "let through: failOpen" : "refused"));
	else if (e.result->http1)
		complain(r, "ExtensionServiceNotFound", "spec.rateLimitService.extensionService",
			 "it speaks http/1.1, which cannot carry gRPC: it needs protocol h2 or h2c");
	if (wish->default_global_rate_limit_policy &&
	    rate_limit_read(a, wish->default_global_rate_limit_policy, &limits, &n, &field, &why) < 0)
		complain(r, "RateLimitPolicyNotValid",
			 arena_printf(a, "spec.rateLimitService.defaultGlobalRateLimitPolicy.%s", field), why);
}

static void report_tracing(struct reader *r, const K8s__ConfigReference *ref)
{
	struct extension e;

	if (!ref)
		return;
	extension_find(r, ref->namespace_, ref->name, &e);
	if (!e.result->cluster || e.result->http1)
		complain(r, "ExtensionServiceNotFound", "spec.tracing.extensionService",
			 arena_printf(reader_arena(r), "%s; requests are not traced",
				      e.result->cluster ? "it speaks http/1.1, which cannot carry gRPC: it needs "
							  "protocol h2 or h2c" :
							  e.result->message));
}

void asks_report(struct reader *r)
{
	const K8s__ContourConfigurationSpec *config = units_config(r);
	struct authorization_global global;

	authorization_global(r, &global);
	if (global.problem.reason)
		complain(r, strchr(global.problem.reason, '/') + 1,
			 arena_printf(reader_arena(r), "spec.globalExtAuth.%s", global.problem.field),
			 arena_printf(reader_arena(r), "%s; requests are refused", global.problem.why));
	if (config->rate_limit_service)
		report_rate_limits(r, config->rate_limit_service);
	if (config->tracing)
		report_tracing(r, config->tracing->extension_service);
}

void asks_policy_read(struct reader *r, struct asks_policy *ret)
{
	struct authorization_policy policy = { 0 };
	struct authorization_global global;

	*ret = (struct asks_policy){ 0 };
	authorization_global(r, &global);
	if (!global.filter)
		return;
	authorization_overlay(reader_arena(r), global.policy, &policy);
	ret->route = authorization_route(reader_arena(r), &policy);
	ret->redirect = envoy_authorization_off(reader_arena(r));
}

void asks_policy_apply(struct arena *a, const struct asks_policy *p, Envoy__Config__Route__V3__Route *ret)
{
	bool redirect = ret->action_case == ENVOY__CONFIG__ROUTE__V3__ROUTE__ACTION_REDIRECT;
	Google__Protobuf__Any *config = redirect ? p->redirect : p->route;

	if (config)
		envoy_route_filter(a, ENVOY_AUTHORIZATION, config, ret);
}
