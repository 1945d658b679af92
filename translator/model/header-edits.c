/* Edits of headers: names, values, order. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/http-header.h"
#include "common/base/strbuf.h"
#include "translator/model/header-edits.h"
#include "translator/model/match.h"

bool header_edits_are_empty(const struct header_edits *e)
{
	return !e->n && !e->n_remove && !e->host;
}

static bool removes(const struct header_edits *e, const char *name)
{
	for (size_t i = 0; i < e->n_remove; i++)
		if (strcasecmp(e->remove[i], name) == 0)
			return true;
	return false;
}

/* What was written before does not matter. */
static bool decides(const struct header_edits *e, const char *name)
{
	for (size_t i = 0; i < e->n; i++)
		if (e->all[i].action == HEADER_SET && strcasecmp(e->all[i].name, name) == 0)
			return true;
	return removes(e, name);
}

struct header_edits header_edits_join(struct arena *a, const struct header_edits *first,
				      const struct header_edits *then)
{
	const struct header_edits *host = then->host || then->host_header ? then : first;
	struct header_edits out = {
		.all = arena_new_of(a, struct header_edit, first->n + then->n + 1),
		.remove = arena_new_of(a, const char *, first->n_remove + then->n_remove + 1),
		.host = host->host,
		.host_header = host->host_header,
	};

	for (size_t i = 0; i < first->n; i++)
		if (!decides(then, first->all[i].name))
			out.all[out.n++] = first->all[i];
	for (size_t i = 0; i < then->n; i++)
		out.all[out.n++] = then->all[i];
	for (size_t i = 0; i < first->n_remove; i++)
		out.remove[out.n_remove++] = first->remove[i];
	for (size_t i = 0; i < then->n_remove; i++)
		if (!removes(first, then->remove[i]))
			out.remove[out.n_remove++] = then->remove[i];
	return out;
}

static int compare_words(const void *x, const void *y)
{
	return strcmp(*(const char *const *)x, *(const char *const *)y);
}

void header_edits_sort(struct header_edits *e)
{
	/* Insertion, which is stable: the order of two edits of one name has a meaning. */
	for (size_t i = 1; i < e->n; i++) {
		struct header_edit one = e->all[i];
		size_t at = i;

		for (; at > 0 && strcmp(e->all[at - 1].name, one.name) > 0; at--)
			e->all[at] = e->all[at - 1];
		e->all[at] = one;
	}
	if (e->n_remove)
		qsort(e->remove, e->n_remove, sizeof(*e->remove), compare_words);
}

const struct header_edit *header_edits_find(const struct header_edits *e, const char *name)
{
	for (size_t i = 0; i < e->n; i++)
		if (strcmp(e->all[i].name, name) == 0)
			return &e->all[i];
	return NULL;
}

bool header_edits_remove(const struct header_edits *e, const char *name)
{
	for (size_t i = 0; i < e->n_remove; i++)
		if (strcmp(e->remove[i], name) == 0)
			return true;
	return false;
}

char *header_canonical(struct arena *a, const char *name)
{
	char *copy;
	bool upper = true;

	if (!http_header_is_token(name) || !http_header_name_fits(name))
		return NULL;
	copy = arena_strdup(a, name);
	for (char *p = copy; *p; p++) {
		*p = (char)(upper ? toupper((unsigned char)*p) : tolower((unsigned char)*p));
		upper = *p == '-';
	}
	return copy;
}

bool header_is_value(const char *s)
{
	return !strpbrk(s, "\r\n") && http_header_value_fits(s);
}

const char *header_escape(struct arena *a, const char *text)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;

	if (!strchr(text, '%'))
		return arena_strdup(a, text);
	for (; *text; text++) {
		if (*text == '%')
			strbuf_putc(&b, '%');
		strbuf_putc(&b, *text);
	}
	return arena_strdup(a, strbuf_str(&b));
}
