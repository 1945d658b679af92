/* An Ingress's annotations about its routes and its TLS. */
#pragma once

#include "translator/model/route.h"
#include "translator/resolve/object.h"

struct ingress_options {
	const char *websocket_paths; /* a list with commas, or NULL */
	struct go_duration timeout;
	const struct retries *retries; /* NULL: no retries */
	uint32_t min_tls, max_tls;     /* 2 for TLS 1.2, 3 for 1.3, 0 for the default */
	bool tls_bad;                  /* no version is between the two */
};

/* Unreadable values are left out with a warning in the Ingress's status. */
void ingress_options_read(struct reader *r, const char *key, const K8s__ObjectMeta *meta,
			  struct ingress_options *ret);
/* Whether WebSockets are allowed on a path, in the rule's spelling. */
bool ingress_options_websocket(struct arena *a, const struct ingress_options *o, const char *path);

/* Annotations that are about spec.tls. */
extern const char *const ingress_options_of_tls[3];
