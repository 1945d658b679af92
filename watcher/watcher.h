/* The watcher: sources fill its store, a link carries the store to the translator and the
 * translator's statuses back. */
#pragma once

#include "common/daemon.h"
#include "watcher/kube-source.h"
#include "watcher/replay.h"

struct watcher_options {
	const char *config;
	struct option_list manifests;
	struct kube_source_config kube;
	struct replay_config replay;
	bool once;
	const char *write_stream;
};

extern struct watcher_options watcher_options;

/* The callbacks of struct daemon_def. */
int watcher_start(struct daemon *d);
void watcher_stop(struct daemon *d);
void watcher_reload(struct daemon *d);
bool watcher_ready(struct daemon *d, struct strbuf *why);
/* --once: reads everything there is, writes it as a stream, returns main()'s exit code. -1 if this
 * is not what was asked for. */
int watcher_once(void);
