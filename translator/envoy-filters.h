/* The HTTP filters of a connection manager, in order. */
#pragma once

#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb-c.h"
#include "translator/envoy.h"

typedef Envoy__Extensions__Filters__Network__HttpConnectionManager__V3__HttpConnectionManager HttpManager;

/* What a connection manager is for. */
struct http_spec {
	const struct settings *settings;
	const K8s__ConfigEnvoyListener *place; /* of the listener */
	const char *stat_prefix;
	const char *routes;			  /* RDS resource; NULL: that of the connection's server name */
	const char *host;			  /* NULL: the plain listener, which all hosts share */
	const Portolan__Model__HostTls *tls; /* of that host, or NULL */
	const Portolan__Model__HostAsks *asks; /* or NULL */
};

void envoy_filters(struct arena *a, const struct http_spec *spec, HttpManager *ret);
