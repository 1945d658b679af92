/* Annotations that have an effect only beside another one. */
#pragma once

#include "translator/nginx/nginx-ingress.h"

/* Reports each of the Ingress's annotations that lacks the one that it needs. */
void nginx_needs_check(struct reader *r, const struct nginx_ingress *in);
