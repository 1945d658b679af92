/* Whole worlds of objects, for commands that compare them: read from a cluster, from the Portolan
 * that runs here, from files or from a recording; and a translator's output for them. */
#pragma once

#include <json-c/json.h>

#include "common/base/options.h"
#include "common/link/state.h"

struct world_options {
	const char *config, *at, *log_level;
	/* The source of the live world. */
	const char *runtime_dir, *kubeconfig, *context;
	bool in_cluster, note_passed;
	bool as_running; /* with the options of the translator that runs, where that is live */
	struct option_list namespaces;
};

/* The word for the live world. */
#define WORLD_LIVE "live"

/* Rows of an option table. */
#define WORLD_LIVE_OPTIONS(w)                                                                         \
	{                                                                                             \
		"kubeconfig",  0,                                                                     \
		OPTION_STRING, &(w).kubeconfig,                                                       \
		"FILE",        "of the cluster to read (default: $KUBECONFIG, ~/.kube/config)"        \
	},                                                                                            \
		{ "context",    0,      OPTION_STRING,                                                \
		  &(w).context, "NAME", "context of the kubeconfig (default: its current-context)" }, \
		{ "in-cluster",    0,    OPTION_FLAG,                                                 \
		  &(w).in_cluster, NULL, "read the cluster of this pod, with its service account" },  \
		{ "namespace", 'n',                                                                   \
		  OPTION_LIST, &(w).namespaces,                                                       \
		  "NAME",      "read objects of this namespace only; may be repeated (default: all)" }

/* The objects read. */
struct world_objects {
	struct state *objects;
	/* Problems of unreadable objects: items with an ObjectStatus. With note_passed one of them,
	 * "passed-over", counts objects of other kinds. */
	struct state *notes;
};
void world_objects_done(struct world_objects *w);

/* paths: "live" alone; or recordings, the oldest first; or files and directories of manifests.
 * Reports failures on stderr, after the command's name. */
int world_read(const char *command, const struct world_options *o, const char *const *paths,
	       size_t n, struct world_objects *ret);
/* Manifests that are in a file without a name. */
int world_read_text(const char *command, const struct world_options *o, int fd,
		    struct world_objects *ret);
/* Adds the default certificate of ingress-nginx's hosts where a watcher that runs would make one.
 * like: a world whose own is taken, if it has one, so that the two can be compared; or NULL. */
void world_add_certificate(const char *command, const struct world_options *o,
			   struct world_objects *world, const struct world_objects *like);
/* Whether the paths name such a world, judged by the first. */
bool world_is_live(const char *const *paths, size_t n);
bool world_is_recording(const char *const *paths, size_t n);
/* Lays the objects of over onto base, object by object. */
void world_overlay(struct world_objects *base, const struct world_objects *over);

/* The objects of the API as YAML, into fd. */
int world_dump(const char *command, const struct world_options *o, bool redact,
	       const char *redact_key, int fd);

/* Runs a translator over the objects: gives its statuses, and its answer to the question
 * (translator/explain/explain.h). The caller frees both. */
int world_translate(const char *command, const struct world_options *o, struct state *objects,
		    const char *question, struct state **ret_statuses, struct json_object **ret);
