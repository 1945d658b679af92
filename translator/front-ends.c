/* The table of front ends. */
#include "common/base/cleanup.h"
#include "translator/gateway/route-written.h"
#include "translator/httpproxy/proxy-written.h"
#include "translator/ingress/ingress-written.h"
#include "translator/model/front-end.h"

const struct front_end front_ends[] = {
	/* If two matches are equal, an HTTPProxy's goes before an Ingress's, as with Contour. */
	{ .kind = OBJECT_INGRESS,
	  .one = "an Ingress",
	  .winner = "the older ",
	  .rank = 1,
	  .shares_hosts = true,
	  .names = ingress_written_names },
	{ .kind = OBJECT_HTTP_PROXY,
	  .one = "an HTTPProxy",
	  .winner = "HTTPProxy ",
	  .names = proxy_written_names },
	{ .kind = OBJECT_HTTP_ROUTE,
	  .one = "an HTTPRoute",
	  .winner = "the older HTTPRoute ",
	  .waits = true,
	  .names = route_written_http_names,
	  .parents = route_written_http_parents },
	{ .kind = OBJECT_GRPC_ROUTE,
	  .one = "a GRPCRoute",
	  .winner = "GRPCRoute ",
	  .waits = true,
	  .names = route_written_grpc_names,
	  .parents = route_written_grpc_parents },
	{ .kind = OBJECT_TLS_ROUTE,
	  .one = "a TLSRoute",
	  .winner = "the older TLSRoute ",
	  .names = route_written_tls_names,
	  .parents = route_written_tls_parents },
	{ .kind = OBJECT_TCP_ROUTE,
	  .one = "a TCPRoute",
	  .winner = "the older TCPRoute ",
	  .parents = route_written_tcp_parents },
	{ .kind = OBJECT_UDP_ROUTE,
	  .one = "a UDPRoute",
	  .winner = "the older UDPRoute ",
	  .parents = route_written_udp_parents },
	{ .kind = OBJECT_GATEWAY,
	  .one = "a Gateway",
	  .author = 1,
	  .winner = "the older Gateway ",
	  .listens = true,
	  .served = "" },
	{ .kind = OBJECT_LISTENER_SET,
	  .one = "a ListenerSet",
	  .author = 1,
	  .winner = "the older ListenerSet ",
	  .listens = true,
	  .served = "the Gateway of " },
};
const size_t front_ends_n = ARRAY_SIZE(front_ends);
