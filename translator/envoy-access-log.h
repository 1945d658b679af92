/* Envoy's log of requests. */
#pragma once

#include "envoy/config/accesslog/v3/accesslog.pb-c.h"
#include "k8s/contour-configuration.pb-c.h"
#include "translator/envoy.h"

/* place: "off", "stdout", or a path on Envoy's host. Where nothing is to be logged, *ret stays as it is. */
void envoy_access_log(struct arena *a, const K8s__ConfigLogging *logging, const char *place,
		      Envoy__Config__Accesslog__V3__AccessLog ***ret, size_t *ret_n);
