/* The configuration: an object among the others, so that a recording holds it and whoever reads it is run
 * again when it changes. The watcher puts it there from its file (watcher/config-file.h), or it comes as a
 * ContourConfiguration from where the other objects come from. */
#pragma once

#include "common/arena.h"
#include "k8s/contour-configuration.pb-c.h"

/* The ContourConfiguration that is ours; others of the kind are not read. */
#define CONFIGURATION_NAMESPACE "portolan"
#define CONFIGURATION_NAME "portolan"
#define CONFIGURATION_KEY CONFIGURATION_NAMESPACE "/" CONFIGURATION_NAME

/* Makes the sections that only group settings, where they are absent, so that they can be read without
 * asking whether they are there. What turns something on by being there (references to objects, tracing,
 * rateLimitService, globalExtAuth, omEnforcedHealth, gateway, metrics…) stays absent. */
void configuration_fill(struct arena *arena, K8s__ContourConfigurationSpec *spec);
