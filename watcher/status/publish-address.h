/* The address of our Envoys for the world: it is written into the status of Ingresses. Given as
 * text, or read (and followed) from a Service's status.loadBalancer; by options or by the
 * configuration. */
#pragma once

#include "common/base/event-loop.h"
#include "watcher/kube/http.h"

struct publish_address;

struct address {
	bool is_ip; /* else a host name */
	char *text;
};

/* No address is known at first. changed is called when the addresses change. */
struct publish_address *publish_address_new(struct event_loop *loop, struct http *http,
					    void (*changed)(void *ctx), void *ctx);
/* text ("192.0.2.1,lb.example.org"), or service ("namespace/name"), or neither: no address is known
 * then. -EINVAL, logged: the address stays unchanged. */
int publish_address_set(struct publish_address *p, const char *text, const char *service);
void publish_address_free(struct publish_address *p);
DEFINE_CLEANUP(struct publish_address *, publish_address_free)
/* False: not known yet, so write no address. */
bool publish_address_get(const struct publish_address *p, const struct address **ret,
			 size_t *ret_n);
