/* URLs in annotations. */
#pragma once

#include "translator/nginx/nginx-plan.h"

struct nginx_url {
	bool tls;
	const char *host; /* without the port */
	const char *port; /* a number */
	const char *rest; /* path and query, as written; "" if absent */
};

/* http://host[:port][/path] or https://…; false: another URL. */
bool nginx_url_parse(struct arena *a, const char *text, struct nginx_url *ret);
/* The upstream of a URL: a Service by its name in the cluster's DNS, else a host. NULL if there is
 * none; the Ingress's status reports it under the annotation. */
const char *nginx_url_upstream(struct nginx_plan *p, const struct nginx_source *s,
			       const struct nginx_url *url, const char *annotation);
