/* Answers over HTTP that a client has not read yet. Each is in memory until it is read: what asks
 * for a large page looks at their bytes first, and a client that takes too long loses its
 * connection. */
#pragma once

#include <stddef.h>

struct evbuffer;
struct evhttp_request;

/* With more bytes than these no large answer is begun. */
#define UNSENT_MAX  (64u * 1024 * 1024)
#define UNSENT_TEXT "too many answers wait to be read: ask later\n"

size_t unsent_bytes(void);
/* Sends the answer; body is empty afterwards. */
void unsent_send(struct evhttp_request *req, int status, struct evbuffer *body);
