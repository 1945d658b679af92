/* One stream to an xds-server, by gRPC's C core, with calls that wait. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/base/strbuf.h"

struct grpc_call_options {
	const char *address; /* HOST:PORT or unix:PATH */
	const char *method;  /* "/package.Service/Method" */
	/* Files (PEM): all three or none. */
	const char *tls_cert, *tls_key, *tls_ca;
	const char *tls_name; /* that the server's certificate must have */
};

struct stream;

/* NULL if the files cannot be read (logged). Connects in the background. */
struct stream *stream_open(const struct grpc_call_options *options);
void stream_close(struct stream *s);

/* Both wait until it is done, at most to the deadline (usec, CLOCK_MONOTONIC). -ETIMEDOUT; -EPIPE
 * when the stream has ended, which stream_error() explains. */
int stream_send(struct stream *s, const void *message, size_t n, int64_t deadline);
/* Replaces the content of ret. */
int stream_receive(struct stream *s, struct strbuf *ret, int64_t deadline);
/* "UNAVAILABLE: connection refused"; of a stream that has ended. Borrowed. */
const char *stream_error(struct stream *s);
