/* Certificates and keys, checked by OpenSSL. Runs in the translator. */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <openssl/bio.h>
#include <openssl/decoder.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "translator/certificate.h"

#define LISTS_BYTES_MAX (1024 * 1024) /* as large as a Secret may be */
#define CHAIN_BYTES_MAX (1024 * 1024)
#define CHAIN_MAX 32
#define NAMES_MAX 1024
#define RSA_BITS_MIN 2048 /* less is refused by Envoy (BoringSSL) */

static void free_bio(BIO **b)
{
	BIO_free(*b);
}

static void free_x509(X509 **x)
{
	X509_free(*x);
}

static void free_key(EVP_PKEY **k)
{
	EVP_PKEY_free(*k);
}

static void free_names(GENERAL_NAMES **n)
{
	GENERAL_NAMES_free(*n);
}

/* An encrypted key would make OpenSSL ask for a passphrase on the terminal. */
static int no_passphrase(char *buf _unused_, int size _unused_, int rw _unused_, void *u _unused_)
{
	return -1;
}

static int at_end(void)
{
	unsigned long e = ERR_peek_last_error();

	return ERR_GET_LIB(e) == ERR_LIB_PEM && ERR_GET_REASON(e) == PEM_R_NO_START_LINE;
}

static int read_chain(const void *pem, size_t len, X509 **ret_leaf, const char **ret_why)
{
	_cleanup_(free_bio) BIO *bio = BIO_new_mem_buf(pem, (int)len);
	_cleanup_(free_x509) X509 *leaf = NULL;

	ERR_clear_error();
	for (unsigned n = 0;; n++) {
		X509 *x = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL);

		if (!x)
			break;
		if (n >= CHAIN_MAX) {
			X509_free(x);
			*ret_why = "tls.crt has more than 32 certificates";
			return -EINVAL;
		}
		if (leaf)
			X509_free(x);
		else
			leaf = x;
	}
	if (!at_end() || !leaf) {
		*ret_why = leaf ? "tls.crt has a certificate that cannot be read" :
				  "tls.crt has no PEM certificate that can be read";
		ERR_clear_error();
		return -EINVAL;
	}
	ERR_clear_error();
	*ret_leaf = TAKE_PTR(leaf);
	return 0;
}

/* One block of PEM, as DER. Made once: OpenSSL 3.0 takes most of a millisecond to find out which of its
 * decoders could be meant. */
static EVP_PKEY *decode_key(const unsigned char *der, long len)
{
	static OSSL_DECODER_CTX *decoder;
	static EVP_PKEY *key; /* where the decoder puts what it made */
	size_t left = (size_t)len;

	if (!decoder)
		decoder = OSSL_DECODER_CTX_new_for_pkey(&key, "DER", NULL, NULL, EVP_PKEY_KEYPAIR,
							NULL, NULL);
	assert(decoder);
	if (OSSL_DECODER_from_data(decoder, &der, &left))
		return TAKE_PTR(key);
	EVP_PKEY_free(TAKE_PTR(key));
	return NULL;
}

/* "PRIVATE KEY", "RSA PRIVATE KEY", "ENCRYPTED PRIVATE KEY"… */
static int is_key(const char *name)
{
	size_t n = strlen(name), m = strlen(PEM_STRING_PKCS8INF);

	return n >= m && strcmp(name + n - m, PEM_STRING_PKCS8INF) == 0;
}

static int read_key(const void *pem, size_t len, EVP_PKEY **ret, const char **ret_why)
{
	_cleanup_(free_bio) BIO *bio = BIO_new_mem_buf(pem, (int)len);
	_cleanup_(free_key) EVP_PKEY *key = NULL;
	char *name, *header;
	unsigned char *der;
	unsigned keys = 0;
	long der_len;

	ERR_clear_error();
	/* Blocks of other kinds, as EC PARAMETERS, are passed over. */
	while (keys < 2 && PEM_read_bio(bio, &name, &header, &der, &der_len)) {
		/* A header says how it is encrypted (RFC 1421). */
		if (is_key(name) && !keys++ && !*header)
			key = decode_key(der, der_len);
		OPENSSL_free(name);
		OPENSSL_free(header);
		OPENSSL_clear_free(der, (size_t)der_len);
	}
	ERR_clear_error();
	if (!key) {
		*ret_why = "tls.key has no PEM private key that can be read without a passphrase";
		return -EINVAL;
	}
	if (keys > 1) {
		*ret_why = "tls.key has more than one private key";
		return -EINVAL;
	}
	*ret = TAKE_PTR(key);
	return 0;
}

