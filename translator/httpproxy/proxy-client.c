/* Certificates of clients: an HTTPProxy's demands on them, and the headers about them for
 * upstreams. */
#include <errno.h>
#include <string.h>

#include "translator/check/certificate.h"
#include "translator/httpproxy/proxy.h"
#include "translator/resolve/delegation.h"

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
	proxy_error(node, "TLSError/ClientValidationInvalid", field, "%s",
		    s ? arena_printf(node->a, "Secret %s has no %s", secret, key)
		      : object_missing(node->r, OBJECT_SECRET, secret));
	return -EINVAL;
}

static int read_authority(struct proxy_node *node, const K8s__ProxyClientValidation *v,
			  ProtobufCBinaryData *ret)
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
	if (certificate_check_authority(node->a, ret->data, ret->len, &why) == 0)
		return 0;
	proxy_error(node, "TLSError/ClientValidationInvalid", FIELD ".caSecret", "Secret %s: %s",
		    v->ca_secret, why);
	return -EINVAL;
}

static int read_revoked(struct proxy_node *node, const K8s__ProxyClientValidation *v,
			ProtobufCBinaryData *ret)
{
	const char *why;

	if (!*v->crl_secret)
		return 0;
	if (read_key(node, v->crl_secret, "crl.pem", FIELD ".crlSecret", ret) < 0)
		return -EINVAL;
	if (certificate_check_revoked(node->a, ret->data, ret->len, &why) == 0)
		return 0;
	proxy_error(node, "TLSError/ClientValidationInvalid", FIELD ".crlSecret", "Secret %s: %s",
		    v->crl_secret, why);
	return -EINVAL;
}

int proxy_client_plan(struct proxy_node *node, const K8s__ProxyClientValidation *v,
		      struct host_tls *ret)
{
	ProtobufCBinaryData authority = { 0 }, revoked = { 0 };
	const K8s__ProxyForwardClientCertificate *f;
	struct client_validation *c;

	if (!v)
		return 0;
	if (read_authority(node, v, &authority) < 0 || read_revoked(node, v, &revoked) < 0)
		return -EINVAL;
	if (v->crl_only_verify_leaf_cert && !*v->crl_secret)
		proxy_warning(node, "SpecError/IgnoredField", FIELD ".crlOnlyVerifyLeafCert",
			      "ignored: there is no crlSecret, so no certificate is looked up");
	c = arena_new_of(node->a, struct client_validation, 1);
	*c = (struct client_validation){ .authority = authority.data,
					 .authority_len = authority.len,
					 .revoked = revoked.data,
					 .revoked_len = revoked.len,
					 .leaf_only = v->crl_only_verify_leaf_cert,
					 .may_be_absent = v->optional_client_certificate,
					 .untrusted = v->skip_client_cert_validation };
	f = v->forward_client_certificate;
	if (f) {
		c->forward = true;
		c->subject = f->subject;
		c->cert = f->cert;
		c->chain = f->chain;
		c->dns = f->dns;
		c->uri = f->uri;
	}
	ret->client = c;
	return 0;
}
