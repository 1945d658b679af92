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

/* ---- Secrets ---- */

#define WORDING_HEAD   "unused/"
#define WORDING_DIGITS 16
#define WORDING_SIZE   (sizeof(WORDING_HEAD) - 1 + WORDING_DIGITS)

/* The first field of a Secret's content, a DataSource: tls_certificate (2) has certificate_chain,
 * validation_context (4) has trusted_ca. */
struct source {
	struct wire_field content, source;
};

static bool find_field(const uint8_t *data, size_t len, uint32_t a, uint32_t b,
		       struct wire_field *ret)
{
	struct wire w = { data, data + len };

	while (wire_next(&w, ret) == 1)
		if (ret->type == WIRE_BYTES && (ret->number == a || ret->number == b))
			return true;
	return false;
}

static bool find_source(const struct item *secret, struct source *ret)
{
	return find_field(item_value(secret), secret->value_len, 2, 4, &ret->content) &&
	       find_field(ret->content.data, ret->content.len, 1, 1, &ret->source);
}

struct secret_sizes {
	size_t source, content, value, any, resource, total;
};

static struct secret_sizes secret_sizes(const struct message *m, const struct resource *r)
{
	struct secret_sizes z = { .value = r->item->value_len };
	struct source s;

	if (find_source(r->item, &s)) {
		z.source = s.source.len + field_size(field_size(WORDING_SIZE));
		z.content = s.content.len - field_size(s.source.len) + field_size(z.source);
		z.value += field_size(z.content) - field_size(s.content.len);
	}
	z.any = field_size(strlen(resource_kind(r->kind)->type_url)) + field_size(z.value);
	z.resource = field_size(r->item->meta_len) + field_size(r->name_len) + field_size(z.any);
	z.total = field_size(m->delta ? z.resource : z.any);
	return z;
}

static uint8_t *put_bytes(uint8_t *p, const uint8_t *from, const uint8_t *until)
{
	if (until > from)
		memcpy(p, from, (size_t)(until - from));
	return p + (until - from);
}

/* DataSource.watched_directory.path (5, 1): it has a meaning only for files. */
static uint8_t *put_wording(uint8_t *p, uint64_t number)
{
	p = put_head(p, 5, field_size(WORDING_SIZE));
	p = put_head(p, 1, WORDING_SIZE);
	memcpy(p, WORDING_HEAD, sizeof(WORDING_HEAD) - 1);
	p += sizeof(WORDING_HEAD) - 1;
	for (unsigned i = 0; i < WORDING_DIGITS; i++, number <<= 4)
		*p++ = (uint8_t)"0123456789abcdef"[number >> 60];
	return p;
}

/* The Secret, with the wording at the end of its source. */
static uint8_t *put_value(uint8_t *p, const struct item *secret, const struct secret_sizes *z,
			  uint64_t wording)
{
	const uint8_t *value = item_value(secret), *end = value + secret->value_len;
	struct source s;

	if (!find_source(secret, &s))
		return put_bytes(p, value, end);
	p = put_bytes(p, value, s.content.data + s.content.len - field_size(s.content.len));
	p = put_head(p, s.content.number, z->content);
	p = put_bytes(p, s.content.data, s.source.data + s.source.len - field_size(s.source.len));
	p = put_head(p, s.source.number, z->source);
	p = put_bytes(p, s.source.data, s.source.data + s.source.len);
	p = put_wording(p, wording);
	return put_bytes(p, s.source.data + s.source.len, end);
}

/* Resource.version = 1, resource = 2, name = 3; Any.type_url = 1, value = 2; resources = 2 in both
 * responses. */
static uint8_t *put_secret(const struct message *m, uint8_t *p, const struct resource *r,
			   uint64_t wording)
{
	const char *url = resource_kind(r->kind)->type_url;
	struct secret_sizes z = secret_sizes(m, r);

	assert(!r->parts);
	if (m->delta) {
		p = put_head(p, 2, z.resource);
		p = put_field(p, 1, item_meta(r->item), r->item->meta_len);
		p = put_field(p, 3, r->name, r->name_len);
	}
	p = put_head(p, 2, z.any);
	p = put_field(p, 1, url, strlen(url));
	p = put_head(p, 2, z.value);
	return put_value(p, r->item, &z, wording);
}

void message_add_secrets(struct message *m, struct resource_store *store, struct resource *const *r,
			 size_t n)
{
	uint64_t wording = store->wordings++;
	struct buffer *b;
	size_t size = 0;
	uint8_t *p;

	if (!n)
		return;
	for (size_t i = 0; i < n; i++)
		size += secret_sizes(m, r[i]).total;
	b = buffer_new(size);
	p = b->data;
	for (size_t i = 0; i < n; i++)
		p = put_secret(m, p, r[i], wording);
	assert(p == b->data + size);
	add_segment(m, b, 0, size);
}

/* ---- the tail ---- */

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
