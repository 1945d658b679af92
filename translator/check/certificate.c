/* Certificates and keys: read by OpenSSL, checked by the rules of Envoy's BoringSSL
 * (source/common/tls/context_impl.cc and server_context_impl.cc). tests/functional/
 * test_certificates.py asks real Envoys whether these are the rules. */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/decoder.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "translator/check/certificate.h"
#include "translator/check/der.h"
#include "translator/check/pem.h"

#define BYTES_MAX    (1024 * 1024) /* the size limit of a Secret */
#define NAMES_MAX    1024
#define RSA_BITS_MIN 2048 /* less is refused by Envoy (BoringSSL) */

static void free_x509(X509 **x)
{
	X509_free(*x);
}

static void free_crl(X509_CRL **x)
{
	X509_CRL_free(*x);
}

static void free_bn(BIGNUM **n)
{
	BN_free(*n);
}

static void free_key(EVP_PKEY **k)
{
	EVP_PKEY_free(*k);
}

static void free_names(GENERAL_NAMES **n)
{
	GENERAL_NAMES_free(*n);
}

static bool is_certificate(const char *label)
{
	return strcmp(label, PEM_STRING_X509) == 0 || strcmp(label, PEM_STRING_X509_OLD) == 0 ||
	       strcmp(label, PEM_STRING_X509_TRUSTED) == 0;
}

static X509 *parse_certificate(const struct pem_block *block)
{
	bool trusted = strcmp(block->label, PEM_STRING_X509_TRUSTED) == 0;
	const unsigned char *p = block->data;
	_cleanup_(free_x509) X509 *x = NULL;

	if (block->has_headers || !der_certificate_is_strict(block->data, block->len, trusted))
		return NULL;
	x = trusted ? d2i_X509_AUX(NULL, &p, (long)block->len)
		    : d2i_X509(NULL, &p, (long)block->len);
	ERR_clear_error();
	/* A key of a sort that OpenSSL does not know is refused later, or does not matter. */
	return x && (size_t)(p - block->data) == block->len ? TAKE_PTR(x) : NULL;
}

static const char *unreadable(struct arena *a, const char *file, const struct pem_block *block)
{
	return arena_printf(a, "%s has a %s, in line %u, that cannot be read", file,
			    is_certificate(block->label) ? "certificate" : block->label,
			    block->line);
}

static const char *nothing(struct arena *a, const char *file, const char *what, const void *text,
			   size_t len)
{
	const char *hint = pem_hint(text, len);

	return arena_printf(a, "%s has no PEM %s that can be read%s%s", file, what,
			    hint ? ": " : "", hint ? hint : "");
}

static int in_file(struct arena *a, const char *file, const char **why)
{
	*why = arena_printf(a, "%s: %s", file, *why);
	return -EINVAL;
}

static const char *passed_over(struct arena *a, const char *file, unsigned line)
{
	return arena_printf(a,
			    "%s has a UTF-8 byte order mark in line %u: Envoy passes over the "
			    "block that begins there",
			    file, line);
}

/* Clients with OpenSSL, among others, read no larger ones. */
#define CHAIN_BYTES_MAX (100 * 1024)

static const char *check_size(struct arena *a, size_t bytes)
{
	if (bytes <= CHAIN_BYTES_MAX)
		return NULL;
	return arena_printf(a,
			    "its certificates have %zu KiB; most clients take 100 KiB and end the "
			    "handshake",
			    bytes / 1024);
}

/* The leaf is the first; all of the chain can be read. */
static int read_chain(struct arena *a, const void *pem, size_t len, X509 **ret_leaf,
		      const char **ret_warning, const char **ret_why)
{
	struct pem_reader reader = pem_reader(a, pem, len);
	_cleanup_(free_x509) X509 *leaf = NULL;
	struct pem_block block;
	size_t bytes = 0;
	int r;

	while ((r = pem_next(&reader, &block, ret_why)) > 0) {
		_cleanup_(free_x509) X509 *x = NULL;

		/* Envoy passes over trust settings after the first certificate. */
		if (!is_certificate(block.label) ||
		    (leaf && strcmp(block.label, PEM_STRING_X509_TRUSTED) == 0))
			continue;
		x = parse_certificate(&block);
		if (!x) {
			*ret_why = unreadable(a, "tls.crt", &block);
			return -EINVAL;
		}
		bytes += block.len;
		if (!leaf)
			leaf = TAKE_PTR(x);
	}
	if (r < 0)
		return in_file(a, "tls.crt", ret_why);
	if (!leaf) {
		*ret_why = nothing(a, "tls.crt", "certificate", pem, len);
		return -EINVAL;
	}
	*ret_warning = reader.marked ? passed_over(a, "tls.crt", reader.marked)
				     : check_size(a, bytes);
	*ret_leaf = TAKE_PTR(leaf);
	return 0;
}

