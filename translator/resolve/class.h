/* Which Ingresses and HTTPProxies are ours to serve. */
#pragma once

#include "translator/resolve/object.h"

/* Index: IngressClasses that are the default. */
int class_index(const struct item *object, struct arena *scratch, const char **ret_key);
/* Whether an object is ours, by its annotations and its spec.ingressClassName (NULL: not given). If
 * not, *ret_why is a sentence for its status. */
bool class_is_ours(struct reader *r, const K8s__ObjectMeta *meta, const char *class_name,
		   const char **ret_why);
/* The status of one that is not ours, for the reason `why`; a warning if its class is a mistyped
 * name of ours. */
void class_leave(struct reader *r, enum object_kind kind, const char *key,
		 const K8s__ObjectMeta *meta, const char *class_name, const char *why);
/* Whether an Ingress is of ingress-nginx's class, if the configuration serves it (ingressNginx): by
 * spec.ingressClassName and the controller of that IngressClass, else by the annotation
 * kubernetes.io/ingress.class, else (watchIngressWithoutClass) because it names none. */
bool class_is_nginx(struct reader *r, const K8s__ObjectMeta *meta, const char *class_name);
