/* Reports for the translator, as a state that the link mirrors. Used by xds-server. */
#include <stdio.h>
#include <string.h>

#include "common/alloc.h"
#include "common/strbuf.h"
#include "proto/ipc.pb-c.h"
#include "xds-server/report.h"
#include "xds-server/scrub.h"

/* Acknowledgements come in swarms. */
#define CLIENTS_USEC 500000LL

struct report {
	struct resource_store *store;
	struct client *const *clients;
	struct state *state;
	struct event *timer;
	uint64_t dropped;
	struct state_observer observer; /* of the resources */
	/* Resources with parts, few; a reference each, and the version that all clients had accepted. */
	struct composed {
		struct resource *resource;
		uint64_t accepted;
	} *composed;
	size_t n_composed, cap_composed;
};

static void commit(struct report *r)
{
	state_commit(r->state, state_source(r->store->state));
}

static void put(struct report *r, enum report_kind kind, const char *key, size_t key_len,
		const ProtobufCMessage *m)
{
	size_t n = protobuf_c_message_get_packed_size(m);
	_cleanup_free_ uint8_t *packed = xmalloc(n + 1);

	(void)protobuf_c_message_pack(m, packed);
	(void)state_put(r->state, item_new(kind, key, key_len, NULL, 0, packed, n));
}

/* ---- clients ---- */

static size_t client_key(const struct client *c, char key[24])
{
	return (size_t)snprintf(key, 24, "%llu", (unsigned long long)c->number);
}

static void put_client(struct report *r, struct client *c)
{
	struct stream_info *i = &c->stream->info;
	Portolan__Ipc__EnvoyReport m = PORTOLAN__IPC__ENVOY_REPORT__INIT;
	char key[24];

	m.node_id = i->node_id;
	m.node_cluster = i->node_cluster;
	m.peer = c->peer;
	m.protocol = (char *)(uintptr_t)c->protocol;
	m.has_connected_usec = m.has_acked_source = m.has_sent = m.has_acks = m.has_nacks = 1;
	m.connected_usec = c->connected_usec;
	m.acked_source = i->acked_source;
	m.has_acked_usec = i->acked_usec != 0;
	m.acked_usec = i->acked_usec;
	m.sent = i->sent;
	m.acks = i->acks;
	m.nacks = i->nacks;
	m.last_reject = i->last_reject[0] ? i->last_reject : NULL;
	put(r, REPORT_ENVOY, key, client_key(c, key), &m.base);
}

static void on_timer(evutil_socket_t fd _unused_, short what _unused_, void *ctx)
{
	struct report *r = ctx;

	for (struct client *c = *r->clients; c; c = c->next)
		if (c->unreported) {
			c->unreported = false;
			put_client(r, c);
		}
	commit(r);
}

static void tell_soon(struct report *r)
{
	if (!event_pending(r->timer, EV_TIMEOUT, NULL))
		event_loop_arm(r->timer, CLIENTS_USEC);
}

static bool all_accept(const struct report *r, struct resource *x)
{
	bool any = false; /* has it, or can never have it */

	for (struct client *c = *r->clients; c; c = c->next) {
		int accepts = stream_accepts(c->stream, x);

		if (accepts < 0)
			return false;
		any |= accepts > 0;
	}
	return any;
}

static size_t resource_key(char **ret, unsigned kind, const char *name, size_t name_len);

static void report_acceptance(struct report *r)
{
	bool changed = false;

	for (size_t i = 0; i < r->n_composed; i++) {
		struct composed *one = &r->composed[i];
		Portolan__Ipc__AcceptReport m = PORTOLAN__IPC__ACCEPT_REPORT__INIT;
		struct resource *x = one->resource;
		_cleanup_free_ char *key = NULL;
		size_t n;

		if (!x->item || x->version == one->accepted || !all_accept(r, x))
			continue;
		one->accepted = x->version;
		m.has_version = 1;
		m.version.data = (uint8_t *)(uintptr_t)item_meta(x->item);
		m.version.len = x->item->meta_len;
		n = resource_key(&key, x->item_kind, x->name, x->name_len);
		put(r, REPORT_ACCEPT, key, n, &m.base);
		changed = true;
	}
	if (changed)
		commit(r);
}

void report_client(struct report *r, struct client *c)
{
	report_acceptance(r);
	if (c->unreported)
		return;
	c->unreported = true;
	tell_soon(r);
}

void report_gone(struct report *r, const struct client *c)
{
	char key[24];

	if (state_remove(r->state, REPORT_ENVOY, key, client_key(c, key)))
		tell_soon(r);
}

/* ---- refused versions ---- */

/* How many refused this very version before. */
static uint32_t nodes_before(const struct report *r, const char *key, size_t key_len,
			     const struct item *item)
{
	const struct item *before = state_get(r->state, REPORT_REJECT, key, key_len);
	Portolan__Ipc__RejectReport *m;
	uint32_t n = 0;

	if (!before)
		return 0;
	m = portolan__ipc__reject_report__unpack(NULL, before->value_len, item_value(before));
	if (m && m->version.len == item->meta_len &&
	    memcmp(m->version.data, item_meta(item), item->meta_len) == 0)
		n = m->nodes;
	portolan__ipc__reject_report__free_unpacked(m, NULL);
	return n;
}