/* A key as DER. The decoder is made once: OpenSSL 3.0 takes most of a millisecond to find out which
 * of its decoders could be meant. */
static EVP_PKEY *decode_key(const unsigned char *der, size_t len)
{
	static OSSL_DECODER_CTX *decoder;
	static EVP_PKEY *key; /* where the decoder puts the key */

	if (!decoder)
		decoder = OSSL_DECODER_CTX_new_for_pkey(&key, "DER", NULL, NULL, EVP_PKEY_KEYPAIR,
							NULL, NULL);
	assert(decoder);
	if (OSSL_DECODER_from_data(decoder, &der, &len))
		return TAKE_PTR(key);
	EVP_PKEY_free(TAKE_PTR(key));
	return NULL;
}

#define NO_KEY (-1) /* a block that an older Envoy tries to read, and cannot */

static const struct key_label {
	const char *label;
	int type; /* 0: any */
} key_labels[] = {
	{ PEM_STRING_PKCS8INF, 0 },       { PEM_STRING_PKCS8, 0 },
	{ PEM_STRING_RSA, EVP_PKEY_RSA }, { PEM_STRING_ECPRIVATEKEY, EVP_PKEY_EC },
	{ PEM_STRING_DSA, EVP_PKEY_DSA }, { PEM_STRING_EVP_PKEY, NO_KEY },
};

static const struct key_label *key_label(const char *label)
{
	for (size_t i = 0; i < ARRAY_SIZE(key_labels); i++)
		if (strcmp(key_labels[i].label, label) == 0)
			return &key_labels[i];
	return NULL;
}

static EVP_PKEY *parse_key(const struct pem_block *block)
{
	const struct key_label *row = key_label(block->label);
	_cleanup_(free_key) EVP_PKEY *key = NULL;

	if (!row->type && !der_is_private_key_info(block->data, block->len))
		return NULL;
	if ((row->type == EVP_PKEY_RSA || row->type == EVP_PKEY_EC) &&
	    !der_key_is_strict(block->data, block->len, row->type == EVP_PKEY_RSA) &&
	    !der_is_private_key_info(block->data, block->len))
		return NULL;
	key = decode_key(block->data, block->len);
	ERR_clear_error();
	return key && (!row->type || EVP_PKEY_get_base_id(key) == row->type) ? TAKE_PTR(key) : NULL;
}

/* The first key counts, as in Envoy; blocks of other kinds, as EC PARAMETERS, are passed over. */
static int read_key(struct arena *a, const void *pem, size_t len, EVP_PKEY **ret,
		    const char **ret_why)
{
	struct pem_reader reader = pem_reader(a, pem, len);
	struct pem_block block;
	int r;

	do
		r = pem_next(&reader, &block, ret_why);
	while (r > 0 && !key_label(block.label));
	if (r < 0)
		return in_file(a, "tls.key", ret_why);
	if (r == 0) {
		*ret_why = nothing(a, "tls.key", "private key", pem, len);
		return -EINVAL;
	}
	if (block.is_encrypted || strcmp(block.label, PEM_STRING_PKCS8) == 0) {
		*ret_why = "tls.key has no PEM private key that can be read without a passphrase";
		return -EINVAL;
	}
	*ret = block.has_headers ? NULL : parse_key(&block);
	if (!*ret)
		*ret_why = unreadable(a, "tls.key", &block);
	return *ret ? 0 : -EINVAL;
}

/* Keys that Envoy can serve: RSA of 2048 bits or more, ECDSA on P-256, P-384 or P-521, and
 * Ed25519. */
