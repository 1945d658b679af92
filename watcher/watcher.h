/* The watcher: sources fill its store, a link carries the store to the translator and the
 * translator's statuses back. */
#pragma once

#include "common/daemon/daemon.h"
#include "watcher/kube-source.h"
#include "watcher/replay.h"

struct watcher_options {
	const char *config;
	struct option_list manifests;
	struct kube_source_config kube;
	struct replay_config replay;
	bool once, check, contour_metrics, ingress_nginx;
	bool redact, note_passed, stand_in; /* with --once */
	const char *write_stream, *write_notes, *write_manifests, *redact_key;
};

extern struct watcher_options watcher_options;

/* The callbacks of struct daemon_def. */
int watcher_start(struct daemon *d);
void watcher_stop(struct daemon *d);
void watcher_reload(struct daemon *d);
bool watcher_ready(struct daemon *d, struct strbuf *why);
/* --once: reads everything and writes it as a stream. --check: reads the configuration. Returns
 * main()'s exit code, or -1 if neither option was given. */
int watcher_once(void);