/* What Envoy (BoringSSL) can serve: RSA of 2048 bits or more, ECDSA on P-256, P-384 or P-521. */
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
	if (EVP_PKEY_get_base_id(key) == EVP_PKEY_EC && EVP_PKEY_get_group_name(key, group, sizeof(group), &n))
		for (size_t i = 0; i < ARRAY_SIZE(curves); i++)
			if (strcmp(group, curves[i]) == 0)
				return 0;
	*ret_why = "its key is of a sort that Envoy refuses; use RSA (2048 bits or more) or ECDSA on "
		   "P-256, P-384 or P-521";
	return -EINVAL;
}

static char *name_text(struct arena *a, const GENERAL_NAME *g)
{
	const ASN1_STRING *s = g->type == GEN_DNS ? g->d.dNSName : g->d.iPAddress;
	const unsigned char *data = ASN1_STRING_get0_data(s);
	int len = ASN1_STRING_length(s);
	char text[INET6_ADDRSTRLEN];

	if (g->type == GEN_DNS)
		return memchr(data, 0, (size_t)len) ? NULL : arena_strndup(a, (const char *)data, (size_t)len);
	if (len == 4 || len == 16)
		return arena_strdup(a, inet_ntop(len == 4 ? AF_INET : AF_INET6, data, text, sizeof(text)));
	return NULL;
}

static void read_names(struct arena *a, X509 *leaf, struct certificate_facts *ret)
{
	_cleanup_(free_names) GENERAL_NAMES *names =
		X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
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
	int r;

	if (chain_len > CHAIN_BYTES_MAX || key_len > CHAIN_BYTES_MAX) {
		*ret_why = "tls.crt or tls.key is longer than 1 MiB";
		return -EINVAL;
	}
	r = read_chain(chain, chain_len, &leaf, ret_why);
	if (r < 0)
		return r;
	r = read_key(key, key_len, &private, ret_why);
	if (r < 0)
		return r;
	r = check_strength(private, ret_why);
	if (r < 0)
		return r;
	if (X509_check_private_key(leaf, private) != 1) {
		ERR_clear_error();
		*ret_why = "the key in tls.key does not belong to the first certificate in tls.crt";
		return -EINVAL;
	}
	read_names(a, leaf, &facts);
	facts.warning = check_dates(a, leaf);
	*ret = facts;
	return 0;
}

int certificate_check_authority(const void *bundle, size_t len, const char **ret_why)
{
	_cleanup_(free_x509) X509 *first = NULL;
	const char *why;

	if (len && len <= CHAIN_BYTES_MAX && read_chain(bundle, len, &first, &why) == 0)
		return 0;
	*ret_why = "ca.crt has no PEM certificates that can be read";
	return -EINVAL;
}

int certificate_check_revoked(const void *lists, size_t len, const char **ret_why)
{
	BIO *in = len && len <= LISTS_BYTES_MAX ? BIO_new_mem_buf(lists, (int)len) : NULL;
	size_t n = 0;
	X509_CRL *list;
	bool end;

	while (in && (list = PEM_read_bio_X509_CRL(in, NULL, NULL, NULL))) {
		X509_CRL_free(list);
		n++;
	}
	/* Anything but having come to the end is a list that cannot be read. */
	end = in && ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
	ERR_clear_error();
	BIO_free(in);
	if (n && end)
		return 0;
	*ret_why = "crl.pem has no PEM revocation lists that can be read";
	return -EINVAL;
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
