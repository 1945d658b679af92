/* All that routes want of one host name of a listener with a table of its own, merged: their order,
 * and which lose against an equal match. For the unit that makes the virtual host, and for explain,
 * which tells people about it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/base/arena.h"
#include "common/link/state.h"
#include "proto/model.pb-c.h"
#include "translator/host/want-domain.h"
#include "translator/model/message.h"

struct domain_entry {
	const ModelDomainRoute *route;
	const ModelDomainRoutes *of;
	bool own;                          /* of this host name, not of a less specific one */
	const struct domain_entry *winner; /* own, with the same match, and tried before: or NULL */
};

struct domain_settled {
	ModelDomainRoutes **specs; /* the objects' settings for this host name */
	size_t n_specs;            /* 0: absent */
	struct domain_entry *all;  /* in the order in which Envoy tries them */
	size_t n;
	ProtobufCBinaryData options; /* of the virtual host: its listener's */
};

/* Facts of FACT_DOMAIN: by a recorded read in a unit, or straight from the graph. */
typedef const struct item *const *domain_facts(void *ctx, const char *key, size_t key_len,
					       size_t *ret_n);

/* Reads and merges all that is wanted of the host name; all of it is in the arena. */
void domain_settle(struct arena *a, const struct domain_key *key, domain_facts *facts, void *ctx,
		   struct domain_settled *ret);
