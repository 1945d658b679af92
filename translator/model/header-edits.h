/* Headers to set, add and remove in requests or responses. Host is apart: Envoy has fields of its
 * own for it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/base/arena.h"

enum header_action {
	HEADER_SET,          /* replaces the present value */
	HEADER_ADD,          /* one more line */
	HEADER_ADD_IF_ABSENT /* only if the header is absent */
};

struct header_edit {
	enum header_action action;
	const char *name;  /* a token (RFC 9110, section 5.6.2), not Host */
	const char *value; /* a format: header_escape() text that must not be read as one */
};

/* At one level (route, target) Envoy removes first, then sets and adds in order. */
struct header_edits {
	struct header_edit *all;
	size_t n;
	const char **remove;
	size_t n_remove;
	const char *host;        /* Host becomes this; NULL: stays */
	const char *host_header; /* Host becomes the value of this header, or NULL */
};

/* Nothing is edited. host_header does not count: only a route has it. */
bool header_edits_are_empty(const struct header_edits *e);
/* As if `then` were applied after `first`, as one level. */
struct header_edits header_edits_join(struct arena *a, const struct header_edits *first,
				      const struct header_edits *then);
/* Sorts by name; edits of one name keep their order. */
void header_edits_sort(struct header_edits *e);
/* The edit of that name, or NULL. */
const struct header_edit *header_edits_find(const struct header_edits *e, const char *name);
bool header_edits_remove(const struct header_edits *e, const char *name);

/* Header names as Go writes them: "x-foo" becomes "X-Foo". NULL if it is not a token, or too long.
 */
char *header_canonical(struct arena *a, const char *name);
/* A value must not end the header (RFC 9110, section 5.5), nor be too long when each "%" is
 * escaped. */
bool header_is_value(const char *s);
/* "%" becomes "%%", so that the text stays literal. */
const char *header_escape(struct arena *a, const char *text);
