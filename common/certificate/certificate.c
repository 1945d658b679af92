/* Makes and reads certificates, with OpenSSL. Used by portolan-certgen and by the watcher. */
#include <errno.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

#include "common/base/alloc.h"
#include "common/base/openssl.h"
#include "common/base/strbuf.h"
#include "common/certificate/certificate.h"

#define SERIAL_BITS 127
/* Clocks of two machines differ. */
#define BACKDATED_SECONDS (5L * 60)
#define DAY_SECONDS       (24L * 60 * 60)
#define BUNDLE_MAX        16

static X509 *read_one(BIO *in)
{
	X509 *x = PEM_read_bio_X509(in, NULL, NULL, NULL);

	ERR_clear_error();
	return x;
}

static X509 *read_first(const char *pem)
{
	_cleanup_(free_bio) BIO *in = pem ? BIO_new_mem_buf(pem, -1) : NULL;

	return in ? read_one(in) : NULL;
}

static int no_passphrase(char *buf _unused_, int size _unused_, int rw _unused_, void *u _unused_)
{
	return -1;
}

static EVP_PKEY *read_key(const char *pem)
{
	_cleanup_(free_bio) BIO *in = pem ? BIO_new_mem_buf(pem, -1) : NULL;
	EVP_PKEY *key = in ? PEM_read_bio_PrivateKey(in, NULL, no_passphrase, NULL) : NULL;

	ERR_clear_error();
	return key;
}

static char *text_of(BIO *bio)
{
	char *data;
	long n = BIO_get_mem_data(bio, &data);

	return xstrndup(data, (size_t)n);
}

static char *print_x509(X509 *x)
{
	_cleanup_(free_bio) BIO *out = BIO_new(BIO_s_mem());

	return out && PEM_write_bio_X509(out, x) ? text_of(out) : NULL;
}

static char *print_key(EVP_PKEY *key)
{
	_cleanup_(free_bio) BIO *out = BIO_new(BIO_s_secmem());

	return out && PEM_write_bio_PKCS8PrivateKey(out, key, NULL, NULL, 0, NULL, NULL)
		       ? text_of(out)
		       : NULL;
}

/* ---- making ---- */

static bool set_serial(X509 *x)
{
	_cleanup_(free_number) BIGNUM *n = BN_new();

	return n && BN_rand(n, SERIAL_BITS, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) &&
	       BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x));
}

static bool set_name(X509_NAME *name, const char *common_name)
{
	return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
					  (const unsigned char *)common_name, -1, -1, 0);
}

static bool set_time(X509 *x, unsigned days)
{
	return X509_gmtime_adj(X509_getm_notBefore(x), -BACKDATED_SECONDS) &&
	       X509_gmtime_adj(X509_getm_notAfter(x), (long)days * DAY_SECONDS);
}

static bool add(X509 *x, X509 *issuer, int nid, const char *value)
{
	_cleanup_(free_extension) X509_EXTENSION *e = NULL;
	X509V3_CTX ctx;

	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	return e && X509_add_ext(x, e, -1);
}

static bool add_names(X509 *x, X509 *issuer, const char *const *names, const char *uri)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;

	if (uri && strspn(uri, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
			       ".-:/") < strlen(uri))
		return false;
	if (uri)
		strbuf_printf(&text, "URI:%s%s", uri, *names ? "," : "");
	for (size_t i = 0; names[i]; i++) {
		/* The characters of DNS names only: the text is a configuration of OpenSSL's. */
		if (strspn(names[i], "abcdefghijklmnopqrstuvwxyz0123456789.-") < strlen(names[i]))
			return false;
		strbuf_printf(&text, "%sDNS:%s", i ? "," : "", names[i]);
	}
	return add(x, issuer, NID_subject_alt_name, strbuf_str(&text));
}

