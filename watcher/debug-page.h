/* Pages of the watcher's control socket that list what it holds. Never an object's data. */
#pragma once

#include "common/strbuf.h"
#include "watcher/store.h"

/* Query of both: kind=, namespace=, name=, each optional. */

/* Objects: kind, namespace, name, origin, bytes. */
void debug_page_objects(const struct store *store, const char *query, struct strbuf *out);
/* What the translator says of objects, and the watcher's own notes, joined. With name= also the status as
 * Kubernetes would have it, of kinds with conditions. */
void debug_page_statuses(const struct store *store, const struct state *statuses, const char *query,
			 struct strbuf *out);
