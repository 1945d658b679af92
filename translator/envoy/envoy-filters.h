/* The HTTP filters of a connection manager, in order. */
#pragma once

#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb-c.h"
#include "translator/envoy/envoy.h"
#include "translator/model/message.h"

/* The purposes of a connection manager. */
struct http_spec {
	const struct settings *settings;
	const K8s__ConfigEnvoyListener *place; /* of the listener */
	const char *stat_prefix;
	const char *routes;      /* RDS resource; NULL: the one for the connection's server name */
	const char *host;        /* NULL: the plain listener, which all hosts share */
	const ModelHostTls *tls; /* of that host, or NULL */
	const ModelHostServices *services; /* or NULL */
	const ModelTracing *tracing;       /* instead of the services' collector, or NULL */
	bool http3;                        /* connections are QUIC's */
	bool sessions;                     /* routes may ask for sessions */
	bool authorizes_by_route;          /* routes may ask their own services for permission */
	size_t guards; /* services that a listener may ask about all its requests */
};

void envoy_filters(struct arena *a, const struct http_spec *spec, EnvoyHttpConnectionManager *ret);
