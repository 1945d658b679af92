/* Blocks of PEM, by the rules of BoringSSL's PEM_read_bio (crypto/pem/pem_lib.c), older and newer:
 * refuses a block that either of them refuses. */
#include <errno.h>
#include <string.h>

#include "translator/check/pem.h"

#define LINE_MAX_LENGTH 253 /* BoringSSL reads longer lines in pieces of so many bytes */
#define FULL_LINE       64
#define BEGIN           "-----BEGIN "
#define END             "-----END "
#define DASHES          "-----"

struct line {
	const char *s;
	size_t len; /* without spaces at its end */
};

struct pem_reader pem_reader(struct arena *a, const void *text, size_t len)
{
	return (struct pem_reader){ .arena = a, .text = text, .len = len };
}

/* A line, or a piece of one that is too long. */
static bool next_line(struct pem_reader *r, struct line *ret)
{
	const char *s = (const char *)r->text + r->at;
	size_t left = r->len - r->at, len;
	const char *end = left ? memchr(s, '\n', MIN(left, (size_t)LINE_MAX_LENGTH)) : NULL;

	if (!left)
		return false;
	len = end ? (size_t)(end - s) + 1 : MIN(left, (size_t)LINE_MAX_LENGTH);
	r->at += len;
	r->line += end != NULL;
	end = memchr(s, 0, len); /* C strings end there */
	len = end ? (size_t)(end - s) : len;
	while (len && (unsigned char)s[len - 1] <= ' ')
		len--;
	*ret = (struct line){ s, len };
	return true;
}

static bool starts(const struct line *l, const char *word)
{
	return l->len >= strlen(word) && memcmp(l->s, word, strlen(word)) == 0;
}

/* "-----BEGIN LABEL-----": the label. */
static const char *begin(struct arena *a, const struct line *l)
{
	size_t start = strlen(BEGIN), dashes = strlen(DASHES);

	if (!starts(l, BEGIN) || l->len < start + dashes ||
	    memcmp(l->s + l->len - dashes, DASHES, dashes) != 0)
		return NULL;
	return arena_strndup(a, l->s + start, l->len - start - dashes);
}

static bool is_end(const struct line *l, const char *label)
{
	size_t start = strlen(END), n = strlen(label), dashes = strlen(DASHES);

	return starts(l, END) && l->len == start + n + dashes &&
	       memcmp(l->s + start, label, n) == 0 && memcmp(l->s + start + n, DASHES, dashes) == 0;
}

static int sextet(char c)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c ? strchr(alphabet, c) : NULL;

	return at ? (int)(at - alphabet) : -1;
}

struct base64 {
	uint8_t *out;
	size_t n;
	uint32_t bits;
	unsigned have, padding; /* of the group of four characters */
};

static bool take(struct base64 *b, const struct line *l)
{
	for (size_t i = 0; i < l->len; i++) {
		char c = l->s[i];
		int value = sextet(c);

		if (c == ' ' || c == '\t' || c == '\r')
			continue;
		if (c == '=' ? b->have < 2 : value < 0 || b->padding)
			return false;
		b->padding += c == '=';
		b->bits = b->bits << 6 | (uint32_t)(value < 0 ? 0 : value);
		if (++b->have < 4)
			continue;
		for (unsigned k = 0; k < 3 - b->padding; k++)
			b->out[b->n++] = (uint8_t)(b->bits >> (16 - 8 * k));
		b->have = 0;
		b->bits = 0;
	}
	return true;
}

static const char *unreadable(struct pem_reader *r, const struct pem_block *block, const char *why)
{
	return arena_printf(r->arena, "the block %s that begins in line %u %s", block->label,
			    block->line, why);
}

/* Where the block ends, so that its size is known before room is made for it. */
static size_t block_size(struct pem_reader r)
{
	size_t start = r.at;
	struct line l;

	while (next_line(&r, &l) && !starts(&l, END))
		;
	return r.at - start;
}

/* Skips headers and the empty line after them. False if there is no such line: then everything is
 * data. */
static bool skip_headers(struct pem_reader *r, struct pem_block *block)
{
	struct pem_reader at = *r;
	struct line l;
	bool any = false;

	while (next_line(&at, &l) && !starts(&l, END)) {
		if (!l.len) {
			block->has_headers = any;
			*r = at;
			return true;
		}
		any = true;
		block->is_encrypted |= memmem(l.s, l.len, "ENCRYPTED", strlen("ENCRYPTED")) != NULL;
	}
	block->is_encrypted = false;
	return false;
}

static int read_body(struct pem_reader *r, struct pem_block *block, const char **ret_why)
{
	struct base64 b = { .out = arena_alloc(r->arena, block_size(*r) / 4 * 3 + 3) };
	bool separated = skip_headers(r, block), good = true, last = false, more;
	struct line l = { 0 };

	/* After an empty line, BoringSSL accepts only full lines, and a shorter one at the end. */
	while ((more = next_line(r, &l)) && !starts(&l, END)) {
		good = good && take(&b, &l) && !(separated && (last || l.len > FULL_LINE));
		last = l.len != FULL_LINE;
	}
	if (!more || !is_end(&l, block->label))
		*ret_why = unreadable(r, block, more ? "ends with another label" : "has no END");
	else if (!good || b.have)
		*ret_why = unreadable(r, block,
				      separated ? "has an empty line in it" : "is not base64");
	else if (!b.n)
		*ret_why = unreadable(r, block, "is empty");
	else {
		block->data = b.out;
		block->len = b.n;
		return 1;
	}
	return -EINVAL;
}

#define BYTE_ORDER_MARK "\xef\xbb\xbf"

static const char with_mark[] =
	"it begins with a UTF-8 byte order mark, which Envoy does not read: save it without one";

static bool begins(const void *text, size_t len, const char *with)
{
	return len >= strlen(with) && memcmp(text, with, strlen(with)) == 0;
}

int pem_next(struct pem_reader *r, struct pem_block *ret, const char **ret_why)
{
	struct pem_block block = { 0 };
	struct line l;

	/* BoringSSL would pass over the first block. */
	if (!r->at && begins(r->text, r->len, BYTE_ORDER_MARK BEGIN)) {
		*ret_why = with_mark;
		return -EINVAL;
	}
	while (!block.label) {
		if (!next_line(r, &l))
			return 0;
		block.label = begin(r->arena, &l);
		if (starts(&l, BYTE_ORDER_MARK BEGIN))
			r->marked = r->line;
	}
	block.line = r->line;
	*ret = block;
	return read_body(r, ret, ret_why);
}

const char *pem_hint(const void *text, size_t len)
{
	const unsigned char *t = text;

	if (begins(text, len, BYTE_ORDER_MARK))
		return with_mark;
	if (begins(text, len, "\xff\xfe") || begins(text, len, "\xfe\xff"))
		return "it is UTF-16: save it as plain text";
	if (len >= 2 && t[0] == 0x30 && t[1] >= 0x80)
		return "it is DER: convert it to PEM";
	if (len && !memchr(t, '\n', len) && memchr(t, '\r', len))
		return "its lines end with carriage returns only";
	return len && memmem(t, len, BEGIN, strlen(BEGIN))
		       ? "\"-----BEGIN\" must be at the start of a line"
		       : NULL;
}
