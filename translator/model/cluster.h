/* An upstream before it becomes Envoy's cluster. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/model.pb-c.h"
#include "translator/model/message.h"
#include "translator/model/settings.h"

/* The name of a cluster that never exists: the share of requests or connections that goes there is
 * refused, and other shares are not touched. */
#define NO_CLUSTER "portolan/no-such-backend"

/* How names of clusters with the endpoints of several backends begin. */
#define JOINED_CLUSTERS "session:"

enum upstream_protocol {
	UPSTREAM_HTTP1,
	UPSTREAM_H2C, /* HTTP/2 in plain text, prior knowledge */
	UPSTREAM_TLS, /* HTTP/1.1 over TLS */
	UPSTREAM_H2,  /* HTTP/2 over TLS */
};

static inline bool upstream_speaks_http2(enum upstream_protocol p)
{
	return p == UPSTREAM_H2C || p == UPSTREAM_H2;
}

enum balancing {
	BALANCING_ROUND_ROBIN,
	BALANCING_LEAST_REQUEST,
	BALANCING_RANDOM,
	BALANCING_RING_HASH,
};

/* Circuit breakers; 0: Envoy's default. */
struct upstream_limits {
	uint32_t connections, pending, requests, retries, connections_per_host;
	/* Instead of retries: a percentage of requests, and a minimum number. */
	bool retry_budget;
	uint32_t retry_percent, retry_min;
};

/* Endpoints that answer badly get no requests for a while (outlier detection). */
struct upstream_ejection {
	uint32_t consecutive_5xx; /* 0: no endpoint is ejected */
	int64_t interval_usec, ejection_usec;
	uint32_t max_percent; /* of the endpoints, 1 to 100 */
};

struct cluster_spec {
	const struct settings *settings;
	const char *name; /* NULL: made of namespace, service, port and a hash of all the rest */
	bool weighted;    /* by the weights of its localities */
	bool at_once;     /* new weights count at once, not within a second */
	const char *namespace;
	const char *service;
	uint32_t port;
	const char *endpoints; /* EDS resource; NULL for an external name */
	const char *external_name;
	enum upstream_protocol protocol;
	const char *secret; /* SDS resource: the certificate that Envoy shows over TLS, or NULL */
	const void *ca;     /* PEM to verify the upstream's certificate with, or NULL */
	size_t ca_len;
	bool system_authorities; /* or by the authorities of Envoy's host */
	struct upstream_limits limits;
	struct upstream_ejection ejection;
	bool own_limits;                 /* the configuration's are not for it */
	const ModelClusterSpec *desired; /* the other settings, may be NULL */
};
