/* Asks several stages at once, and calls back when each has answered or failed to. */
#pragma once

#include <stdbool.h>

#include "common/daemon/control-client.h"
#include "common/daemon/stage.h"

#define GATHER_MAX (2 * STAGES)

struct gather_answer {
	struct gather *gather;
	struct control_client *asking;
	const struct stage_row *stage;
	int error; /* as in struct control_answer */
	int status;
	char type[128];
	struct evbuffer *body; /* NULL with an error */
	size_t bytes;          /* that the body has, or may have when all of it is there */
};

struct gather {
	struct event_loop *loop;
	const char *runtime_dir;
	struct gather_answer answers[GATHER_MAX];
	size_t n, left;
	size_t bytes;      /* of its answers */
	size_t unsent_max; /* no answer is read while others have more bytes; 0: they are small */
	bool too_much;     /* for this reason an answer was not read */
	void (*done)(void *ctx, struct gather *g);
	void *ctx;
};

/* done() is called once, from the loop; the gather is freed when it has returned. */
struct gather *gather_new(struct event_loop *loop, const char *runtime_dir,
			  void (*done)(void *ctx, struct gather *g), void *ctx);
/* Answers of stages, present or on their way, and those that a client has not read yet. */
size_t gather_all_bytes(void);
void gather_ask(struct gather *g, const struct stage_row *stage, const char *target,
		size_t max_body, int64_t timeout_usec);
/* done() will not be called. */
void gather_cancel(struct gather *g);
