/* The Kubernetes kinds that we know. Used by watcher, translator and the portolan command. */
#include <string.h>
#include <strings.h>

#include "common/cleanup.h"
#include "common/object-kind.h"
#include "k8s/contour-configuration.pb-c.h"
#include "k8s/core.pb-c.h"
#include "k8s/discovery.pb-c.h"
#include "k8s/networking.pb-c.h"
#include "k8s/projectcontour.pb-c.h"

static const struct object_kind_row rows[OBJECT_KIND_MAX_] = {
	[OBJECT_INGRESS] = { "Ingress", "networking.k8s.io", "v1", "ingresses", true,
			     &k8s__ingress__descriptor },
	[OBJECT_INGRESS_CLASS] = { "IngressClass", "networking.k8s.io", "v1", "ingressclasses", false,
				   &k8s__ingress_class__descriptor },
	[OBJECT_SERVICE] = { "Service", "", "v1", "services", true, &k8s__service__descriptor },
	[OBJECT_ENDPOINT_SLICE] = { "EndpointSlice", "discovery.k8s.io", "v1", "endpointslices", true,
				    &k8s__endpoint_slice__descriptor },
	[OBJECT_SECRET] = { "Secret", "", "v1", "secrets", true, &k8s__secret__descriptor },
	[OBJECT_NAMESPACE] = { "Namespace", "", "v1", "namespaces", false, &k8s__namespace__descriptor },
	[OBJECT_CONFIG_MAP] = { "ConfigMap", "", "v1", "configmaps", true, &k8s__config_map__descriptor },
	[OBJECT_HTTP_PROXY] = { "HTTPProxy", "projectcontour.io", "v1", "httpproxies", true,
				&k8s__httpproxy__descriptor },
	[OBJECT_TLS_CERTIFICATE_DELEGATION] = { "TLSCertificateDelegation", "projectcontour.io", "v1",
						"tlscertificatedelegations", true,
						&k8s__tlscertificate_delegation__descriptor },
	[OBJECT_EXTENSION_SERVICE] = { "ExtensionService", "projectcontour.io", "v1alpha1",
				       "extensionservices", true, &k8s__extension_service__descriptor },
	[OBJECT_CONTOUR_CONFIGURATION] = { "ContourConfiguration", "projectcontour.io", "v1alpha1",
					   "contourconfigurations", true,
					   &k8s__contour_configuration__descriptor },
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
	{ "contourconfig", OBJECT_CONTOUR_CONFIGURATION },
};

const struct object_kind_row *object_kind(unsigned kind)
{
	return kind < OBJECT_KIND_MAX_ && rows[kind].kind ? &rows[kind] : NULL;
}

static bool is_api_version(const struct object_kind_row *r, const char *api_version)
{
	size_t n = strlen(r->group);

	if (n == 0)
		return strcmp(api_version, r->version) == 0;
	return strncmp(api_version, r->group, n) == 0 && api_version[n] == '/' &&
	       strcmp(api_version + n + 1, r->version) == 0;
}

enum object_kind object_kind_find(const char *api_version, const char *kind)
{
	for (unsigned k = 1; k < OBJECT_KIND_MAX_; k++)
		if (rows[k].kind && strcmp(rows[k].kind, kind) == 0 &&
		    is_api_version(&rows[k], api_version))
			return (enum object_kind)k;
	return 0;
}

enum object_kind object_kind_named(const char *word)
{
	for (unsigned k = 1; k < OBJECT_KIND_MAX_; k++)
		if (rows[k].kind && (strcasecmp(rows[k].kind, word) == 0 ||
				     strcasecmp(rows[k].plural, word) == 0))
			return (enum object_kind)k;
	for (size_t i = 0; i < ARRAY_SIZE(short_names); i++)
		if (strcasecmp(short_names[i].word, word) == 0)
			return short_names[i].kind;
	return 0;
}
