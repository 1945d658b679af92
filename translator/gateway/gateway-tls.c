/* Certificates of listeners, authorities for clients' certificates, and the certificate that
 * backends are shown. */
#include <errno.h>
#include <string.h>

#include "translator/gateway/gateway.h"
#include "translator/resolve/authority.h"
#include "translator/resolve/secret.h"

#define AUTHORITIES_MAX 16

/* ---- Secrets ---- */

struct secret_use {
	struct grant_end from;
	const char *reason; /* where the Secret is not usable */
};

/* The usable Secret's key, or NULL with a flaw. Checks the grant first, so that no text tells about
 * Secrets of namespaces that did not allow it (G-RG-6). */
static const char *find_secret(struct reader *r, const struct secret_use *use,
			       const K8s__SecretObjectReference *ref, const char *field,
			       struct flaw *ret)
{
	struct arena *a = reader_arena(r);
	struct grant_end to = { "", "Secret",
				ref->namespace_ ? ref->namespace_ : use->from.namespace,
				ref->name };
	const char *key = arena_printf(a, "%s/%s", to.namespace, to.name);
	const Portolan__Model__SecretResult *facts;

	if (*ref->group || (*ref->kind && strcmp(ref->kind, "Secret") != 0)) {
		flaw_set(ret, use->reason,
			 arena_printf(a, "%s: a certificate is in a Secret, not in a %s", field,
				      ref->kind));
		return NULL;
	}
	if (!reference_grant_permits(r, &use->from, &to)) {
		flaw_set(ret, "RefNotPermitted",
			 arena_printf(a, "%s: %s", field, reference_grant_missing(a, &to)));
		return NULL;
	}
	facts = secret_find(r, key);
	if (!facts->usable || facts->kept)
		flaw_set(ret, use->reason,
			 arena_printf(a, "%s: Secret %s: %s", field, key, facts->message));
	return facts->usable ? key : NULL;
}

void gateway_tls_find_certificates(struct reader *r, struct gateway_listener *l)
{
	const K8s__ListenerTLSConfig *tls = l->spec->tls;
	const struct secret_use use = {
		{ GATEWAY_GROUP, object_kind(l->owner->kind)->kind, l->owner->namespace, NULL },
		"InvalidCertificateRef",
	};
	struct flaw flaw = { 0 };
	size_t n = tls ? tls->n_certificate_refs : 0;

	l->secrets = arena_new_of(reader_arena(r), const char *, n + 1);
	for (size_t i = 0; i < n; i++) {
		const char *key = find_secret(
			r, &use, tls->certificate_refs[i],
			arena_printf(reader_arena(r), "%s.tls.certificateRefs[%zu]", l->field, i),
			&flaw);

		if (key)
			l->secrets[l->n_secrets++] = key;
	}
	if (!n)
		flaw_set(&flaw, "InvalidCertificateRef",
			 "it terminates TLS, but names no certificate: give tls.certificateRefs");
	/* Certificates go before route kinds (S-LS-3). */
	if (flaw.reason)
		l->resolved = flaw;
}

const char *gateway_tls_find_own(struct reader *r, const char *gateway_key,
				 const K8s__GatewayTLSConfig *tls, struct flaw *ret_flaw)
{
	const K8s__SecretObjectReference *ref =
		tls && tls->backend ? tls->backend->client_certificate_ref : NULL;
	struct arena *a = reader_arena(r);
	const char *slash = strchr(gateway_key, '/');
	const struct secret_use use = {
		{ GATEWAY_GROUP, "Gateway",
		  arena_strndup(a, gateway_key, (size_t)(slash - gateway_key)), NULL },
		"InvalidClientCertificateRef",
	};

	return ref ? find_secret(r, &use, ref, "spec.tls.backend.clientCertificateRef", ret_flaw)
		   : NULL;
}

/* ---- clients' certificates ---- */

static const K8s__FrontendTLSValidation *find_validation(const K8s__GatewayTLSConfig *tls,
							 int32_t port)
{
	const K8s__FrontendTLSConfig *f = tls ? tls->frontend : NULL;

	for (size_t i = 0; f && i < f->n_per_port; i++)
		if (f->per_port[i]->port == port)
			return f->per_port[i]->tls ? f->per_port[i]->tls->validation : NULL;
	return f && f->default_ ? f->default_->validation : NULL;
}

static void read_authority(struct reader *r, const char *namespace, const K8s__CAReference *ref,
			   struct flaw *flaw, struct client_validation *ret)
{
	struct arena *a = reader_arena(r);
	bool bundle = strcmp(ref->kind, "ClusterTrustBundle") == 0;
	struct authority_ref authority = { ref->group, ref->kind,
					   ref->namespace_ ? ref->namespace_ : namespace,
					   ref->name };
	struct grant_end from = { GATEWAY_GROUP, "Gateway", namespace, NULL };
	struct grant_end to = { ref->group, ref->kind, authority.namespace, ref->name };
	ProtobufCBinaryData pem;
	const char *why;
	int e;

	if (!bundle && !reference_grant_permits(r, &from, &to)) {
		flaw_set(flaw, "RefNotPermitted", reference_grant_missing(a, &to));
		return;
	}
	e = authority_read(r, &authority, &pem, &why);
	if (e < 0) {
		flaw_set(flaw,
			 e == -ENOTSUP ? "InvalidCACertificateKind" : "InvalidCACertificateRef",
			 why);
		return;
	}
	authority_append(a, &pem, &ret->authority, &ret->authority_len);
}

void gateway_tls_find_clients(struct reader *r, const char *gateway_key,
			      const K8s__GatewayTLSConfig *tls, struct gateway_listener *l,
			      bool *ret_insecure)
{
	const K8s__FrontendTLSValidation *v =
		l->protocol == LISTENER_HTTPS ? find_validation(tls, l->spec->port) : NULL;
	struct arena *a = reader_arena(r);
	const char *namespace =
		arena_strndup(a, gateway_key, (size_t)(strchr(gateway_key, '/') - gateway_key));
	struct client_validation *client;
	struct flaw flaw = { 0 };

	if (!v)
		return;
	client = arena_new_of(a, struct client_validation, 1);
	*client = (struct client_validation){ 0 };
	for (size_t i = 0; i < v->n_ca_certificate_refs && i < AUTHORITIES_MAX; i++)
		read_authority(r, namespace, v->ca_certificate_refs[i], &flaw, client);
	if (!client->authority_len)
		flaw_set(&flaw, "InvalidCACertificateRef", "it names no authority");
	if (flaw.reason)
		flaw_set(&l->resolved, flaw.reason, flaw.message);
	if (!client->authority_len) {
		flaw_set(&l->accepted, "NoValidCACertificate",
			 "no authority is left by which clients' certificates could be verified");
		return;
	}
	if (strcmp(v->mode, "AllowInsecureFallback") == 0) {
		client->may_be_absent = client->untrusted = true;
		*ret_insecure = true;
	}
	l->client = client;
}
