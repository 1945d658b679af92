/* The admin process: one HTTP port for people and Prometheus, over the stages' control sockets. */
#pragma once

#include <event2/http.h>

#include "admin/gather.h"
#include "common/daemon/daemon.h"

struct admin_options {
	const char *address; /* HOST:PORT */
};
extern struct admin_options admin_options;

struct event_stream;

struct admin {
	struct daemon *daemon;
	struct http_server *server;
	struct job *jobs;
	size_t n_jobs;
	int64_t started_usec; /* monotonic */
	uint64_t requests;
	struct event_stream *events; /* made for the first listener */
};

int admin_start(struct daemon *d);
void admin_stop(struct daemon *d);
bool admin_ready(struct daemon *d, struct strbuf *why);
