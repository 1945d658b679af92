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

/* Envoy removes before it sets, so what is removed later must not be set. */
static void forget(struct arena *a, struct header_edits *e, const char *name)
{
	/* Others may share the array. */
	struct header_edit *all = arena_new_of(a, struct header_edit, e->n + 1);
	size_t n = 0;

	for (size_t i = 0; i < e->n; i++)
		if (strcasecmp(e->all[i].name, name) != 0)
			all[n++] = e->all[i];
	e->all = all;
	e->n = n;
}

void nginx_edits_join(struct arena *a, struct header_edits *e, const struct header_edits *more)
{
	for (size_t i = 0; i < more->n_remove; i++)
		forget(a, e, more->remove[i]);
	for (size_t i = 0; i < more->n; i++)
		add(a, e, &more->all[i]);
	for (size_t i = 0; i < more->n_remove; i++)
		nginx_edits_remove(a, e, more->remove[i]);
}
