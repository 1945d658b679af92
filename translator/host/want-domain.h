/* The door from front ends to host names of listeners that have route tables of their own. */
#pragma once

#include "translator/graph/graph.h"
#include "translator/model/route.h"

/* A route with its place among all routes of a host name: the front end decides about precedence,
 * the first in memcmp's order is tried first. */
struct domain_route {
	const struct route *route;
	const uint8_t *order;
	size_t order_len;
	const char *match; /* text that is equal for equal matches; NULL: made of the match */
};

/* An object's settings for a host name of a listener. */
struct domain_spec {
	const char *table;         /* the listener's route table */
	const char *listener_host; /* the listener's own host name, "*" for all */
	const char *domain;        /* that name or one within it */
	enum object_kind kind;
	const char *object; /* its key */
	const struct domain_route *routes;
	size_t n_routes; /* 0: the host name exists, and is answered with 404 */
	/* On the listener's own host name: they are asked about the requests of all names within
	 * it. */
	const struct ask *const *guards;
	size_t n_guards;
};

/* Requests that no route of the domain matches go to routes of the listener's less specific domains
 * (G-PRE-2). */
void want_domain(struct reader *r, const struct domain_spec *spec);

/* A fact's key in parts. */
struct domain_key {
	const char *table, *listener_host, *domain;
};

char *domain_key_text(struct arena *a, const struct domain_key *k);
struct domain_key domain_key_parse(struct arena *a, const char *key, size_t len);
