/* Which listeners a route attaches to, and under which host names it is served there. */
#pragma once

#include "k8s/gateway-route.pb-c.h"
#include "proto/model.pb-c.h"
#include "translator/gateway/gateway-status.h"

/* The routes that a listener accepts. */
enum attach_from {
	ATTACH_FROM_SAME, /* the namespace of the listener's object */
	ATTACH_FROM_ALL,
	ATTACH_FROM_SELECTED, /* namespaces selected by their labels */
};

/* The API's word; "" is the default. */
enum attach_from attach_from_word(const char *word);

/* A host name under which a listener serves a route, and the route's own host name from which it
 * follows ("*": the route has none): the own name decides precedence (G-HN-5, G-PRE-2). */
struct attached_name {
	const char *domain, *own;
};

struct attachment {
	const Portolan__Model__Parent *parent;
	const Portolan__Model__ParentListener *listener;
	struct attached_name *names;
	size_t n_names;
};

/* One entry of the route's status. */
struct route_parent {
	const char *group, *kind, *namespace, *name, *section; /* section: or NULL */
	uint32_t port;                                         /* or 0 */
	struct flaw accepted;
	struct attachment *attachments; /* listeners that an earlier parent has are left out */
	size_t n_attachments;
};

/* The fields that all kinds of routes have. */
struct route_head {
	enum object_kind kind;
	const char *key, *namespace;
	K8s__ParentReference *const *refs;
	size_t n_refs;
	bool use_default_gateways;
	char *const *hosts; /* of routes that have host names */
	size_t n_hosts;
	bool has_hosts; /* the kind has host names */
	bool silent;    /* an earlier version: it does not count and adds no status */
};

/* The parents that are ours. Emits for each listener that the route counts there (S-LS-4). */
struct route_parent *attach_find(struct reader *r, const struct route_head *head, size_t *ret_n);
/* Gateway, ListenerSet, or 0 for what is neither. */
enum object_kind attach_parent_kind(const K8s__ParentReference *ref);
/* The key of the facts that count a listener's routes. */
const char *attach_count_key(struct arena *a, enum object_kind kind, const char *parent,
			     const char *section);
