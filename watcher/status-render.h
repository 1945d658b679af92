/* What the status of an object is to be, kind by kind: one row each, pure functions. */
#pragma once

#include "common/arena.h"
#include "common/strbuf.h"
#include "ipc.pb-c.h"
#include "k8s/projectcontour.pb-c.h"
#include "watcher/kube-object.h"
#include "watcher/publish-address.h"

struct status_input {
	struct arena *arena;
	const struct kube_object *object; /* with its status as it is at the API */
	const Portolan__Ipc__ObjectStatus *status;
	const struct address *addresses;
	size_t n_addresses;
	bool addresses_known;
};

struct status_render_row {
	unsigned kind;
	/* Writes the members of `status` to change, as a JSON merge patch (RFC 7396). False: it is
	 * already as it is to be, or not for us to say. */
	bool (*render)(const struct status_input *in, struct strbuf *json);
};

/* NULL for kinds whose status we do not write. */
const struct status_render_row *status_render_row(unsigned kind);

/* What the status says, written or not: of objects from files there is nowhere to write it. */
struct status_shown {
	const K8s__DetailedCondition *valid; /* the time of its transition is not known */
	const char *current, *description;   /* HTTPProxy; else NULL */
};
/* in: arena and status. False for kinds without conditions, and where there is nothing for us to say. */
bool status_render_shown(const struct status_input *in, unsigned kind, struct status_shown *ret);
