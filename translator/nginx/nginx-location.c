/* The order of a host's locations. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/cleanup.h"
#include "translator/check/regex.h"
#include "translator/nginx/nginx-location.h"

/* A location before it has a match: its text as nginx.conf would have it. */
struct draft {
	const char *text;
	bool exact;
	const struct nginx_path *path;
	size_t order; /* equal texts stay in this order */
};

struct drafts {
	struct draft *all;
	size_t n;
};

bool nginx_location_is_pattern(const char *text)
{
	size_t len = strlen(text);

	return strpbrk(text, "()[]{}*|^?\\") || (len && text[len - 1] == '$');
}

bool nginx_location_is_never(const char *text, bool regex)
{
	const char *twice = strstr(text, "//");

	if (!twice || !regex)
		return twice != NULL;
	/* Another branch may match, and what is in a group or a set may be absent. */
	return !strchr(text, '|') && text + strcspn(text, "([") > twice &&
	       (!twice[2] || !strchr("?*{", twice[2]));
}

/* The regular expression by which nginx searches for a path's text: case-insensitive, from the
 * start, with any rest; in RE2 syntax, for the whole path. */
static const char *regex_of(struct arena *a, const char *text)
{
	/* An alternative counts from the start for the first branch only: "^/a|/b". */
	if (strchr(text, '|'))
		return arena_printf(a, "(?i).*?(?:^%s).*", text);
	return arena_printf(a, "(?i)%s.*", text + (*text == '^'));
}

/* Whether a regular expression is the start of a path, in characters that stand for themselves. A
 * comparison of prefixes costs Envoy a tenth of what it pays for a regular expression, at each
 * change of the table. Requests have no double slash. */
static bool is_literal(const char *regex)
{
	if (*regex != '/' || strstr(regex, "//"))
		return false;
	for (; *regex; regex++)
		if (!isascii(*regex) ||
		    (!isalnum((unsigned char)*regex) && !strchr("/-_~", *regex)))
			return false;
	return true;
}

static bool rewrites_or_regex(const struct nginx_path *p)
{
	return p->use_regex || p->rewrites;
}

/* The longest text first, of equally long ones the greater. */
static int compare_texts(const char *x, const char *y)
{
	size_t x_len = strlen(x), y_len = strlen(y);

	if (x_len != y_len)
		return x_len > y_len ? -1 : 1;
	return strcmp(y, x);
}

static int compare(const void *a, const void *b)
{
	const struct draft *x = a, *y = b;
	int d = compare_texts(x->text, y->text);

	return d ? d : (x->order > y->order) - (x->order < y->order);
}

static int compare_key(const void *key, const void *draft)
{
	return compare_texts(key, ((const struct draft *)draft)->text);
}

/* Whether a path has the text; with `exact`, one of type Exact. The drafts are sorted. */
static bool has(const struct drafts *d, const char *text, bool exact)
{
	const struct draft *found = d->n ? bsearch(text, d->all, d->n, sizeof(*d->all), compare_key)
					 : NULL;

	if (!found || !exact)
		return found != NULL;
	/* At most two have one text, and they are adjacent. */
	return found->exact ||
	       (found > d->all && found[-1].exact && strcmp(found[-1].text, text) == 0) ||
	       (found + 1 < d->all + d->n && found[1].exact && strcmp(found[1].text, text) == 0);
}

/* The draft before that has the text and the type, or NULL. */
static const struct draft *taken_by(const struct drafts *d, const struct draft *one)
{
	for (size_t i = d->n; i > 0 && strcmp(d->all[i - 1].text, one->text) == 0; i--)
		if (d->all[i - 1].exact == one->exact)
			return &d->all[i - 1];
	return NULL;
}

/* Sorted; the first path of a text and type is served, the others are not. */
static void sort_paths(struct arena *a, const struct nginx_path *paths, size_t n, struct drafts *d,
		       struct nginx_locations *ret)
{
	struct draft *all = arena_new_of(a, struct draft, n + 1);

