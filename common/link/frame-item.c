/* Items in frames: proto/ipc.proto's Item and ItemKey, field by field. Used at both ends of a link
 * and for recordings. */
#include <errno.h>
#include <string.h>

#include "common/base/wire.h"
#include "common/link/frame-item.h"
#include "common/link/frame.h"

enum {
	TAG_KIND = 1 << 3 | WIRE_VARINT,
	TAG_KEY = 2 << 3 | WIRE_BYTES,
	TAG_META = 3 << 3 | WIRE_BYTES,
	TAG_VALUE = 4 << 3 | WIRE_BYTES,
};

int frame_item_read(const uint8_t *data, size_t len, struct frame_item *ret)
{
	struct wire w = { data, data + len };
	struct frame_item i = { .kind = STATE_KIND_MAX };
	bool has_kind = false;
	struct wire_field f;
	int r;

	if (len > FRAME_ITEM_MAX)
		return -ERANGE;
	while ((r = wire_next(&w, &f)) > 0)
		switch (f.number << 3 | f.type) {
		case TAG_KIND:
			if (f.value >= STATE_KIND_MAX)
				return -ERANGE;
			i.kind = (uint32_t)f.value;
			has_kind = true;
			break;
		case TAG_KEY:
			i.key = f.data;
			i.key_len = f.len;
			break;
		case TAG_META:
			i.meta = f.data;
			i.meta_len = f.len;
			break;
		case TAG_VALUE:
			i.value = f.data;
			i.value_len = f.len;
			break;
		default: /* of a newer minor version */
			break;
		}
	if (r < 0)
		return r;
	if (!has_kind || !i.key)
		return -EBADMSG;
	if (i.key_len > FRAME_KEY_MAX)
		return -ERANGE;
	*ret = i;
	return 0;
}

size_t frame_item_key_size(uint32_t kind, size_t key_len)
{
	return 1 + wire_varint_size(kind) + 1 + wire_varint_size(key_len) + key_len;
}

uint8_t *frame_item_put_key(uint8_t *p, uint32_t kind, const char *key, size_t key_len)
{
	*p++ = TAG_KIND;
	p = wire_put_varint(p, kind);
	*p++ = TAG_KEY;
	p = wire_put_varint(p, key_len);
	memcpy(p, key, key_len);
	return p + key_len;
}

size_t frame_item_head_size(const struct item *i)
{
	size_t n = frame_item_key_size(i->kind, i->key_len);

	if (i->meta_len)
		n += 1 + wire_varint_size(i->meta_len) + i->meta_len;
	if (i->value_len)
		n += 1 + wire_varint_size(i->value_len);
	return n;
}

size_t frame_item_size(const struct item *i)
{
	return frame_item_head_size(i) + i->value_len;
}

uint8_t *frame_item_put_head(uint8_t *p, const struct item *i)
{
	p = frame_item_put_key(p, i->kind, item_key(i), i->key_len);
	if (i->meta_len) {
		*p++ = TAG_META;
		p = wire_put_varint(p, i->meta_len);
		memcpy(p, item_meta(i), i->meta_len);
		p += i->meta_len;
	}
	if (i->value_len) {
		*p++ = TAG_VALUE;
		p = wire_put_varint(p, i->value_len);
	}
	return p;
}

bool frame_item_fits(const struct item *i)
{
	return i->key_len <= FRAME_KEY_MAX && frame_item_size(i) <= FRAME_ITEM_MAX;
}
