/* The plain part of YAML. Half of the time of a start with manifests was libyaml's, which looks at
 * each character several times and allocates each token. This takes only what can be understood
 * line by line; where a line might mean anything else to YAML, libyaml reads the document. Used by
 * the watcher. */
#include <string.h>

#include "common/decode/decode-plain.h"

#define KEY_MAX 512 /* libyaml wants the ":" within 1024 characters */

struct plain {
	const struct plain_ops *ops;
	void *ctx;
	const char *at, *eol; /* the unread rest of the present line */
	const char *next;     /* line */
	const char *end;      /* of the text */
	unsigned line;
	unsigned column; /* of `at`, from the line's beginning */
	bool more;       /* there is a present line */
};

enum {
	KEY_FIRST = 1,   /* may begin a key */
	KEY = 2,         /* may be in one */
	PLAIN_FIRST = 4, /* may begin a plain scalar */
	FLOW = 8,        /* may be in a plain scalar of a flow collection */
};

static const unsigned char classes[256] = {
	['a' ... 'z'] = KEY_FIRST | KEY | PLAIN_FIRST | FLOW,
	['A' ... 'Z'] = KEY_FIRST | KEY | PLAIN_FIRST | FLOW,
	['0' ... '9'] = KEY_FIRST | KEY | PLAIN_FIRST | FLOW,
	['_'] = KEY_FIRST | KEY | PLAIN_FIRST | FLOW,
	['/'] = KEY_FIRST | KEY | PLAIN_FIRST | FLOW,
	['.'] = KEY | FLOW,
	['-'] = KEY | FLOW,
	['$'] = PLAIN_FIRST,
	['('] = PLAIN_FIRST,
	['^'] = PLAIN_FIRST,
	['+'] = FLOW,
};

static bool is(char c, unsigned char class)
{
	return classes[(unsigned char)c] & class;
}

/* ---- lines ---- */

static void skip_spaces(struct plain *p)
{
	const char *from = p->at;

	while (p->at < p->eol && *p->at == ' ')
		p->at++;
	p->column += (unsigned)(p->at - from);
}

/* The next line that is neither empty nor a comment. */
static void next_line(struct plain *p)
{
	while (p->next < p->end) {
		const char *eol = memchr(p->next, '\n', (size_t)(p->end - p->next));

		p->line++;
		p->at = p->next;
		p->column = 0;
		p->eol = eol ? eol : p->end;
		p->next = eol ? eol + 1 : p->end;
		skip_spaces(p);
		if (p->at < p->eol && *p->at != '#')
			return;
	}
	p->more = false;
}

/* Nothing but spaces may follow on this line. */
static bool end_line(struct plain *p)
{
	skip_spaces(p);
	if (p->at < p->eol)
		return false;
	next_line(p);
	return true;
}

static bool at_item(const struct plain *p)
{
	return p->more && *p->at == '-' && (p->at + 1 == p->eol || p->at[1] == ' ');
}

/* Length of the key at this place, without its ":"; 0: no key. */
static size_t key_length(const struct plain *p)
{
	const char *s = p->at;

	if (!is(*s, KEY_FIRST))
		return 0;
	while (s < p->eol && is(*s, KEY))
		s++;
	if (s == p->eol || *s != ':' || (s + 1 < p->eol && s[1] != ' ') || s - p->at > KEY_MAX)
		return 0;
	return (size_t)(s - p->at);
}

static bool scalar(struct plain *p, const char *text, size_t len, bool quoted)
{
	return p->ops->scalar(p->ctx, text, len, quoted, p->line);
}

/* ---- values of one line ---- */

/* Without escapes: the text between the quotes is the value. */
static bool quoted(struct plain *p)
{
	char quote = *p->at;
	const char *from = p->at + 1;
	const char *to = memchr(from, quote, (size_t)(p->eol - from));

	if (!to || (quote == '"' && memchr(from, '\\', (size_t)(to - from))))
		return false;
	p->at = to + 1;
	if (quote == '\'' && p->at < p->eol && *p->at == '\'')
		return false;
	return scalar(p, from, (size_t)(to - from), true);
}

/* The rest of the line. */
static bool block_plain(struct plain *p)
{
	const char *from = p->at, *to = p->eol, *s;

	if (!is(*from, PLAIN_FIRST) && !((*from == '.' || *from == '-' || *from == '+') &&
					 from + 1 < p->eol && is(from[1], KEY_FIRST)))
		return false;
	for (s = from; s < to; s++)
		if (*s == '#' || (*s == ':' && (s + 1 == to || s[1] == ' ')))
			return false;
	while (to[-1] == ' ')
		to--;
	p->at = p->eol;
	return scalar(p, from, (size_t)(to - from), false);
}