static size_t resource_key(char **ret, unsigned kind, const char *name, size_t name_len)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	size_t n;

	strbuf_puts(&b, resource_kind(kind)->name);
	strbuf_putc(&b, '\0');
	strbuf_add(&b, name, name_len);
	n = b.len;
	*ret = strbuf_take(&b);
	return n;
}

void report_reject(struct report *r, const struct client *c, const struct item *item,
		   const char *message)
{
	Portolan__Ipc__RejectReport m = PORTOLAN__IPC__REJECT_REPORT__INIT;
	_cleanup_free_ char *key = NULL;
	char scrubbed[1024];
	size_t n = resource_key(&key, item->kind, item_key(item), item->key_len);

	if (state_count_kind(r->state, REPORT_REJECT) >= REPORT_REJECTS_MAX &&
	    !state_get(r->state, REPORT_REJECT, key, n)) {
		r->dropped++;
		return;
	}
	scrub(message, scrubbed, sizeof(scrubbed));
	m.has_version = m.has_nodes = 1;
	m.version.data = (uint8_t *)(uintptr_t)item_meta(item);
	m.version.len = item->meta_len;
	m.message = scrubbed;
	m.node_id = c->stream->info.node_id;
	m.nodes = nodes_before(r, key, n, item) + 1;
	put(r, REPORT_REJECT, key, n, &m.base);
	commit(r);
}

static void note_composed(struct report *r, struct resource *x)
{
	if (!x->item || !x->parts)
		return;
	for (size_t i = 0; i < r->n_composed; i++)
		if (r->composed[i].resource == x)
			return;
	GROW(r->composed, r->n_composed, r->cap_composed);
	r->composed[r->n_composed++] = (struct composed){ resource_ref(x), 0 };
}

static void forget_composed(struct report *r, const struct resource *x)
{
	for (size_t i = 0; i < r->n_composed; i++)
		if (r->composed[i].resource == x) {
			_cleanup_free_ char *key = NULL;
			size_t n = resource_key(&key, x->item_kind, x->name, x->name_len);

			(void)state_remove(r->state, REPORT_ACCEPT, key, n);
			resource_store_unref(r->store, r->composed[i].resource);
			r->composed[i] = r->composed[--r->n_composed];
			return;
		}
}

/* What the translator holds back is kept with the resources, and told to whoever is translator. */
static void on_resource(void *ctx, struct item *before, struct item *after)
{
	struct report *r = ctx;
	const struct item *i = after ? after : before;

	if (i->kind != RESOURCE_QUARANTINE)
		return;
	if (after)
		(void)state_put(r->state, item_new(REPORT_QUARANTINE, i->data, i->key_len, NULL, 0,
						   item_value(i), i->value_len));
	else
		(void)state_remove(r->state, REPORT_QUARANTINE, i->data, i->key_len);
}

static void note_change(struct report *r, struct resource *x)
{
	_cleanup_free_ char *key = NULL;
	size_t n;

	if (x->item) {
		note_composed(r, x);
		return;
	}
	forget_composed(r, x);
	n = resource_key(&key, x->item_kind, x->name, x->name_len);
	(void)state_remove(r->state, REPORT_REJECT, key, n);
}

void report_world(struct report *r)
{
	const struct resource_store *s = r->store;
	bool changed = state_dirty(r->state);

	for (size_t i = 0; i < s->n_changed; i++) {
		note_change(r, s->changed[i]);
		if (s->changed[i]->newer)
			note_change(r, s->changed[i]->newer);
	}
	changed |= state_dirty(r->state);
	if (changed)
		commit(r);
}

/* ---- life ---- */

struct report *report_new(struct event_loop *loop, struct resource_store *store,
			  struct client *const *clients)
{
	struct report *r = xnew(struct report, 1);
	struct item *i;
	size_t pos = 0;

	r->store = store;
	r->clients = clients;
	r->state = state_new();
	r->timer = event_loop_timer(loop, on_timer, r);
	r->observer = (struct state_observer){ on_resource, NULL, r, NULL };
	state_observe(store->state, &r->observer);
	while ((i = state_next(store->state, &pos)))
		on_resource(r, NULL, i);
	/* "Nobody is connected" is something to tell, too. */
	state_commit(r->state, 0);
	return r;
}

void report_free(struct report *r)
{
	if (!r)
		return;
	event_free(r->timer);
	state_unobserve(r->store->state, &r->observer);
	while (r->n_composed)
		resource_store_unref(r->store, r->composed[--r->n_composed].resource);
	free(r->composed);
	state_free(r->state);
	free(r);
}

struct state *report_state(struct report *r)
{
	return r->state;
}

uint64_t report_dropped(const struct report *r)
{
	return r->dropped;
}
