/* The Kubernetes kinds that we know. Used by watcher, translator and the portolan command. */
#include <string.h>
#include <strings.h>

#include "common/base/cleanup.h"
#include "common/base/spelling.h"
#include "common/decode/object-kind.h"
#include "k8s/certificates.pb-c.h"
#include "k8s/contour-configuration.pb-c.h"
#include "k8s/contour-deployment.pb-c.h"
#include "k8s/core.pb-c.h"
#include "k8s/discovery.pb-c.h"
#include "k8s/gateway-experimental.pb-c.h"
#include "k8s/gateway-route.pb-c.h"
#include "k8s/gateway.pb-c.h"
#include "k8s/networking.pb-c.h"
#include "k8s/projectcontour.pb-c.h"

#define KIND_SLIPS  2 /* letters that may differ */
#define GROUP_SLIPS 3

#define GATEWAY_API   "gateway.networking.k8s.io"
#define GATEWAY_API_X "gateway.networking.x-k8s.io"

static const struct object_kind_row rows[OBJECT_KIND_MAX_] = {
	[OBJECT_INGRESS] = { "Ingress", "networking.k8s.io", "v1", "ingresses", true,
			     &k8s__ingress__descriptor },
	[OBJECT_INGRESS_CLASS] = { "IngressClass", "networking.k8s.io", "v1", "ingressclasses",
				   false, &k8s__ingress_class__descriptor },
	[OBJECT_SERVICE] = { "Service", "", "v1", "services", true, &k8s__service__descriptor },
	[OBJECT_ENDPOINT_SLICE] = { "EndpointSlice", "discovery.k8s.io", "v1", "endpointslices",
				    true, &k8s__endpoint_slice__descriptor },
	[OBJECT_SECRET] = { "Secret", "", "v1", "secrets", true, &k8s__secret__descriptor },
	[OBJECT_NAMESPACE] = { "Namespace", "", "v1", "namespaces", false,
			       &k8s__namespace__descriptor },
	[OBJECT_CONFIG_MAP] = { "ConfigMap", "", "v1", "configmaps", true,
				&k8s__config_map__descriptor },
	[OBJECT_HTTP_PROXY] = { "HTTPProxy", "projectcontour.io", "v1", "httpproxies", true,
				&k8s__httpproxy__descriptor },
	[OBJECT_TLS_CERTIFICATE_DELEGATION] = { "TLSCertificateDelegation", "projectcontour.io",
						"v1", "tlscertificatedelegations", true,
						&k8s__tlscertificate_delegation__descriptor },
	[OBJECT_EXTENSION_SERVICE] = { "ExtensionService", "projectcontour.io", "v1alpha1",
				       "extensionservices", true,
				       &k8s__extension_service__descriptor },
	[OBJECT_CONTOUR_CONFIGURATION] = { "ContourConfiguration", "projectcontour.io", "v1alpha1",
					   "contourconfigurations", true,
					   &k8s__contour_configuration__descriptor },
	[OBJECT_GATEWAY_CLASS] = { "GatewayClass", GATEWAY_API, "v1", "gatewayclasses", false,
				   &k8s__gateway_class__descriptor, true, "v1beta1" },
	[OBJECT_GATEWAY] = { "Gateway", GATEWAY_API, "v1", "gateways", true,
			     &k8s__gateway__descriptor, true, "v1beta1" },
	[OBJECT_HTTP_ROUTE] = { "HTTPRoute", GATEWAY_API, "v1", "httproutes", true,
				&k8s__httproute__descriptor, true, "v1beta1" },
	[OBJECT_GRPC_ROUTE] = { "GRPCRoute", GATEWAY_API, "v1", "grpcroutes", true,
				&k8s__grpcroute__descriptor, true, "v1alpha2" },
	[OBJECT_TLS_ROUTE] = { "TLSRoute", GATEWAY_API, "v1", "tlsroutes", true,
			       &k8s__tlsroute__descriptor, true, "v1alpha3", "v1alpha2" },
	[OBJECT_TCP_ROUTE] = { "TCPRoute", GATEWAY_API, "v1", "tcproutes", true,
			       &k8s__tcproute__descriptor, true, "v1alpha2" },
	[OBJECT_REFERENCE_GRANT] = { "ReferenceGrant", GATEWAY_API, "v1", "referencegrants", true,
				     &k8s__reference_grant__descriptor, true, "v1beta1" },
	[OBJECT_BACKEND_TLS_POLICY] = { "BackendTLSPolicy", GATEWAY_API, "v1", "backendtlspolicies",
					true, &k8s__backend_tlspolicy__descriptor, true,
					"v1alpha3" },
	[OBJECT_UDP_ROUTE] = { "UDPRoute", GATEWAY_API, "v1", "udproutes", true,
			       &k8s__udproute__descriptor, true, "v1alpha2" },
	[OBJECT_LISTENER_SET] = { "ListenerSet", GATEWAY_API, "v1", "listenersets", true,
				  &k8s__listener_set__descriptor, true },
	[OBJECT_X_BACKEND] = { "XBackend", GATEWAY_API_X, "v1alpha1", "xbackends", true,
			       &k8s__xbackend__descriptor, true },
	[OBJECT_X_BACKEND_TRAFFIC_POLICY] = { "XBackendTrafficPolicy", GATEWAY_API_X, "v1alpha1",
					      "xbackendtrafficpolicies", true,
					      &k8s__xbackend_traffic_policy__descriptor, true },
	[OBJECT_X_TELEMETRY_POLICY] = { "XTelemetryPolicy", GATEWAY_API_X, "v1alpha1",
					"xtelemetrypolicies", true,
					&k8s__xtelemetry_policy__descriptor, true },
	[OBJECT_CLUSTER_TRUST_BUNDLE] = { "ClusterTrustBundle", "certificates.k8s.io", "v1",
					  "clustertrustbundles", false,
					  &k8s__cluster_trust_bundle__descriptor, true, "v1beta1",
					  "v1alpha1" },
	[OBJECT_CONTOUR_DEPLOYMENT] = { "ContourDeployment", "projectcontour.io", "v1alpha1",
					"contourdeployments", true,
					&k8s__contour_deployment__descriptor, true },
};