	for (size_t i = 0; i < n; i++) {
		ret->regex |= rewrites_or_regex(&paths[i]);
		all[i] = (struct draft){ paths[i].text, paths[i].exact, &paths[i], i };
	}
	if (n)
		qsort(all, n, sizeof(*all), compare);
	ret->lost = arena_new_of(a, struct nginx_lost, n + 1);
	for (size_t i = 0; i < n; i++) {
		const struct draft *winner = taken_by(d, &all[i]);

		if (winner)
			ret->lost[ret->n_lost++] = (struct nginx_lost){ all[i].path, winner->path };
		else
			d->all[d->n++] = all[i];
	}
}

/* A Prefix /aaa is the location /aaa/ and, unless an Exact path has its text, the location = /aaa.
 * The two are adjacent, the one with the slash first. */
static void add_twins(struct arena *a, const struct drafts *from, struct drafts *to)
{
	for (size_t i = 0; i < from->n; i++) {
		struct draft d = from->all[i];
		size_t len = strlen(d.text);

		if (d.exact || len < 2 || rewrites_or_regex(d.path) || d.text[len - 1] == '/') {
			to->all[to->n++] = d;
			continue;
		}
		d.text = arena_printf(a, "%s/", d.text);
		to->all[to->n++] = d;
		if (has(from, d.path->text, true))
			continue;
		d.text = d.path->text;
		d.exact = true;
		to->all[to->n++] = d;
	}
}

static void add(struct nginx_locations *l, enum nginx_match match, const char *text,
		const struct nginx_path *path, bool slash)
{
	l->all[l->n++] = (struct nginx_location){ match, text, path, slash };
}

static void add_regexes(struct arena *a, const struct drafts *d, struct nginx_locations *ret)
{
	ret->bad = arena_new_of(a, struct nginx_bad_path, d->n + 1);
	for (size_t i = 0; i < d->n; i++) {
		const char *regex = regex_of(a, d->all[i].text);
		const char *start = d->all[i].text + (*d->all[i].text == '^');
		char why[128];

		if (is_literal(start))
			add(ret, NGINX_MATCH_ANY_CASE, start, d->all[i].path, false);
		else if (regex_check(regex, arena_charged(a), why, sizeof(why)) == 0)
			add(ret, NGINX_MATCH_REGEX, regex, d->all[i].path, false);
		else
			ret->bad[ret->n_bad++] =
				(struct nginx_bad_path){ d->all[i].path, arena_strdup(a, why) };
	}
}

/* nginx answers /app with a redirect where the only location of that name is /app/. */
static void add_slashes(struct arena *a, const struct drafts *d, struct nginx_locations *ret)
{
	for (size_t i = 0; i < d->n; i++) {
		const char *text = d->all[i].text;
		size_t len = strlen(text);
		const char *bare;

		if (len < 2 || text[len - 1] != '/')
			continue;
		bare = arena_strndup(a, text, len - 1);
		if (!has(d, bare, false) &&
		    !(i + 1 < d->n && strcmp(d->all[i + 1].text, text) == 0))
			add(ret, NGINX_MATCH_EXACT, bare, d->all[i].path, true);
	}
}

static void add_literals(struct arena *a, const struct drafts *written, const struct drafts *d,
			 struct nginx_locations *ret)
{
	for (size_t i = 0; i < d->n; i++)
		if (d->all[i].exact)
			add(ret, NGINX_MATCH_EXACT, d->all[i].text, d->all[i].path, false);
	add_slashes(a, written, ret);
	for (size_t i = 0; i < d->n; i++)
		if (!d->all[i].exact)
			add(ret, NGINX_MATCH_PREFIX, d->all[i].text, d->all[i].path, false);
}

void nginx_locations(struct arena *a, const struct nginx_path *paths, size_t n,
		     struct nginx_locations *ret)
{
	struct drafts written = { arena_new_of(a, struct draft, n + 1), 0 };
	struct drafts all = { arena_new_of(a, struct draft, 2 * n + 1), 0 };

	*ret = (struct nginx_locations){ 0 };
	sort_paths(a, paths, n, &written, ret);
	add_twins(a, &written, &all);
	ret->all = arena_new_of(a, struct nginx_location, 2 * all.n + 1);
	if (ret->regex)
		add_regexes(a, &all, ret);
	else
		add_literals(a, &written, &all, ret);
}
