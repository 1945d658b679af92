/* One object's settings for one host: a front end gives them to want_host(). */
#pragma once

#include "common/decode/object-kind.h"
#include "translator/model/route.h"
#include "translator/model/tls.h"

/* A share of a host's TLS connections, which are passed on. */
struct tcp_target {
	const char *cluster;
	uint32_t weight;
};

struct host_tcp {
	struct tcp_target *targets;
	size_t n;
};

struct host_spec {
	const char *host;      /* host_name_normal(): model/host-name.h */
	enum object_kind kind; /* of the object */
	const char *object;    /* its key, "namespace/name" */
	const char *sort;      /* among the objects that want the same host: the first wins */
	struct routes routes;
	bool one_label; /* a wildcard covers one label, not any number (Ingress, HTTPProxy) */
	/* Its routes are not served over HTTPS, whichever object brings the host's certificate. */
	bool plain_only;
	struct route_filters filters; /* for all routes of the host */
	const struct host_tls *tls;   /* NULL: no TLS, or passed through */
	const struct host_tcp *tcp;   /* connections are not HTTP but go there: with tls decrypted,
				       * without as they come */
};
