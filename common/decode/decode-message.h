/* The typed core of the decoder: a tree and a descriptor become a message. Inside libdecode only.
 */
#pragma once

#include "common/decode/decode-node.h"
#include "common/decode/decode-problem.h"
#include "common/decode/decode-schema.h"

/* Never NULL: values that cannot be used are left out and are among the problems. node is a map.
 * Strings are borrowed from the tree. */
ProtobufCMessage *message_from_node(struct arena *arena, struct schemas *schemas,
				    const ProtobufCMessageDescriptor *type, const struct node *node,
				    const struct path *path, struct problems *problems);

/* Brings a message that was unpacked from Kubernetes' protobuf into the same form: no unknown
 * fields, no zero where zero means absent, maps sorted. False: a string is not UTF-8. */
bool message_canonical(struct schemas *schemas, ProtobufCMessage *m);