/* kubectl's short names. */
static const struct {
	const char *word;
	enum object_kind kind;
} short_names[] = {
	{ "ing", OBJECT_INGRESS },
	{ "svc", OBJECT_SERVICE },
	{ "ns", OBJECT_NAMESPACE },
	{ "cm", OBJECT_CONFIG_MAP },
	{ "proxy", OBJECT_HTTP_PROXY },
	{ "proxies", OBJECT_HTTP_PROXY },
	{ "tlscerts", OBJECT_TLS_CERTIFICATE_DELEGATION },
	{ "contourconfig", OBJECT_CONTOUR_CONFIGURATION },
	{ "contourdeploy", OBJECT_CONTOUR_DEPLOYMENT },
	{ "gc", OBJECT_GATEWAY_CLASS },
	{ "gtw", OBJECT_GATEWAY },
	{ "lset", OBJECT_LISTENER_SET },
	{ "refgrant", OBJECT_REFERENCE_GRANT },
	{ "btlspolicy", OBJECT_BACKEND_TLS_POLICY },
	{ "xbtrafficpolicy", OBJECT_X_BACKEND_TRAFFIC_POLICY },
};

const struct object_kind_row *object_kind(unsigned kind)
{
	return kind < OBJECT_KIND_MAX_ && rows[kind].kind ? &rows[kind] : NULL;
}

static size_t rank_of(const struct object_kind_row *row, const char *version)
{
	const char *const all[] = { row->version, row->older, row->oldest };
	size_t i = 0;

	while (i < ARRAY_SIZE(all) && (!all[i] || strcmp(all[i], version) != 0))
		i++;
	return i;
}

