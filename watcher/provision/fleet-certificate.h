/* The certificates by which xds-server knows a Gateway's Envoys: signed by the authority of
 * portolan-certgen, with the fleet's URI. Only the watcher makes them, in the Secrets of fleets. */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>

#include "common/certificate/certificate.h"
#include "common/link/state.h"

/* The authority in the Secret "namespace/name" of the store. -ENOENT: it is missing, or has no
 * key. */
int fleet_certificate_authority(const struct state *objects, const char *secret,
				struct secret *ret);
/* Whether the Secret, as the API has it, holds a valid certificate for this fleet with at least a
 * third of its lifetime left. */
bool fleet_certificate_is_good(struct json_object *secret, const struct secret *authority,
			       const char *fleet);
/* Adds a new one as the Secret's data. -EINVAL: the authority cannot be used. */
int fleet_certificate_add(struct json_object *secret, const struct secret *authority,
			  const char *fleet);
