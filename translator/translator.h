/* The translator: objects in, Envoy resources and the objects' statuses out. */
#pragma once

#include "common/base/options.h"
#include "common/daemon/daemon.h"
#include "common/link/link.h"
#include "common/link/neighbour.h"
#include "common/link/state.h"
#include "translator/graph/cell.h"
#include "translator/graph/graph.h"
#include "translator/graph/world.h"
#include "translator/guard/poison.h"
#include "translator/guard/programmed.h"
#include "translator/guard/propagation.h"
#include "translator/guard/quarantine.h"
#include "translator/guard/route-patience.h"
#include "translator/guard/secret-keeper.h"
#include "translator/model/settings.h"

struct translator {
	const struct settings_options *options; /* borrowed */
	struct state *objects;                  /* the watcher's, mirrored */
	uint64_t origin;                        /* number of the classes that are served */
	struct state *resources;                /* ours, for xds-server */
	struct state *statuses;                 /* ours, for the watcher */
	struct state *users;                    /* ours, for portolan-passwords */
	struct state *reports;                  /* xds-server's, mirrored */
	struct state_observer on_objects;
	struct state_observer on_reports;
	struct graph *graph;
	struct quarantine *quarantine;
	struct event *quarantine_due; /* a held change is tried again; NULL offline */
	struct secret_keeper *keeper;
	struct programmed *programmed; /* NULL offline, and so are these */
	struct route_patience *routes;
	struct event *routes_due; /* a wait of theirs ends */
	struct propagation *propagation;
	struct event *propagation_due;
	struct poison *poison;  /* NULL offline */
	struct vec set_aside;   /* struct aside: such objects, and the remarks on them */
	struct event *patience; /* for xds-server's reports before the first commit */
	bool reports_awaited;   /* longer: xds-server is connected */
	bool patience_ended;
	struct event *settled; /* the first world is translated, and sent for the most part */
	char *objects_path;    /* of the links' sockets */
	char *resources_path;
	char *users_path;
	struct link *from_watcher;
	struct link *to_xds_server;
	struct link *to_passwords;
	struct neighbour *watcher, *xds_server; /* their log lines */
	struct control_wait *wait;
	int64_t started;
};

/* The command line's options; main.c has the table. */
struct translator_options {
	struct settings_options settings;
	bool once;
	const char *read_stream;
	const char *write_stream;
	const char *write_statuses;
	bool each_world;
	const char *print;
	const char *print_changes;
	bool full;
	const char *explain;
};
extern struct translator_options translator_options;

/* States and graph, without links. The options are borrowed. -EINVAL if one is wrong, logged. */
int translator_new(const struct settings_options *options, struct translator **ret);
/* The questions that people may ask. */
struct world translator_world(const struct translator *t);
void translator_free(struct translator *t);
DEFINE_CLEANUP(struct translator *, translator_free)

int translator_start(struct daemon *d);
void translator_stop(struct daemon *d);
bool translator_ready(struct daemon *d, struct strbuf *why);
/* offline.c: one stream of objects in, resources and statuses out. Returns main()'s exit code. */
int translator_once(void);

/* pages.c */
void translator_pages(struct daemon *d, struct translator *t);
