/* default-backend and custom-http-errors: the Service that answers instead of a path's own. */
#pragma once

#include "translator/nginx/nginx-plan.h"

/* If a path's Service has no endpoints, the default-backend's Service becomes its target, if that
 * has some; request: the headers that describe the request to it. */
void nginx_error_instead(struct nginx_plan *p, const struct nginx_source *s, struct target *target,
			 struct header_edits *request);
/* custom-http-errors, into the filters of a path. */
void nginx_error_read(struct nginx_plan *p, const struct nginx_source *s,
		      struct route_filters *ret);
/* Makes the route answer with the page, where custom-http-errors has the code, for an answer that
 * is given before the request's body has come: Envoy does not replace such answers. False: there is
 * no page. */
bool nginx_error_answer(struct nginx_plan *p, const struct nginx_source *s, uint32_t code,
			struct route *route);
/* The routes that answer for the pages of plan->pages. */
void nginx_error_append(struct nginx_plan *p);
