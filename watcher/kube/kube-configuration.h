/* --contour-config-name: a ContourConfiguration at the API is the configuration, like a file with
 * --config. Until it has been usable once, nothing is served. After that its last usable version
 * stays in force, also if the object is deleted, and is kept for a watcher that starts again. */
#pragma once

#include "ipc.pb-c.h"
#include "watcher/kube/kube-object.h"
#include "watcher/store.h"

struct kube_configuration;

/* saved: the file where it is kept. -EINVAL: no object can be called that, logged. */
int kube_configuration_new(struct store *store, const char *namespace, const char *name,
			   const char *saved, struct kube_configuration **ret);
void kube_configuration_free(struct kube_configuration *c);
DEFINE_CLEANUP(struct kube_configuration *, kube_configuration_free)

const char *kube_configuration_namespace(const struct kube_configuration *c);
/* "fieldSelector=…", escaped. */
const char *kube_configuration_selector(const struct kube_configuration *c);
/* "namespace/name"; everywhere else its key is CONFIGURATION_KEY. */
const char *kube_configuration_api_key(const struct kube_configuration *c);

/* The object is this now. Returns it as an item, which is in the store if it can be used. If not,
 * *ret_refusal is its status, an ObjectStatus; else NULL. */
struct item *kube_configuration_take(struct kube_configuration *c,
				     const struct kube_trimmed *object, struct item **ret_refusal);
/* It cannot even be read. */
void kube_configuration_unreadable(struct kube_configuration *c, const char *why);

/* It is missing. */
void kube_configuration_missing(struct kube_configuration *c);

/* A usable one has been seen. */
bool kube_configuration_complete(const struct kube_configuration *c);
void kube_configuration_why(const struct kube_configuration *c, struct strbuf *out);
void kube_configuration_metrics(const struct kube_configuration *c, struct strbuf *out);
