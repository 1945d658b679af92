/* JSON Web Key Sets (RFC 7517), checked by OpenSSL. */
#include <errno.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/obj_mac.h>
#include <string.h>

#include "common/base/document.h"
#include "common/decode/decode.h"
#include "proto/jwks.pb-c.h"
#include "translator/check/jwks.h"

#define BYTES_MAX    (256 * 1024)
#define KEYS_MAX     256
#define RSA_BITS_MIN 2048 /* RFC 7518, section 3.3 */
#define RSA_BITS_MAX 8192 /* more is refused by Envoy (BoringSSL) */

typedef Portolan__Jwks__Key Key;

static void free_bn(BIGNUM **n)
{
	BN_free(*n);
}

static void free_group(EC_GROUP **g)
{
	EC_GROUP_free(*g);
}

static void free_point(EC_POINT **p)
{
	EC_POINT_free(*p);
}

/* Base64url, padded or not (RFC 7515, section 2). NULL if it is empty or invalid. */
static uint8_t *decode(struct arena *a, const char *text, size_t *ret_len)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	size_t len = strspn(text, alphabet), n = 0;
	uint8_t *out = arena_alloc(a, len);
	uint32_t bits = 0;

	if (!len || len % 4 == 1 || text[len + strspn(text + len, "=")])
		return NULL;
	for (size_t i = 0; i < len; i++) {
		bits = bits << 6 | (uint32_t)(strchr(alphabet, text[i]) - alphabet);
		if (i % 4)
			out[n++] = (uint8_t)(bits >> (6 - 2 * (i % 4)));
	}
	*ret_len = n;
	return out;
}

static BIGNUM *decode_number(struct arena *a, const char *text)
{
	size_t len;
	const uint8_t *bytes = decode(a, text, &len);

	return bytes ? BN_bin2bn(bytes, (int)len, NULL) : NULL;
}

static const char *check_rsa(struct arena *a, const Key *k)
{
	_cleanup_(free_bn) BIGNUM *n = decode_number(a, k->n);
	_cleanup_(free_bn) BIGNUM *e = decode_number(a, k->e);

	if (*k->alg && strncmp(k->alg, "RS", 2) != 0 && strncmp(k->alg, "PS", 2) != 0)
		return "its alg is not for signatures by RSA";
	if (!n || !e)
		return "its n and e are not numbers in base64url";
	if (BN_num_bits(n) < RSA_BITS_MIN || BN_num_bits(n) > RSA_BITS_MAX || !BN_is_odd(n))
		return "its RSA key has not between 2048 and 8192 bits";
	if (!BN_is_odd(e) || BN_num_bits(e) < 2 || BN_num_bits(e) > 32)
		return "Envoy does not accept its exponent e";
	return NULL;
}

static const char *check_ec(struct arena *a, const Key *k)
{
	static const struct {
		const char *curve, *alg;
		int nid;
	} rows[] = {
		{ "P-256", "ES256", NID_X9_62_prime256v1 },
		{ "P-384", "ES384", NID_secp384r1 },
		{ "P-521", "ES512", NID_secp521r1 },
	};
	size_t i = 0;

	/* RFC 7518, section 6.2.1.1, asks for crv; Envoy takes it from alg where it is missing. */
	while (i < ARRAY_SIZE(rows) &&
	       strcmp(*k->crv ? rows[i].curve : rows[i].alg, *k->crv   ? k->crv
							     : *k->alg ? k->alg
								       : "ES256") != 0)
		i++;
	if (i == ARRAY_SIZE(rows))
		return "its crv is not one of P-256, P-384 and P-521";
	if (*k->alg && strcmp(k->alg, rows[i].alg) != 0)
		return "its alg does not fit its crv";

	_cleanup_(free_bn) BIGNUM *x = decode_number(a, k->x);
	_cleanup_(free_bn) BIGNUM *y = decode_number(a, k->y);
	_cleanup_(free_group) EC_GROUP *group = EC_GROUP_new_by_curve_name(rows[i].nid);
	_cleanup_(free_point) EC_POINT *point = group ? EC_POINT_new(group) : NULL;
	bool good = x && y && point &&
		    EC_POINT_set_affine_coordinates(group, point, x, y, NULL) == 1;

	ERR_clear_error();
	return good ? NULL : "its x and y are not a point on its curve";
}

