/* The kinds of items on the resources link. Used by translator, xds-server and the portolan
 * command. */
#include <string.h>

#include "common/base/cleanup.h"
#include "common/link/resource-kind.h"

#define TYPE "type.googleapis.com/"

static const struct resource_kind_row rows[RESOURCE_NEWER_LISTENER + 1] = {
	[RESOURCE_CLUSTER] = { "cluster", "CDS", TYPE "envoy.config.cluster.v3.Cluster" },
	[RESOURCE_ENDPOINT] = { "endpoint", "EDS",
				TYPE "envoy.config.endpoint.v3.ClusterLoadAssignment" },
	[RESOURCE_SECRET] = { "secret", "SDS",
			      TYPE "envoy.extensions.transport_sockets.tls.v3.Secret" },
	[RESOURCE_LISTENER] = { "listener", "LDS", TYPE "envoy.config.listener.v3.Listener" },
	[RESOURCE_SCOPED_ROUTE] = { "scoped-route", "SRDS",
				    TYPE "envoy.config.route.v3.ScopedRouteConfiguration" },
	[RESOURCE_ROUTE] = { "route", "RDS", TYPE "envoy.config.route.v3.RouteConfiguration" },
	[RESOURCE_VIRTUAL_HOST] = { "virtual-host", "VHDS",
				    TYPE "envoy.config.route.v3.VirtualHost" },
	[RESOURCE_RUNTIME] = { "runtime", "RTDS", TYPE "envoy.service.runtime.v3.Runtime" },
	[RESOURCE_EXTENSION_CONFIG] = { "extension-config", "ECDS",
					TYPE "envoy.config.core.v3.TypedExtensionConfig" },
	[RESOURCE_NEWER_LISTENER] = { "newer-listener", "LDS",
				      TYPE "envoy.config.listener.v3.Listener", RESOURCE_LISTENER,
				      1, 37 },
};

const struct resource_kind_row *resource_kind(unsigned kind)
{
	return kind < ARRAY_SIZE(rows) && rows[kind].name ? &rows[kind] : NULL;
}

enum resource_kind resource_kind_of_url(const char *type_url)
{
	for (unsigned k = 1; k < RESOURCE_KIND_MAX_; k++)
		if (strcmp(rows[k].type_url, type_url) == 0)
			return (enum resource_kind)k;
	return 0;
}

bool resource_kind_is_for(enum resource_kind kind, unsigned major, unsigned minor)
{
	const struct resource_kind_row *r = &rows[kind];

	return major != r->since_major ? major > r->since_major : minor >= r->since_minor;
}

enum resource_kind resource_kind_of_name(const char *name)
{
	for (unsigned k = 0; k < ARRAY_SIZE(rows); k++)
		if (rows[k].name && strcmp(rows[k].name, name) == 0)
			return (enum resource_kind)k;
	return 0;
}
