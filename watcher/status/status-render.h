/* The wanted status of an object, kind by kind: one row each, pure functions. */
#pragma once

#include "common/base/arena.h"
#include "common/base/strbuf.h"
#include "ipc.pb-c.h"
#include "k8s/projectcontour.pb-c.h"
#include "watcher/kube/kube-object.h"
#include "watcher/status/publish-address.h"

struct status_input {
	struct arena *arena;
	const struct kube_object *object; /* with its status at the API */
	const Portolan__Ipc__ObjectStatus *status;
	const struct address *addresses;
	size_t n_addresses;
	bool addresses_known;
};

struct status_render_row {
	unsigned kind;
	/* Writes the members of `status` to change, as a JSON merge patch (RFC 7396). False: the
	 * status is right already, or not ours to write. */
	bool (*render)(const struct status_input *in, struct strbuf *json);
};

/* "True", "False" or "Unknown". */
const char *status_condition_word(const Portolan__Ipc__Condition *c);
/* Whether to write the condition "Propagated", in place of one with this status and generation: it
 * says nothing about an earlier generation, and what has arrived is not pending again, as after a
 * restart. */
bool status_propagated_counts(const struct status_input *in, const char *status,
			      int64_t generation);

/* NULL for kinds that get no status from us. */
const struct status_render_row *status_render_row(unsigned kind);

/* The status's text, written or not: objects from files have no place to write it. */
struct status_shown {
	const K8s__DetailedCondition *valid; /* the time of its transition is not known */
	const char *current, *description;   /* HTTPProxy; else NULL */
};
/* in: arena and status. False for kinds without conditions, and for objects that get no verdict
 * from us. */
bool status_render_shown(const struct status_input *in, unsigned kind, struct status_shown *ret);
