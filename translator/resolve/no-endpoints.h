/* Why a port of a Service has no endpoints: the sentence that its author needs. */
#pragma once

#include "translator/graph/graph.h"

/* Indexes of EndpointSlices: those without a Service's label, by namespace; all others, by the name
 * in the label. */
int no_endpoints_unlabelled_index(const struct item *object, struct arena *scratch,
				  const char **ret_key);
int no_endpoints_name_index(const struct item *object, struct arena *scratch, const char **ret_key);

/* service: "namespace/service", which has no endpoint for the port, of UDP or else of TCP;
 * port_name NULL: for any. Slices that were probably meant for it get a warning of their own. In
 * the reader's arena. */
const char *no_endpoints_why(struct reader *r, const char *service, const char *port_name,
			     bool udp);