static bool flow(struct plain *p);

static bool flow_scalar(struct plain *p)
{
	const char *from = p->at;

	if (*from == '"' || *from == '\'')
		return quoted(p);
	if (!is(*from, PLAIN_FIRST))
		return false;
	while (p->at < p->eol && is(*p->at, FLOW))
		p->at++;
	return scalar(p, from, (size_t)(p->at - from), false);
}

static bool flow_key(struct plain *p)
{
	size_t len = key_length(p);

	if (!len || !scalar(p, p->at, len, false))
		return false;
	p->at += len + 1;
	skip_spaces(p);
	return p->at < p->eol;
}

/* "[a, b]" or "{a: b}": at the bracket. The depth is bounded by ops->open. */
static bool flow_collection(struct plain *p)
{
	bool map = *p->at++ == '{';
	char close = map ? '}' : ']';

	if (!p->ops->open(p->ctx, map, p->line))
		return false;
	skip_spaces(p);
	if (p->at < p->eol && *p->at == close) {
		p->at++;
		return p->ops->close(p->ctx, p->line);
	}
	for (;;) {
		if (p->at == p->eol || (map && !flow_key(p)) || !flow(p))
			return false;
		skip_spaces(p);
		if (p->at == p->eol)
			return false;
		if (*p->at == close)
			break;
		if (*p->at != ',')
			return false;
		p->at++;
		skip_spaces(p);
	}
	p->at++;
	return p->ops->close(p->ctx, p->line);
}

static bool flow(struct plain *p)
{
	return *p->at == '[' || *p->at == '{' ? flow_collection(p) : flow_scalar(p);
}

/* The text after "key: " or "- " on the line, which is the whole value. */
static bool value(struct plain *p)
{
	bool ok;

	switch (*p->at) {
	case '"':
	case '\'':
		ok = quoted(p);
		break;
	case '[':
	case '{':
		ok = flow_collection(p);
		break;
	default:
		ok = block_plain(p);
		break;
	}
	return ok && end_line(p);
}

/* ---- blocks ---- */

static bool block(struct plain *p);

/* At "key:". The value is on the line; or it is the block below, in which only a list may have no
 * further indentation; or it is empty. */
static bool member(struct plain *p, unsigned column)
{
	size_t len = key_length(p);
	unsigned line = p->line;

	if (!len || !scalar(p, p->at, len, false))
		return false;
	p->at += len + 1;
	skip_spaces(p);
	if (p->at < p->eol)
		return value(p);
	next_line(p);
	if (p->more && (p->column > column || (p->column == column && at_item(p))))
		return block(p);
	return p->ops->scalar(p->ctx, "", 0, false, line);
}

static bool map(struct plain *p)
{
	unsigned column = p->column;

	if (!p->ops->open(p->ctx, true, p->line))
		return false;
	while (p->more && p->column == column && !at_item(p))
		if (!member(p, column))
			return false;
	return p->ops->close(p->ctx, p->line);
}

static bool list(struct plain *p)
{
	unsigned column = p->column;

	if (!p->ops->open(p->ctx, false, p->line))
		return false;
	while (at_item(p) && p->column == column) {
		p->at++;
		p->column++;
		skip_spaces(p);
		/* An item that begins on the next line is rare. */
		if (p->at == p->eol)
			return false;
		if (!(key_length(p) ? map(p) : value(p)))
			return false;
	}
	return p->ops->close(p->ctx, p->line);
}

static bool block(struct plain *p)
{
	return at_item(p) ? list(p) : map(p);
}

static bool is_printable(const char *text, size_t len)
{
	bool other = false;

	for (size_t i = 0; i < len; i++)
		other |= (text[i] < ' ' && text[i] != '\n') || text[i] > '~';
	return !other;
}

bool plain_read(const char *text, size_t len, const struct plain_ops *ops, void *ctx)
{
	struct plain p = { .ops = ops, .ctx = ctx, .next = text, .end = text + len, .more = true };

	if (!is_printable(text, len))
		return false;
	p.line = (unsigned)-1;
	next_line(&p);
	if (p.more && p.column == 0 && p.eol - p.at >= 3 && memcmp(p.at, "---", 3) == 0) {
		p.at += 3;
		if (!end_line(&p))
			return false;
	}
	/* A deeper or lesser indentation than any open block has is not plain. */
	return p.more && block(&p) && !p.more;
}
