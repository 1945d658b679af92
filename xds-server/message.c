/* Discovery responses on the wire (envoy/service/discovery/v3/discovery.proto), written by hand so
 * that all clients share a resource's bytes. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/wire.h"
#include "xds-server/message.h"

/* Larger resources are not copied. */
#define COPY_MAX  16384
#define PIECE_MAX (4u << 20)

static void add_segment(struct message *m, struct buffer *b, size_t offset, size_t len)
{
	GROW(m->s, m->n, m->cap);
	m->s[m->n++] = (struct segment){ b, (uint32_t)offset, (uint32_t)len };
	m->bytes += len;
}

/* An encoding begins as delta's element, and ends with state of the world's. */
static void add_shared(struct message *m, const struct encoding *e, size_t any)
{
	size_t skip = m->delta ? 0 : e->len - any;

	for (size_t i = 0; i < e->n; i++) {
		add_segment(m, buffer_ref(e->b[i]), skip, e->b[i]->len - skip);
		skip = 0;
	}
}

void message_add_pin(struct message *m, const struct pin *pin)
{
	add_shared(m, pin->encoded, pin->any);
}

static size_t size_in(const struct message *m, const struct resource *r)
{
	size_t any, size = resource_encoded_size(r, &any);

	return m->delta ? size : any;
}

void message_add_resources(struct message *m, struct resource_store *store, struct resource **r,
			   size_t n)
{
	for (size_t i = 0; i < n;) {
		size_t run = 0, bytes = 0, any;

		for (; n > 1 && i + run < n; run++) {
			size_t size = size_in(m, r[i + run]);

			if (size > COPY_MAX || bytes > PIECE_MAX)
				break;
			bytes += size;
		}
		if (run < 2) {
			(void)resource_encoded_size(r[i], &any);
			add_shared(m, resource_store_encoded(store, r[i++]), any);
			continue;
		}
		add_segment(m, resource_store_run(store, r + i, run, m->delta, bytes), 0, bytes);
		i += run;
	}
}

static size_t field_size(size_t len)
{
	return 1 + wire_varint_size(len) + len;
}

static uint8_t *put_head(uint8_t *p, unsigned number, size_t len)
{
	*p++ = (uint8_t)(number << 3 | WIRE_BYTES);
	return wire_put_varint(p, len);
}

static uint8_t *put_field(uint8_t *p, unsigned number, const void *data, size_t len)
{
	p = put_head(p, number, len);
	if (len)
		memcpy(p, data, len);
	return p + len;
}

/* A field with its default value, behind the Secret's own fields: protobuf merges the two
 * (envoy/extensions/transport_sockets/tls/v3/secret.proto). Returns its bytes, 0 if there is none.
 */
static size_t add_default(uint8_t *p, const struct resource *secret)
{
	static const struct {
		uint32_t number;
		uint8_t size, bytes[6];
	} defaults[] = {
		/* tls_certificate.password.inline_string = "" */
		{ 2,
		  6,
		  { 2 << 3 | WIRE_BYTES, 4, 3 << 3 | WIRE_BYTES, 2, 3 << 3 | WIRE_BYTES, 0 } },
		/* validation_context.require_signed_certificate_timestamp = false */
		{ 4, 4, { 4 << 3 | WIRE_BYTES, 2, 6 << 3 | WIRE_BYTES, 0 } },
	};
	const uint8_t *value = item_value(secret->item);
	struct wire w = { value, value + secret->item->value_len };
	struct wire_field f;

	while (wire_next(&w, &f) == 1)
		for (size_t i = 0; i < ARRAY_SIZE(defaults); i++)
			if (defaults[i].number == f.number && f.type == WIRE_BYTES) {
				memcpy(p, defaults[i].bytes, defaults[i].size);
				return defaults[i].size;
			}
	return 0;
}

/* Resource.version = 1, resource = 2, name = 3; Any.type_url = 1, value = 2; resources = 2 in both
 * responses. */
void message_add_reworded(struct message *m, const struct resource *secret)
{
	const char *url = resource_kind(secret->kind)->type_url;
	const struct item *i = secret->item;
	uint8_t extra[6];
	size_t n_extra = add_default(extra, secret), value = i->value_len + n_extra;
	size_t any = field_size(strlen(url)) + field_size(value);
	size_t resource = field_size(i->meta_len) + field_size(secret->name_len) + field_size(any);
	size_t size = field_size(m->delta ? resource : any);
	struct buffer *b = buffer_new(size);
	uint8_t *p = b->data;

	if (m->delta) {
		p = put_head(p, 2, resource);
		p = put_field(p, 1, item_meta(i), i->meta_len);
		p = put_field(p, 3, secret->name, secret->name_len);
	}
	p = put_head(p, 2, any);
	p = put_field(p, 1, url, strlen(url));
	p = put_head(p, 2, value);
	memcpy(p, item_value(i), i->value_len);
	memcpy(p + i->value_len, extra, n_extra);
	p += value;
	assert(p == b->data + size && !secret->parts);
	add_segment(m, b, 0, size);
}

/* DiscoveryResponse.version_info = 1, DeltaDiscoveryResponse.removed_resources = 6; type_url = 4
 * and nonce = 5 in both. */
void message_add_tail(struct message *m, unsigned kind, const char *version, uint64_t nonce,
		      struct resource *const *removed, size_t n_removed)
{
	const char *url = resource_kind(kind)->type_url;
	size_t size = field_size(strlen(url)), text_len;
	struct buffer *b;
	char text[24];
	uint8_t *p;

	assert(m->delta ? !version : !n_removed);
	text_len = (size_t)snprintf(text, sizeof(text), "%llu", (unsigned long long)nonce);
	size += field_size(text_len) + (version ? field_size(strlen(version)) : 0);
	for (size_t i = 0; i < n_removed; i++)
		size += field_size(removed[i]->name_len);
	b = buffer_new(size);
	p = b->data;
	if (version)
		p = put_field(p, 1, version, strlen(version));
	for (size_t i = 0; i < n_removed; i++)
		p = put_field(p, 6, removed[i]->name, removed[i]->name_len);
	p = put_field(p, 4, url, strlen(url));
	p = put_field(p, 5, text, text_len);
	assert(p == b->data + size);
	add_segment(m, b, 0, size);
}
