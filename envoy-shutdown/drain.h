/* Takes an Envoy out of service without cutting a request. */
#pragma once

#include <stdint.h>

struct drain {
	const char *admin;      /* Unix socket or ADDRESS:PORT of Envoy's admin interface */
	unsigned unready_after; /* seconds from the start until Envoy says that it is not ready */
	unsigned min_seconds, max_seconds; /* for the whole drain */
	unsigned min_connections;          /* done when at most this many are left */
};

enum drain_result {
	DRAIN_DONE,     /* no more connections than min_connections */
	DRAIN_NO_ENVOY, /* no Envoy answers: nothing to wait for */
	DRAIN_TIMEOUT,  /* max_seconds are over and connections are left */
};

/* Reports its steps on stderr. Returns when Envoy may be ended. */
enum drain_result drain_run(const struct drain *d);
