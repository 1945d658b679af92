/* Applies a request to a stream's subscriptions. A request can have hundreds of thousands of names:
 * they are handled in pieces, and other streams have their turns between. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "xds-server/request.h"

struct stream;
struct subscription;

/* Names, or fields, of one piece: a millisecond or two. */
#define INTAKE_PIECE 4096

enum intake_step {
	INTAKE_DROP, /* names that only the wildcard covered */
	INTAKE_UNSUBSCRIBE,
	INTAKE_INITIAL,
	INTAKE_NAMES,
	INTAKE_KEPT,     /* resources that the client holds: drops those that it does not ask for */
	INTAKE_UNLISTED, /* state of the world: names that left the list */
	INTAKE_END,
};

/* A request that is being handled. All zero: no request. */
struct intake {
	struct subscription *sub; /* NULL: no request */
	struct request q;         /* only its lists are used */
	struct request_cursor at;
	uint32_t id;  /* where a walk through numbers is */
	bool started; /* the step is not at its beginning */
	bool first, all;
	bool wildcard_before;
	enum intake_step step;
};

/* Goes on with it. 1 if there is more, 0 at the end, -errno as stream_request(). */
int intake_piece(struct stream *s, size_t *left);
/* Begins: the message must stay until the end. */
void intake_begin(struct stream *s, struct subscription *sub, const struct request *q, bool first);
