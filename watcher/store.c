/* The watcher's objects and notes, and the rule when they are committed. */
#include <assert.h>
#include <string.h>

#include "common/alloc.h"
#include "common/clock.h"
#include "watcher/store.h"

struct store {
	struct state *objects;
	struct state *notes;
	const struct source *sources[STORE_SOURCES_MAX];
	size_t n_sources;
	uint64_t world;
	uint64_t commits;
	struct item *pinned;
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

struct state *store_notes(const struct store *s)
{
	return s->notes;
}

void store_pin(struct store *s, struct item *object)
{
	item_unref(s->pinned);
	s->pinned = item_ref(object);
	s->objects_changed |= state_put(s->objects, object);
}

bool store_is_pinned(const struct store *s, unsigned kind, const char *key, size_t key_len)
{
	const struct item *p = s->pinned;

	return p && p->kind == kind && p->key_len == key_len && memcmp(item_key(p), key, key_len) == 0;
}

void store_put(struct store *s, struct item *object)
{
	if (store_is_pinned(s, object->kind, item_key(object), object->key_len)) {
		item_unref(object);
		return;
	}
	s->objects_changed |= state_put(s->objects, object);
}

void store_remove(struct store *s, unsigned kind, const char *key, size_t key_len)
{
	if (!store_is_pinned(s, kind, key, key_len))
		s->objects_changed |= state_remove(s->objects, kind, key, key_len);
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

/* moved: the world is another one also if nothing in it has changed. */
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
	state_commit(s->objects, s->world);
}

void store_commit(struct store *s)
{
	commit(s, (uint64_t)clock_realtime(), false);
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
