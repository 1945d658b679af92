/* Versions of resources that are kept while they wait. Used by xds-server's streams. */
#include "xds-server/pin.h"
#include "common/base/alloc.h"

/* Above this many bytes in buffers no pin is added: the change waits instead. */
#define BUFFERS_HIGH (128u << 20)

struct pin *pins_find(struct pins *p, const struct resource *r)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->p[i].resource == r)
			return &p->p[i];
	return NULL;
}

void pins_add(struct pins *p, struct resource_store *store, struct resource *r)
{
	struct pin *pin;

	if (p->n >= PINS_MAX || pins_find(p, r) || buffer_total() > BUFFERS_HIGH)
		return;
	GROW(p->p, p->n, p->cap);
	pin = &p->p[p->n++];
	*pin = (struct pin){
		.resource = resource_ref(r),
		.item = item_ref(r->item),
		.encoded = encoding_ref(resource_store_encoded(store, r)),
		.version = r->version,
		.turn = r->turn,
	};
	(void)resource_encoded_size(r, &pin->any);
}

static void release(struct pins *p, struct resource_store *store, size_t at)
{
	struct pin pin = p->p[at];

	p->p[at] = p->p[--p->n];
	item_unref(pin.item);
	encoding_unref(pin.encoded);
	resource_store_unref(store, pin.resource);
	if (!p->n) {
		free(TAKE_PTR(p->p));
		p->cap = 0;
	}
}

void pins_drop(struct pins *p, struct resource_store *store, unsigned kind, uint32_t id)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->p[i].resource->kind == kind && p->p[i].resource->id == id) {
			release(p, store, i);
			return;
		}
}

void pins_clear(struct pins *p, struct resource_store *store)
{
	while (p->n)
		release(p, store, p->n - 1);
}
