/* The kinds of units, of facts, of indexes and of outputs that are not resources. The engine knows
 * them as numbers; units.c has their rows. */
#pragma once

#include "common/link/users-item.h"
#include "translator/graph/graph.h"

/* Units in rank order: a unit may only read results of units of an earlier kind. */
enum unit_kind {
	UNIT_SECRET,
	UNIT_ENDPOINTS,
	UNIT_CLUSTER,
	UNIT_BACKEND,
	UNIT_SPREAD,
	UNIT_EXTENSION,
	UNIT_REFERENCE_GRANT,
	UNIT_CLAIM,
	UNIT_INGRESS_CLAIM,
	UNIT_INGRESS,
	UNIT_NGINX_INGRESS,
	UNIT_NGINX_HOST,
	UNIT_NGINX_CONFIG,
	UNIT_PROXY,
	UNIT_ORPHAN,
	UNIT_DELEGATION,
	UNIT_GATEWAY_CLAIM,
	UNIT_GATEWAY_CLASS,
	UNIT_GATEWAY,
	UNIT_LISTENER_SET,
	UNIT_HTTP_ROUTE,
	UNIT_GRPC_ROUTE,
	UNIT_TLS_ROUTE,
	UNIT_TCP_ROUTE,
	UNIT_UDP_ROUTE,
	UNIT_STREAM_STATE,
	UNIT_PARENT_STATE,
	UNIT_TLS_POLICY,
	UNIT_TRAFFIC_POLICY,
	UNIT_X_BACKEND,
	UNIT_TELEMETRY_POLICY,
	UNIT_DOMAIN,
	UNIT_STREAM,
	UNIT_SOCKET,
	UNIT_HOST,
	UNIT_SERVER_NAME,
	UNIT_VIRTUAL_HOST,
	UNIT_FALLBACK,
	UNIT_CONFIGURATION,
	UNIT_ROUTE_TABLE, /* one of a Gateway's listeners */
	UNIT_TABLE,       /* route tables and listeners, made of parts */
	UNIT_KIND_MAX_,
};

enum fact_kind {
	FACT_PART = GRAPH_PARTS, /* key: "<resource kind digit>/<resource name>"; its parts */
	FACT_HOST,               /* key: host; the objects' settings for it: model HostRoutes */
	FACT_SAME_ROUTES, /* key: version of routes; the hosts served by exactly these: injected */
	FACT_CLAIM,    /* key: host; "kind-number namespace/name" of its claimants, the owner first:
			  resolve/host-owner.h */
	FACT_INCLUDED, /* key: "namespace/name" of an HTTPProxy; the roots that reach it */
	FACT_NGINX_HOST,     /* key: host; the Ingresses of ingress-nginx that have paths on it */
	FACT_NGINX_ALIAS,    /* key: a further name of a host; these hosts, by name */
	FACT_NGINX_SERVICE,  /* key: "namespace/service:port"; the objects with this backend */
	FACT_NGINX_AFFINITY, /* the same; those that have affinity */
	FACT_BELOW, /* key: "*." and the domain above; hosts right below it that are served by TLS
		     */
	FACT_SERVER_NAME, /* key: host; the Secret that is its certificate, where hosts share a
			     chain */
	FACT_KEPT_SECRET, /* key: "namespace/name"; former content of an unusable Secret: injected
			   */
	FACT_FALLBACK,    /* key: ""; hosts served to clients without a server name: the Secret */
	FACT_FORWARDED,   /* key: ""; X-Forwarded-… of clients is believed */
	/* Gateway API's: */
	FACT_CLASS_USE,     /* key: name of a GatewayClass; the Gateways that have it */
	FACT_GATEWAY_CLAIM, /* key: "", or a merged fleet; each Gateway's claims: the older first */
	FACT_DEFAULT_GATEWAY, /* key: ""; the Gateways with defaultScope All */
	FACT_PARENT,          /* key: "Kind namespace/name"; the Parent that routes see */
	FACT_PARENT_STATE,    /* key: the same; its status without counts */
	FACT_STREAM_STATE,    /* key: "kind-number namespace/name" of a route; its StreamState */
	FACT_ATTACHED,        /* key: "Kind namespace/name section"; the routes attached to it */
	FACT_POLICY_USE,  /* key: "namespace/name" of a policy; the Gateways that reach its target,
			   * with a ClusterResult that has a fault of the target */
	FACT_PROGRAMMED,  /* key: a socket that an Envoy has answered for: injected; "": this is
			   * known at all */
	FACT_WAITING,     /* key: "kind-number namespace/name"; a route with a missing backend */
	FACT_PATIENCE,    /* key: the same; the route's version served until its backends come, or
			     nothing: injected */
	FACT_REFUSED,     /* key: "kind-number namespace/name"; Envoy's answers about the object's
			     resources: injected */
	FACT_SOCKET,      /* key: its name; a ListenerSpec */
	FACT_ROUTE_TABLE, /* key: its name; the socket that has it */
	FACT_DOMAIN,      /* key: "table listener-host domain"; the settings for it: DomainRoutes */
	FACT_STREAM,      /* key: "socket listener-host domain"; StreamTargets, the first has it */
	FACT_CERTIFICATE, /* key: ""; the Secrets with served certificates */
	FACT_KIND_MAX_,
};

enum index_kind {
	INDEX_SLICES_OF_SERVICE = 1, /* key: "namespace/service" */
	INDEX_SLICES_UNLABELLED,     /* key: namespace; slices that name no Service */
	INDEX_SLICES_OF_NAME,        /* key: the Service's name, in any namespace */
	INDEX_DEFAULT_CLASSES,       /* key: "" */
	INDEX_DELEGATIONS,           /* key: namespace of the TLSCertificateDelegation */
	INDEX_REFERENCE_GRANTS,      /* key: namespace of the ReferenceGrant */
	INDEX_LISTENER_SETS,         /* key: "namespace/name" of the Gateway */
	INDEX_TRAFFIC_POLICIES,      /* key: namespace of the XBackendTrafficPolicy */
	INDEX_TLS_POLICIES,          /* key: namespace of the BackendTLSPolicy */
	INDEX_TELEMETRY_POLICIES,    /* key: namespace of the XTelemetryPolicy */
	INDEX_SERVICES_OF_PODS,      /* key: "namespace/" and the Service's selector */
	INDEX_KIND_MAX_,
};

/* An output that is not sent: how a host is served by a table that many hosts share, that of plain
 * HTTP or one of a Gateway's listeners. Its key is that of a part of the table, its meta the
 * version. The quarantine decides whether this or an earlier form is served, and injects that as
 * FACT_SAME_ROUTES; the table is made of these. */
#define OUTPUT_HOST_ROUTES 60
#define HOST_ROUTES_TABLE  "ingress_http"
#define GATEWAY_TABLES     "gateway/" /* how their names begin */
/* An output for portolan-passwords, not for Envoys: a file of users. */
#define OUTPUT_USERS ITEM_USERS
