/* Conditions on paths and headers that no request can meet. */
#include <string.h>

#include "translator/model/path.h"
#include "translator/resolve/config.h"
#include "translator/resolve/path-unmatched.h"

const char *path_unmatched(struct reader *r, const struct route_match *m)
{
	if (m->kind == PATH_REGEX)
		return path_regex_never(m->path);
	return path_never(m->path, m->kind == PATH_PREFIX,
			  strcmp(config_read(r)->portolan->edge->escaped_slashes, "keep") == 0);
}

const char *header_unseen(struct reader *r, const char *name)
{
	const char *word = config_read(r)->portolan->edge->headers_with_underscores;

	if (!strchr(name, '_') || strcmp(word, "allow") == 0)
		return NULL;
	return arena_printf(reader_arena(r),
			    "Envoy %s header %s, for its underscore, unless "
			    "portolan.edge.headers-with-underscores is allow",
			    strcmp(word, "reject") == 0 ? "refuses requests with" : "takes away",
			    name);
}

const char *headers_unseen(struct reader *r, const struct value_match *all, size_t n)
{
	const char *why = NULL;

	for (size_t i = 0; i < n && !why; i++)
		if (!all[i].invert)
			why = header_unseen(r, all[i].name);
	return why;
}
