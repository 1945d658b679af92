/* The listeners of a Gateway and of its ListenerSets: the content of each (gateway-listener.c), and
 * the conflicts between them (gateway-conflict.c). Nothing is looked up here: unit-gateway.c does
 * that. */
#pragma once

#include "k8s/gateway.pb-c.h"
#include "proto/model.pb-c.h"
#include "translator/gateway/gateway-status.h"
#include "translator/model/listener.h"

/* The object that contains the listeners. */
struct listener_owner {
	enum object_kind kind;
	const char *key;
	const char *namespace, *name;
	int64_t generation;
	K8s__Listener *const *specs;
	size_t n_specs;
	struct gateway_listener *listeners; /* one for each of specs */
};

/* Host names of a listener's more specific neighbours. */
struct taken_host {
	const char *host;
	const struct taken_host *next;
};

struct gateway_listener {
	const struct listener_owner *owner;
	const K8s__Listener *spec;
	const char *field; /* "spec.listeners[0]" */
	enum listener_protocol protocol;
	const char *host;
	enum object_kind kinds[2]; /* of routes that may attach */
	size_t n_kinds;
	struct flaw accepted;
	struct flaw conflict; /* with another listener */
	struct flaw resolved;
	bool overlaps;                  /* another HTTPS listener covers its host, or the reverse */
	const struct taken_host *taken; /* names within its host that others of its port have */
	const char **secrets;           /* usable certificates */
	size_t n_secrets;
	const struct client_validation *client;
	const struct ask **guards; /* asked about each request, one by one (GEP-5224) */
	size_t n_guards;
	bool refuses; /* one of them cannot be asked */
};

/* Reads an owner's listeners: names, protocols and kinds. */
void gateway_listeners_parse(struct arena *a, struct listener_owner *o);
/* Finds the services that a listener asks about its requests (listener-guard.c). parent: as
 * backends of its routes see it. */
void gateway_listener_find_guards(struct reader *r, const Portolan__Model__Parent *parent,
				  struct gateway_listener *l);
/* Finds conflicts (G-LST-1…8, G-LS-3…5), overlaps (G-421-3) and taken hosts (G-ISO-2) among the
 * accepted listeners of all owners: first the Gateway, then its ListenerSets, the older first. */
void gateway_listeners_compare(struct arena *a, struct listener_owner *owners, size_t n);
/* Routes may attach. */
bool gateway_listener_is_accepted(const struct gateway_listener *l);
/* Requests or connections are served. */
bool gateway_listener_is_served(const struct gateway_listener *l);
