/* The services that are asked about requests, and where. */
#include <string.h>

#include "common/configuration/configuration.h"
#include "translator/kinds.h"
#include "translator/policy/authorization.h"
#include "translator/policy/rate-limit.h"
#include "translator/policy/services.h"
#include "translator/resolve/config.h"
#include "translator/resolve/extension.h"
#include "translator/resolve/object.h"

/* NULL: requests are not traced; if they should be, the configuration's status says so. */
static ModelCollector *collector(struct reader *r)
{
	const K8s__ConfigTracing *desired = config_read(r)->tracing;
	ModelCollector *m;
	struct extension e;

	if (!desired || !desired->extension_service)
		return NULL;
	extension_find(r, desired->extension_service->namespace_, desired->extension_service->name,
		       &e);
	if (!e.result->cluster || e.result->http1)
		return NULL;
	m = message_new(reader_arena(r), ModelCollector);
	m->cluster = (char *)e.cluster;
	m->authority = (char *)e.authority;
	m->has_timeout_usec = e.result->has_timeout_usec;
	m->timeout_usec = e.result->timeout_usec;
	return m;
}

static bool is_forwarded(struct reader *r)
{
	size_t n;

	(void)read_facts(r, FACT_FORWARDED, "", 0, &n);
	return n > 0;
}

ModelHostServices *services_gather(struct reader *r, const ModelHostTls *tls)
{
	ModelHostServices *m = message_new(reader_arena(r), ModelHostServices);
	struct authorization_global global;

	m->rate_limits = rate_limit_service(r);
	if (tls && tls->services)
		m->authorization = tls->services->authorization;
	if (!m->authorization) {
		authorization_global(r, &global);
		m->authorization = global.filter;
	}
	m->collector = collector(r);
	m->has_forwarded = m->forwarded = is_forwarded(r);
	return m->authorization || m->rate_limits || m->collector || m->forwarded ? m : NULL;
}

ModelHostServices *services_tracing(struct reader *r)
{
	ModelHostServices *m = message_new(reader_arena(r), ModelHostServices);

	m->collector = collector(r);
	return m->collector ? m : NULL;
}

static void complain(struct reader *r, const char *reason, const char *field, const char *why)
{
	object_error(r, OBJECT_CONTOUR_CONFIGURATION, CONFIGURATION_KEY, reason, field, "%s", why);
}

static void report_rate_limits(struct reader *r, const K8s__ConfigRateLimitService *desired)
{
	const K8s__ConfigReference *ref = desired->extension_service;
	struct rate_limits limits;
	struct arena *a = reader_arena(r);
	const char *field, *why;
	struct extension e;

	extension_find(r, ref ? ref->namespace_ : "", ref ? ref->name : "", &e);
	if (!e.result->cluster)
		complain(r, "ExtensionServiceNotFound", "spec.rateLimitService.extensionService",
			 arena_printf(a, "%s; requests with limits are %s", e.result->message,
				      desired->fail_open ? "let through: failOpen" : "refused"));
	else if (e.result->http1)
		complain(
			r, "ExtensionServiceNotFound", "spec.rateLimitService.extensionService",
			"it speaks http/1.1, which cannot carry gRPC: it needs protocol h2 or h2c");
	if (desired->default_global_rate_limit_policy &&
	    rate_limit_read(a, desired->default_global_rate_limit_policy, &limits, &field, &why) <
		    0)
		complain(r, "RateLimitPolicyNotValid",
			 arena_printf(a, "spec.rateLimitService.defaultGlobalRateLimitPolicy.%s",
				      field),
			 why);
}

static void report_tracing(struct reader *r, const K8s__ConfigReference *ref)
{
	struct extension e;
	const char *why;

	if (!ref)
		return;
	extension_find(r, ref->namespace_, ref->name, &e);
	if (e.result->cluster && !e.result->http1)
		return;
	why = e.result->message;
	if (e.result->cluster)
		why = "it speaks http/1.1, which cannot carry gRPC: it needs protocol h2 or h2c";
	complain(r, "ExtensionServiceNotFound", "spec.tracing.extensionService",
		 arena_printf(reader_arena(r), "%s; requests are not traced", why));
}

void services_report(struct reader *r)
{
	const K8s__ContourConfigurationSpec *config = config_read(r);
	struct authorization_global global;

	authorization_global(r, &global);
	if (global.problem.reason)
		complain(r, strchr(global.problem.reason, '/') + 1,
			 arena_printf(reader_arena(r), "spec.globalExtAuth.%s",
				      global.problem.field),
			 arena_printf(reader_arena(r), "%s; requests are refused",
				      global.problem.why));
	if (config->rate_limit_service)
		report_rate_limits(r, config->rate_limit_service);
	if (config->tracing)
		report_tracing(r, config->tracing->extension_service);
}

void services_policy_read(struct reader *r, struct route_authorization *ret)
{
	struct authorization_policy policy = { 0 };
	struct authorization_global global;

	*ret = (struct route_authorization){ 0 };
	authorization_global(r, &global);
	if (!global.filter)
		return;
	authorization_overlay(reader_arena(r), global.policy, &policy);
	*ret = authorization_route(&policy);
}