static int check_strength(const EVP_PKEY *key, const char **ret_why)
{
	static const char *const curves[] = { "prime256v1", "secp384r1", "secp521r1" };
	char group[64];
	size_t n;

	if (EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA) {
		if (EVP_PKEY_get_bits(key) >= RSA_BITS_MIN)
			return 0;
		*ret_why = "its RSA key is shorter than 2048 bits, which Envoy refuses";
		return -EINVAL;
	}
	if (EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519)
		return 0;
	if (EVP_PKEY_get_base_id(key) == EVP_PKEY_EC &&
	    EVP_PKEY_get_group_name(key, group, sizeof(group), &n))
		for (size_t i = 0; i < ARRAY_SIZE(curves); i++)
			if (strcmp(group, curves[i]) == 0)
				return 0;
	*ret_why = "its key is of a sort that Envoy refuses; use RSA (2048 bits or more), ECDSA on "
		   "P-256, P-384 or P-521, or Ed25519";
	return -EINVAL;
}

/* BoringSSL knows a certificate's curve by its name only; a private key may spell it out. */
static int check_curve(X509 *leaf, const char **ret_why)
{
	const EVP_PKEY *key = X509_get0_pubkey(leaf);
	char form[16];

	if (!key || EVP_PKEY_get_base_id(key) != EVP_PKEY_EC ||
	    (EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_EC_ENCODING, form, sizeof(form),
					    NULL) &&
	     strcmp(form, OSSL_PKEY_EC_ENCODING_GROUP) == 0))
		return 0;
	ERR_clear_error();
	*ret_why = "its certificate spells out the parameters of its elliptic curve, which Envoy "
		   "refuses: make the key with -param_enc named_curve";
	return -EINVAL;
}

static BIGNUM *part(const EVP_PKEY *key, const char *name)
{
	BIGNUM *n = NULL;

	EVP_PKEY_get_bn_param(key, name, &n);
	return n;
}

/* a·b = 1 modulo n */
static bool are_inverse(const BIGNUM *a, const BIGNUM *b, const BIGNUM *n, BN_CTX *c)
{
	_cleanup_(free_bn) BIGNUM *product = BN_new();

	return product && BN_mod_mul(product, a, b, n, c) && BN_is_one(product);
}

/* One of the two primes: d·e = 1 modulo p - 1, and d modulo p - 1 is what is given. */
static bool prime_fits(const EVP_PKEY *key, const char *prime, const char *exponent, BN_CTX *c)
{
	_cleanup_(free_bn) BIGNUM *p = part(key, prime), *given = part(key, exponent);
	_cleanup_(free_bn) BIGNUM *e = part(key, OSSL_PKEY_PARAM_RSA_E);
	_cleanup_(free_bn) BIGNUM *d = part(key, OSSL_PKEY_PARAM_RSA_D);
	_cleanup_(free_bn) BIGNUM *rest = BN_new();

	return p && given && e && d && rest && BN_sub_word(p, 1) && are_inverse(d, e, p, c) &&
	       BN_mod(rest, d, p, c) && BN_cmp(rest, given) == 0;
}

/* n = p·q, and the numbers for the Chinese remainder: all that BoringSSL looks at. */
static bool rsa_fits(const EVP_PKEY *key)
{
	_cleanup_(free_bn) BIGNUM *n = part(key, OSSL_PKEY_PARAM_RSA_N);
	_cleanup_(free_bn) BIGNUM *p = part(key, OSSL_PKEY_PARAM_RSA_FACTOR1);
	_cleanup_(free_bn) BIGNUM *q = part(key, OSSL_PKEY_PARAM_RSA_FACTOR2);
	_cleanup_(free_bn) BIGNUM *inverse = part(key, OSSL_PKEY_PARAM_RSA_COEFFICIENT1);
	_cleanup_(free_bn) BIGNUM *product = BN_new();
	BN_CTX *c = BN_CTX_new();
	bool good =
		n && p && q && inverse && product && c && BN_mul(product, p, q, c) &&
		BN_cmp(product, n) == 0 && are_inverse(inverse, q, p, c) &&
		prime_fits(key, OSSL_PKEY_PARAM_RSA_FACTOR1, OSSL_PKEY_PARAM_RSA_EXPONENT1, c) &&
		prime_fits(key, OSSL_PKEY_PARAM_RSA_FACTOR2, OSSL_PKEY_PARAM_RSA_EXPONENT2, c);

	BN_CTX_free(c);
	return good;
}