static const char *check_okp(struct arena *a, const Key *k)
{
	size_t len;

	if (strcmp(k->crv, "Ed25519") != 0 || (*k->alg && strcmp(k->alg, "EdDSA") != 0))
		return "it is an OKP key, but not Ed25519 for EdDSA";
	return decode(a, k->x, &len) && len == 32 ? NULL : "its x is not 32 bytes in base64url";
}

static const char *check_oct(struct arena *a, const Key *k)
{
	size_t len;

	if (*k->alg && strcmp(k->alg, "HS256") != 0 && strcmp(k->alg, "HS384") != 0 &&
	    strcmp(k->alg, "HS512") != 0)
		return "its alg is not for signatures by a shared secret";
	return decode(a, k->k, &len) ? NULL : "its k is not in base64url";
}

static const char *check_key(struct arena *a, const Key *k)
{
	static const struct {
		const char *kty;
		const char *(*check)(struct arena *a, const Key *k);
	} rows[] = {
		{ "RSA", check_rsa }, { "EC", check_ec }, { "OKP", check_okp }, { "oct", check_oct }
	};

	if (*k->use && strcmp(k->use, "sig") != 0)
		return "its use is not sig";
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (strcmp(rows[i].kty, k->kty) == 0)
			return rows[i].check(a, k);
	return "its kty is not one of RSA, EC, OKP and oct";
}

static void put_key(struct document *d, const Key *k)
{
	const struct {
		const char *name, *value;
	} rows[] = { { "kty", k->kty }, { "alg", k->alg }, { "kid", k->kid },
		     { "crv", k->crv }, { "n", k->n },     { "e", k->e },
		     { "x", k->x },     { "y", k->y },     { "k", k->k } };

	document_map(d);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (!*rows[i].value)
			continue;
		document_key(d, rows[i].name);
		document_string(d, rows[i].value);
	}
	document_end(d);
}

static int rewrite(struct arena *a, const Portolan__Jwks__Set *set, struct jwks *ret,
		   const char **ret_why)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	const char *first = NULL;
	struct document d;
	size_t good = 0;

	document_init(&d, &out, DOCUMENT_JSON);
	document_map(&d);
	document_key(&d, "keys");
	document_list(&d);
	for (size_t i = 0; i < set->n_keys; i++) {
		const char *why = check_key(a, set->keys[i]);

		if (why && !first)
			first = arena_printf(a, "keys[%zu]: %s", i, why);
		if (why)
			continue;
		put_key(&d, set->keys[i]);
		good++;
	}
	document_end(&d);
	document_end(&d);
	if (!good) {
		*ret_why = arena_printf(a, "it has no key that can be used: %s",
					first ? first : "keys is empty");
		return -EINVAL;
	}
	*ret = (struct jwks){ .text = arena_strndup(a, out.s, out.len), .len = out.len };
	if (first)
		ret->warning = arena_printf(a, "%zu of its %zu keys are left out: %s",
					    set->n_keys - good, set->n_keys, first);
	return 0;
}

int jwks_check(struct arena *a, const void *text, size_t len, struct jwks *ret,
	       const char **ret_why)
{
	struct decode_limits limits = DECODE_LIMITS_DEFAULT;
	_cleanup_(decoder_freep) struct decoder *decoder = NULL;
	const struct decode_problem *problems;
	ProtobufCMessage *set;
	size_t n, i = 0;

	if (!len || len > BYTES_MAX) {
		*ret_why = len ? "it is longer than 256 KiB" : "it is empty";
		return -EINVAL;
	}
	limits.bytes = BYTES_MAX;
	decoder = decoder_new(&limits);
	if (decode_message(decoder, DECODE_JSON, &portolan__jwks__set__descriptor, text, len, &set,
			   &problems, &n) < 0) {
		while (i < n && !problems[i].error)
			i++;
		*ret_why =
			arena_printf(a, "it is no JSON Web Key Set: %s%s%s",
				     i < n && problems[i].field ? problems[i].field : "",
				     i < n && problems[i].field && *problems[i].field ? ": " : "",
				     i < n ? problems[i].message : "it cannot be read");
		return -EINVAL;
	}
	if (((Portolan__Jwks__Set *)set)->n_keys > KEYS_MAX) {
		*ret_why = "it has more than 256 keys";
		return -EINVAL;
	}
	return rewrite(a, (const Portolan__Jwks__Set *)set, ret, ret_why);
}
