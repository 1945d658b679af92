/* Fleets of Envoys, and which of them need a resource. A fleet is known by its name,
 * "namespace/name" of a Gateway or "GatewayClass/name"; the default fleet ("") serves Ingresses,
 * HTTPProxies and the Gateways without Envoys of their own. The translator names the fleets and the
 * resources of each. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/hashmap.h"
#include "common/link/state.h"

#define FLEET_NAME_MAX 512
/* The prefix of a certificate's URI and, on a Unix socket, of the node's cluster. */
#define FLEET_URI "portolan://fleet/"

struct fleet {
	uint32_t refs; /* of sets, of streams, and one while the translator has it */
	bool exists;   /* the translator has it: its Envoys may be answered */
	bool is_default;
	uint64_t since; /* counts the times that it came to be */
	size_t len;
	char name[];
};

/* Sets are shared: most resources have one of a few. */
struct fleet_set {
	uint32_t refs;
	bool everyone; /* one of its names is "*" */
	size_t n;
	struct item *item; /* that it was read from; its value is the set's key */
	struct fleet *all[];
};

struct fleets {
	struct hashmap by_name;
	struct hashmap sets;
	struct fleet *base; /* the default one */
};

void fleets_init(struct fleets *f);
void fleets_done(struct fleets *f);
/* An item of kind RESOURCE_FLEET came or went. */
void fleets_change(struct fleets *f, const struct item *item, bool exists);
/* Found or made; the caller gets a reference. NULL: the name is too long. */
struct fleet *fleet_get(struct fleets *f, const char *name, size_t len);
void fleet_unref(struct fleets *f, struct fleet *fleet);

/* Reads an item of kind RESOURCE_FLEET_SET; the caller gets a reference. A set that cannot be read
 * contains no fleet. */
struct fleet_set *fleet_set_of(struct fleets *f, struct item *item);
void fleet_set_unref(struct fleets *f, struct fleet_set *set);
/* set: NULL for the default fleet alone; fleet: NULL for the default one. */
bool fleet_set_has(const struct fleet_set *set, const struct fleet *fleet);

/* The fleet in a URI "portolan://fleet/NAMESPACE/NAME"; NULL for another URI. */
const char *fleet_of_uri(const char *uri, size_t len, size_t *ret_len);
