/* Values that ingress-nginx accepts and that do less than they seem to. */
#pragma once

#include "translator/nginx/nginx-ingress.h"

/* Reports each such value of the Ingress, once; not on a canary. */
void nginx_doubt_check(struct reader *r, const struct nginx_ingress *in);
