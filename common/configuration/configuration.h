/* The configuration: an object among the others, so that a recording holds it and every unit that
 * reads it runs again when it changes. The watcher makes it from its file (configuration-file.h),
 * or it is a ContourConfiguration from the same source as the other objects. */
#pragma once

#include <stdbool.h>

#include "common/base/arena.h"
#include "k8s/contour-configuration.pb-c.h"

/* The ContourConfiguration that is ours; others of the kind are not read. */
#define CONFIGURATION_NAMESPACE "portolan"
#define CONFIGURATION_NAME      "portolan"
#define CONFIGURATION_KEY       CONFIGURATION_NAMESPACE "/" CONFIGURATION_NAME
/* The Secret that the watcher makes where Ingresses of ingress-nginx are served. */
#define OWN_CERTIFICATE_NAME "ingress-nginx-default-certificate"
#define OWN_CERTIFICATE_KEY  CONFIGURATION_NAMESPACE "/" OWN_CERTIFICATE_NAME

/* Where Envoy shows metrics and health if asked to without an address. */
#define CONFIGURATION_HTTP_PORT     8080
#define CONFIGURATION_HTTPS_PORT    8443
#define CONFIGURATION_PAGES_ADDRESS "0.0.0.0"
#define CONFIGURATION_PAGES_PORT    8002

/* Makes the sections that only group settings, if absent, so that they can be read without
 * a check. Sections that turn something on by their presence (references to objects,
 * tracing, rateLimitService, globalExtAuth, omEnforcedHealth, gateway, metrics…) stay
 * absent. */
void configuration_fill(struct arena *arena, K8s__ContourConfigurationSpec *spec);
/* Then sets our defaults in fields that are not set. */
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
/* The schema at the end of a path, without a spec. */
const ProtobufCFieldDescriptor *configuration_field(const char *path);
bool configuration_is_set(const struct configuration_setting *s);
void configuration_unset(const struct configuration_setting *s);
