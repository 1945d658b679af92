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

struct provision {
	struct provision_config config;
	struct hashmap objects, owners;
	TAILQ_HEAD(owned_queue, owned) queue;
	struct owned_watch watches[OWNED_KINDS];
	struct event *timer; /* goes on with the queue, and tells */
	struct event *sweep; /* looks at everything again, now and then */
	char *authority;     /* "namespace/name" */
	bool enabled, leader;
	unsigned in_flight;
	struct provision_counters counters;
};

/* ---- provision.c ---- */

/* key: "Kind namespace/name"; gateway: "namespace/name", or NULL: find only. */
struct owned *owned_find(struct provision *p, const char *key, size_t len, const char *gateway);
void owned_enqueue(struct owned *o, int64_t delay);
/* Forgets it if it is neither wanted nor there. */
void owned_release(struct owned *o);
void owner_dirty(struct owner *owner);

/* ---- provision-watch.c ---- */

void provision_watch(struct provision *p);
void provision_unwatch(struct provision *p);
