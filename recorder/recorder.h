/* The recorder: a reader of the watcher's link whose mirror goes into a file. */
#pragma once

#include "common/daemon/daemon.h"

struct recorder_options {
	const char *path; /* a word of the command line */
	const char *sync;
	unsigned max_mib;
	unsigned max_age_seconds;
	unsigned keep;
	unsigned flush_msec;
	bool redact;
	const char *redact_key;
};
extern struct recorder_options recorder_options;

/* The callbacks of struct daemon_def. */
int recorder_start(struct daemon *d);
void recorder_stop(struct daemon *d);
bool recorder_ready(struct daemon *d, struct strbuf *why);
