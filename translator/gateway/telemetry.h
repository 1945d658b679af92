/* XTelemetryPolicies (GEP-4768): traces of a Gateway's requests. Experimental. */
#pragma once

#include "k8s/gateway-experimental.pb-c.h"
#include "translator/gateway/gateway.h"

/* Precedes the policy's key in FACT_POLICY_USE. */
#define TELEMETRY_POLICY "XTelemetryPolicy "

bool telemetry_targets(const K8s__LocalObjectReference *ref);
/* A sentence about what Envoy cannot do, for which the policy has no effect; or NULL. */
const char *telemetry_unsupported(struct arena *a, const K8s__XTelemetryTracing *t);
/* An attribute of a span. False: Envoy cannot tell it. */
bool telemetry_attribute(struct arena *a, const K8s__XTelemetryAttribute *from,
			 Portolan__Model__TracingTag *ret);
/* Finds what the oldest policy for the Gateway says. Each policy learns what has become of it. */
void gateway_telemetry_find(struct gateway *g);
