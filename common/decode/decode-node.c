/* The tree of one document. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/decode/decode-node.h"

const char *node_type_name(const struct node *n)
{
	static const char *const names[] = {
		[NODE_NULL] = "nothing",   [NODE_BOOL] = "a boolean",  [NODE_INT] = "a number",
		[NODE_FLOAT] = "a number", [NODE_STRING] = "a string", [NODE_MAP] = "a mapping",
		[NODE_LIST] = "a list",
	};

	return names[n->type];
}

bool node_key_is(const struct node *n, const char *key)
{
	/* Most differ early. A key holds no NUL. */
	return strncmp(key, n->key, n->key_len) == 0 && !key[n->key_len];
}

const struct node *node_member(const struct node *n, const char *key)
{
	if (n->type != NODE_MAP)
		return NULL;
	for (const struct node *c = n->first; c; c = c->next)
		if (node_key_is(c, key))
			return c;
	return NULL;
}

/* ---- duplicates ---- */

#define FEW 24

static bool same_key(const struct node *a, const struct node *b)
{
	return a->key_len == b->key_len && memcmp(a->key, b->key, a->key_len) == 0;
}

static int compare_keys(const void *a, const void *b)
{
	const struct node *x = *(const struct node *const *)a, *y = *(const struct node *const *)b;
	int r = memcmp(x->key, y->key, MIN(x->key_len, y->key_len));

	if (r != 0)
		return r;
	if (x->key_len != y->key_len)
		return x->key_len < y->key_len ? -1 : 1;
	return x->line < y->line ? -1 : x->line > y->line;
}

const struct node *node_duplicate(struct arena *arena, const struct node *map)
{
	const struct node **sorted;
	size_t n = 0;

	if (map->n <= FEW) {
		for (const struct node *a = map->first; a; a = a->next)
			for (const struct node *b = a->next; b; b = b->next)
				if (same_key(a, b))
					return b;
		return NULL;
	}
	sorted = arena_new_of(arena, const struct node *, map->n);
	for (const struct node *c = map->first; c; c = c->next)
		sorted[n++] = c;
	qsort(sorted, n, sizeof(*sorted), compare_keys);
	for (size_t i = 1; i < n; i++)
		if (same_key(sorted[i - 1], sorted[i]))
			return sorted[i];
	return NULL;
}

/* ---- plain scalars ---- */

static bool is_word(const struct node *n, const char *const *words)
{
	for (; *words; words++)
		if (strlen(*words) == n->len && memcmp(*words, n->text, n->len) == 0)
			return true;
	return false;
}

static const char *const nulls[] = { "~", "null", "Null", "NULL", NULL };
static const char *const trues[] = { "true", "True", "TRUE", "yes", "Yes", "YES",
				     "on",   "On",   "ON",   "y",   "Y",   NULL };
static const char *const falses[] = { "false", "False", "FALSE", "no", "No", "NO",
				      "off",   "Off",   "OFF",   "n",  "N",  NULL };
static const char *const not_finite[] = { ".inf",  ".Inf",  ".INF",  "+.inf", "+.Inf",
					  "+.INF", "-.inf", "-.Inf", "-.INF", ".nan",
					  ".NaN",  ".NAN",  NULL };

/* Sign, then 0x, 0b, 0o or 0 and digits, or decimal digits. */
static bool resolve_int(struct node *n, const char *s)
{
	bool negative = *s == '-';
	int base = 10;
	char *end;

	if (*s == '-' || *s == '+')
		s++;
	if (s[0] == '0' && s[1]) {
		base = s[1] == 'x' || s[1] == 'X' ? 16 : s[1] == 'b' || s[1] == 'B' ? 2 : 8;
		s += base != 8 || s[1] == 'o' || s[1] == 'O' ? 2 : 1;
	}
	if (!isxdigit((unsigned char)*s))
		return false;
	errno = 0;
	n->integer = strtoll(s, &end, base);
	if (*end || errno)
		return false;
	if (negative)
		n->integer = -n->integer;
	n->type = NODE_INT;
	return true;
}

#define WHOLE_MAX 9007199254740992.0 /* 2^53: doubles have each whole number up to it */

void node_set_number(struct node *n, double number)
{
	n->type = NODE_FLOAT;
	n->number = number;
	if (!(number >= -WHOLE_MAX && number <= WHOLE_MAX) || number != (double)(int64_t)number)
		return;
	n->type = NODE_INT;
	n->integer = (int64_t)number;
}

static bool resolve_float(struct node *n, const char *s)
{
	const char *p = s;
	size_t digits = 0;

	p += *p == '-' || *p == '+';
	for (; isdigit((unsigned char)*p); p++)
		digits++;
	if (*p == '.')
		for (p++; isdigit((unsigned char)*p); p++)
			digits++;
	if (!digits)
		return false;
	if (*p == 'e' || *p == 'E') {
		p++;
		p += *p == '-' || *p == '+';
		if (!isdigit((unsigned char)*p))
			return false;
		while (isdigit((unsigned char)*p))
			p++;
	}
	if (*p)
		return false;
	node_set_number(n, strtod(s, NULL));
	return true;
}

static void resolve_number(struct node *n)
{
	char plain[64];
	size_t len = 0;

	for (size_t i = 0; i < n->len; i++) {
		if (n->text[i] == '_')
			continue;
		if (len == sizeof(plain) - 1)
			return;
		plain[len++] = n->text[i];
	}
	plain[len] = '\0';
	if (!resolve_int(n, plain))
		(void)resolve_float(n, plain);
}

void node_resolve_plain(struct node *n)
{
	n->type = NODE_STRING;
	if (n->len == 0) {
		n->type = NODE_NULL;
		return;
	}
	switch (n->text[0]) {
	case '.':
		if (is_word(n, not_finite)) {
			n->type = NODE_FLOAT;
			return;
		}
		resolve_number(n);
		return;
	case '0' ... '9':
	case '+':
	case '-':
		if (is_word(n, not_finite))
			n->type = NODE_FLOAT;
		else
			resolve_number(n);
		return;
	case '~':
		if (n->len == 1)
			n->type = NODE_NULL;
		return;
	case 'n':
	case 'N':
		if (is_word(n, nulls)) {
			n->type = NODE_NULL;
			return;
		}
		break;
	case 'y':
	case 'Y':
	case 't':
	case 'T':
	case 'f':
	case 'F':
	case 'o':
	case 'O':
		break;
	default:
		return;
	}
	if (n->len > 5)
		return;
	if (is_word(n, trues)) {
		n->type = NODE_BOOL;
		n->integer = 1;
	} else if (is_word(n, falses)) {
		n->type = NODE_BOOL;
		n->integer = 0;
	}
}
