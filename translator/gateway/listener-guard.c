/* Filters of a listener: services that are asked about its requests before a route is chosen
 * (GEP-5224). Only ExternalAuth gets here. */
#include <string.h>

#include "translator/gateway/route-work.h"

/* The words for a listener; the message names the filter by its place in the list. */
static void report(struct arena *a, struct gateway_listener *l, const struct flaw *flaw,
		   const char *why)
{
	bool permitted = !flaw->reason || strcmp(flaw->reason, "RefNotPermitted") != 0;

	flaw_set(&l->resolved, permitted ? "InvalidListenerFilterRef" : "RefNotPermitted",
		 arena_printf(a, "%s: its requests are answered with 500",
			      flaw->reason ? flaw->message : why));
	l->refuses = true;
}

void gateway_listener_find_guards(struct reader *r, const Portolan__Model__Parent *parent,
				  struct gateway_listener *l)
{
	const K8s__ListenerFilters *f = l->spec->filters;
	struct arena *a = reader_arena(r);
	const struct attachment at = { .parent = parent };

	if (!f || !f->n_requests || !gateway_listener_is_accepted(l))
		return;
	l->guards = arena_new_of(a, const struct ask *, f->n_requests);
	for (size_t i = 0; i < f->n_requests; i++) {
		/* The references are the listener's, as those of a route are the route's. */
		struct route_work w = {
			.r = r,
			.a = a,
			.head = { .kind = l->owner->kind,
				  .key = l->owner->key,
				  .namespace = l->owner->namespace },
			.at = &at,
		};
		const char *field = arena_printf(a, "%s.filters.requests[%zu]", l->field, i), *why;

		if (rule_filter_ask(&w, f->requests[i]->external_auth, field,
				    &l->guards[l->n_guards], &why) < 0)
			report(a, l, &w.flaws.resolved, why);
		else
			l->n_guards++;
	}
}
