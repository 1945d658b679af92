/* Where the world reaches our Envoys: what is written into the status of an Ingress. Given outright,
 * or read (and followed) from a Service's status.loadBalancer. */
#pragma once

#include "common/event-loop.h"
#include "watcher/http.h"

struct publish_address;

struct address {
	bool is_ip; /* else a host name */
	char *text;
};

/* Exactly one of text ("192.0.2.1,lb.example.org") and service ("namespace/name") is given. changed is
 * called when there are others. -EINVAL: logged. */
int publish_address_new(struct event_loop *loop, struct http *http, const char *text,
			const char *service, void (*changed)(void *ctx), void *ctx,
			struct publish_address **ret);
void publish_address_free(struct publish_address *p);
DEFINE_CLEANUP(struct publish_address *, publish_address_free)
/* False: not known yet, so nothing must be written. */
bool publish_address_get(const struct publish_address *p, const struct address **ret, size_t *ret_n);
