/* Conditions on paths that no request can meet. */
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
