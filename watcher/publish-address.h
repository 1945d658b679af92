/* Where the world reaches our Envoys: what is written into the status of an Ingress. Given outright,
 * or read (and followed) from a Service's status.loadBalancer; by options or by the configuration. */
#pragma once

#include "common/event-loop.h"
#include "watcher/http.h"

struct publish_address;

struct address {
	bool is_ip; /* else a host name */
	char *text;
};

/* None is known at first. changed is called when there are others. */
struct publish_address *publish_address_new(struct event_loop *loop, struct http *http,
					    void (*changed)(void *ctx), void *ctx);
/* text ("192.0.2.1,lb.example.org"), or service ("namespace/name"), or neither: then none is known any more.
 * -EINVAL: logged, and it stays as it was. */
int publish_address_set(struct publish_address *p, const char *text, const char *service);
void publish_address_free(struct publish_address *p);
DEFINE_CLEANUP(struct publish_address *, publish_address_free)
/* False: not known yet, so nothing must be written. */
bool publish_address_get(const struct publish_address *p, const struct address **ret, size_t *ret_n);
