/* A GatewayClass: whether it is ours, and its status. */
#include <stdlib.h>
#include <string.h>

#include "common/decode/gateway-class.h"
#include "translator/gateway/gateway.h"
#include "translator/gateway/parameters.h"
#include "translator/kinds.h"
#include "translator/resolve/config.h"
#include "translator/resolve/object.h"
#include "translator/units.h"

/* The features that the documentation claims (v1.7.0), sorted: a conformance run takes it from
 * here (S-GC-1). */
static const char *const features[] = {
	"BackendTLSPolicy",
	"BackendTLSPolicySANValidation",
	"ClusterTrustBundle",
	"GRPCRoute",
	"GRPCRouteNamedRouteRule",
	"GRPCRouteRequestHeaderModifier",
	"Gateway",
	"GatewayAddressEmpty",
	"GatewayAddressRoutability",
	"GatewayAddressRoutabilityCluster",
	"GatewayBackendClientCertificate",
	"GatewayFrontendClientCertificateValidation",
	"GatewayFrontendClientCertificateValidationInsecureFallback",
	"GatewayHTTPListenerIsolation",
	"GatewayHTTPSListenerDetectMisdirectedRequests",
	"GatewayListenerFilters",
	"GatewayPort8080",
	"GatewayRouteHostnameIntersectionPrecedence",
	"GatewayStaticAddresses",
	"HTTPRoute",
	"HTTPRoute303RedirectStatusCode",
	"HTTPRoute307RedirectStatusCode",
	"HTTPRoute308RedirectStatusCode",
	"HTTPRouteBackendProtocolH2C",
	"HTTPRouteBackendProtocolWebSocket",
	"HTTPRouteBackendRequestHeaderModification",
	"HTTPRouteBackendTimeout",
	"HTTPRouteBackendURLRewrite",
	"HTTPRouteCORS",
	"HTTPRouteDestinationPortMatching",
	"HTTPRouteHostRewrite",
	"HTTPRouteMethodMatching",
	"HTTPRouteNamedRouteRule",
	"HTTPRouteParentRefPort",
	"HTTPRoutePathRedirect",
	"HTTPRoutePathRewrite",
	"HTTPRoutePortRedirect",
	"HTTPRouteQueryParamMatching",
	"HTTPRouteRequestMirror",
	"HTTPRouteRequestMultipleMirrors",
	"HTTPRouteRequestPercentageMirror",
	"HTTPRouteRequestTimeout",
	"HTTPRouteResponseHeaderModification",
	"HTTPRouteRetryCodes",
	"HTTPRouteRetryConnectionError",
	"HTTPRouteSchemeRedirect",
	"ListenerSet",
	"ReferenceGrant",
	"TCPRoute",
	"TLSRoute",
	"TLSRouteModeMixed",
	"TLSRouteModeTerminate",
	"UDPRoute",
};

/* Only where objects are made for a Gateway can its labels be on them. */
#define OF_PROVISIONING "GatewayInfrastructure"

/* The oldest version of the definitions that works (1.x). */
#define MINOR_MIN 3

const char *gateway_controller(struct reader *r)
{
	const char *name = config_read(r)->portolan->gateway->controller_name;

	return *name ? name : GATEWAY_CONTROLLER;
}

bool gateway_is_provisioned(struct reader *r)
{
	return config_read(r)->portolan->gateway->provisioning;
}

static const K8s__GatewayClass *read_class(struct reader *r, const char *name)
{
	return read_message(r, OBJECT_GATEWAY_CLASS, arena_printf(reader_arena(r), "/%s", name));
}

bool gateway_class_exists(struct reader *r, const char *name)
{
	return read_class(r, name) != NULL;
}

const K8s__ParametersReference *gateway_class_parameters(struct reader *r, const char *name)
{
	const K8s__GatewayClass *c = read_class(r, name);

	return c && c->spec ? c->spec->parameters_ref : NULL;
}

bool gateway_class_is_ours(struct reader *r, const char *name, const char **ret_why)
{
	const K8s__GatewayClass *c = read_class(r, name);

	if (!c || !c->spec) {
		*ret_why = arena_printf(reader_arena(r), "there is no GatewayClass %s", name);
		return false;
	}
	if (strcmp(c->spec->controller_name, gateway_controller(r)) == 0)
		return true;
	*ret_why = arena_printf(reader_arena(r),
				"GatewayClass %s belongs to the controller %s, ours is %s", name,
				c->spec->controller_name, gateway_controller(r));
	return false;
}

bool gateway_class_is_merged(struct reader *r, const char *name, const char **ret_word)
{
	return gateway_class_merges(read_class(r, name), ret_word);
}

