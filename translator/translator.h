/* The translator: objects in, Envoy resources and the objects' statuses out. */
#pragma once

#include "common/daemon.h"
#include "common/link.h"
#include "common/options.h"
#include "common/state.h"
#include "translator/cell.h"
#include "translator/graph.h"
#include "translator/poison.h"
#include "translator/quarantine.h"
#include "translator/secret-keeper.h"
#include "translator/settings.h"

struct translator {
	struct state *objects;	 /* the watcher's, mirrored */
	struct state *resources; /* ours, for xds-server */
	struct state *statuses;	 /* ours, for the watcher */
	struct state *reports;	 /* xds-server's, mirrored */
	struct state_observer on_objects;
	struct state_observer on_reports;
	struct graph *graph;
	struct quarantine *quarantine;
	struct secret_keeper *keeper;
	struct poison *poison;	   /* NULL offline */
	struct vec set_aside;	   /* struct aside: objects that are, and what was said of it */
	struct event *patience; /* for xds-server's reports before the first commit */
	bool patience_ended;
	char *objects_path; /* of the links' sockets */
	char *resources_path;
	struct link *from_watcher;
	struct link *to_xds_server;
	struct control_wait *wait;
	int64_t started;
};

/* What the command line says; main.c has the table. */
struct translator_options {
	const char *listen_address;
	unsigned http_port;
	unsigned https_port;
	struct option_list classes;
	struct option_list root_namespaces;
	bool external_names;
	const char *access_log;
	const char *tls_hosts;
	bool once;
	const char *read_stream;
	const char *write_stream;
	const char *write_statuses;
	const char *print;
	const char *print_changes;
	bool full;
	const char *explain;
};
extern struct translator_options translator_options;

/* States and graph, without links. -EINVAL if the options cannot be, logged. */
int translator_new(struct translator **ret);
void translator_free(struct translator *t);
DEFINE_CLEANUP(struct translator *, translator_free)

int translator_start(struct daemon *d);
void translator_stop(struct daemon *d);
bool translator_ready(struct daemon *d, struct strbuf *why);
/* offline.c: one stream of objects in, resources and statuses out. Returns main()'s exit code. */
int translator_once(void);

/* pages.c */
void translator_pages(struct daemon *d, struct translator *t);
