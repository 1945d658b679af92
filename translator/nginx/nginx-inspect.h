/* Names and paths that ingress-nginx refuses (its "deep inspection"). */
#pragma once

#include "common/base/arena.h"
#include "k8s/networking.pb-c.h"

/* The text because of which the whole Ingress is refused and its field, or NULL. */
const char *nginx_inspect(struct arena *a, const K8s__IngressSpec *spec, const char **ret_field);
