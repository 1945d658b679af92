/* ReferenceGrant. */
#include "translator/resolve/reference-grant.h"

#include <string.h>

#include "k8s/gateway.pb-c.h"
#include "translator/kinds.h"

int reference_grant_index(const struct item *object, struct arena *scratch, const char **ret_key)
{
	const char *slash = memchr(object->data, '/', object->key_len);

	if (!slash)
		return -1;
	*ret_key = arena_strndup(scratch, object->data, (size_t)(slash - object->data));
	return (int)(slash - object->data);
}

static bool names_source(const K8s__ReferenceGrantSpec *spec, const struct grant_end *from)
{
	for (size_t i = 0; i < spec->n_from; i++)
		if (strcmp(spec->from[i]->group, from->group) == 0 &&
		    strcmp(spec->from[i]->kind, from->kind) == 0 &&
		    strcmp(spec->from[i]->namespace_, from->namespace) == 0)
			return true;
	return false;
}

/* An empty name counts as an absent one. */
static bool names_target(const K8s__ReferenceGrantSpec *spec, const struct grant_end *to)
{
	for (size_t i = 0; i < spec->n_to; i++) {
		const K8s__ReferenceGrantTo *t = spec->to[i];

		if (strcmp(t->group, to->group) == 0 && strcmp(t->kind, to->kind) == 0 &&
		    (!t->name || !*t->name || strcmp(t->name, to->name) == 0))
			return true;
	}
	return false;
}

bool reference_grant_permits(struct reader *r, const struct grant_end *from,
			     const struct grant_end *to)
{
	const struct item *const *items;
	size_t n;

	if (strcmp(from->namespace, to->namespace) == 0)
		return true;
	items = read_index(r, INDEX_REFERENCE_GRANTS, to->namespace, &n);
	for (size_t i = 0; i < n; i++) {
		const K8s__ReferenceGrant *g = k8s__reference_grant__unpack(
			arena_pb(reader_arena(r)), items[i]->value_len, item_value(items[i]));

		if (g && g->spec && names_source(g->spec, from) && names_target(g->spec, to))
			return true;
	}
	return false;
}

const char *reference_grant_missing(struct arena *a, const struct grant_end *to)
{
	return arena_printf(a, "%s %s/%s is in another namespace: it needs a ReferenceGrant there",
			    to->kind, to->namespace, to->name);
}
