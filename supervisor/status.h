/* The supervisor's state, and its pages at supervisor.control. */
#pragma once

#include "common/daemon/daemon.h"
#include "supervisor/child.h"

#define CHILDREN_MAX 16

struct envoy_probe;

struct supervisor {
	struct daemon *daemon;
	struct child *children[CHILDREN_MAX];
	size_t n;
	struct notify *notify;
	char *notify_path, *envoy_path;
	struct envoy_probe *probe; /* NULL where no Envoy runs here */
	struct child *probed;      /* the Envoy */
	struct event *child_signal;
	bool evaluating, announced, stopping;
	int64_t started_usec; /* monotonic */
	uint64_t strangers;   /* notify messages of processes that are no child */
	bool terminal;        /* started in a terminal, which may be closed */
};

/* Adds /debug/status and metrics. */
void status_pages(struct supervisor *s);
