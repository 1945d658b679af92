/* A bump allocator for things that are freed together: no single frees, one owner. */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>

#include "common/base/cleanup.h"

struct arena;

/* chunk: size of the blocks taken from malloc; larger requests get a block of their own. */
struct arena *arena_new(size_t chunk);
void arena_free(struct arena *a);
DEFINE_CLEANUP(struct arena *, arena_free)
/* Forgets everything that was allocated; keeps one block for reuse. */
void arena_reset(struct arena *a);
/* Zeroed, aligned to 16; never NULL. */
void *arena_alloc(struct arena *a, size_t size);
void *arena_memdup(struct arena *a, const void *p, size_t n);
char *arena_strdup(struct arena *a, const char *s);
char *arena_strndup(struct arena *a, const char *s, size_t n);
char *arena_printf(struct arena *a, const char *fmt, ...) _printf_(2, 3);
/* Bytes handed out since the last reset. */
size_t arena_used(const struct arena *a);
/* Bytes that the results will cost elsewhere: a counter for callers, zero after a reset. */
size_t *arena_charged(struct arena *a);
/* For protobuf_c_message_unpack(): frees are no-ops, so never call free_unpacked. */
ProtobufCAllocator *arena_pb(struct arena *a);

#define arena_new_of(a, type, n) ((type *)arena_alloc((a), (n) * sizeof(type)))
