/* A Service's annotations about how to speak to it. */
#pragma once

#include "k8s/core.pb-c.h"
#include "translator/graph/graph.h"
#include "translator/model/cluster.h"

/* UPSTREAM_HTTP1 where no annotation names the port, by its name or number. */
enum upstream_protocol service_options_protocol(const K8s__ObjectMeta *meta,
						const K8s__ServicePort *port);
/* What a port's appProtocol asks for, in any case; false: the word is unknown. */
bool service_options_app_protocol(const char *word, enum upstream_protocol *ret);
/* A warning in the Service's status about an unknown one. */
void service_options_tell_protocol(struct reader *r, const char *key, const char *word,
				   int32_t port);
/* Warns of ports in its annotations that the Service has not got. */
void service_options_check_ports(struct reader *r, const char *key, const K8s__Service *s);
/* Circuit breakers; values that are not numbers are left out, with a warning in the Service's
 * status. */
struct upstream_limits service_options_limits(struct reader *r, const char *key,
					      const K8s__ObjectMeta *meta);
/* Outlier detection, off without the annotation outlier-consecutive-5xx. A value that cannot be
 * read is a warning in the Service's status, and the default counts. */
struct upstream_ejection service_options_ejection(struct reader *r, const char *key,
						  const K8s__ObjectMeta *meta);
