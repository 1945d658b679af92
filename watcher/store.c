/* The watcher's objects and notes, and the rule when they are committed. */
#include <assert.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/decode/object-kind.h"
#include "watcher/store.h"

struct store {
	struct state *objects;
	struct state *notes;
	const struct source *sources[STORE_SOURCES_MAX];
	size_t n_sources;
	uint64_t world;
	uint64_t commits;
	struct item *pinned;
	int64_t event_usec; /* realtime of the first event since the last commit; 0: no event */
	struct store_change changes[STORE_CHANGES_MAX], open;
	size_t n_changes;
	bool objects_changed;
	bool notes_changed;
};

struct store *store_new(void)
{
	struct store *s = xnew(struct store, 1);

	s->objects = state_new();
	s->notes = state_new();
	return s;
}

void store_free(struct store *s)
{
	if (!s)
		return;
	item_unref(s->pinned);
	item_unref(s->open.first);
	for (size_t i = 0; i < STORE_CHANGES_MAX; i++)
		item_unref(s->changes[i].first);
	state_free(s->objects);
	state_free(s->notes);
	free(s);
}

void store_add_source(struct store *s, const struct source *source)
{
	assert(s->n_sources < STORE_SOURCES_MAX && !state_complete(s->objects));
	s->sources[s->n_sources++] = source;
}

struct state *store_objects(const struct store *s)
{
	return s->objects;
}

size_t store_object_count(const struct store *s)
{
	return state_count(s->objects) - state_count_kind(s->objects, OBJECT_REFUSED) -
	       state_count_kind(s->objects, OBJECT_INFRASTRUCTURE) -
	       state_count_kind(s->objects, OBJECT_BUNDLE);
}

struct state *store_notes(const struct store *s)
{
	return s->notes;
}

static void changed(struct store *s, struct item *object, bool removed)
{
	s->objects_changed = true;
	if (!s->open.objects++) {
		s->open.first = item_ref(object);
		s->open.removed = removed;
	}
}

/* Takes the reference. */
static void put(struct store *s, struct item *object)
{
	_cleanup_(item_unrefp) struct item *kept = item_ref(object);

	if (state_put(s->objects, object))
		changed(s, kept, false);
}

void store_pin(struct store *s, struct item *object)
{
	item_unref(s->pinned);
	s->pinned = item_ref(object);
	put(s, object);
}

bool store_is_pinned(const struct store *s, unsigned kind, const char *key, size_t key_len)
{
	const struct item *p = s->pinned;

	return p && p->kind == kind && p->key_len == key_len &&
	       memcmp(item_key(p), key, key_len) == 0;
}

void store_put(struct store *s, struct item *object)
{
	if (store_is_pinned(s, object->kind, item_key(object), object->key_len)) {
		item_unref(object);
		return;
	}
	put(s, object);
}

void store_remove(struct store *s, unsigned kind, const char *key, size_t key_len)
{
	struct item *before = state_get(s->objects, kind, key, key_len);
	_cleanup_(item_unrefp) struct item *removed = before ? item_ref(before) : NULL;

	if (!removed || store_is_pinned(s, kind, key, key_len))
		return;
	(void)state_remove(s->objects, kind, key, key_len);
	changed(s, removed, true);
}

void store_note(struct store *s, unsigned kind, const char *key, size_t key_len,
		const Portolan__Ipc__ObjectStatus *note)
{
	_cleanup_free_ uint8_t *value = NULL;
	size_t n;

	if (!note || !note->n_problems) {
		s->notes_changed |= state_remove(s->notes, kind, key, key_len);
		return;
	}
	n = portolan__ipc__object_status__get_packed_size(note);
	value = xmalloc(n);
	(void)portolan__ipc__object_status__pack(note, value);
	s->notes_changed |= state_put(s->notes, item_new(kind, key, key_len, NULL, 0, value, n));
}

static bool sources_complete(const struct store *s)
{
	for (size_t i = 0; i < s->n_sources; i++)
		if (!s->sources[i]->ops->complete(s->sources[i]))
			return false;
	return true;
}

static void close_change(struct store *s)
{
	struct store_change *slot = &s->changes[s->n_changes++ % STORE_CHANGES_MAX];

	item_unref(slot->first);
	*slot = s->open;
	slot->world = s->world;
	s->open = (struct store_change){ 0 };
}

const struct store_change *store_change(const struct store *s, size_t back)
{
	if (back >= MIN(s->n_changes, (size_t)STORE_CHANGES_MAX))
		return NULL;
	return &s->changes[(s->n_changes - 1 - back) % STORE_CHANGES_MAX];
}

/* moved: the world gets a new number even if its content is the same. */
static void commit(struct store *s, uint64_t world, bool moved)
{
	bool first = !state_complete(s->objects);

	if (first && !sources_complete(s))
		return;
	if (s->notes_changed || first) {
		s->notes_changed = false;
		state_commit(s->notes, 0);
	}
	if (!s->objects_changed && !first && !moved)
		return;
	s->objects_changed = false;
	s->world = MAX(s->world + 1, world);
	s->commits++;
	close_change(s);
	state_commit(s->objects, s->world);
}

void store_event(struct store *s)
{
	if (!s->event_usec)
		s->event_usec = clock_realtime();
}

void store_commit(struct store *s)
{
	int64_t event = s->event_usec ? s->event_usec : clock_realtime();

	s->event_usec = 0;
	commit(s, (uint64_t)event, false);
}

void store_commit_world(struct store *s, uint64_t world)
{
	commit(s, world, world > s->world);
}

uint64_t store_world(const struct store *s)
{
	return s->world;
}

uint64_t store_commits(const struct store *s)
{
	return s->commits;
}
