/* One question to Envoy's admin interface
 * (https://www.envoyproxy.io/docs/envoy/latest/operations/admin), with plain blocking sockets. */
#pragma once

#include <stdint.h>

#include "common/base/strbuf.h"

/* Sends METHOD TARGET to the interface at place: the path of a Unix socket, or ADDRESS:PORT. Waits
 * for at most timeout_usec. Returns the status of HTTP with the body in ret_body (which may be
 * NULL), or -errno: -ENOENT and -ECONNREFUSED if no process listens there, -ETIMEDOUT, -EMSGSIZE
 * above 4 MiB, -EBADMSG if the answer is not HTTP/1.1. */
int admin_ask(const char *place, const char *method, const char *target, int64_t timeout_usec,
	      struct strbuf *ret_body);
