/* The list of children, in the order in which they start; they end in the opposite order. */
#pragma once

#include "common/daemon/daemon.h"

struct supervisor_options {
	unsigned watchdog_msec;
	unsigned stop_msec;
	unsigned restart_max_msec;
	unsigned drain_seconds;
	unsigned ready_fd; /* 0: none given */
};
extern struct supervisor_options supervisor_options;

int supervisor_start(struct daemon *d);
void supervisor_stop(struct daemon *d);
void supervisor_reload(struct daemon *d);
bool supervisor_ready(struct daemon *d, struct strbuf *why);
