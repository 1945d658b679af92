/* A unified diff by the longest common subsequence of lines. Runs in the portolan command. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "portolan/text-diff.h"

#define CONTEXT   3
#define CELLS_MAX (16u * 1024 * 1024) /* beyond that the middle is replaced as a whole */

struct line {
	const char *s;
	size_t len; /* without the line feed */
};

struct lines {
	struct line *all;
	size_t n, cap;
};

/* One line of the result. */
struct step {
	char sign; /* ' ', '-', '+' */
	struct line line;
};

struct script {
	struct step *all;
	size_t n, cap;
};

static void split(const char *text, struct lines *ret)
{
	*ret = (struct lines){ 0 };
	while (*text) {
		size_t len = strcspn(text, "\n");

		GROW(ret->all, ret->n, ret->cap);
		ret->all[ret->n++] = (struct line){ text, len };
		text += len + (text[len] == '\n');
	}
}

static bool same(struct line a, struct line b)
{
	return a.len == b.len && memcmp(a.s, b.s, a.len) == 0;
}

static void step(struct script *s, char sign, struct line line)
{
	GROW(s->all, s->n, s->cap);
	s->all[s->n++] = (struct step){ sign, line };
}

/* lengths[i * (nb + 1) + k]: length of the common subsequence of a from i on and b from k on. */
static uint32_t *common_lengths(const struct line *a, size_t na, const struct line *b, size_t nb)
{
	uint32_t *l = xnew(uint32_t, (na + 1) * (nb + 1));

	for (size_t i = na; i-- > 0;)
		for (size_t k = nb; k-- > 0;) {
			uint32_t down = l[(i + 1) * (nb + 1) + k], right = l[i * (nb + 1) + k + 1];

			l[i * (nb + 1) + k] = same(a[i], b[k]) ? l[(i + 1) * (nb + 1) + k + 1] + 1
							       : MAX(down, right);
		}
	return l;
}

static void middle(struct script *s, const struct line *a, size_t na, const struct line *b,
		   size_t nb)
{
	_cleanup_free_ uint32_t *l = NULL;
	size_t i = 0, k = 0;

	if ((na + 1) <= CELLS_MAX / (nb + 1))
		l = common_lengths(a, na, b, nb);
	while (i < na || k < nb) {
		if (l && i < na && k < nb && same(a[i], b[k])) {
			step(s, ' ', a[i++]);
			k++;
		} else if (i < na && (!l || k == nb ||
				      l[(i + 1) * (nb + 1) + k] >= l[i * (nb + 1) + k + 1])) {
			step(s, '-', a[i++]);
		} else {
			step(s, '+', b[k++]);
		}
	}
}

static void make_script(const struct lines *a, const struct lines *b, struct script *ret)
{
	size_t head = 0, tail = 0;

	while (head < a->n && head < b->n && same(a->all[head], b->all[head]))
		step(ret, ' ', a->all[head++]);
	while (tail < a->n - head && tail < b->n - head &&
	       same(a->all[a->n - 1 - tail], b->all[b->n - 1 - tail]))
		tail++;
	middle(ret, a->all + head, a->n - head - tail, b->all + head, b->n - head - tail);
	for (size_t i = a->n - tail; i < a->n; i++)
		step(ret, ' ', a->all[i]);
}

/* ---- hunks ---- */

/* The last step of the hunk that begins at `from`: changes that are not far from each other. */
static size_t hunk_end(const struct script *s, size_t from)
{
	size_t last = from;

	for (size_t i = from; i < s->n && i <= last + 2 * CONTEXT + 1; i++)
		if (s->all[i].sign != ' ')
			last = i;
	return last;
}

static void write_hunk(const struct script *s, size_t from, size_t until, size_t old_line,
		       size_t new_line, struct strbuf *out)
{
	size_t olds = 0, news = 0;

	for (size_t i = from; i < until; i++) {
		olds += s->all[i].sign != '+';
		news += s->all[i].sign != '-';
	}
	strbuf_printf(out, "@@ -%zu,%zu +%zu,%zu @@\n", olds ? old_line : old_line - 1, olds,
		      news ? new_line : new_line - 1, news);
	for (size_t i = from; i < until; i++)
		strbuf_printf(out, "%c%.*s\n", s->all[i].sign, (int)s->all[i].line.len,
			      s->all[i].line.s);
}

static void write_hunks(const struct script *s, struct strbuf *out)
{
	size_t old_line = 1, new_line = 1, at = 0;

	for (size_t i = 0; i < s->n;) {
		size_t from, until;

		if (s->all[i].sign == ' ') {
			i++;
			continue;
		}
		from = i - at > CONTEXT ? i - CONTEXT : at;
		until = MIN(hunk_end(s, i) + 1 + CONTEXT, s->n);
		for (; at < from; at++) {
			old_line++;
			new_line++;
		}
		write_hunk(s, from, until, old_line, new_line, out);
		for (; at < until; at++) {
			old_line += s->all[at].sign != '+';
			new_line += s->all[at].sign != '-';
		}
		i = until;
	}
}

void text_diff(const char *was, const char *is, const char *from, const char *to,
	       struct strbuf *out)
{
	struct lines a, b;
	struct script s = { 0 };

	if (strcmp(was, is) == 0)
		return;
	split(was, &a);
	split(is, &b);
	make_script(&a, &b, &s);
	strbuf_printf(out, "--- %s\n+++ %s\n", from, to);
	write_hunks(&s, out);
	free(a.all);
	free(b.all);
	free(s.all);
}
