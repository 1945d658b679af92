/* Items in SNAPSHOT_ITEMS and DELTA (proto/ipc.proto: Item, ItemKey). Written from and read into
 * struct item without a protobuf-c struct between: this saves a copy, and a peer's bytes cannot
 * make us allocate a multiple of their size. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/link/state.h"

/* An Item inside a received frame. */
struct frame_item {
	uint32_t kind;
	const uint8_t *key, *meta, *value;
	size_t key_len, meta_len, value_len;
};

/* Reads an Item or an ItemKey. -EBADMSG: malformed, or kind or key missing. -ERANGE: kind, key or
 * size exceeds the limits of a link. */
int frame_item_read(const uint8_t *data, size_t len, struct frame_item *ret);

/* Whether a link can carry it. */
bool frame_item_fits(const struct item *i);

/* Bytes of the encoded Item; of all but the value's own bytes, which come last. */
size_t frame_item_size(const struct item *i);
size_t frame_item_head_size(const struct item *i);
/* Writes the head; the caller then writes the value's bytes at the returned place. */
uint8_t *frame_item_put_head(uint8_t *p, const struct item *i);

size_t frame_item_key_size(uint32_t kind, size_t key_len);
uint8_t *frame_item_put_key(uint8_t *p, uint32_t kind, const char *key, size_t key_len);
