/* The strictness of DER that BoringSSL has and OpenSSL has not (X.690, RFC 5280). */
#include <ctype.h>
#include <string.h>

#include "common/base/cleanup.h"
#include "translator/check/der.h"

#define DEPTH_MAX 32

enum {
	TAG_INTEGER = 0x02,
	TAG_BIT_STRING = 0x03,
	TAG_OCTET_STRING = 0x04,
	TAG_NULL = 0x05,
	TAG_OID = 0x06,
	TAG_UTF8 = 0x0c,
	TAG_UTC_TIME = 0x17,
	TAG_GENERALIZED_TIME = 0x18,
	TAG_UNIVERSAL_STRING = 0x1c,
	TAG_BMP_STRING = 0x1e,
	TAG_SEQUENCE = 0x30,
	TAG_VERSION = 0xa0,
	TAG_LIST_EXTENSIONS = 0xa0,
	TAG_EXTENSIONS = 0xa3,
	CONSTRUCTED = 0x20,
};

struct span {
	const uint8_t *p;
	size_t len;
};

struct element {
	uint8_t tag;
	struct span value;
};

/* The first element of a span; the span then begins after it. */
static bool take(struct span *s, struct element *ret)
{
	const uint8_t *p = s->p;
	size_t head = 2, len;

	if (s->len < 2 || (p[0] & 0x1f) == 0x1f)
		return false;
	len = p[1];
	if (len & 0x80) {
		size_t n = len & 0x7f;

		if (!n || n > 4 || s->len < 2 + n || !p[2])
			return false;
		len = 0;
		for (size_t i = 0; i < n; i++)
			len = len << 8 | p[2 + i];
		if (len < 0x80)
			return false;
		head += n;
	}
	if (len > s->len - head)
		return false;
	*ret = (struct element){ p[0], { p + head, len } };
	s->p += head + len;
	s->len -= head + len;
	return true;
}

static bool is_strict(struct span s, unsigned depth)
{
	struct element e;

	while (s.len) {
		if (depth > DEPTH_MAX || !take(&s, &e))
			return false;
		if (e.tag & CONSTRUCTED && !is_strict(e.value, depth + 1))
			return false;
	}
	return true;
}

bool der_is_strict(const uint8_t *der, size_t len)
{
	struct span all = { der, len };
	struct element e;

	return take(&all, &e) && !all.len && is_strict((struct span){ der, len }, 0);
}

static unsigned two(const uint8_t *p)
{
	return (unsigned)(p[0] - '0') * 10 + (unsigned)(p[1] - '0');
}

