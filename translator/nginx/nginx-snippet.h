/* Snippets: text for nginx, translated if the settings allow it and all its directives are
 * known. */
#pragma once

#include "translator/nginx/nginx-program.h"

struct nginx_outcomes {
	const struct nginx_outcome *all[NGINX_OUTCOMES_MAX]; /* tried in order; one at least */
	size_t n;
	const struct address_rules *addresses; /* allow and deny, or NULL */
	const char *closed; /* why the path must answer 503: it restricts and is not translated */
};

/* Without conditions, edits and answer. */
extern const struct nginx_outcome nginx_no_outcome;

/* configuration-snippet, and location-snippet of the ConfigMap. */
void nginx_snippet_read(struct nginx_plan *p, const struct nginx_source *s,
			struct nginx_outcomes *ret);
/* Adds the conditions of an outcome. */
void nginx_snippet_match(struct nginx_plan *p, const struct nginx_outcome *o,
			 struct route_match *m);
/* Adds the route of an outcome that answers by itself, with the page of custom-http-errors. Returns
 * whether it does. */
bool nginx_snippet_answer(struct nginx_plan *p, const struct nginx_source *s,
			  const struct nginx_outcome *o, const struct route *base);
/* server-snippet, of the host's first Ingress that has one and of the ConfigMap: its routes, and
 * plan->server. */
void nginx_snippet_server(struct nginx_plan *p);
/* Directives that are equivalent to annotations, read as these; the Ingress's own annotations count
 * first. */
void nginx_snippet_values(struct reader *r, struct nginx_ingress *in);
