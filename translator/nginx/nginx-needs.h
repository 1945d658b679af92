/* Annotations that have an effect only beside another one, or not on a canary. */
#pragma once

#include "translator/nginx/nginx-ingress.h"

/* Reports each of the Ingress's annotations that lacks the one that it needs, or that does not
 * count as the Ingress is a canary. */
void nginx_needs_check(struct reader *r, const struct nginx_ingress *in);
