/* One Ingress of ingress-nginx's class: its annotations, checked, with the ConfigMap's keys as
 * defaults. */
#pragma once

#include "k8s/networking.pb-c.h"
#include "translator/graph/graph.h"
#include "translator/nginx/nginx-annotation.h"

struct nginx_value {
	const struct nginx_annotation *row;
	const char *text; /* trimmed, in its class, not empty */
};

struct nginx_ingress {
	const char *key; /* "namespace/name" */
	const char *namespace;
	const K8s__Ingress *object;
	struct nginx_value *values;
	size_t n_values;
	/* A value's outcome: the Ingress is not served at all, or its paths answer 503. The texts
	 * name the annotation and say why; NULL: neither. */
	const char *ignored;
	const char *denied;
	bool canary;
	bool tls_without_secret; /* proxy-ssl-server-name counts without proxy-ssl-secret, too */
};

/* NULL if there is no such Ingress. say: also report bad, unknown and unsupported annotations in
 * the Ingress's status; one unit does, the others read silently. */
struct nginx_ingress *nginx_ingress_read(struct reader *r, const char *key, bool say);

/* The annotation's value, else the ConfigMap's key of the same name, else NULL. The name has no
 * prefix. */
const char *nginx_text(struct reader *r, const struct nginx_ingress *in, const char *name);
/* The annotation's own value only. */
const char *nginx_own_text(const struct nginx_ingress *in, const char *name);
bool nginx_flag(struct reader *r, const struct nginx_ingress *in, const char *name, bool otherwise);
long nginx_number(struct reader *r, const struct nginx_ingress *in, const char *name,
		  long otherwise);