/* RFC 5280, section 4.1.2.5: the seconds must be given, and the zone is Z. */
static bool is_time(const struct element *e)
{
	static const unsigned days[] = { 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	size_t century = e->tag == TAG_GENERALIZED_TIME ? 2 : 0;
	const uint8_t *p = e->value.p;
	unsigned year, month, day;

	if ((e->tag != TAG_UTC_TIME && e->tag != TAG_GENERALIZED_TIME) ||
	    e->value.len != 13 + century || p[12 + century] != 'Z')
		return false;
	for (size_t i = 0; i < 12 + century; i++)
		if (!isdigit(p[i]))
			return false;
	p += century;
	year = two(p);
	month = two(p + 2);
	day = two(p + 4);
	if (month < 1 || month > 12 || day < 1 || day > days[month - 1])
		return false;
	if (month == 2 && day == 29 && (year % 4 || (century && !year && two(p - 2) % 4)))
		return false;
	return two(p + 6) < 24 && two(p + 8) < 60 && two(p + 10) < 60;
}

/* No surrogates, and none of the code points that are no characters for good. */
static bool is_character(uint32_t c)
{
	return c <= 0x10ffff && !(c >= 0xd800 && c < 0xe000) && !(c >= 0xfdd0 && c < 0xfdf0) &&
	       (c & 0xfffe) != 0xfffe;
}

static bool is_utf8(struct span s)
{
	for (size_t i = 0; i < s.len;) {
		unsigned n = s.p[i] < 0x80 ? 0 : s.p[i] < 0xe0 ? 1 : s.p[i] < 0xf0 ? 2 : 3;
		uint32_t c = n ? s.p[i] & (0x3fu >> n) : s.p[i];
		static const uint32_t least[] = { 0, 0x80, 0x800, 0x10000 };

		if ((n && s.p[i] < 0xc0) || s.p[i] > 0xf4 || n >= s.len - i)
			return false;
		for (unsigned k = 1; k <= n; k++) {
			if ((s.p[i + k] & 0xc0) != 0x80)
				return false;
			c = c << 6 | (s.p[i + k] & 0x3f);
		}
		if (c < least[n] || !is_character(c))
			return false;
		i += n + 1;
	}
	return true;
}

/* Characters of as many bytes each. */
static bool is_wide(struct span s, size_t each)
{
	for (size_t i = 0; i + each <= s.len; i += each) {
		uint32_t c = 0;

		for (size_t k = 0; k < each; k++)
			c = c << 8 | s.p[i + k];
		if (!is_character(c))
			return false;
	}
	return s.len % each == 0;
}

static bool is_text(const struct element *e)
{
	switch (e->tag) {
	case TAG_UTF8:
		return is_utf8(e->value);
	case TAG_BMP_STRING:
		return is_wide(e->value, 2);
	case TAG_UNIVERSAL_STRING:
		return is_wide(e->value, 4);
	default:
		return true;
	}
}

/* Name: a sequence of sets of pairs of a type and a value. */
static bool is_name(struct span s, unsigned depth)
{
	struct element e;

	if (depth == 2 && !s.len)
		return false;
	while (s.len)
		if (!take(&s, &e) || !(depth < 3 ? is_name(e.value, depth + 1) : is_text(&e)))
			return false;
	return true;
}

/* Whole bytes, or unused bits at the end that are 0. */
static bool is_bits(const struct element *e)
{
	const uint8_t *p = e->value.p;
	size_t n = e->value.len;

	return e->tag == TAG_BIT_STRING && n && p[0] < 8 && (n > 1 || !p[0]) &&
	       (n == 1 || !(p[n - 1] & ((1u << p[0]) - 1)));
}

/* Certificate and CertificateList: what is signed, the algorithm and the signature. */
static bool take_signed(struct span *s, struct element *ret_tbs)
{
	struct element all, algorithm, signature;

	return take(s, &all) && all.tag == TAG_SEQUENCE && take(&all.value, ret_tbs) &&
	       ret_tbs->tag == TAG_SEQUENCE && take(&all.value, &algorithm) &&
	       take(&all.value, &signature) && is_bits(&signature) && !all.value.len;
}

/* The first fields of TBSCertificate, for both ways to write the version. */
static bool take_version(struct span *tbs, unsigned *ret)
{
	struct span rest = *tbs;
	struct element e, number;

	*ret = 0;
	if (!take(&rest, &e))
		return false;
	if (e.tag != TAG_VERSION)
		return true;
	*tbs = rest;
	if (!take(&e.value, &number) || number.tag != TAG_INTEGER || number.value.len != 1)
		return false;
	*ret = number.value.p[0];
	return *ret <= 2; /* 0 should be absent, and is taken */
}

static bool is_certificate(struct span tbs)
{
	struct element serial, algorithm, issuer, validity, subject, key, e, from, until;
	unsigned version;

	if (!take_version(&tbs, &version) || !take(&tbs, &serial) || !take(&tbs, &algorithm) ||
	    !take(&tbs, &issuer) || !take(&tbs, &validity) || !take(&tbs, &subject) ||
	    !take(&tbs, &key))
		return false;
	if (!take(&validity.value, &from) || !take(&validity.value, &until) || validity.value.len ||
	    !is_time(&from) || !is_time(&until))
		return false;
	while (tbs.len)
		if (!take(&tbs, &e) || version < (e.tag == TAG_EXTENSIONS ? 2 : 1))
			return false;
	return is_name(issuer.value, 1) && is_name(subject.value, 1);
}

bool der_certificate_is_strict(const uint8_t *der, size_t len, bool trusted)
{
	struct span all = { der, len };
	struct element tbs;

	return is_strict(all, 0) && take_signed(&all, &tbs) && (trusted || !all.len) &&
	       is_certificate(tbs.value);
}

/* ---- revocation lists ---- */

static bool is_revoked(struct span all)
{
	struct element one, serial, when;

	while (all.len)
		if (!take(&all, &one) || !take(&one.value, &serial) || !take(&one.value, &when) ||
		    !is_time(&when))
			return false;
	return true;
}

/* TBSCertList (RFC 5280, section 5.1.2). */
static bool is_list(struct span tbs)
{
	struct element e, algorithm, issuer, since;
	bool second;

	if (!take(&tbs, &e))
		return false;
	second = e.tag == TAG_INTEGER;
	if (second && (e.value.len != 1 || e.value.p[0] != 1))
		return false;
	algorithm = e;
	if ((second && !take(&tbs, &algorithm)) || !take(&tbs, &issuer) || !take(&tbs, &since) ||
	    !is_time(&since) || !is_name(issuer.value, 1))
		return false;
	while (tbs.len) {
		if (!take(&tbs, &e))
			return false;
		if (e.tag == TAG_SEQUENCE ? !is_revoked(e.value)
		    : e.tag == TAG_LIST_EXTENSIONS
			    ? !second || !take(&e.value, &since) || !since.value.len
			    : !is_time(&e))
			return false;
	}
	return true;
}

bool der_list_is_strict(const uint8_t *der, size_t len)
{
	struct span all = { der, len }, rest = all;
	struct element e, tbs;

	/* What follows is not read. */
	return take(&rest, &e) && is_strict(e.value, 1) && take_signed(&all, &tbs) &&
	       is_list(tbs.value);
}

/* ---- keys ---- */

static const uint8_t rsa[] = { 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01 };
static const uint8_t ec[] = { 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01 };

static bool is_number(const struct element *e, uint8_t number)
{
	return e->tag == TAG_INTEGER && e->value.len == 1 && e->value.p[0] == number;
}

/* Above 0, and not longer than it has to be. */
static bool is_positive(const struct element *e)
{
	const uint8_t *p = e->value.p;

	return e->tag == TAG_INTEGER && e->value.len && !(p[0] & 0x80) &&
	       (e->value.len > 1 ? p[0] || p[1] & 0x80 : p[0] > 0);
}

/* AlgorithmIdentifier. */
static bool is_of(struct span algorithm, const uint8_t *oid, size_t len)
{
	struct element e;

	return take(&algorithm, &e) && e.tag == TAG_OID && e.value.len == len &&
	       memcmp(e.value.p, oid, len) == 0;
}

/* RSA has a NULL as its parameters. */
static bool is_rsa_algorithm(struct span algorithm)
{
	struct element oid, parameters;

	return is_of(algorithm, rsa, sizeof(rsa)) && take(&algorithm, &oid) &&
	       take(&algorithm, &parameters) && parameters.tag == TAG_NULL &&
	       !parameters.value.len && !algorithm.len;
}

#define EXPONENT_BYTES_MAX 5 /* BoringSSL: at most 33 bits */

static bool is_rsa_public(struct span key)
{
	struct element all, n, e;

	return take(&key, &all) && !key.len && all.tag == TAG_SEQUENCE && take(&all.value, &n) &&
	       take(&all.value, &e) && !all.value.len && is_positive(&n) && is_positive(&e) &&
	       (e.value.len < EXPONENT_BYTES_MAX ||
		(e.value.len == EXPONENT_BYTES_MAX && e.value.p[0] < 2));
}

/* A point of a curve: all of it, or compressed, but not both in one. */
static bool is_point(struct span key)
{
	return key.len && key.p[0] >= 2 && key.p[0] <= 4;
}

bool der_public_key_is_strict(const uint8_t *der, size_t len, bool is_rsa)
{
	struct span all = { der, len };
	struct element e, algorithm, bits;

	if (!take(&all, &e) || all.len || !take(&e.value, &algorithm) || !take(&e.value, &bits) ||
	    e.value.len || !is_bits(&bits) || bits.value.p[0])
		return false;
	bits.value.p++;
	bits.value.len--;
	return is_rsa ? is_rsa_algorithm(algorithm.value) && is_rsa_public(bits.value)
		      : is_point(bits.value);
}

/* RSAPrivateKey has version 0, ECPrivateKey 1. */
static bool take_key(struct span *s, uint8_t number)
{
	struct element e, version;

	return take(s, &e) && e.tag == TAG_SEQUENCE && take(&e.value, &version) &&
	       is_number(&version, number);
}

bool der_key_is_strict(const uint8_t *der, size_t len, bool is_rsa)
{
	struct span all = { der, len };

	return take_key(&all, is_rsa ? 0 : 1);
}

bool der_is_private_key_info(const uint8_t *der, size_t len)
{
	struct span all = { der, len };
	struct element e, version, algorithm, key;

	if (!take(&all, &e) || e.tag != TAG_SEQUENCE || !take(&e.value, &version) ||
	    !is_number(&version, 0) || !take(&e.value, &algorithm) ||
	    algorithm.tag != TAG_SEQUENCE || !take(&e.value, &key) || key.tag != TAG_OCTET_STRING)
		return false;
	if (is_of(algorithm.value, ec, sizeof(ec)))
		return take_key(&key.value, 1) && !key.value.len;
	return !is_of(algorithm.value, rsa, sizeof(rsa)) ||
	       (is_rsa_algorithm(algorithm.value) && take_key(&key.value, 0) && !key.value.len);
}

/* ---- usages ---- */

bool der_usage_signs(const uint8_t *der, size_t len)
{
	struct span all = { der, len };
	struct element e;

	return take(&all, &e) && !all.len && is_bits(&e) && e.value.len > 1 && e.value.p[1] & 0x80;
}
