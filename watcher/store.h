/* The watcher's store: the objects of its sources, and its own notes on them. A commit gives the
 * world a number that carries through all stages ("world G is at Envoy"): microseconds of real
 * time at first, and always larger than the last. */
#pragma once

#include "common/link/state.h"
#include "ipc.pb-c.h"
#include "watcher/source.h"

struct store;

struct store *store_new(void);
/* Does not free the sources. */
void store_free(struct store *s);
DEFINE_CLEANUP(struct store *, store_free)

#define STORE_SOURCES_MAX 4

/* Call it before the first commit. The store borrows the source. */
void store_add_source(struct store *s, const struct source *source);

/* Item kind = object kind (common/decode/object-kind.h; OBJECT_REFUSED among them), key =
 * "namespace/name", meta = origin. */
struct state *store_objects(const struct store *s);
size_t store_object_count(const struct store *s);
/* The watcher's own notes: objects that could not be read or are ambiguous. Values are
 * ObjectStatus; the kind can be OBJECT_DOCUMENT. */
struct state *store_notes(const struct store *s);

/* Takes the reference. */
void store_put(struct store *s, struct item *object);
void store_remove(struct store *s, unsigned kind, const char *key, size_t key_len);
/* Pins an object: it stays as given here, whatever a source has under its key, until another one is
 * given. Takes the reference. */
void store_pin(struct store *s, struct item *object);
bool store_is_pinned(const struct store *s, unsigned kind, const char *key, size_t key_len);
/* NULL, or a note without problems, takes the note back. */
void store_note(struct store *s, unsigned kind, const char *key, size_t key_len,
		const Portolan__Ipc__ObjectStatus *note);
/* An event at a source: if it is the first since the last commit, its time becomes the number of
 * the next world. */
void store_event(struct store *s);
/* Ends a batch. Commits nothing until all sources are complete; then the changes. */
void store_commit(struct store *s);
/* The same for a world that has a number already, from a recording. */
void store_commit_world(struct store *s, uint64_t world);

/* Number of the last world. */
uint64_t store_world(const struct store *s);
/* The last commits, newest first, with their changes. */
#define STORE_CHANGES_MAX 64
struct store_change {
	uint64_t world;
	size_t objects;     /* that came, changed or went */
	struct item *first; /* one of them */
	bool removed;
};
/* NULL where there were fewer. Borrowed until the next commit. */
const struct store_change *store_change(const struct store *s, size_t back);

/* Commits with changes. */
uint64_t store_commits(const struct store *s);
