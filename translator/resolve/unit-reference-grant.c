/* Remarks on a ReferenceGrant. Kinds of others are their business; one that is nearly ours is a
 * slip of the pen, and grants nothing. */
#include <string.h>

#include "k8s/gateway.pb-c.h"
#include "translator/resolve/object.h"
#include "translator/units.h"

static bool is_known(const char *group, const char *kind)
{
	for (unsigned k = 1; k < OBJECT_KIND_MAX_; k++) {
		const struct object_kind_row *row = object_kind(k);

		if (row && strcmp(row->group, group) == 0 && strcmp(row->kind, kind) == 0)
			return true;
	}
	return false;
}

static const char *group_words(const char *group)
{
	return *group ? group : "\"\"";
}

/* field: that of the kind and the group. */
static void check(struct reader *r, const char *key, const char *field, const char *group,
		  const char *kind)
{
	struct arena *a = reader_arena(r);
	const char *api = *group ? arena_printf(a, "%s/v1", group) : "v1";
	struct near_kind near;

	if (is_known(group, kind) || !object_kind_near(api, kind, &near))
		return;
	if (near.is_api)
		object_warning(
			r, OBJECT_REFERENCE_GRANT, key, "UnknownGroup",
			arena_printf(a, "%s.group", field),
			"group %s has no kind %s: did you mean group %s? As it is, it grants "
			"nothing",
			group_words(group), kind, group_words(near.row->group));
	else
		object_warning(r, OBJECT_REFERENCE_GRANT, key, "UnknownKind",
			       arena_printf(a, "%s.kind", field),
			       "group %s has no kind %s: did you mean %s? As it is, it grants "
			       "nothing",
			       group_words(group), kind, near.row->kind);
}

void unit_reference_grant(struct reader *r, const char *key, size_t key_len _unused_)
{
	const K8s__ReferenceGrant *g = read_message(r, OBJECT_REFERENCE_GRANT, key);
	struct arena *a = reader_arena(r);

	if (!g || !g->spec)
		return;
	for (size_t i = 0; i < g->spec->n_from; i++)
		check(r, key, arena_printf(a, "spec.from[%zu]", i), g->spec->from[i]->group,
		      g->spec->from[i]->kind);
	for (size_t i = 0; i < g->spec->n_to; i++)
		check(r, key, arena_printf(a, "spec.to[%zu]", i), g->spec->to[i]->group,
		      g->spec->to[i]->kind);
}
