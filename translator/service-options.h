/* What annotations of a Service say about how it is to be spoken to. */
#pragma once

#include "translator/units.h"

/* UPSTREAM_HTTP1 where no annotation names the port, by its name or number. */
enum upstream_protocol service_options_protocol(const K8s__ObjectMeta *meta, const K8s__ServicePort *port);
/* Circuit breakers; what is no number is left out with a warning in the Service's status. */
struct upstream_limits service_options_limits(struct reader *r, const char *key, const K8s__ObjectMeta *meta);
