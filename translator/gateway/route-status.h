/* A route's status: an entry a parent. */
#pragma once

#include "translator/gateway/attach.h"

#define ROUTE_FLAWS_MAX 32

/* One thing that is wrong with a rule. */
struct route_flaw {
	const char *reason, *field, *message;
};

struct route_flaws {
	struct flaw accepted; /* the whole route cannot be served */
	struct flaw resolved; /* the first reference that is wrong */
	const char *dropped;  /* the first rule that cannot be served: a sentence, or NULL */
	/* All of these, and what else is wrong with rules; later ones than that many are left out.
	 */
	struct route_flaw all[ROUTE_FLAWS_MAX];
	size_t n;
};

/* Adds one, unless it is there. */
void route_flaw_add(struct route_flaws *flaws, const char *reason, const char *field,
		    const char *message);

/* Returns the entries, for a caller who emits them later; reports everything else. */
Portolan__Ipc__ObjectStatus *route_status_make(struct reader *r, const struct route_head *head,
					       const struct route_parent *parents, size_t n,
					       const struct route_flaws *flaws);
void route_status_emit(struct reader *r, const struct route_head *head,
		       const struct route_parent *parents, size_t n,
		       const struct route_flaws *flaws);
