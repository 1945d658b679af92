/* Resources as they will reach Envoy, for printing. Runs in the translator. */
#include <stdlib.h>
#include <string.h>

#include "common/alloc.h"
#include "common/resource-kind.h"
#include "translator/composed.h"

static int compare(const void *a, const void *b)
{
	const struct item *x = *(const struct item *const *)a, *y = *(const struct item *const *)b;
	int d;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	d = memcmp(x->data, y->data, MIN(x->key_len, y->key_len));
	return d ? d : (x->key_len > y->key_len) - (x->key_len < y->key_len);
}

struct item **composed_sorted(const struct state *s, size_t *ret_n)
{
	struct item **all = xnew(struct item *, state_count(s) + 1), *i;
	size_t pos = 0, n = 0;

	while ((i = state_next(s, &pos)))
		all[n++] = i;
	if (n)
		qsort(all, n, sizeof(struct item *), compare);
	*ret_n = n;
	return all;
}

static bool is_part_of(const struct item *part, const struct item *head)
{
	/* The part's key begins with the resource's name and a NUL. */
	return part->kind == RESOURCE_PART + head->kind && part->key_len > head->key_len &&
	       memcmp(part->data, head->data, head->key_len + 1) == 0;
}

void composed_bytes(struct item *const *all, size_t n, const struct item *head, struct strbuf *ret)
{
	strbuf_add(ret, item_value(head), head->value_len);
	for (size_t i = 0; i < n; i++)
		if (is_part_of(all[i], head))
			strbuf_add(ret, item_value(all[i]), all[i]->value_len);
}
