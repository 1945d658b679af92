/* Pages of the watcher's control socket that list its objects. They never show an object's data. */
#pragma once

#include "common/base/strbuf.h"
#include "watcher/store.h"

/* Query of both: kind=, namespace=, name=, each optional. */

/* Objects: kind, namespace, name, origin, bytes. */
void debug_page_objects(const struct store *store, const char *query, struct strbuf *out);
/* Joins the translator's verdicts on objects with the watcher's own notes. With name= and a kind
 * that has conditions, also shows the status that Kubernetes gets. */
void debug_page_statuses(const struct store *store, const struct state *statuses, const char *query,
			 struct strbuf *out);
