/* A Gateway with its ListenerSets while it is translated (unit-gateway.c and the files it uses). */
#pragma once

#include "translator/gateway/gateway-listener.h"
#include "translator/resolve/reference-grant.h"

/* Where a fact of a parent is found: "Gateway namespace/name". */
const char *gateway_parent_key(struct arena *a, enum object_kind kind, const char *key);
/* Older objects first, those without a creation time before all others, then by name (V-DEF-4). */
const char *gateway_sort_key(struct arena *a, const K8s__ObjectMeta *meta, const char *key);

/* ---- gateway-class.c ---- */

/* The configured controllerName. */
const char *gateway_controller(struct reader *r);
/* Whether Gateways of this class are ours; if not, *ret_why is a sentence. */
bool gateway_class_is_ours(struct reader *r, const char *name, const char **ret_why);

bool gateway_class_exists(struct reader *r, const char *name);
/* Its reference to parameters, or NULL. */
const K8s__ParametersReference *gateway_class_parameters(struct reader *r, const char *name);

/* Whether Gateways get Envoys of their own. */
bool gateway_is_provisioned(struct reader *r);
/* Whether all Gateways of the class share Envoys; *ret_word: what the class says of it, or NULL. */
bool gateway_class_is_merged(struct reader *r, const char *name, const char **ret_word);

/* ---- gateway-merge.c ---- */

/* The fleet that the class's Gateways share, "GatewayClass/name"; NULL: they do not. */
const char *gateway_merge_fleet(struct reader *r, const char *class);
/* The Gateway cannot be one of those that share Envoys; *ret says why. */
bool gateway_merge_refuses(struct reader *r, const char *key, const K8s__Gateway *gateway,
			   struct flaw *ret);
/* The keys of the Gateways that share the fleet, the older first. */
const char **gateway_merge_members(struct reader *r, const char *fleet, size_t *ret_n);

/* ---- gateway-set.c ---- */

/* The ListenerSets that name the Gateway as their parent, the older first. */
struct listener_set {
	const char *key;
	const K8s__ListenerSet *object;
	bool allowed; /* by the Gateway's allowedListeners (G-LS-1) */
};

/* Index: ListenerSets by their Gateway. */
int listener_set_index(const struct item *object, struct arena *scratch, const char **ret_key);
struct listener_set *gateway_sets(struct reader *r, const char *key, const K8s__Gateway *gateway,
				  size_t *ret_n);

/* ---- gateway-address.c ---- */

struct gateway_addresses {
	const char **all; /* that it has */
	size_t n;
	size_t n_usable;                      /* the Gateway's entries without a fault */
	Portolan__Ipc__AddressStatus **shown; /* where others reach it; NULL: at these */
	size_t n_shown;
	struct flaw accepted;   /* an address of a type that is not supported */
	struct flaw programmed; /* an address that cannot be had */
};

void gateway_addresses_find(struct reader *r, const char *key, const K8s__Gateway *gateway,
			    struct gateway_addresses *ret);
/* NULL if the port is free at these addresses, else a sentence that names its holder. */
const char *gateway_port_holder(struct reader *r, const char *key,
				const struct gateway_addresses *addresses, uint32_t port, bool udp);

/* ---- gateway-tls.c ---- */

/* Finds the certificates of a listener that terminates TLS. */
void gateway_tls_find_certificates(struct reader *r, struct gateway_listener *l);
/* Finds the Gateway's demands on client certificates at the listener's port. *ret_insecure is set
 * if it serves clients without a valid one. */
void gateway_tls_find_clients(struct reader *r, const char *gateway_key,
			      const K8s__GatewayTLSConfig *tls, struct gateway_listener *l,
			      bool *ret_insecure);
/* The Secret with the client certificate for backends, or NULL. */
const char *gateway_tls_find_own(struct reader *r, const char *gateway_key,
				 const K8s__GatewayTLSConfig *tls, struct flaw *ret_flaw);

/* The Gateway of the running unit. */
struct gateway {
	struct reader *r;
	struct arena *a;
	const char *key;
	/* The fleet that serves it: "", its key if it has Envoys of its own, or that of its
	 * class. */
	const char *fleet;
	bool merged;       /* its Envoys are those of all Gateways of its class */
	const char *named; /* in the names of route tables: the key, or the merged fleet */
	const char *first; /* the Gateway whose unit wants the sockets: refusals name it */
	const K8s__Gateway *object;
	struct gateway_addresses addresses;
	struct listener_owner *owners; /* the Gateway, then its allowed ListenerSets by age */
	size_t n_owners;
	const struct listener_set *sets; /* all its sets */
	size_t n_sets;
	const char *client_secret;
	uint8_t *http_guards; /* of each port: all its HTTP listeners share them; NULL: no guards */
	const Portolan__Model__Tracing *tracing; /* NULL: as the configuration says */
	bool insecure; /* a listener serves clients without a valid certificate */
	struct flaw accepted, resolved;
};

/* Warns about what it says of its listeners without effect (listener-advice.c). */
void gateway_listeners_advise(struct gateway *g);
