/* Our credentials for the Kubernetes API, as they change: token and certificate files that are
 * replaced, and exec plugins that run again when their credentials expire or are refused. */
#pragma once

#include <stdbool.h>

#include "common/base/event-loop.h"

#include "watcher/kube/kubeconfig.h"

struct credentials;

/* changed is called (from the loop) when credentials_ready() may answer otherwise than it did.
 * access is borrowed; its blobs are read again as their files change. */
struct credentials *credentials_new(struct event_loop *loop, struct kube_access *access,
				    void (*changed)(void *ctx), void *ctx);
void credentials_free(struct credentials *c);
DEFINE_CLEANUP(struct credentials *, credentials_free)

/* 1: usable now. 0: a plugin is running, changed will be called. Negative: no credentials for
 * now, and credentials_error() says why. */
int credentials_ready(struct credentials *c);
const char *credentials_error(const struct credentials *c);
/* NULL if absent. Borrowed until the loop runs again. */
const char *credentials_token(const struct credentials *c);
const char *credentials_cert(const struct credentials *c);
const char *credentials_key(const struct credentials *c);
/* Look at the files again before they are next used. */
void credentials_reload(struct credentials *c);
/* The API answered 401: ask for new ones. */
void credentials_refused(struct credentials *c);
