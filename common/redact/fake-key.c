/* Keys and certificates in the place of real ones: made from a fingerprint, so that equal ones stay
 * equal, and good enough for OpenSSL and Envoy to take. Used by the recorder and the watcher. */
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "common/base/openssl.h"
#include "common/redact/fake-key.h"

#define BYTES_MAX    (1024 * 1024)
#define CHAIN_MAX    32
#define CURVE        "prime256v1"
#define RSA_BITS_MIN 2048 /* less is refused by Envoy */

FREE_BY(free_context, EVP_PKEY_CTX, EVP_PKEY_CTX_free)
FREE_BY(free_group, EC_GROUP, EC_GROUP_free)
FREE_BY(free_point, EC_POINT, EC_POINT_free)
FREE_BY(free_build, OSSL_PARAM_BLD, OSSL_PARAM_BLD_free)
FREE_BY(free_params, OSSL_PARAM, OSSL_PARAM_free)

static int no_passphrase(char *buf _unused_, int size _unused_, int rw _unused_, void *u _unused_)
{
	return -1;
}

/* ---- public data ---- */

static bool line_is(const uint8_t *line, size_t n, const char *word)
{
	while (n && (line[n - 1] == '\r' || line[n - 1] == ' '))
		n--;
	return n == strlen(word) && memcmp(line, word, n) == 0;
}

bool fake_key_is_public(const uint8_t *data, size_t n)
{
	static const char *const labels[][2] = {
		{ "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----" },
		{ "-----BEGIN X509 CRL-----", "-----END X509 CRL-----" },
	};
	const char *end = NULL;
	bool any = false;

	while (n) {
		const uint8_t *newline = memchr(data, '\n', n);
		size_t len = newline ? (size_t)(newline - data) : n, step = newline ? len + 1 : len;

		if (!end) {
			for (size_t i = 0; i < ARRAY_SIZE(labels); i++)
				if (line_is(data, len, labels[i][0]))
					end = labels[i][1];
			if (!end && !line_is(data, len, ""))
				return false;
			any = true;
		} else if (line_is(data, len, end)) {
			end = NULL;
		}
		data += step;
		n -= step;
	}
	return any && !end;
}

/* ---- keys ---- */

static EVP_PKEY *read_key(const uint8_t *data, size_t n)
{
	_cleanup_(free_bio) BIO *bio = NULL;
	EVP_PKEY *key;

	if (n > BYTES_MAX)
		return NULL;
	bio = BIO_new_mem_buf(data, (int)n);
	key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
	ERR_clear_error();
	return key;
}

static bool is_strong(const EVP_PKEY *key)
{
	char group[64];
	size_t n;

	if (EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA)
		return EVP_PKEY_get_bits(key) >= RSA_BITS_MIN;
	return EVP_PKEY_get_base_id(key) == EVP_PKEY_EC &&
	       EVP_PKEY_get_group_name(key, group, sizeof(group), &n) &&
	       (strcmp(group, CURVE) == 0 || strcmp(group, "secp384r1") == 0 ||
		strcmp(group, "secp521r1") == 0);
}

/* The private number from the seed, in 1 … order - 1, and its point. */
static OSSL_PARAM *key_params(const uint8_t *seed)
{
	_cleanup_(free_group) EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
	_cleanup_(free_number) BIGNUM *number = BN_bin2bn(seed, FAKE_SEED_SIZE, NULL);
	_cleanup_(free_number) BIGNUM *order = BN_dup(EC_GROUP_get0_order(group));
	_cleanup_(free_point) EC_POINT *point = EC_POINT_new(group);
	_cleanup_(free_build) OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	BN_CTX *scratch = BN_CTX_new();
	unsigned char public[65];
	OSSL_PARAM *params = NULL;

	if (BN_sub_word(order, 1) && BN_mod(number, number, order, scratch) &&
	    BN_add_word(number, 1) && EC_POINT_mul(group, point, number, NULL, NULL, scratch) &&
	    EC_POINT_point2oct(group, point, POINT_CONVERSION_UNCOMPRESSED, public, sizeof(public),
			       scratch) == sizeof(public) &&
	    OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, CURVE, 0) &&
	    OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, public,
					     sizeof(public)) &&
	    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_PRIV_KEY, number))
		params = OSSL_PARAM_BLD_to_param(build);
	BN_CTX_free(scratch);
	return params;
}

static EVP_PKEY *make_key(const uint8_t *seed)
{
	_cleanup_(free_params) OSSL_PARAM *params = key_params(seed);
	_cleanup_(free_context)
		EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	EVP_PKEY *key = NULL;

	if (!params || EVP_PKEY_fromdata_init(context) <= 0 ||
	    EVP_PKEY_fromdata(context, &key, EVP_PKEY_KEYPAIR, params) <= 0)
		return NULL;
	return key;
}

static void take_bytes(BIO *bio, struct strbuf *ret)
{
	char *data;
	long n = BIO_get_mem_data(bio, &data);

	strbuf_add(ret, data, n > 0 ? (size_t)n : 0);
}

bool fake_key_make(const uint8_t *data, size_t n, const uint8_t seed[FAKE_SEED_SIZE],
		   struct strbuf *ret)
{
	_cleanup_(free_key) EVP_PKEY *real = read_key(data, n), *fake = NULL;
	_cleanup_(free_bio) BIO *bio = BIO_new(BIO_s_mem());

	if (!real || !is_strong(real))
		return false;
	fake = make_key(seed);
	if (!fake || !PEM_write_bio_PKCS8PrivateKey(bio, fake, NULL, NULL, 0, NULL, NULL))
		return false;
	take_bytes(bio, ret);
	return true;
}

/* ---- certificates ---- */

/* A key of another type may not allow the usages of an ECDSA key. */
static void drop_key_usage(X509 *x)
{
	int at = X509_get_ext_by_NID(x, NID_key_usage, -1);

	if (at >= 0)
		X509_EXTENSION_free(X509_delete_ext(x, at));
}

/* Uses Ed25519: its signatures depend only on key and content. */
static bool make_anew(X509 *x, EVP_PKEY *key, const uint8_t *issuer_seed)
{
	_cleanup_(free_key) EVP_PKEY *issuer =
		EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, issuer_seed, FAKE_SEED_SIZE);

	drop_key_usage(x);
	return issuer && X509_set_pubkey(x, key) && X509_sign(x, issuer, NULL) > 0;
}

bool fake_key_certify(const uint8_t *chain, size_t n, const uint8_t *real_key, size_t real_n,
		      const struct strbuf *fake_key, const uint8_t issuer_seed[FAKE_SEED_SIZE],
		      struct strbuf *ret)
{
	_cleanup_(free_key) EVP_PKEY *real = read_key(real_key, real_n);
	_cleanup_(free_key) EVP_PKEY *fake = read_key((const uint8_t *)fake_key->s, fake_key->len);
	_cleanup_(free_bio) BIO *in = NULL, *out = BIO_new(BIO_s_mem());
	unsigned count = 0;
	bool good = real && fake && n <= BYTES_MAX;

	if (!good)
		return false;
	in = BIO_new_mem_buf(chain, (int)n);
	while (good && count < CHAIN_MAX) {
		_cleanup_(free_x509) X509 *x = PEM_read_bio_X509(in, NULL, no_passphrase, NULL);

		if (!x)
			break;
		if (count++ == 0)
			good = X509_check_private_key(x, real) == 1 &&
			       make_anew(x, fake, issuer_seed);
		good = good && PEM_write_bio_X509(out, x);
	}
	good = good && count && ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
	ERR_clear_error();
	if (good)
		take_bytes(out, ret);
	return good;
}