const char *object_kind_version(const struct object_kind_row *row, const char *version)
{
	const char *const all[] = { row->version, row->older, row->oldest, NULL };

	return all[rank_of(row, version)];
}

bool object_kind_has_version(const struct object_kind_row *row, const char *version)
{
	return object_kind_version(row, version) != NULL;
}

bool object_kind_prefers(const struct object_kind_row *row, const char *a, const char *b)
{
	return rank_of(row, a) < rank_of(row, b);
}

static bool is_api_version(const struct object_kind_row *r, const char *api_version)
{
	size_t n = strlen(r->group);

	if (n == 0)
		return object_kind_has_version(r, api_version);
	return strncmp(api_version, r->group, n) == 0 && api_version[n] == '/' &&
	       object_kind_has_version(r, api_version + n + 1);
}

enum object_kind object_kind_find(const char *api_version, const char *kind)
{
	for (unsigned k = 1; k < OBJECT_KIND_MAX_; k++)
		if (rows[k].kind && strcmp(rows[k].kind, kind) == 0 &&
		    is_api_version(&rows[k], api_version))
			return (enum object_kind)k;
	return 0;
}

static size_t group_length(const char *api_version)
{
	const char *slash = strchr(api_version, '/');

	return slash ? (size_t)(slash - api_version) : 0;
}

static bool is_group(const char *api_version, const char *group)
{
	size_t n = group_length(api_version);

	return strlen(group) == n && memcmp(api_version, group, n) == 0;
}

/* Kubernetes' own groups, which have no kinds of ours except the known ones: their names have no
 * dot, as those of definitions must, or end in .k8s.io. */
static bool is_kubernetes_group(const char *api_version)
{
	size_t n = group_length(api_version);

	return !memchr(api_version, '.', n) ||
	       (n > 7 && memcmp(api_version + n - 7, ".k8s.io", 7) == 0);
}

/* Other groups have a kind of this name, too: Istio's Gateway, Knative's Service. */
static bool is_common(const char *kind)
{
	static const char *const words[] = { "Ingress",   "Service",  "Secret",
					     "Namespace", "Gateway",  "ConfigMap",
					     "TLSRoute",  "TCPRoute", "UDPRoute" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strcmp(words[i], kind) == 0)
			return true;
	return false;
}

static bool is_wrong_group(const struct object_kind_row *row, const char *api_version)
{
	size_t n = group_length(api_version), len = strlen(row->group);

	return !is_common(row->kind) || is_kubernetes_group(api_version) ||
	       (len &&
		spelling_distance(api_version, n, row->group, len, GROUP_SLIPS) <= GROUP_SLIPS);
}

bool object_kind_near(const char *api_version, const char *kind, struct near_kind *ret)
{
	size_t n = strlen(kind);
	unsigned best = KIND_SLIPS + 1;

	for (unsigned k = 1; k < OBJECT_KIND_MAX_; k++) {
		const struct object_kind_row *row = &rows[k];
		bool same_group = row->kind && is_group(api_version, row->group);
		unsigned slips;

		if (!row->kind)
			continue;
		slips = spelling_distance(kind, n, row->kind, strlen(row->kind), KIND_SLIPS);
		if (slips >= best || (slips && !same_group))
			continue;
		if (!same_group && !is_wrong_group(row, api_version))
			continue;
		best = slips;
		*ret = (struct near_kind){ row, !same_group || strcmp(kind, row->kind) == 0 };
	}
	return best <= KIND_SLIPS;
}

enum object_kind object_kind_named(const char *word)
{
	for (unsigned k = 1; k < OBJECT_KIND_MAX_; k++)
		if (rows[k].kind &&
		    (strcasecmp(rows[k].kind, word) == 0 || strcasecmp(rows[k].plural, word) == 0))
			return (enum object_kind)k;
	for (size_t i = 0; i < ARRAY_SIZE(short_names); i++)
		if (strcasecmp(short_names[i].word, word) == 0)
			return short_names[i].kind;
	return 0;
}
