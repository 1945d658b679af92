/* Asks stages on their control sockets and waits for the answers. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/strbuf.h"

struct stage_question {
	const char *stage;
	const char *target;
	/* filled in */
	int error;  /* as in struct control_answer: control_error() says it in words */
	int status; /* of HTTP */
	struct strbuf body;
};

/* All at once; returns when each has its answer. */
void ask_stages(const char *runtime_dir, struct stage_question *questions, size_t n,
		int64_t timeout_usec);
void stage_question_done(struct stage_question *q);
