/* Certificates of clients: what an HTTPProxy's host asks of them, and what of them its upstreams are told.
 * Runs in the translator. */
#include <errno.h>
#include <string.h>

#include "translator/certificate.h"
#include "translator/delegation.h"
#include "translator/proxy.h"

#define FIELD "spec.virtualhost.tls.clientValidation"

/* One key of a Secret of this or, where it is delegated, of another namespace. */
static int read_key(struct proxy_node *node, const char *text, const char *key, const char *field,
		    ProtobufCBinaryData *ret)
{
	const char *secret, *why;
	const K8s__Secret *s;

	if (delegation_resolve(node->r, text, node->namespace, &secret, &why) < 0) {
		proxy_error(node, "TLSError/DelegationNotPermitted", field, "%s", why);
		return -EINVAL;
	}
	s = read_message(node->r, OBJECT_SECRET, secret);
	for (size_t i = 0; s && i < s->n_data; i++)
		if (strcmp(s->data[i]->key, key) == 0) {
			*ret = s->data[i]->value;
			return 0;
		}
	proxy_error(node, "TLSError/ClientValidationInvalid", field, "there is no Secret %s with %s", secret,
		    key);
	return -EINVAL;
}

static int read_authority(struct proxy_node *node, const K8s__ProxyClientValidation *v, ProtobufCBinaryData *ret)
{
	const char *why;

	if (!*v->ca_secret) {
		if (v->skip_client_cert_validation)
			return 0;
		proxy_error(node, "TLSError/ClientValidationInvalid", FIELD,
			    "it needs caSecret, or skipClientCertValidation");
		return -EINVAL;
	}
	if (read_key(node, v->ca_secret, "ca.crt", FIELD ".caSecret", ret) < 0)
		return -EINVAL;
	if (certificate_check_authority(ret->data, ret->len, &why) == 0)
		return 0;
	proxy_error(node, "TLSError/ClientValidationInvalid", FIELD ".caSecret", "Secret %s: %s", v->ca_secret,
		    why);
	return -EINVAL;
}

static int read_revoked(struct proxy_node *node, const K8s__ProxyClientValidation *v, ProtobufCBinaryData *ret)
{
	const char *why;

	if (!*v->crl_secret)
		return 0;
	if (read_key(node, v->crl_secret, "crl.pem", FIELD ".crlSecret", ret) < 0)
		return -EINVAL;
	if (certificate_check_revoked(ret->data, ret->len, &why) == 0)
		return 0;
	proxy_error(node, "TLSError/ClientValidationInvalid", FIELD ".crlSecret", "Secret %s: %s", v->crl_secret,
		    why);
	return -EINVAL;
}

int proxy_client_plan(struct proxy_node *node, const K8s__ProxyClientValidation *v, Portolan__Model__HostTls *ret)
{
	Portolan__Model__HostClient *c;

	if (!v)
		return 0;
	c = ENVOY_NEW(node->a, Portolan__Model__HostClient, PORTOLAN__MODEL__HOST_CLIENT__INIT);
	if (read_authority(node, v, &c->authority) < 0 || read_revoked(node, v, &c->revoked) < 0)
		return -EINVAL;
	c->has_authority = c->authority.len != 0;
	c->has_revoked = c->revoked.len != 0;
	c->has_leaf_only = c->has_may_be_absent = c->has_untrusted = 1;
	c->leaf_only = v->crl_only_verify_leaf_cert;
	c->may_be_absent = v->optional_client_certificate;
	c->untrusted = v->skip_client_cert_validation;
	if (v->forward_client_certificate) {
		const K8s__ProxyForwardClientCertificate *f = v->forward_client_certificate;

		c->forward = ENVOY_NEW(node->a, Portolan__Model__HostClient__Forward,
				       PORTOLAN__MODEL__HOST_CLIENT__FORWARD__INIT);
		c->forward->subject = f->subject != 0;
		c->forward->cert = f->cert != 0;
		c->forward->chain = f->chain != 0;
		c->forward->dns = f->dns != 0;
		c->forward->uri = f->uri != 0;
	}
	ret->client = c;
	return 0;
}
