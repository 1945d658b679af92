/* ListenerSets of a Gateway. */
#include <stdlib.h>
#include <string.h>

#include "translator/gateway/gateway.h"
#include "translator/kinds.h"
#include "translator/resolve/label-selector.h"
#include "translator/resolve/object.h"

const char *gateway_parent_key(struct arena *a, enum object_kind kind, const char *key)
{
	return arena_printf(a, "%s %s", object_kind(kind)->kind, key);
}

const char *gateway_sort_key(struct arena *a, const K8s__ObjectMeta *meta, const char *key)
{
	const K8s__Time *t = meta ? meta->creation_timestamp : NULL;

	return arena_printf(a, "%020lld/%s", t ? (long long)t->seconds : 0LL, key);
}

int listener_set_index(const struct item *object, struct arena *scratch, const char **ret_key)
{
	const K8s__ListenerSet *s =
		k8s__listener_set__unpack(arena_pb(scratch), object->value_len, item_value(object));
	const K8s__ParentGatewayReference *p = s && s->spec ? s->spec->parent_ref : NULL;

	if (!p || !s->metadata || (p->group && strcmp(p->group, GATEWAY_GROUP) != 0) ||
	    (*p->kind && strcmp(p->kind, "Gateway") != 0))
		return -1;
	*ret_key = arena_printf(scratch, "%s/%s",
				p->namespace_ ? p->namespace_ : s->metadata->namespace_, p->name);
	return (int)strlen(*ret_key);
}

static bool is_allowed(struct reader *r, const K8s__Gateway *g, const char *namespace)
{
	const K8s__AllowedListeners *allowed = g->spec->allowed_listeners;
	const K8s__ListenerNamespaces *from = allowed ? allowed->namespaces : NULL;

	if (!from)
		return false;
	if (strcmp(from->from, "All") == 0)
		return true;
	if (strcmp(from->from, "Same") == 0)
		return strcmp(g->metadata->namespace_, namespace) == 0;
	return strcmp(from->from, "Selector") == 0 &&
	       label_selector_has_namespace(r, from->selector, namespace);
}

struct aged {
	const char *sort;
	struct listener_set set;
};

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct aged *)a)->sort, ((const struct aged *)b)->sort);
}

struct listener_set *gateway_sets(struct reader *r, const char *key, const K8s__Gateway *gateway,
				  size_t *ret_n)
{
	struct arena *a = reader_arena(r);
	const struct item *const *items;
	struct listener_set *sets;
	struct aged *all;
	size_t n, kept = 0;

	items = read_index(r, INDEX_LISTENER_SETS, key, &n);
	all = arena_new_of(a, struct aged, n + 1);
	for (size_t i = 0; i < n; i++) {
		const K8s__ListenerSet *s = k8s__listener_set__unpack(
			arena_pb(a), items[i]->value_len, item_value(items[i]));
		const char *set_key = item_key(items[i]);

		if (!s || !s->spec)
			continue;
		all[kept++] = (struct aged){
			gateway_sort_key(a, s->metadata, set_key),
			{ set_key, s, is_allowed(r, gateway, s->metadata->namespace_) },
		};
	}
	if (kept)
		qsort(all, kept, sizeof(*all), compare);
	sets = arena_new_of(a, struct listener_set, kept + 1);
	for (size_t i = 0; i < kept; i++)
		sets[i] = all[i].set;
	*ret_n = kept;
	return sets;
}
