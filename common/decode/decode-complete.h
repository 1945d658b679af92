/* Treats objects from files as the API server does before it stores one: fills in defaults, and
 * reports values that it would refuse. Inside libdecode only. */
#pragma once

#include "common/decode/decode-message.h"

/* zero_is_absent: in Kubernetes' own kinds empty strings and zeros count as absent; in those of
 * CRDs they are values. Adds absent members to the tree, which is in the arena or borrows from the
 * schemas. Adds faults to the problems, as errors. */
void object_complete(struct arena *arena, struct schemas *schemas,
		     const ProtobufCMessageDescriptor *type, struct node *node,
		     const struct path *path, struct problems *problems, bool zero_is_absent);
