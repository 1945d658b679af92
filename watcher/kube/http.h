/* The HTTP client of one Kubernetes API server: libcurl's multi interface on our event loop. All
 * calls share one HTTP/2 connection over TLS (over plain HTTP, each has its own). Bodies are handed
 * on as they arrive and not kept, so a call costs no more memory than its reader takes. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/event-loop.h"

#include "watcher/kube/kubeconfig.h"

struct http;
struct http_call;

/* The answer. Everything is borrowed for the time of the callback. */
struct http_result {
	int error; /* 0: a complete answer, whatever its status. Negative: no answer, see message */
	const char *message;      /* for people: the fault */
	unsigned status;          /* 0: no answer at all */
	const char *content_type; /* "" if absent */
	int64_t retry_after_usec; /* 0: the server did not say */
	const char *body; /* of any call without data(), and of every answer that is not 2xx */
	size_t body_len;
};

struct http_request {
	const char *method;
	const char *path; /* with its query; appended to the server's URL */
	const char *accept;
	const char *content_type; /* of body */
	const void *body;
	size_t body_len;
	/* The call ends with -ETIMEDOUT when no bytes have come for idle_usec, or when it has not
	 * ended after total_usec. 0: no such limit. */
	int64_t idle_usec;
	int64_t total_usec;
	/* The head of a 2xx answer has come; a negative result ends the call. May be NULL. */
	int (*response)(void *ctx, unsigned status, const char *content_type);
	/* A piece of a 2xx answer's body; negative ends the call with that. NULL: collect it. */
	int (*data)(void *ctx, const uint8_t *data, size_t len);
	/* The last thing that is called; the call is gone when it returns. */
	void (*done)(void *ctx, const struct http_result *result);
	void *ctx;
};

#define HTTP_COLLECT_MAX (4u * 1024 * 1024)

struct http_counters {
	uint64_t connections; /* opened */
	uint64_t dropped;     /* closed because no bytes came through them any more */
	uint64_t calls, failed_calls;
	uint64_t bytes_in;
};

/* access is the caller's and must stay; credentials in it are kept fresh from here. */
struct http *http_new(struct event_loop *loop, struct kube_access *access);
/* Calls that are still there end without done(). */
void http_free(struct http *h);
DEFINE_CLEANUP(struct http *, http_free)

/* Strings and body are copied. done() is never called before this returns. */
struct http_call *http_send(struct http *h, const struct http_request *request);
/* No callback is called any more. Allowed everywhere, also in the call's own callbacks. */
void http_cancel(struct http_call *call);
/* While calls wait and no bytes have come for interval_usec, asks for path. If the server does not
 * answer within the same time again, its connections are dropped. */
void http_probe(struct http *h, const char *path, int64_t interval_usec);

/* Called when the server answers again after a failure: waiting retries may start now. */
void http_on_reachable(struct http *h, void (*reachable)(void *ctx), void *ctx);
/* The last call that ended had an answer. */
bool http_reachable(const struct http *h);
/* Reads tokens and certificates in files again before the next call. */
void http_reload(struct http *h);

const struct http_counters *http_counters(const struct http *h);
/* Appends s, escaped for use in a path or query. */
void http_escape(struct strbuf *b, const char *s);
