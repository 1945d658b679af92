/* Objects of other kinds than ours. */
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "watcher/manifests/passed-over.h"

#define SHOWN_MAX 12

void passed_over_free(struct passed_over *p)
{
	free(p->rows);
	*p = (struct passed_over){ 0 };
}

bool passed_over_set(struct passed_over *p, const struct decode_counts *counts)
{
	size_t size = counts->n_passed * sizeof(*p->rows);

	if (p->n == counts->n_passed && (!p->n || memcmp(p->rows, counts->passed, size) == 0))
		return false;
	passed_over_free(p);
	p->n = counts->n_passed;
	if (p->n)
		p->rows = xmemdup(counts->passed, size);
	return true;
}

void passed_over_add(struct passed_over *sum, const struct passed_over *p)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct decode_passed *row = &p->rows[i];
		size_t k = 0;

		while (k < sum->n && (strcmp(sum->rows[k].kind, row->kind) != 0 ||
				      strcmp(sum->rows[k].group, row->group) != 0))
			k++;
		if (k < sum->n) {
			sum->rows[k].n += row->n;
			continue;
		}
		sum->rows = xreallocarray(sum->rows, sum->n + 1, sizeof(*sum->rows));
		sum->rows[sum->n++] = *row;
	}
}

static int compare(const void *a, const void *b)
{
	const struct decode_passed *x = a, *y = b;
	int r = strcmp(x->kind, y->kind);

	if (x->n != y->n)
		return x->n < y->n ? 1 : -1;
	return r ? r : strcmp(x->group, y->group);
}

void passed_over_print(struct passed_over *p, struct strbuf *out)
{
	size_t others = 0;

	if (p->n)
		qsort(p->rows, p->n, sizeof(*p->rows), compare);
	for (size_t i = 0; i < p->n; i++) {
		const struct decode_passed *row = &p->rows[i];

		if (i >= SHOWN_MAX) {
			others += row->n;
			continue;
		}
		strbuf_printf(out, "%s%zu %s", i ? ", " : "", row->n, row->kind);
		if (*row->group)
			strbuf_printf(out, " (%s)", row->group);
	}
	if (others)
		strbuf_printf(out, ", %zu others", others);
}
