/* The inside of provision.h: objects wanted and written, collections watched, states reported. */
#pragma once

#include "common/base/hashmap.h"
#include "watcher/kube/reflector.h"
#include "watcher/provision/owned-object.h"
#include "watcher/provision/provision.h"

/* The objects of one kind at the API that have our labels. */
struct owned_watch {
	struct provision *provision;
	const struct owned_kind *kind;
	struct reflector *reflector;
	uint32_t epoch;
};

struct provision_counters {
	uint64_t applied, deleted, refused, failures;
	uint64_t objects; /* existing ones */
};

struct provision {
	struct provision_config config;
	struct hashmap objects, owners;
	TAILQ_HEAD(owned_queue, owned) queue;
	struct owned_watch watches[OWNED_KINDS];
	struct event *timer; /* goes on with the queue, and tells */
	struct event *sweep; /* looks at everything again, now and then */
	char *authority;     /* "namespace/name" */
	char *controller;    /* the controllerName of our classes */
	bool enabled, leader;
	unsigned in_flight;
	struct provision_counters counters; /* since the start, but for the existing objects */
	enum provision_upgrades upgrades;
	bool upgrade_due;    /* something has changed for workloads */
	struct owned *turn;  /* the workload that may be upgraded now, or NULL */
	struct owned *rolls; /* a workload that others wait for, or NULL */
	size_t waiting;      /* workloads */
};

/* ---- provision.c ---- */

/* key: "Kind namespace/name"; gateway: "namespace/name", or NULL: find only. */
struct owned *owned_find(struct provision *p, const char *key, size_t len, const char *gateway);
void owned_enqueue(struct owned *o, int64_t delay);
/* Forgets it if it is neither wanted nor there. */
void owned_release(struct owned *o);
void owner_dirty(struct owner *owner);
void owner_free(struct owner *owner);
bool owned_is_workload(const struct owned *o);

/* ---- provision-upgrade.c ---- */

/* Whether the workload may be written: its images stay, or it is its turn. */
bool upgrade_allows(const struct owned *o);
/* It is being written. */
void upgrade_sent(struct owned *o);
/* The write has failed: its turn is over, but it comes again. */
void upgrade_failed(struct owned *o);
/* The object at the API has changed, or the wanted one; json: as it is now, or NULL. */
void upgrade_live(struct owned *o);
void upgrade_wanted(struct owned *o, struct json_object *json);
void upgrade_forget(struct owned *o);
/* Chooses whose turn it is, after changes. */
void upgrade_look(struct provision *p);

/* ---- provision-watch.c ---- */

/* What the API has; takes the reference. NULL: it is not there, or is not ours. */
void owned_set_live(struct owned *o, struct json_object *live);
/* Another Portolan has written it. */
bool owned_is_anothers(const struct provision *p, struct json_object *live);

void provision_watch(struct provision *p);
void provision_unwatch(struct provision *p);
