/* The xds-server process: what its parts have to do with each other. */
#pragma once

#include "common/control-wait.h"
#include "common/daemon.h"
#include "common/link.h"
#include "common/log.h"
#include "xds-server/client.h"
#include "xds-server/grpc-listener.h"
#include "xds-server/report.h"
#include "xds-server/saved-state.h"

struct xds_server_options {
	const char *address;
	const char *cert, *key, *ca;
	bool insecure;
};

extern struct xds_server_options xds_server_options;

struct xds_server {
	struct daemon *daemon;
	struct state *state; /* the translator's resources, mirrored */
	struct resource_store *store;
	struct stream_stats stats;
	struct report *report;
	struct saved_state *saved;
	struct event *deaf; /* pending while the listener takes nobody any more */
	struct link *link;
	struct grpc_listener *listener;
	struct control_wait *wait;
	struct control_wait *answered; /* by Envoys */
	struct client *clients;
	struct event *trim_timer;
	char *saved_path, *socket_path;
	char saved_error[SAVED_STATE_ERROR_MAX]; /* why the saved state was refused */
	bool warm;          /* serving the saved state, the translator has not been heard yet */
	struct log_limit connect_limit, reject_limit;
	int64_t began;
};

int xds_server_start(struct daemon *d);
void xds_server_stop(struct daemon *d);
bool xds_server_ready(struct daemon *d, struct strbuf *why);
