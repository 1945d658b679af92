/* Routes and listeners that ask services of their own (envoy-ask.c). */
#pragma once

#include "translator/envoy/envoy-filters.h"
#include "translator/model/filters.h"

#define ENVOY_ASK   "portolan.ask"
#define ENVOY_GUARD "portolan.guard" /* the first; ".1", ".2" follow it for later ones */

/* For a listener's connection manager; NULL if no route can ask. */
const ProtobufCMessage *envoy_ask_filter(struct arena *a, const struct http_spec *spec);
/* For a route. */
GoogleAny *envoy_ask(struct arena *a, const struct ask *ask);

/* The name of a listener's guard. */
const char *envoy_guard_name(struct arena *a, size_t index);
/* NULL if no listener of the connection manager has guards. */
const ProtobufCMessage *envoy_guard_filter(struct arena *a, const struct http_spec *spec);
/* What turns the guards on, as encoded fields of a VirtualHost. */
ProtobufCBinaryData envoy_guards(struct arena *a, const struct ask *const *guards, size_t n);