/* The private part fits the public one. */
static bool key_fits(EVP_PKEY *key)
{
	EVP_PKEY_CTX *c;
	bool good;

	if (EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA)
		return rsa_fits(key);
	if (EVP_PKEY_get_base_id(key) != EVP_PKEY_EC)
		return true; /* its public part is computed from it */
	c = EVP_PKEY_CTX_new(key, NULL);
	good = c && EVP_PKEY_pairwise_check(c) == 1;
	EVP_PKEY_CTX_free(c);
	ERR_clear_error();
	return good;
}

static bool public_is_strict(const X509 *leaf, const EVP_PKEY *key)
{
	int type = EVP_PKEY_get_base_id(key), len;
	unsigned char *der = NULL;
	bool good;

	if (type != EVP_PKEY_RSA && type != EVP_PKEY_EC)
		return true;
	len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(leaf), &der);
	good = len > 0 && der_public_key_is_strict(der, (size_t)len, type == EVP_PKEY_RSA);
	OPENSSL_free(der);
	return good;
}

static int check_pair(X509 *leaf, EVP_PKEY *key, const char **ret_why)
{
	if (X509_check_private_key(leaf, key) != 1) {
		ERR_clear_error();
		*ret_why = "the key in tls.key does not belong to the first certificate in tls.crt";
		return -EINVAL;
	}
	if (!public_is_strict(leaf, key)) {
		*ret_why = "the public key in its certificate is written in a way that Envoy "
			   "refuses";
		return -EINVAL;
	}
	if (!key_fits(key)) {
		*ret_why = "the private part of the key in tls.key does not fit its public part";
		return -EINVAL;
	}
	return 0;
}

/* The first extension of a kind, or NULL. */
static const ASN1_OCTET_STRING *extension(X509 *leaf, int nid)
{
	int i = X509_get_ext_by_NID(leaf, nid, -1);

	return i < 0 ? NULL : X509_EXTENSION_get_data(X509_get_ext(leaf, i));
}

/* BoringSSL: a certificate with an ECDSA key must allow signing, if it lists its usages. */
static int check_usage(X509 *leaf, const EVP_PKEY *key, const char **ret_why)
{
	const ASN1_OCTET_STRING *s = extension(leaf, NID_key_usage);

	if (EVP_PKEY_get_base_id(key) != EVP_PKEY_EC || !s ||
	    der_usage_signs(ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s)))
		return 0;
	*ret_why = "its certificate has a key usage without digitalSignature, which Envoy refuses "
		   "for an ECDSA key";
	return -EINVAL;
}

/* RFC 7633 with the feature status_request alone: Envoy wants an OCSP response with it. */
static int check_staple(X509 *leaf, const char **ret_why)
{
	static const unsigned char must_staple[] = { 0x30, 0x03, 0x02, 0x01, 0x05 };
	const ASN1_OCTET_STRING *s = extension(leaf, NID_tlsfeature);

	if (!s || ASN1_STRING_length(s) != sizeof(must_staple) ||
	    memcmp(ASN1_STRING_get0_data(s), must_staple, sizeof(must_staple)) != 0)
		return 0;
	*ret_why =
		"its certificate must be served with an OCSP response (\"must staple\"), which a "
		"Secret cannot hold: issue it without that extension";
	return -EINVAL;
}

/* Envoy makes its sessions' context of the names. */
static int check_identity(X509 *leaf, const char **ret_why)
{
	X509_NAME *subject = X509_get_subject_name(leaf);
	int cn = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
	_cleanup_(free_names)
		GENERAL_NAMES *names = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
	int n = names ? sk_GENERAL_NAME_num(names) : 0;
	bool any = cn >= 0;

	ERR_clear_error();
	if (cn >= 0 &&
	    ASN1_STRING_length(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, cn))) <= 0) {
		*ret_why = "its certificate has an empty common name, which Envoy refuses";
		return -EINVAL;
	}
	for (int i = 0; i < n && !any; i++) {
		int type = sk_GENERAL_NAME_value(names, i)->type;

		any = type == GEN_DNS || type == GEN_IPADD || type == GEN_URI;
	}
	if (any)
		return 0;
	*ret_why = "its certificate has no common name and no alternative name (DNS name, IP "
		   "address or URI), which Envoy refuses";
	return -EINVAL;
}

