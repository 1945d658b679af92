/* The fleets and the resources of each. Used by the store and by streams. */
#include "xds-server/fleet.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/log.h"
#include "proto/ipc.pb-c.h"

static const void *name_of(const void *entry, size_t *ret_len)
{
	const struct fleet *f = entry;

	*ret_len = f->len;
	return f->name;
}

static const void *bytes_of(const void *entry, size_t *ret_len)
{
	const struct fleet_set *s = entry;

	*ret_len = s->item->value_len;
	return item_value(s->item);
}

void fleets_init(struct fleets *f)
{
	f->by_name = HASHMAP_INIT(name_of);
	f->sets = HASHMAP_INIT(bytes_of);
	f->base = fleet_get(f, "", 0);
	f->base->exists = f->base->is_default = true;
}

void fleets_done(struct fleets *f)
{
	struct fleet **rest = xnew(struct fleet *, f->by_name.n + 1), *fleet;
	size_t n = 0;

	HASHMAP_FOREACH (&f->by_name, fleet)
		if (fleet->exists)
			rest[n++] = fleet;
	while (n)
		fleet_unref(f, rest[--n]);
	free(rest);
	hashmap_done(&f->by_name);
	hashmap_done(&f->sets);
}

struct fleet *fleet_get(struct fleets *f, const char *name, size_t len)
{
	struct fleet *fleet = hashmap_get(&f->by_name, name, len);

	if (len > FLEET_NAME_MAX)
		return NULL;
	if (!fleet) {
		fleet = xcalloc(1, sizeof(*fleet) + len + 1);
		fleet->len = len;
		memcpy(fleet->name, name, len);
		(void)hashmap_put(&f->by_name, fleet);
	}
	fleet->refs++;
	return fleet;
}

void fleet_unref(struct fleets *f, struct fleet *fleet)
{
	if (!fleet || --fleet->refs)
		return;
	(void)hashmap_remove(&f->by_name, fleet->name, fleet->len);
	free(fleet);
}

void fleets_change(struct fleets *f, const struct item *item, bool exists)
{
	struct fleet *fleet = fleet_get(f, item_key(item), item->key_len);

	if (!fleet || fleet->is_default || fleet->exists == exists) {
		fleet_unref(f, fleet);
		return;
	}
	fleet->exists = exists;
	if (exists)
		fleet->since++; /* the reference stays */
	else
		fleet->refs--;
	if (!exists)
		fleet_unref(f, fleet);
}

/* ---- sets ---- */

static struct fleet_set *read_set(struct fleets *f, struct item *item)
{
	Portolan__Ipc__FleetSet *m =
		portolan__ipc__fleet_set__unpack(NULL, item->value_len, item_value(item));
	size_t n = m ? m->n_fleets : 0;
	struct fleet_set *set = xcalloc(1, sizeof(*set) + n * sizeof(struct fleet *));

	set->item = item_ref(item);
	for (size_t i = 0; i < n; i++) {
		struct fleet *fleet = fleet_get(f, m->fleets[i], strlen(m->fleets[i]));

		set->everyone |= strcmp(m->fleets[i], "*") == 0;
		if (fleet)
			set->all[set->n++] = fleet;
	}
	if (!m)
		log_warning("the translator sent a set of fleets that cannot be read: what it is "
			    "about is served to no Envoy");
	portolan__ipc__fleet_set__free_unpacked(m, NULL);
	return set;
}

struct fleet_set *fleet_set_of(struct fleets *f, struct item *item)
{
	struct fleet_set *set = hashmap_get(&f->sets, item_value(item), item->value_len);

	if (!set) {
		set = read_set(f, item);
		(void)hashmap_put(&f->sets, set);
	}
	set->refs++;
	return set;
}

void fleet_set_unref(struct fleets *f, struct fleet_set *set)
{
	if (!set || --set->refs)
		return;
	(void)hashmap_remove(&f->sets, item_value(set->item), set->item->value_len);
	for (size_t i = 0; i < set->n; i++)
		fleet_unref(f, set->all[i]);
	item_unref(set->item);
	free(set);
}

bool fleet_set_has(const struct fleet_set *set, const struct fleet *fleet)
{
	if (!set)
		return !fleet || fleet->is_default;
	if (set->everyone)
		return true;
	for (size_t i = 0; i < set->n; i++)
		if (fleet ? set->all[i] == fleet : set->all[i]->is_default)
			return true;
	return false;
}

const char *fleet_of_uri(const char *uri, size_t len, size_t *ret_len)
{
	static const size_t head = sizeof(FLEET_URI) - 1;
	const char *slash;

	if (len <= head || memcmp(uri, FLEET_URI, head) != 0)
		return NULL;
	*ret_len = len - head;
	slash = memchr(uri + head, '/', *ret_len);
	if (!slash || slash == uri + head || slash + 1 == uri + len ||
	    memchr(slash + 1, '/', (size_t)(uri + len - slash - 1)))
		return NULL;
	return uri + head;
}
