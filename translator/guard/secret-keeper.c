/* Keeps the former content of Secrets that became unusable. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/hashmap.h"
#include "common/base/log.h"
#include "proto/ipc.pb-c.h"
#include "translator/graph/cell.h"
#include "translator/guard/secret-keeper.h"
#include "translator/kinds.h"
#include "translator/resolve/secret.h"

#define KEY_PREFIX  "61" /* in place of a kind of items, in keys of RESOURCE_QUARANTINE */
#define ARENA_CHUNK 16384

struct secret_keeper {
	struct graph *graph;
	struct state *objects, *resources, *reports;
	struct hashmap
		kept; /* struct item, in its injected form: key "namespace/name", value a Secret */
	struct arena *arena;
};

static const void *item_name(const void *entry, size_t *ret_len)
{
	const struct item *i = entry;

	*ret_len = i->key_len;
	return i->data;
}

struct secret_keeper *secret_keeper_new(struct graph *g, struct state *objects,
					struct state *resources, struct state *reports)
{
	struct secret_keeper *k = xnew(struct secret_keeper, 1);

	*k = (struct secret_keeper){
		g, objects, resources, reports, HASHMAP_INIT(item_name), arena_new(ARENA_CHUNK)
	};
	return k;
}

void secret_keeper_free(struct secret_keeper *k)
{
	struct item *i;

	if (!k)
		return;
	HASHMAP_FOREACH (&k->kept, i)
		item_unref(i);
	hashmap_done(&k->kept);
	arena_free(k->arena);
	free(k);
}

size_t secret_keeper_kept(const struct secret_keeper *k)
{
	return k->kept.n;
}

/* ---- one Secret ---- */

static K8s__Secret *unpack(struct secret_keeper *k, const struct item *i)
{
	arena_reset(k->arena);
	return k8s__secret__unpack(arena_pb(k->arena), i->value_len, item_value(i));
}

static bool is_usable(struct secret_keeper *k, const struct item *i)
{
	const K8s__Secret *s = unpack(k, i);
	const char *reason, *why;

	return s && secret_check(k->arena, s, NULL, &reason, &why) == 0;
}

static bool is_in_use(const struct secret_keeper *k, const struct item *i)
{
	return state_get(k->resources, RESOURCE_SECRET, i->data, i->key_len) != NULL;
}

/* The same Secret, reduced to its served parts. */
static struct item *trim(struct secret_keeper *k, const struct item *i)
{
	K8s__Secret *s = unpack(k, i), out = K8S__SECRET__INIT;
	struct item *trimmed;
	uint8_t *packed;
	size_t len;

	out.type = s->type;
	out.data = arena_new_of(k->arena, K8s__Secret__DataEntry *, s->n_data + 1);
	for (size_t n = 0; n < s->n_data; n++)
		if (strcmp(s->data[n]->key, "tls.crt") == 0 ||
		    strcmp(s->data[n]->key, "tls.key") == 0)
			out.data[out.n_data++] = s->data[n];
	len = k8s__secret__get_packed_size(&out);
	packed = arena_alloc(k->arena, len);
	(void)k8s__secret__pack(&out, packed);
	trimmed = item_new(OBJECT_SECRET, i->data, i->key_len, NULL, 0, packed, len);
	arena_reset(k->arena);
	return trimmed;
}

/* ---- xds-server's copy ---- */

static char *report_key(struct secret_keeper *k, const struct item *i, size_t *ret_len)
{
	char *key = arena_alloc(k->arena, sizeof(KEY_PREFIX) + i->key_len);

	memcpy(key, KEY_PREFIX, sizeof(KEY_PREFIX));
	memcpy(key + sizeof(KEY_PREFIX), i->data, i->key_len);
	*ret_len = sizeof(KEY_PREFIX) + i->key_len;
	return key;
}

