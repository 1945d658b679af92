/* The door from front ends to connections that are passed on as they come, or decrypted. */
#pragma once

#include "translator/graph/graph.h"
#include "translator/model/host.h"

struct stream_spec {
	const char *socket;        /* the listener's: model/listener.h */
	const char *listener_host; /* of TLS listeners, else "*" */
	const char *domain;        /* server names: that or one within it */
	enum object_kind kind;
	const char *object;
	const char *sort;           /* order of equal ones: the first wins; NULL: last */
	const struct host_tcp *tcp; /* NULL: connections are closed */
	const char *cluster;        /* UDP */
};

void want_stream(struct reader *r, const struct stream_spec *spec);
