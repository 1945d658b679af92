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

static uint8_t *put_field(uint8_t *p, unsigned number, const void *data, size_t len)
{
	*p++ = (uint8_t)(number << 3 | WIRE_BYTES);
	p = wire_put_varint(p, len);
	if (len)
		memcpy(p, data, len);
	return p + len;
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
