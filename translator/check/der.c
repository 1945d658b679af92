/* The strictness of DER that BoringSSL has and OpenSSL has not (X.690, RFC 5280). */
#include <ctype.h>
#include <string.h>

#include "common/base/cleanup.h"
#include "translator/check/der.h"

#define DEPTH_MAX 32

enum {
	TAG_INTEGER = 0x02,
	TAG_UTF8 = 0x0c,
	TAG_UTC_TIME = 0x17,
	TAG_GENERALIZED_TIME = 0x18,
	TAG_UNIVERSAL_STRING = 0x1c,
	TAG_BMP_STRING = 0x1e,
	TAG_SEQUENCE = 0x30,
	TAG_VERSION = 0xa0,
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
		if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
			return false;
		i += n + 1;
	}
	return true;
}

static bool is_bmp(struct span s)
{
	for (size_t i = 0; i + 1 < s.len; i += 2)
		if (s.p[i] >= 0xd8 && s.p[i] < 0xe0)
			return false;
	return s.len % 2 == 0;
}

static bool is_text(const struct element *e)
{
	switch (e->tag) {
	case TAG_UTF8:
		return is_utf8(e->value);
	case TAG_BMP_STRING:
		return is_bmp(e->value);
	case TAG_UNIVERSAL_STRING:
		return e->value.len % 4 == 0;
	default:
		return true;
	}
}

/* Name: a sequence of sets of pairs of a type and a value. */
static bool is_name(struct span s, unsigned depth)
{
	struct element e;

	while (s.len)
		if (!take(&s, &e) || !(depth < 3 ? is_name(e.value, depth + 1) : is_text(&e)))
			return false;
	return true;
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
	return *ret == 1 || *ret == 2;
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
	struct element certificate, tbs;

	if (!is_strict(all, 0) || !take(&all, &certificate) || certificate.tag != TAG_SEQUENCE)
		return false;
	return (trusted || !all.len) && take(&certificate.value, &tbs) && tbs.tag == TAG_SEQUENCE &&
	       is_certificate(tbs.value);
}

bool der_is_private_key_info(const uint8_t *der, size_t len)
{
	struct span all = { der, len };
	struct element e, version, algorithm;

	return take(&all, &e) && e.tag == TAG_SEQUENCE && take(&e.value, &version) &&
	       version.tag == TAG_INTEGER && take(&e.value, &algorithm) &&
	       algorithm.tag == TAG_SEQUENCE;
}
