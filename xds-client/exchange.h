/* The questions, and the use of the answers. */
#pragma once

#include <stdbool.h>

#include "common/base/document.h"

struct exchange {
	unsigned kind; /* enum resource_kind */
	char **names;  /* of resources; empty: all, for kinds that allow it */
	size_t n_names;
	bool delta, watch;
	const char *node_id;
	unsigned envoy_major, envoy_minor; /* that we say to be: newer ones get other listeners */
	unsigned print_flags;              /* PRINT_… */
	enum document_format format;
	int64_t timeout_usec; /* for all that is asked; of a watch: for the first answer */
};

struct stream;

/* The gRPC method for it. */
const char *exchange_method(const struct exchange *x);
/* Prints on standard output until all has come, or, with watch, until the stream ends. Returns 0 or
 * -errno: -ETIMEDOUT where a name was not answered; -EPIPE, see stream_error(); -EBADMSG. */
int exchange_run(const struct exchange *x, struct stream *s);
