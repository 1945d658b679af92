/* Resources as they will reach Envoy, for printing. */
#include <string.h>

#include "common/base/alloc.h"
#include "common/link/resource-kind.h"
#include "translator/print/composed.h"

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
