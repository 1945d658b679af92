/* The xds-server process: what its parts know of each other. */
#pragma once

#include "common/base/log.h"
#include "common/daemon/control-wait.h"
#include "common/daemon/daemon.h"
#include "common/link/link.h"
#include "common/link/neighbour.h"
#include "xds-server/change-log.h"
#include "xds-server/client.h"
#include "xds-server/grpc-listener.h"
#include "xds-server/report.h"
#include "xds-server/saved-state.h"

struct xds_server_options {
	const char *address; /* NULL: a Unix socket in the runtime directory */
	const char *group;
	const char *cert, *key, *ca;
	bool plaintext;
	unsigned max_streams, first_request_seconds, max_age_seconds;
};

extern struct xds_server_options xds_server_options;

struct xds_server {
	struct daemon *daemon;
	struct state *state; /* the translator's resources, mirrored */
	struct resource_store *store;
	struct stream_stats stats;
	struct change_log changes;
	struct report *report;
	struct saved_state *saved;
	struct event *deaf; /* pending while the listener accepts no more connections */
	struct link *link;
	struct neighbour *translator;
	struct grpc_listener *listener;
	struct control_wait *wait;
	struct control_wait *answered; /* by Envoys */
	struct client *clients;
	struct event *trim_timer;
	uint64_t given_back; /* bytes sent until memory was given back */
	char *saved_path, *socket_path;
	char *envoys_path;                       /* of the Unix socket for Envoys; NULL: TCP */
	char saved_error[SAVED_STATE_ERROR_MAX]; /* why the saved state was refused */
	bool warm; /* serving the saved state: the translator has sent no state yet */
	struct log_limit connect_limit, reject_limit;
	int64_t began;
};

/* Whether the options say so, and not a Unix socket. */
bool xds_server_is_tcp(void);
/* That of --xds-group, looked up once; UNIX_LISTENER_NO_GROUP. */
gid_t xds_server_group(void);
int xds_server_start(struct daemon *d);
void xds_server_stop(struct daemon *d);
bool xds_server_ready(struct daemon *d, struct strbuf *why);
