/* Resources as they will reach Envoy, for printing: sorted, heads joined with their parts. */
#pragma once

#include <stddef.h>

#include "common/state.h"
#include "common/strbuf.h"

/* All items of a state by kind and key; the array is the caller's, the items are borrowed. */
struct item **composed_sorted(const struct state *s, size_t *ret_n);
/* Appends the bytes of the resource whose head this is; all: of composed_sorted(). */
void composed_bytes(struct item *const *all, size_t n, const struct item *head, struct strbuf *ret);
