/* Protobuf's wire format (protobuf.dev, "Encoding"), read in place and written by hand. Used by
 * every process that holds an end of a link. */
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "common/base/wire.h"

static int get_varint(struct wire *w, uint64_t *ret)
{
	uint64_t v = 0;

	for (unsigned shift = 0; shift < 70; shift += 7) {
		uint8_t byte;

		if (w->p == w->end)
			return -EBADMSG;
		byte = *w->p++;
		if (shift == 63 && byte > 1)
			return -EBADMSG;
		v |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80) {
			*ret = v;
			return 0;
		}
	}
	return -EBADMSG;
}

static int get_fixed(struct wire *w, size_t size, uint64_t *ret)
{
	uint64_t v = 0;

	if ((size_t)(w->end - w->p) < size)
		return -EBADMSG;
	memcpy(&v, w->p, size);
	w->p += size;
	*ret = le64toh(v);
	return 0;
}

int wire_next(struct wire *w, struct wire_field *ret)
{
	struct wire_field f = { 0 };
	uint64_t tag;
	int r;

	if (w->p == w->end)
		return 0;
	r = get_varint(w, &tag);
	if (r < 0)
		return r;
	if (tag > UINT32_MAX || tag >> 3 == 0)
		return -EBADMSG;
	f.number = (uint32_t)(tag >> 3);
	f.type = (enum wire_type)(tag & 7);
	switch (f.type) {
	case WIRE_VARINT:
		r = get_varint(w, &f.value);
		break;
	case WIRE_FIXED64:
		r = get_fixed(w, 8, &f.value);
		break;
	case WIRE_FIXED32:
		r = get_fixed(w, 4, &f.value);
		break;
	case WIRE_BYTES:
		r = get_varint(w, &f.value);
		if (r == 0 && f.value > (uint64_t)(w->end - w->p))
			r = -EBADMSG;
		if (r == 0) {
			f.data = w->p;
			f.len = (size_t)f.value;
			w->p += f.len;
		}
		break;
	default:
		r = -EBADMSG;
	}
	if (r < 0)
		return r;
	*ret = f;
	return 1;
}

size_t wire_varint_size(uint64_t v)
{
	size_t n = 1;

	for (; v >= 0x80; v >>= 7)
		n++;
	return n;
}

uint8_t *wire_put_varint(uint8_t *p, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		*p++ = (uint8_t)(v | 0x80);
	*p++ = (uint8_t)v;
	return p;
}

uint8_t *wire_put_fixed64(uint8_t *p, uint64_t v)
{
	v = htole64(v);
	memcpy(p, &v, sizeof(v));
	return p + sizeof(v);
}