static void check_merge(struct reader *r, const char *key, const K8s__GatewayClass *class)
{
	static const char field[] = "metadata.annotations[" MERGE_ANNOTATION "]";
	const char *word;
	bool merged = gateway_class_merges(class, &word);

	if (merged && !gateway_is_provisioned(r))
		object_warning(r, OBJECT_GATEWAY_CLASS, key, "FieldIgnored", field,
			       "ignored: only Gateways with Envoys of their own can share them: "
			       "set portolan.gateway.provisioning");
	else if (merged && strcmp(word, "true") != 0)
		object_warning(r, OBJECT_GATEWAY_CLASS, key, "InvalidValue", field,
			       "\"%s\" is taken for \"true\"; the other value is \"false\"", word);
}

static void tell_features(struct reader *r, Portolan__Ipc__ObjectStatus *s)
{
	const char **all = arena_new_of(reader_arena(r), const char *, ARRAY_SIZE(features) + 1);
	bool more = gateway_is_provisioned(r);

	for (size_t i = 0; i < ARRAY_SIZE(features); i++) {
		if (more && strcmp(features[i], OF_PROVISIONING) > 0) {
			all[s->n_supported_features++] = OF_PROVISIONING;
			more = false;
		}
		all[s->n_supported_features++] = features[i];
	}
	s->supported_features = (char **)(uintptr_t)all;
}

/* "v1.7.0", "v1.8.0-rc.1" */
static bool is_supported(const char *version)
{
	char *end;

	if (strncmp(version, "v1.", 3) != 0 || version[3] < '0' || version[3] > '9')
		return false;
	return strtoul(version + 3, &end, 10) >= MINOR_MIN && (!*end || *end == '.');
}

/* Reports the version that the cluster's definitions give (K-2); others are served as far as
 * possible. Objects from files have none, and a role need not let us read them. */
static void tell_version(struct reader *r, struct conditions *c)
{
	const struct item *bundle = read_object(r, OBJECT_BUNDLE, BUNDLE_KEY);
	struct arena *a = reader_arena(r);
	struct flaw flaw = { 0 };
	const char *version;

	if (!bundle) {
		conditions_add(a, c, "SupportedVersion", NULL, "SupportedVersion",
			       "The version of Gateway API is supported");
		return;
	}
	version = arena_strndup(a, (const char *)item_value(bundle), bundle->value_len);
	if (!*version)
		flaw_set(&flaw, "UnsupportedVersion",
			 "The definitions of Gateway API do not say which version they are: their "
			 "annotation gateway.networking.k8s.io/bundle-version is missing");
	else if (!is_supported(version))
		flaw_set(&flaw, "UnsupportedVersion",
			 arena_printf(a,
				      "The definitions of Gateway API are of version %s; v1.%d and "
				      "later ones of v1 are supported, others as far as their "
				      "fields are the same",
				      version, MINOR_MIN));
	conditions_add(a, c, "SupportedVersion", &flaw, "SupportedVersion",
		       arena_printf(a, "Version %s of Gateway API is supported", version));
}

void unit_gateway_class(struct reader *r, const char *key, size_t key_len _unused_)
{
	const K8s__GatewayClass *class = read_message(r, OBJECT_GATEWAY_CLASS, key);
	Portolan__Ipc__ObjectStatus s = PORTOLAN__IPC__OBJECT_STATUS__INIT;
	struct arena *a = reader_arena(r);
	struct conditions c = { 0 };
	struct flaw flaw = { 0 };
	const char *name = strchr(key, '/') + 1, *why;
	size_t n;

	if (!class || !class->spec)
		return;
	if (!gateway_class_is_ours(r, name, &why)) {
		emit_problem(r, OBJECT_GATEWAY_CLASS, key, PORTOLAN__IPC__SEVERITY__SEVERITY_INFO,
			     "OtherController", "spec.controllerName", "%s", why);
		emit_verdict(r, OBJECT_GATEWAY_CLASS, key, PORTOLAN__IPC__VERDICT__VERDICT_IGNORED);
		return;
	}
	parameters_check_class(r, key, class, &flaw);
	check_merge(r, key, class);
	if (flaw.reason)
		object_error(r, OBJECT_GATEWAY_CLASS, key, flaw.reason, NULL, "%s", flaw.message);
	conditions_add(a, &c, "Accepted", &flaw, "Accepted", "The class is served");
	tell_version(r, &c);
	s.conditions = c.all;
	s.n_conditions = c.n;
	tell_features(r, &s);
	(void)read_facts(r, FACT_CLASS_USE, name, strlen(name), &n);
	s.has_in_use = 1;
	s.in_use = n > 0;
	emit_status(r, OBJECT_GATEWAY_CLASS, key, &s);
	emit_verdict(r, OBJECT_GATEWAY_CLASS, key,
		     flaw.reason ? PORTOLAN__IPC__VERDICT__VERDICT_REJECTED
				 : PORTOLAN__IPC__VERDICT__VERDICT_ACCEPTED);
}
