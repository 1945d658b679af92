/* Protobuf messages in arenas. */
#pragma once

#include "common/base/arena.h"
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
