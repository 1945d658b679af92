/* Decides who owns a host (docs/understand/threat-model.md). With portolan.hosts.ownership
 *  - owner: an HTTPProxy's host is closed to objects of other namespaces; of two HTTPProxies the
 *    older has it. Ingresses of several namespaces share one;
 *  - strict: they do not: the oldest Ingress's namespace has it, if no HTTPProxy has;
 *  - contour: as in Contour: no host is closed, and two HTTPProxies with one fqdn serve nothing. */
#pragma once

#include "k8s/meta.pb-c.h"
#include "translator/graph/graph.h"

/* Called by a claim's unit: the object wants the host. */
void host_claim(struct reader *r, enum object_kind kind, const char *key,
		const K8s__ObjectMeta *meta, const char *host);

struct host_owner {
	enum object_kind kind;
	const char *key; /* "namespace/name" */
};

/* The owner of the host, if an object claims it. Not for ownership "contour". */
bool host_owner_find(struct reader *r, const char *host, struct host_owner *ret);
/* How many objects claim it. */
size_t host_claims(struct reader *r, const char *host);
/* Whether an object of the namespace may have routes at the host; if not, *ret_owner is the
 * owner. */
bool host_is_open(struct reader *r, const char *host, const char *namespace,
		  struct host_owner *ret_owner);
