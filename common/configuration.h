/* The configuration: an object among the others, so that a recording holds it and whoever reads it is run
 * again when it changes. The watcher puts it there from its file (configuration-file.h), or it comes as a
 * ContourConfiguration from where the other objects come from. */
#pragma once

#include <stdbool.h>

#include "common/arena.h"
#include "k8s/contour-configuration.pb-c.h"

/* The ContourConfiguration that is ours; others of the kind are not read. */
#define CONFIGURATION_NAMESPACE "portolan"
#define CONFIGURATION_NAME "portolan"
#define CONFIGURATION_KEY CONFIGURATION_NAMESPACE "/" CONFIGURATION_NAME

/* Where Envoy shows metrics and health, where that is asked for and not said. */
#define CONFIGURATION_HTTP_PORT 8080
#define CONFIGURATION_HTTPS_PORT 8443
#define CONFIGURATION_PAGES_ADDRESS "0.0.0.0"
#define CONFIGURATION_PAGES_PORT 8002

/* Makes the sections that only group settings, where they are absent, so that they can be read without
 * asking whether they are there. What turns something on by being there (references to objects, tracing,
 * rateLimitService, globalExtAuth, omEnforcedHealth, gateway, metrics…) stays absent. */
void configuration_fill(struct arena *arena, K8s__ContourConfigurationSpec *spec);
/* Then what is not set and has a default of ours gets it. */
void configuration_default(K8s__ContourConfigurationSpec *spec);

/* A setting in a spec, by its path: "envoy.listener.tls.cipherSuites". */
struct configuration_setting {
	ProtobufCMessage *in;
	const ProtobufCFieldDescriptor *field;
	void *at;
};
/* False: a message on the way is absent. A path that cannot be is a bug. */
bool configuration_find(K8s__ContourConfigurationSpec *spec, const char *path,
			struct configuration_setting *ret);
/* What is at the end of a path, without a spec. */
const ProtobufCFieldDescriptor *configuration_field(const char *path);
bool configuration_is_set(const struct configuration_setting *s);
void configuration_unset(const struct configuration_setting *s);
