/* What the watcher holds: the objects of its sources, and its own notes on them. A commit gives the
 * world a number that carries through all stages ("world G is at Envoy"): microseconds of real time
 * at first, and always larger than the last. */
#pragma once

#include "common/state.h"
#include "ipc.pb-c.h"
#include "watcher/source.h"

struct store;

struct store *store_new(void);
/* Does not free the sources. */
void store_free(struct store *s);
DEFINE_CLEANUP(struct store *, store_free)

#define STORE_SOURCES_MAX 4

/* Before the first commit. The store borrows it. */
void store_add_source(struct store *s, const struct source *source);

/* Item kind = object kind (common/object-kind.h), key = "namespace/name", meta = origin. */
struct state *store_objects(const struct store *s);
/* The watcher's own: what could not be read or is ambiguous. Values are ObjectStatus; the kind can
 * be OBJECT_DOCUMENT. */
struct state *store_notes(const struct store *s);

/* Takes the reference. */
void store_put(struct store *s, struct item *object);
void store_remove(struct store *s, unsigned kind, const char *key, size_t key_len);
/* The object stays as it is given here, whatever a source has under its key; another one may be given
 * later. Takes the reference. */
void store_pin(struct store *s, struct item *object);
bool store_is_pinned(const struct store *s, unsigned kind, const char *key, size_t key_len);
/* NULL, or a note without problems, takes the note back. */
void store_note(struct store *s, unsigned kind, const char *key, size_t key_len,
		const Portolan__Ipc__ObjectStatus *note);
/* Ends a batch. Until all sources are complete nothing is committed; then what changed is. */
void store_commit(struct store *s);
/* The same for a world that has a number already, from a recording. */
void store_commit_world(struct store *s, uint64_t world);

/* Number of the last world. */
uint64_t store_world(const struct store *s);
/* Commits that changed something. */
uint64_t store_commits(const struct store *s);