static int check_leaf(X509 *leaf, const EVP_PKEY *key, const char **ret_why)
{
	int r = check_curve(leaf, ret_why);

	if (r == 0)
		r = check_usage(leaf, key, ret_why);
	if (r == 0)
		r = check_staple(leaf, ret_why);
	return r < 0 ? r : check_identity(leaf, ret_why);
}

static char *name_text(struct arena *a, const GENERAL_NAME *g)
{
	const ASN1_STRING *s = g->type == GEN_DNS ? g->d.dNSName : g->d.iPAddress;
	const unsigned char *data = ASN1_STRING_get0_data(s);
	int len = ASN1_STRING_length(s);
	char text[INET6_ADDRSTRLEN];

	if (g->type == GEN_DNS)
		return memchr(data, 0, (size_t)len)
			       ? NULL
			       : arena_strndup(a, (const char *)data, (size_t)len);
	if (len == 4 || len == 16)
		return arena_strdup(a, inet_ntop(len == 4 ? AF_INET : AF_INET6, data, text,
						 sizeof(text)));
	return NULL;
}

static void read_names(struct arena *a, X509 *leaf, struct certificate_facts *ret)
{
	_cleanup_(free_names)
		GENERAL_NAMES *names = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
	int n = names ? sk_GENERAL_NAME_num(names) : 0;

	ret->names = arena_new_of(a, char *, NAMES_MAX);
	for (int i = 0; i < n && ret->n_names < NAMES_MAX; i++) {
		const GENERAL_NAME *g = sk_GENERAL_NAME_value(names, i);
		char *text = g->type == GEN_DNS || g->type == GEN_IPADD ? name_text(a, g) : NULL;

		if (text)
			ret->names[ret->n_names++] = text;
	}
}

static const char *date(struct arena *a, const ASN1_TIME *t)
{
	struct tm tm;
	char text[32];

	if (!ASN1_TIME_to_tm(t, &tm) || !strftime(text, sizeof(text), "%Y-%m-%d %H:%M UTC", &tm))
		return "an unreadable date";
	return arena_strdup(a, text);
}

static int64_t not_after(const X509 *leaf)
{
	struct tm tm;

	return ASN1_TIME_to_tm(X509_get0_notAfter(leaf), &tm) ? (int64_t)timegm(&tm) : 0;
}

static const char *check_dates(struct arena *a, const X509 *leaf)
{
	const ASN1_TIME *from = X509_get0_notBefore(leaf), *until = X509_get0_notAfter(leaf);

	if (X509_cmp_current_time(until) < 0)
		return arena_printf(a, "its certificate expired on %s; clients will refuse it",
				    date(a, until));
	if (X509_cmp_current_time(from) > 0)
		return arena_printf(a, "its certificate is not valid before %s", date(a, from));
	return NULL;
}

int certificate_check(struct arena *a, const void *chain, size_t chain_len, const void *key,
		      size_t key_len, struct certificate_facts *ret, const char **ret_why)
{
	_cleanup_(free_x509) X509 *leaf = NULL;
	_cleanup_(free_key) EVP_PKEY *private = NULL;
	struct certificate_facts facts = { 0 };
	const char *warning;
	int r;

	if (chain_len > BYTES_MAX || key_len > BYTES_MAX) {
		*ret_why = "tls.crt or tls.key is longer than 1 MiB";
		return -EINVAL;
	}
	r = read_chain(a, chain, chain_len, &leaf, &warning, ret_why);
	if (r < 0)
		return r;
	r = read_key(a, key, key_len, &private, ret_why);
	if (r < 0)
		return r;
	r = check_strength(private, ret_why);
	if (r < 0)
		return r;
	r = check_pair(leaf, private, ret_why);
	if (r < 0)
		return r;
	r = check_leaf(leaf, private, ret_why);
	if (r < 0)
		return r;
	read_names(a, leaf, &facts);
	facts.not_after = not_after(leaf);
	facts.warning = check_dates(a, leaf);
	if (!facts.warning)
		facts.warning = warning;
	*ret = facts;
	return 0;
}

