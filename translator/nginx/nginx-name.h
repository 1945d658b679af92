/* Further names of a host: server-alias, and the name with or without "www.". */
#pragma once

#include "translator/model/host.h"
#include "translator/nginx/nginx-plan.h"

/* Each alias of an Ingress, as host_name_normal() has it; why: it cannot be a host. */
void nginx_name_each(struct arena *a, const struct nginx_ingress *in,
		     void (*fn)(void *ctx, const char *alias, const char *why), void *ctx);
/* Adds spec's routes for the other names of plan->host, with their additions. */
void nginx_names_want(struct nginx_plan *p, const struct nginx_locations *locations,
		      const struct host_spec *spec);
