/* Resources as they will reach Envoy, for printing: sorted, heads joined with their parts. */
#pragma once

#include <stddef.h>

#include "common/base/strbuf.h"
#include "common/link/state.h"

/* Appends the bytes of the resource with this head; all: of state_sorted(). */
void composed_bytes(struct item *const *all, size_t n, const struct item *head, struct strbuf *ret);