static void tell(struct secret_keeper *k, const struct item *i)
{
	Portolan__Ipc__Quarantine m = PORTOLAN__IPC__QUARANTINE__INIT;
	size_t key_len, len;
	char *key = report_key(k, i, &key_len);
	uint8_t *packed;

	m.has_good_value = 1;
	m.good_value = (ProtobufCBinaryData){ i->value_len, (uint8_t *)item_value(i) };
	len = portolan__ipc__quarantine__get_packed_size(&m);
	packed = arena_alloc(k->arena, len);
	(void)portolan__ipc__quarantine__pack(&m, packed);
	(void)state_put(k->resources,
			item_new(RESOURCE_QUARANTINE, key, key_len, NULL, 0, packed, len));
	arena_reset(k->arena);
}

static void untell(struct secret_keeper *k, const struct item *i)
{
	size_t len;
	char *key = report_key(k, i, &len);

	(void)state_remove(k->resources, RESOURCE_QUARANTINE, key, len);
	arena_reset(k->arena);
}

/* ---- keeping ---- */

/* Takes the item over. */
static void keep(struct secret_keeper *k, struct item *i)
{
	log_warning("Secret %.*s cannot be served as it is now: what it held before stays in use",
		    (int)i->key_len, i->data);
	(void)hashmap_put(&k->kept, i);
	graph_inject(k->graph, FACT_KEPT_SECRET, i->data, i->key_len, i);
	tell(k, i);
}

static void let_go(struct secret_keeper *k, struct item *i)
{
	(void)hashmap_remove(&k->kept, i->data, i->key_len);
	graph_uninject(k->graph, FACT_KEPT_SECRET, i->data, i->key_len, i);
	untell(k, i);
	item_unref(i);
}

void secret_keeper_object(struct secret_keeper *k, const struct item *before,
			  const struct item *after)
{
	const struct item *any = after ? after : before;
	struct item *kept;

	if (any->kind != OBJECT_SECRET)
		return;
	kept = hashmap_get(&k->kept, any->data, any->key_len);
	if (kept && (!after || is_usable(k, after)))
		let_go(k, kept);
	else if (!kept && before && after && is_in_use(k, after) && !is_usable(k, after) &&
		 is_usable(k, before))
		keep(k, trim(k, before));
}

static void recall(struct secret_keeper *k, const struct item *report)
{
	const char *key = report->data + sizeof(KEY_PREFIX);
	size_t key_len = report->key_len - sizeof(KEY_PREFIX);
	struct item *now = state_get(k->objects, OBJECT_SECRET, key, key_len), *i;
	Portolan__Ipc__Quarantine *m;

	/* Deleted, or mended, in the meantime. */
	if (!now || is_usable(k, now) || hashmap_get(&k->kept, key, key_len))
		return;
	m = portolan__ipc__quarantine__unpack(NULL, report->value_len, item_value(report));
	i = m && m->has_good_value ? item_new(OBJECT_SECRET, key, key_len, NULL, 0,
					      m->good_value.data, m->good_value.len)
				   : NULL;
	portolan__ipc__quarantine__free_unpacked(m, NULL);
	if (i && is_usable(k, i)) {
		keep(k, i);
		return;
	}
	log_warning("xds-server kept something for Secret %.*s that is not a certificate: it is "
		    "forgotten",
		    (int)key_len, key);
	item_unref(i);
}

bool secret_keeper_is(const struct item *report)
{
	return report->key_len > sizeof(KEY_PREFIX) &&
	       memcmp(report->data, KEY_PREFIX, sizeof(KEY_PREFIX)) == 0;
}

void secret_keeper_recall(struct secret_keeper *k)
{
	struct item *i;
	size_t pos = 0;

	while ((i = state_next(k->reports, &pos)))
		if (i->kind == REPORT_QUARANTINE && secret_keeper_is(i))
			recall(k, i);
}

bool secret_keeper_settle(struct secret_keeper *k)
{
	struct vec unused = { 0 };
	struct item *i;
	bool any;

	HASHMAP_FOREACH (&k->kept, i)
		if (!is_in_use(k, i))
			vec_add(&unused, i);
	any = unused.n > 0;
	for (uint32_t n = 0; n < unused.n; n++)
		let_go(k, vec_at(&unused, n));
	vec_done(&unused);
	return any;
}
