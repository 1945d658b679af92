/* Explains failed TLS handshakes: which certificate, its fault, and what to do. Used by the
 * watcher's HTTP client. */
#include <arpa/inet.h>
#include <assert.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/base/alloc.h"
#include "common/base/strbuf.h"

#include "watcher/kube/certificate-error.h"

#define NAMES_MAX 32

struct certificate_error {
	int code; /* X509_V_ERR_…, 0: no error seen */
	char subject[256], issuer[256], when[64];
	struct strbuf names; /* that the server's certificate is for */
};

static int ctx_index = -1;

struct certificate_error *certificate_error_new(void)
{
	if (ctx_index < 0)
		ctx_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, NULL);
	assert(ctx_index >= 0);
	return xnew(struct certificate_error, 1);
}

void certificate_error_free(struct certificate_error *e)
{
	if (!e)
		return;
	strbuf_done(&e->names);
	free(e);
}

static void print_name(X509_NAME *name, char *out, size_t size)
{
	BIO *bio = BIO_new(BIO_s_mem());
	int n;

	assert(bio);
	(void)X509_NAME_print_ex(bio, name, 0, XN_FLAG_ONELINE & ~ASN1_STRFLGS_ESC_MSB);
	n = BIO_read(bio, out, (int)size - 1);
	out[n > 0 ? n : 0] = '\0';
	BIO_free(bio);
}

static void print_time(const ASN1_TIME *t, char *out, size_t size)
{
	struct tm tm = { 0 };

	out[0] = '\0';
	if (ASN1_TIME_to_tm(t, &tm))
		(void)strftime(out, size, "%Y-%m-%d %H:%M:%S UTC", &tm);
}

static void add_name(struct strbuf *b, const char *s, size_t len)
{
	strbuf_puts(b, b->len ? ", " : "");
	for (size_t i = 0; i < len; i++)
		strbuf_putc(b, s[i] > ' ' && s[i] < 0x7f ? s[i] : '?');
}

static void record_names(struct certificate_error *e, X509 *cert)
{
	GENERAL_NAMES *all = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	char text[INET6_ADDRSTRLEN];

	strbuf_clear(&e->names);
	for (int i = 0; i < sk_GENERAL_NAME_num(all) && i < NAMES_MAX; i++) {
		const GENERAL_NAME *n = sk_GENERAL_NAME_value(all, i);

		if (n->type == GEN_DNS) {
			add_name(&e->names, (const char *)ASN1_STRING_get0_data(n->d.dNSName),
				 (size_t)MIN(ASN1_STRING_length(n->d.dNSName), 255));
		} else if (n->type == GEN_IPADD) {
			int len = ASN1_STRING_length(n->d.iPAddress);

			if ((len == 4 || len == 16) &&
			    inet_ntop(len == 4 ? AF_INET : AF_INET6,
				      ASN1_STRING_get0_data(n->d.iPAddress), text, sizeof(text)))
				add_name(&e->names, text, strlen(text));
		}
	}
	GENERAL_NAMES_free(all);
}

static int on_verify(int ok, X509_STORE_CTX *store)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct certificate_error *e = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), ctx_index);
	X509 *cert = X509_STORE_CTX_get_current_cert(store);

	if (!e || !cert)
		return ok;
	if (X509_STORE_CTX_get_error_depth(store) == 0)
		record_names(e, cert);
	if (ok || e->code)
		return ok;
	e->code = X509_STORE_CTX_get_error(store);
	print_name(X509_get_subject_name(cert), e->subject, sizeof(e->subject));
	print_name(X509_get_issuer_name(cert), e->issuer, sizeof(e->issuer));
	print_time(e->code == X509_V_ERR_CERT_NOT_YET_VALID ? X509_get0_notBefore(cert)
							    : X509_get0_notAfter(cert),
		   e->when, sizeof(e->when));
	return ok;
}

void certificate_error_attach(struct certificate_error *e, void *ssl_ctx, bool insecure)
{
	if (insecure)
		return;
	SSL_CTX_set_ex_data(ssl_ctx, ctx_index, e);
	SSL_CTX_set_verify(ssl_ctx, SSL_VERIFY_PEER, on_verify);
}

static const char *why_not_trusted(const struct kube_access *a)
{
	return a->ca.file   ? "is not the authority in certificate-authority"
	       : a->ca.data ? "is not the authority in certificate-authority-data"
			    : "this system does not trust (set certificate-authority)";
}

static char *explain_code(const struct certificate_error *e, const struct kube_access *a)
{
	switch (e->code) {
	case X509_V_ERR_CERT_HAS_EXPIRED:
		return xasprintf("the API server's certificate (%s) has expired on %s", e->subject,
				 e->when);
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return xasprintf("the API server's certificate (%s) is not valid before %s: is "
				 "this machine's clock right?",
				 e->subject, e->when);
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_CERT_SIGNATURE_FAILURE:
		return xasprintf("the API server's certificate (%s) is signed by \"%s\", which %s",
				 e->subject, e->issuer, why_not_trusted(a));
	default:
		return xasprintf("the API server's certificate (%s): %s", e->subject,
				 X509_verify_cert_error_string(e->code));
	}
}

static char *explain_text(const struct certificate_error *e, const struct kube_access *a,
			  const char *text)
{
	const char *host = strstr(a->server, "://") + 3;

	if (strcasestr(text, "subject name"))
		return xasprintf(
			"the API server's certificate is for %s and not for %s: use one of "
			"those in server, or as tls-server-name",
			e->names.len ? strbuf_str(&e->names) : "no name at all",
			a->tls_server_name ? a->tls_server_name : host);
	if (strcasestr(text, "CA certificate blob"))
		return xasprintf("certificate-authority%s holds no certificate that can be read",
				 a->ca.file ? "" : "-data");
	if (strcasestr(text, "alert"))
		return xasprintf("the API server refuses the TLS handshake, perhaps for our client "
				 "certificate: %s",
				 text);
	return NULL;
}

char *certificate_error_explain(struct certificate_error *e, const struct kube_access *access,
				const char *text)
{
	char *s = e->code ? explain_code(e, access) : explain_text(e, access, text);

	e->code = 0;
	strbuf_clear(&e->names);
	return s;
}
