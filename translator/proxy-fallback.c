/* Clients that name no host in their TLS handshake, and what of an HTTPProxy's host they get. Runs in the
 * translator. */
#include <errno.h>
#include <string.h>

#include "translator/delegation.h"
#include "translator/proxy.h"

#define FIELD "spec.virtualhost.tls.enableFallbackCertificate"

/* The chain for these clients is one for all hosts: it cannot ask what one of them asks. */
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

int proxy_fallback_plan(struct proxy_node *node, Portolan__Model__HostTls *ret)
{
	const K8s__HTTPProxySpec *spec = node->proxy->spec;
	const K8s__ConfigHTTPProxy *config = units_config(node->r)->httpproxy;
	const K8s__ConfigReference *ref = config ? config->fallback_certificate : NULL;
	const Portolan__Model__SecretResult *facts;
	const char *other, *key, *why;

	if (!spec->virtualhost->tls->enable_fallback_certificate)
		return 0;
	other = find_incompatible(spec);
	if (other) {
		proxy_error(node, "TLSError/TLSIncompatibleFeatures", FIELD,
			    "it cannot stand beside %s, which clients that name no host would pass by", other);
		return -EINVAL;
	}
	key = units_reference(node->r, ref);
	if (!key) {
		proxy_error(node, "TLSError/FallbackNotPresent", FIELD,
			    "the configuration has no fallback certificate");
		return -EINVAL;
	}
	if (delegation_resolve(node->r, key, node->namespace, &key, &why) < 0) {
		proxy_error(node, "TLSError/FallbackNotDelegated", FIELD, "%s", why);
		return -EINVAL;
	}
	facts = units_secret(node->r, key);
	if (!facts->usable) {
		proxy_error(node, "TLSError/FallbackNotValid", FIELD, "Secret %s: %s", key, facts->message);
		return -EINVAL;
	}
	units_secret_kept(node->r, OBJECT_HTTP_PROXY, node->key, "TLSError/FallbackNotValid", FIELD, key, facts);
	ret->fallback = (char *)key;
	return 0;
}
