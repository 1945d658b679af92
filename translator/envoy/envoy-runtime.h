/* Envoy's runtime: settings that it looks up while it runs, as the layer that it gets by RTDS. */
#pragma once

#include "envoy/service/runtime/v3/rtds.pb-c.h"
#include "k8s/contour-configuration.pb-c.h"
#include "translator/envoy/envoy.h"
#include "translator/model/message.h"

#define ENVOY_RUNTIME_LAYER "dynamic" /* the bootstrap names it */

EnvoyRuntime *envoy_runtime(struct arena *a, const K8s__ConfigEnvoy *config);
/* A key that the user may not set, because a setting of ours or the bootstrap has it. */
bool envoy_runtime_is_ours(const K8s__ConfigEnvoy *config, const char *key);
