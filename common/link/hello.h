/* The first frame each way: the sender's role and versions. */
#pragma once

#include <stdbool.h>

#include "common/link/frame-input.h"

struct hello {
	char role[64];
	uint32_t pid; /* 0 in a file */
};

/* file: without the fields that differ from one run to the next. */
void hello_append(struct strbuf *b, const char *role, bool file);
/* -EBADMSG, or -EPROTONOSUPPORT (another version), and a sentence in why, of FRAME_REASON_MAX
 * bytes, unless this is a HELLO from a Portolan that we understand. */
int hello_read(const struct frame *f, struct hello *ret, char *why);
/* A peer's words as one line that can be logged. */
void hello_clean(char *dst, size_t size, const char *src);
/* The meaning of a frame input's failure, for people. */
void hello_explain(int r, const struct frame *f, char *why);
