/* The TCP side: listening, refusing bad requests before any page runs, and answers. */
#pragma once

#include <event2/http.h>
#include <stdbool.h>

#include "common/base/event-loop.h"
#include "common/base/strbuf.h"

struct http_server;

typedef void (*http_request_fn)(void *ctx, struct evhttp_request *req);

/* address: "127.0.0.1:8000", "[::1]:8000", "localhost:8000"; port 0 for any free one. -EINVAL if it
 * is not an address. request() is only called for GET and HEAD, with an allowed Host. */
int http_server_new(struct event_loop *loop, const char *address, http_request_fn request,
		    void *ctx, struct http_server **ret);
void http_server_free(struct http_server *s);
/* Where it listens, with the port that it got. */
const char *http_server_address(const struct http_server *s);
/* Requests that were turned away because of their Host. */
uint64_t http_server_refused(const struct http_server *s);

/* A browser on this machine reaches a loopback port under any name that resolves to it: only names
 * that no stranger can own are taken. host: the header's value, or NULL. */
bool http_host_is_local(const char *host);

void http_send(struct evhttp_request *req, int status, const char *type, struct evbuffer *body);
void http_send_text(struct evhttp_request *req, int status, const char *fmt, ...) _printf_(3, 4);
