/* Faults on purpose, for the tests of builds with FAULT_INJECTION: an object with the annotation
 * portolan.io/fault "crash" ends the translator, one with "reject" has routes that Envoy refuses.
 */
#pragma once

#include "translator/graph/graph.h"
#include "translator/model/host.h"

/* Changes the spec, or does not return. */
void fault_inject(struct reader *r, struct host_spec *spec);
