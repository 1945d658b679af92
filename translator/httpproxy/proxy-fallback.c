/* Clients that name no host in their TLS handshake, and the parts of an HTTPProxy's host that they
 * get. */
#include <errno.h>
#include <string.h>

#include "translator/httpproxy/proxy.h"
#include "translator/resolve/config.h"
#include "translator/resolve/secret.h"

#define FIELD "spec.virtualhost.tls.enableFallbackCertificate"

/* All hosts share the chain for these clients: it cannot ask the services of a single one. */
static const char *find_incompatible(const K8s__HTTPProxySpec *spec)
{
	const K8s__ProxyVirtualHost *v = spec->virtualhost;

	if (v->tls->client_validation)
		return "clientValidation";
	if (v->authorization && v->authorization->extension_ref)
		return "authorization";
	if (v->n_jwt_providers)
		return "jwtProviders";
	return spec->tcpproxy ? "tcpproxy" : NULL;
}

int proxy_fallback_plan(struct proxy_node *node, struct host_tls *ret)
{
	const K8s__HTTPProxySpec *spec = node->proxy->spec;
	const K8s__ConfigHTTPProxy *config = config_read(node->r)->httpproxy;
	const K8s__ConfigReference *ref = config ? config->fallback_certificate : NULL;
	const char *other, *key;
	struct secret_found use;
	int r;

	if (!spec->virtualhost->tls->enable_fallback_certificate)
		return 0;
	other = find_incompatible(spec);
	if (other) {
		proxy_error(
			node, "TLSError/TLSIncompatibleFeatures", FIELD,
			"it cannot stand beside %s, which clients that name no host would pass by",
			other);
		return -EINVAL;
	}
	key = object_reference(node->r, ref);
	if (!key) {
		proxy_error(node, "TLSError/FallbackNotPresent", FIELD,
			    "the configuration has no fallback certificate");
		return -EINVAL;
	}
	r = secret_use(node->r, key, node->namespace, &use);
	if (r < 0) {
		proxy_error(node,
			    r == -EACCES ? "TLSError/FallbackNotDelegated"
					 : "TLSError/FallbackNotValid",
			    FIELD, "%s", use.why);
		return -EINVAL;
	}
	secret_report_kept(node->r, OBJECT_HTTP_PROXY, node->key, "TLSError/FallbackNotValid",
			   FIELD, use.key, use.facts);
	ret->fallback = use.key;
	return 0;
}
