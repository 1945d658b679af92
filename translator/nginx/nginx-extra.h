/* A path's side effects: copies of requests, logs, traces, and changes of answers. */
#pragma once

#include "translator/nginx/nginx-plan.h"

/* mirror-target, mirror-host. */
void nginx_extra_mirror(struct nginx_plan *p, const struct nginx_source *s, struct forward *ret);
/* enable-access-log, enable-opentelemetry, opentelemetry-operation-name. */
void nginx_extra_watch(struct nginx_plan *p, const struct nginx_source *s, struct route *ret);
/* proxy-redirect-*, proxy-cookie-*, limit-rate. */
void nginx_extra_answers(struct nginx_plan *p, const struct nginx_source *s,
			 struct route_filters *ret);
/* Whether the Ingress has annotations that rewrite answers: its hosts need the script for them. */
bool nginx_extra_rewrites(struct nginx_plan *p, const struct nginx_ingress *in);
