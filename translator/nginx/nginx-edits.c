/* Header edits that grow. */
#include <string.h>
#include <strings.h>

#include "translator/nginx/nginx-plan.h"

static void add(struct arena *a, struct header_edits *e, const struct header_edit *edit)
{
	struct header_edit *all = arena_new_of(a, struct header_edit, e->n + 1);

	if (e->n)
		memcpy(all, e->all, e->n * sizeof(*all));
	all[e->n++] = *edit;
	e->all = all;
}

void nginx_edits_set(struct arena *a, struct header_edits *e, const char *name, const char *value)
{
	add(a, e, &(struct header_edit){ HEADER_SET, name, header_escape(a, value) });
}

void nginx_edits_set_format(struct arena *a, struct header_edits *e, const char *name,
			    const char *format)
{
	add(a, e, &(struct header_edit){ HEADER_SET, name, format });
}

void nginx_edits_set_absent(struct arena *a, struct header_edits *e, const char *name,
			    const char *value)
{
	add(a, e, &(struct header_edit){ HEADER_ADD_IF_ABSENT, name, header_escape(a, value) });
}

void nginx_edits_add_format(struct arena *a, struct header_edits *e, const char *name,
			    const char *format)
{
	add(a, e, &(struct header_edit){ HEADER_ADD, name, format });
}

void nginx_edits_remove(struct arena *a, struct header_edits *e, const char *name)
{
	const char **all = arena_new_of(a, const char *, e->n_remove + 1);

	if (e->n_remove)
		memcpy(all, e->remove, e->n_remove * sizeof(*all));
	all[e->n_remove++] = name;
	e->remove = all;
}

void nginx_edits_join(struct arena *a, struct header_edits *e, const struct header_edits *more)
{
	*e = header_edits_join(a, e, more);
}