static bool add_extensions(X509 *x, X509 *issuer, const struct certificate_request *request)
{
	if (!add(x, issuer, NID_subject_key_identifier, "hash") ||
	    (issuer != x && !add(x, issuer, NID_authority_key_identifier, "keyid,issuer")))
		return false;
	if (!request->purpose)
		return add(x, issuer, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
		       add(x, issuer, NID_key_usage, "critical,keyCertSign,cRLSign");
	return add(x, issuer, NID_basic_constraints, "critical,CA:FALSE") &&
	       add(x, issuer, NID_key_usage, "critical,digitalSignature") &&
	       add(x, issuer, NID_ext_key_usage, request->purpose) &&
	       add_names(x, issuer, request->names, request->uri);
}

static bool fill(X509 *x, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key,
		 const struct certificate_request *request)
{
	return X509_set_version(x, X509_VERSION_3) && set_serial(x) && set_time(x, request->days) &&
	       set_name(X509_get_subject_name(x), request->common_name) &&
	       X509_set_issuer_name(x, X509_get_subject_name(issuer)) && X509_set_pubkey(x, key) &&
	       add_extensions(x, issuer, request) && X509_sign(x, issuer_key, EVP_sha256());
}

int certificate_make(const struct certificate_request *request, const struct secret *signer,
		     struct secret *ret)
{
	_cleanup_(free_key) EVP_PKEY *key = EVP_EC_gen("P-256"), *issuer_key = NULL;
	_cleanup_(free_x509) X509 *x = X509_new(), *issuer = NULL;
	bool good;

	if (!key || !x)
		return -ENOMEM;
	if (signer) {
		issuer = read_first(signer->cert);
		issuer_key = read_key(signer->key);
		if (!issuer || !issuer_key)
			return -EINVAL;
	}
	good = fill(x, key, issuer ? issuer : x, issuer_key ? issuer_key : key, request);
	ERR_clear_error();
	if (!good)
		return -EINVAL;
	secret_done(ret);
	ret->cert = print_x509(x);
	ret->key = print_key(key);
	return ret->cert && ret->key ? 0 : -ENOMEM;
}

/* ---- reading ---- */

int certificate_split(const char *pem, struct secret *ret)
{
	_cleanup_(free_x509) X509 *x = read_first(pem);
	_cleanup_(free_key) EVP_PKEY *key = read_key(pem);

	if (!x || !key)
		return -EBADMSG;
	secret_done(ret);
	ret->cert = print_x509(x);
	ret->key = print_key(key);
	return ret->cert && ret->key ? 0 : -ENOMEM;
}

bool certificate_lasts(const char *pem, const char *key, int64_t seconds)
{
	_cleanup_(free_x509) X509 *x = read_first(pem);
	_cleanup_(free_key) EVP_PKEY *k = read_key(key);
	time_t now = time(NULL), then = now + seconds;
	bool fits = x && k && X509_check_private_key(x, k) == 1;

	ERR_clear_error();
	return fits && X509_cmp_time(X509_get0_notBefore(x), &now) < 0 &&
	       X509_cmp_time(X509_get0_notAfter(x), &then) > 0;
}

unsigned certificate_age(const char *pem)
{
	_cleanup_(free_x509) X509 *x = read_first(pem);
	int days, seconds, all_days, all_seconds;
	int64_t age, all;

	if (!x || !ASN1_TIME_diff(&days, &seconds, X509_get0_notBefore(x), NULL) ||
	    !ASN1_TIME_diff(&all_days, &all_seconds, X509_get0_notBefore(x),
			    X509_get0_notAfter(x))) {
		ERR_clear_error();
		return 100;
	}
	age = days * (int64_t)DAY_SECONDS + seconds;
	all = all_days * (int64_t)DAY_SECONDS + all_seconds;
	return age < 0 ? 0 : all <= 0 || age > all ? 100 : (unsigned)(100 * age / all);
}

bool certificate_is_signed_by(const char *pem, const char *authority)
{
	_cleanup_(free_x509) X509 *x = read_first(pem), *ca = read_first(authority);
	bool is = x && ca && X509_verify(x, X509_get0_pubkey(ca)) == 1;

	ERR_clear_error();
	return is;
}

bool certificate_has_names(const char *pem, const char *const *names)
{
	_cleanup_(free_x509) X509 *x = read_first(pem);

	for (size_t i = 0; x && names[i]; i++)
		if (X509_check_host(x, names[i], 0, 0, NULL) != 1)
			return false;
	return x;
}

bool certificate_has_uri(const char *pem, const char *uri)
{
	_cleanup_(free_x509) X509 *x = read_first(pem);
	GENERAL_NAMES *all = x ? X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL) : NULL;
	bool has = false;

	for (int i = 0; i < sk_GENERAL_NAME_num(all); i++) {
		const GENERAL_NAME *n = sk_GENERAL_NAME_value(all, i);
		const ASN1_IA5STRING *s = n->type == GEN_URI ? n->d.uniformResourceIdentifier
							     : NULL;

		has |= s && (size_t)ASN1_STRING_length(s) == strlen(uri) &&
		       memcmp(ASN1_STRING_get0_data(s), uri, strlen(uri)) == 0;
	}
	GENERAL_NAMES_free(all);
	ERR_clear_error();
	return has;
}

bool certificate_is_in(const char *pem, const char *bundle)
{
	_cleanup_(free_x509) X509 *wanted = read_first(pem);
	_cleanup_(free_bio) BIO *in = bundle ? BIO_new_mem_buf(bundle, -1) : NULL;

	for (unsigned i = 0; wanted && in && i < BUNDLE_MAX; i++) {
		_cleanup_(free_x509) X509 *x = read_one(in);

		if (!x)
			return false;
		if (X509_cmp(x, wanted) == 0)
			return true;
	}
	return false;
}

char *certificate_end(const char *pem)
{
	_cleanup_(free_x509) X509 *x = read_first(pem);
	char text[64] = "unknown";
	struct tm tm = { 0 };

	if (x && ASN1_TIME_to_tm(X509_get0_notAfter(x), &tm))
		(void)strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S UTC", &tm);
	return xstrdup(text);
}

char *certificate_join(const char *first, const char *bundle)
{
	_cleanup_(free_x509) X509 *head = read_first(first);
	_cleanup_(free_bio) BIO *in = bundle ? BIO_new_mem_buf(bundle, -1) : NULL;
	struct strbuf out = STRBUF_INIT;

	strbuf_puts(&out, first);
	for (unsigned i = 0; head && in && i < BUNDLE_MAX; i++) {
		_cleanup_(free_x509) X509 *x = read_one(in);
		_cleanup_free_ char *text = x ? print_x509(x) : NULL;
		time_t now = time(NULL);

		if (!text)
			break;
		if (X509_cmp(x, head) != 0 && X509_cmp_time(X509_get0_notAfter(x), &now) > 0)
			strbuf_puts(&out, text);
	}
	return strbuf_take(&out);
}
