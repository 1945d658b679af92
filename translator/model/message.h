/* Protobuf messages in arenas. */
#pragma once

#include "common/base/arena.h"
#include "common/link/state.h"
#include "proto/model-names.h"

/* A message of this type with its defaults: message_new(a, ModelHostTls). The type is one of the
 * short names in proto/model-names.h or, in code that may use Envoy's types,
 * proto/envoy-names.h. */
#define message_new(a, type)                             \
	({                                               \
		type *_new = arena_new_of((a), type, 1); \
		*_new = (type)type##__INIT;              \
		_new;                                    \
	})

static inline void *message_unpack_as(struct arena *a, const ProtobufCMessageDescriptor *type,
				      const struct item *i)
{
	return i ? protobuf_c_message_unpack(type, arena_pb(a), i->value_len, item_value(i)) : NULL;
}

/* The message in an item; NULL: there is no item, or it has another form. */
#define message_unpack(a, type, item) ((type *)message_unpack_as((a), &type##__descriptor, (item)))
