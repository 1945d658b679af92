/* Protobuf's wire format, read in place: for messages with many small parts or large values, where
 * unpacking into structs would cost too much or be unsafe. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct wire {
	const uint8_t *p, *end;
};

enum wire_type {
	WIRE_VARINT = 0,
	WIRE_FIXED64 = 1,
	WIRE_BYTES = 2,
	WIRE_FIXED32 = 5,
};

struct wire_field {
	uint32_t number;
	enum wire_type type;
	uint64_t value;      /* of varints and fixed */
	const uint8_t *data; /* of bytes: a pointer into the input */
	size_t len;
};

/* The next field: 1, 0 at the end, -EBADMSG if this is not a message (groups are refused). */
int wire_next(struct wire *w, struct wire_field *ret);

/* Bytes that v takes as a varint. */
size_t wire_varint_size(uint64_t v);
/* Writes v, returns where the next byte goes. */
uint8_t *wire_put_varint(uint8_t *p, uint64_t v);
uint8_t *wire_put_fixed64(uint8_t *p, uint64_t v);