enum { BUNDLE_OTHER, BUNDLE_BAD, BUNDLE_CERTIFICATE, BUNDLE_LIST };

/* BoringSSL reads these two extensions with the list. */
static bool list_is_readable(const struct pem_block *block)
{
	static const int nids[] = { NID_issuing_distribution_point, NID_authority_key_identifier };
	const unsigned char *p = block->data;
	_cleanup_(free_crl) X509_CRL *x = der_list_is_strict(block->data, block->len)
						  ? d2i_X509_CRL(NULL, &p, (long)block->len)
						  : NULL;
	bool good = x != NULL;

	for (size_t i = 0; good && i < ARRAY_SIZE(nids); i++) {
		int found;
		void *value = X509_CRL_get_ext_d2i(x, nids[i], &found, NULL);

		good = value || found == -1;
		ASN1_item_free(value, i == 0 ? ASN1_ITEM_rptr(ISSUING_DIST_POINT)
					     : ASN1_ITEM_rptr(AUTHORITY_KEYID));
	}
	ERR_clear_error();
	return good;
}

/* Like BoringSSL's PEM_X509_INFO_read_bio: every block of a known kind must be readable. */
static int bundle_entry(const struct pem_block *block)
{
	const struct key_label *row;

	if (is_certificate(block->label)) {
		_cleanup_(free_x509) X509 *x = parse_certificate(block);

		return x ? BUNDLE_CERTIFICATE : BUNDLE_BAD;
	}
	if (strcmp(block->label, PEM_STRING_X509_CRL) == 0)
		return !block->has_headers && list_is_readable(block) ? BUNDLE_LIST : BUNDLE_BAD;
	row = key_label(block->label);
	if (row && row->type > 0 && !block->is_encrypted) {
		_cleanup_(free_key) EVP_PKEY *key = block->has_headers ? NULL : parse_key(block);

		return key ? BUNDLE_OTHER : BUNDLE_BAD;
	}
	return BUNDLE_OTHER;
}

/* A PEM file with at least one entry of a kind. */
static int check_bundle(struct arena *a, const char *file, int wanted, const void *text, size_t len,
			const char **ret_why)
{
	struct pem_reader reader = pem_reader(a, text, len);
	struct pem_block block;
	size_t n = 0;
	int r;

	if (len > BYTES_MAX) {
		*ret_why = arena_printf(a, "%s is longer than 1 MiB", file);
		return -EINVAL;
	}
	while ((r = pem_next(&reader, &block, ret_why)) > 0) {
		int entry = bundle_entry(&block);

		if (entry == BUNDLE_BAD) {
			*ret_why = unreadable(a, file, &block);
			return -EINVAL;
		}
		n += entry == wanted;
	}
	if (r < 0)
		return in_file(a, file, ret_why);
	if (reader.marked) {
		*ret_why = passed_over(a, file, reader.marked);
		return -EINVAL;
	}
	if (n)
		return 0;
	*ret_why = nothing(a, file, wanted == BUNDLE_LIST ? "revocation list" : "certificate", text,
			   len);
	return -EINVAL;
}

int certificate_check_authority(struct arena *a, const void *bundle, size_t len,
				const char **ret_why)
{
	return check_bundle(a, "ca.crt", BUNDLE_CERTIFICATE, bundle, len, ret_why);
}

int certificate_check_revoked(struct arena *a, const void *lists, size_t len, const char **ret_why)
{
	return check_bundle(a, "crl.pem", BUNDLE_LIST, lists, len, ret_why);
}

int certificate_covers(char *const *names, size_t n, const char *host)
{
	const char *parent = strchr(host, '.');

	for (size_t i = 0; i < n; i++) {
		if (strcasecmp(names[i], host) == 0)
			return 1;
		if (parent && names[i][0] == '*' && strcasecmp(names[i] + 1, parent) == 0)
			return 1;
	}
	return 0;
}
