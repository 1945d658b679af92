/* Who may use a route: a Lua filter that asks a service and checks passwords, followed by one that
 * refuses every request that the first has not let in. */
#pragma once

#include "translator/envoy/envoy.h"
#include "translator/model/access.h"

struct http_spec;

#define ENVOY_ACCESS_FILTER "portolan.access"
#define ENVOY_ACCESS_GUARD  "portolan.access.guard"

const ProtobufCMessage *envoy_access_filter(struct arena *a, const struct http_spec *spec);
const ProtobufCMessage *envoy_access_guard(struct arena *a, const struct http_spec *spec);
/* For typed_per_filter_config, under the filters' names. */
GoogleAny *envoy_access(struct arena *a, const struct access *access);
GoogleAny *envoy_access_mark(struct arena *a);
/* Whether such a configuration asks for passwords, or asks a service. */
bool envoy_access_asks_passwords(struct arena *a, const GoogleAny *config);
bool envoy_access_asks_service(struct arena *a, const GoogleAny *config);

/* envoy-access-script.c */
extern const char envoy_access_script[];
