/* The frames' header and the table of their types. */
#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "common/base/cleanup.h"
#include "common/link/frame.h"
#include "ipc.pb-c.h"

#define BOTH   "both"
#define OWNER  "owner of the state"
#define HOLDER "holder of the mirror"

/* Room for the fields around the items, and for fields that a newer minor version may add. */
#define SLACK 256

static const struct frame_type_row rows[FRAME_TYPE_MAX_] = {
	[FRAME_HELLO] = { "HELLO", BOTH, 4096, &portolan__ipc__hello__descriptor },
	[FRAME_SNAPSHOT_BEGIN] = { "SNAPSHOT_BEGIN", OWNER, SLACK,
				   &portolan__ipc__snapshot_begin__descriptor },
	[FRAME_SNAPSHOT_ITEMS] = { "SNAPSHOT_ITEMS", OWNER, FRAME_ITEM_MAX + SLACK,
				   &portolan__ipc__snapshot_items__descriptor },
	[FRAME_SNAPSHOT_END] = { "SNAPSHOT_END", OWNER, SLACK,
				 &portolan__ipc__snapshot_end__descriptor },
	[FRAME_DELTA] = { "DELTA", OWNER, FRAME_ITEM_MAX + SLACK,
			  &portolan__ipc__delta__descriptor },
	[FRAME_ACK] = { "ACK", HOLDER, SLACK, &portolan__ipc__ack__descriptor },
	[FRAME_RESYNC] = { "RESYNC", HOLDER, 1024, &portolan__ipc__resync__descriptor },
	[FRAME_BYE] = { "BYE", BOTH, 1024, &portolan__ipc__bye__descriptor },
};

#define LENGTH_MAX (FRAME_ITEM_MAX + SLACK)

const struct frame_type_row *frame_type(uint16_t type)
{
	return type < ARRAY_SIZE(rows) && rows[type].name ? &rows[type] : NULL;
}

static void put32(uint8_t *p, uint32_t v)
{
	v = htole32(v);
	memcpy(p, &v, sizeof(v));
}

static uint32_t get32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

void frame_header_encode(const struct frame_header *h, uint8_t out[FRAME_HEADER_SIZE])
{
	uint64_t generation = htole64(h->generation);

	put32(out, FRAME_MAGIC);
	put32(out + 4, h->length);
	out[8] = (uint8_t)(h->type & 0xff);
	out[9] = (uint8_t)(h->type >> 8);
	out[10] = h->major;
	out[11] = h->minor;
	put32(out + 12, 0);
	memcpy(out + 16, &generation, sizeof(generation));
}

int frame_header_decode(const uint8_t in[FRAME_HEADER_SIZE], struct frame_header *ret)
{
	const struct frame_type_row *row;
	struct frame_header h = {
		.length = get32(in + 4),
		.type = (uint16_t)(in[8] | in[9] << 8),
		.major = in[10],
		.minor = in[11],
	};

	if (get32(in) != FRAME_MAGIC)
		return -EBADMSG;
	memcpy(&h.generation, in + 16, sizeof(h.generation));
	h.generation = le64toh(h.generation);
	if (h.major != FRAME_MAJOR) {
		*ret = h;
		return -EPROTONOSUPPORT;
	}
	if (get32(in + 12) != 0)
		return -EBADMSG;
	row = frame_type(h.type);
	if (h.length > (row ? row->max_length : LENGTH_MAX))
		return -EMSGSIZE;
	if (!row && (h.minor <= FRAME_MINOR || h.type == 0))
		return -EBADMSG;
	*ret = h;
	return row ? 0 : -ENOMSG;
}

void frame_append(struct strbuf *b, enum frame_type type, uint64_t generation,
		  const ProtobufCMessage *message)
{
	size_t length = protobuf_c_message_get_packed_size(message);
	struct frame_header h = {
		.length = (uint32_t)length,
		.type = (uint16_t)type,
		.major = FRAME_MAJOR,
		.minor = FRAME_MINOR,
		.generation = generation,
	};
	uint8_t *p;

	assert(message->descriptor == rows[type].descriptor);
	assert(length <= rows[type].max_length);
	p = (uint8_t *)strbuf_room(b, FRAME_HEADER_SIZE + length);
	frame_header_encode(&h, p);
	(void)protobuf_c_message_pack(message, p + FRAME_HEADER_SIZE);
	b->len += FRAME_HEADER_SIZE + length;
	b->s[b->len] = '\0';
}
