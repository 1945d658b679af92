/* Asks one question of an HTTP server on a Unix socket: a stage's NAME.control, or Envoy's admin
 * interface. Used by admin, supervisor and the portolan command. */
#pragma once

#include <event2/buffer.h>

#include "common/base/event-loop.h"

struct control_client;

struct control_answer {
	/* 0, or why there is no answer: -ENOENT or -ECONNREFUSED (no server), -ETIMEDOUT,
	 * -EMSGSIZE (longer than max_body), -EBADMSG (not HTTP), -ECONNRESET, -ENAMETOOLONG… */
	int error;
	int status;            /* of HTTP */
	char type[128];        /* Content-Type; "" if absent */
	struct evbuffer *body; /* the receiver may drain it; NULL with an error */
};

struct control_question {
	const char *socket;   /* path */
	const char *method;   /* "GET" */
	const char *target;   /* "/metrics"; must be free of spaces and control characters */
	size_t max_body;      /* bytes */
	int64_t timeout_usec; /* for the whole exchange */
	/* Called when a body is about to be read, with the most bytes that it may have. An error
	 * ends the exchange, and is the answer's. May be NULL. */
	int (*begin)(void *ctx, size_t bytes);
	/* Called once, from the loop and never from within control_ask(). */
	void (*answer)(void *ctx, struct control_answer *answer);
	void *ctx;
};

/* Strings are borrowed for the call only. The returned handle is good until answer() was called. */
struct control_client *control_ask(struct event_loop *loop,
				   const struct control_question *question);
/* answer() will not be called any more. */
void control_ask_cancel(struct control_client *c);
/* The error in words, to follow a stage's name: "does not run". */
const char *control_error(int error);
