/* Frames: the format of links and recordings. A fixed little-endian header, then one protobuf
 * message. Pure functions, no I/O. docs/understand/ipc-protocol.md describes them for people. */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/strbuf.h"

#define FRAME_MAGIC       0x4e4c5450u /* "PTLN" on the wire */
#define FRAME_HEADER_SIZE 24
#define FRAME_MAJOR       1
#define FRAME_MINOR       0

enum frame_type {
	FRAME_HELLO = 1,
	FRAME_SNAPSHOT_BEGIN,
	FRAME_SNAPSHOT_ITEMS,
	FRAME_SNAPSHOT_END,
	FRAME_DELTA,
	FRAME_ACK,
	FRAME_RESYNC,
	FRAME_BYE,
	FRAME_TYPE_MAX_,
};

/* The one table of frames: name, sender, largest payload, schema. */
struct frame_type_row {
	const char *name;
	const char *sender; /* "both", "owner of the state", "holder of the mirror" */
	uint32_t max_length;
	const ProtobufCMessageDescriptor *descriptor;
};

/* NULL for a type that this version does not know. */
const struct frame_type_row *frame_type(uint16_t type);

/* Items are sent in batches of at most this, so that neither side holds much more; an item that is
 * larger travels alone. common/link/frame-item.h encodes them. */
#define FRAME_BATCH_BYTES (256u * 1024)
#define FRAME_ITEM_MAX    (32u * 1024 * 1024) /* an encoded Item */
#define FRAME_KEY_MAX     1024
#define FRAME_REASON_MAX  512 /* bytes of the sentence in RESYNC and BYE */

struct frame_header {
	uint32_t length; /* of the payload */
	uint16_t type;
	uint8_t major;
	uint8_t minor;
	uint64_t generation;
};

void frame_header_encode(const struct frame_header *h, uint8_t out[FRAME_HEADER_SIZE]);
/* -EBADMSG: not a frame (magic, reserved bits, an undefined type). -EMSGSIZE: longer than the
 * type's table row allows (or than any, for an unknown type). -EPROTONOSUPPORT: another major
 * version. -ENOMSG: an unknown type of a newer minor version; skip it. The last two fill in
 * *ret. */
int frame_header_decode(const uint8_t in[FRAME_HEADER_SIZE], struct frame_header *ret);

/* Appends header and packed message. */
void frame_append(struct strbuf *b, enum frame_type type, uint64_t generation,
		  const ProtobufCMessage *message);
