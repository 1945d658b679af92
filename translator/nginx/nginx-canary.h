/* Canaries of a host. */
#pragma once

#include "translator/nginx/nginx-plan.h"

/* A path of a canary Ingress: it is attached to the Service of the main path of the same text and
 * type. One without a main, or attached to another canary, is reported and not served. */
void nginx_canary_add(struct nginx_plan *p, const struct nginx_path *path);
