/* Refused versions and the Envoys that refused them. */
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/hashmap.h"
#include "common/base/strbuf.h"
#include "proto/ipc.pb-c.h"
#include "xds-server/refusal.h"
#include "xds-server/scrub.h"

#define NAMED_MAX 8
/* Clients that are asked how they stand to a resource, in one call: some milliseconds. */
#define COUNT_MAX 20000

/* An Envoy, by its node id. */
struct refuser {
	bool connected;
	int64_t seen; /* monotonic, when it was connected last */
	size_t len;
	char id[];
};

/* The latest version of a resource that was refused. */
struct refusal {
	char *key; /* of its report */
	size_t key_len;
	struct resource *resource; /* a reference; for newer Envoys the resource in its place */
	char *version;
	size_t version_len;
	char *message;
	struct refuser *by[NAMED_MAX]; /* by name */
	unsigned n_by;
	bool more;     /* Envoys have refused it than are named */
	int64_t alone; /* monotonic, since when only refusing Envoys are connected; 0: not so */
};

struct refusals {
	struct resource_store *store;
	struct state *reports;
	struct client *const *clients;
	struct hashmap by_key;   /* struct refusal */
	struct hashmap refusers; /* struct refuser */
	int64_t left;            /* monotonic, when an Envoy left last, or our predecessor ended */
	size_t at;               /* where counting is in by_key; 0: it is over */
	uint64_t dropped;
};

static const void *key_of(const void *entry, size_t *ret_len)
{
	const struct refusal *f = entry;

	*ret_len = f->key_len;
	return f->key;
}

static const void *id_of(const void *entry, size_t *ret_len)
{
	const struct refuser *r = entry;

	*ret_len = r->len;
	return r->id;
}

size_t refusals_key(char **ret, unsigned kind, const char *name, size_t name_len)
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

/* ---- refusing Envoys ---- */

static struct refuser *refuser(struct refusals *f, const char *id)
{
	size_t len = strlen(id);
	struct refuser *r = hashmap_get(&f->refusers, id, len);

	if (r || f->refusers.n >= REFUSERS_MAX)
		return r;
	r = xcalloc(1, sizeof(*r) + len + 1);
	r->len = len;
	r->seen = clock_monotonic();
	memcpy(r->id, id, len);
	(void)hashmap_put(&f->refusers, r);
	(void)state_put(f->reports, item_new(REPORT_REFUSER, id, len, NULL, 0, NULL, 0));
	return r;
}

void refusals_expect(struct refusals *f, const char *node_id)
{
	(void)refuser(f, node_id);
}

static int compare_refusers(const void *a, const void *b)
{
	const struct refuser *x = *(struct refuser *const *)a, *y = *(struct refuser *const *)b;

	return strcmp(x->id, y->id);
}

/* Keeps the first by name: the same Envoys are told of in the same words, whoever was first. */
static void add_refuser(struct refusal *f, struct refuser *r)
{
	for (unsigned i = 0; i < f->n_by; i++)
		if (f->by[i] == r)
			return;
	f->more |= f->n_by == NAMED_MAX;
	if (f->n_by < NAMED_MAX)
		f->by[f->n_by++] = r;
	else if (strcmp(r->id, f->by[NAMED_MAX - 1]->id) < 0)
		f->by[NAMED_MAX - 1] = r;
	qsort(f->by, f->n_by, sizeof(struct refuser *), compare_refusers);
}

static bool take_refuser_out(struct refusal *f, const struct refuser *r)
{
	for (unsigned i = 0; i < f->n_by; i++)
		if (f->by[i] == r) {
			memmove(f->by + i, f->by + i + 1, (--f->n_by - i) * sizeof(f->by[0]));
			return true;
		}
	return false;
}

/* ---- refused versions ---- */

static void refusal_free(struct refusals *f, struct refusal *one)
{
	(void)state_remove(f->reports, REPORT_REJECT, one->key, one->key_len);
	(void)hashmap_remove(&f->by_key, one->key, one->key_len);
	resource_store_unref(f->store, one->resource);
	free(one->key);
	free(one->version);
	free(one->message);
	free(one);
}

static struct resource *resource_of(const struct refusals *f, const struct item *item)
{
	unsigned of = resource_kind(item->kind)->in_place_of;
	struct resource *r =
		resource_store_find(f->store, of ? of : item->kind, item_key(item), item->key_len);

	return r && of ? r->newer : r;
}

static bool is_version(const struct refusal *f, const struct item *item)
{
	return item && item->meta_len == f->version_len &&
	       memcmp(item_meta(item), f->version, f->version_len) == 0;
}

/* The record of the resource, if it is of this version; else a new, empty record. */
static struct refusal *refusal_of(struct refusals *f, const struct item *item)
{
	_cleanup_free_ char *key = NULL;
	size_t len = refusals_key(&key, item->kind, item_key(item), item->key_len);
	struct refusal *one = hashmap_get(&f->by_key, key, len);
	struct resource *r = resource_of(f, item);

	if (one && is_version(one, item))
		return one;
	if (!one) {
		if (!r || f->by_key.n >= REFUSALS_MAX)
			return NULL;
		one = xnew(struct refusal, 1);
		one->key = TAKE_PTR(key);
		one->key_len = len;
		one->resource = resource_ref(r);
		(void)hashmap_put(&f->by_key, one);
	}
	free(one->version);
	one->version = xmemdup(item_meta(item), item->meta_len);
	one->version_len = item->meta_len;
	one->n_by = 0;
	one->more = false;
	one->alone = 0;
	return one;
}

void refusals_add(struct refusals *f, const struct client *c, const struct item *item,
		  const char *message)
{
	struct refuser *who = refuser(f, c->stream->info.node_id);
	struct refusal *one = who ? refusal_of(f, item) : NULL;
	char scrubbed[1024];

	if (!one) {
		f->dropped++;
		return;
	}
	who->connected = true;
	add_refuser(one, who);
	scrub(message, scrubbed, sizeof(scrubbed));
	free(one->message);
	one->message = xstrdup(scrubbed);
}

void refusals_gone(struct refusals *f)
{
	f->left = clock_monotonic();
}

void refusals_forget(struct refusals *f, const struct resource *r)
{
	_cleanup_free_ char *key = NULL;
	size_t len = refusals_key(&key, r->item_kind, r->name, r->name_len);
	struct refusal *one = hashmap_get(&f->by_key, key, len);

	if (one)
		refusal_free(f, one);
}

/* ---- reports ---- */

/* How the clients stand to a refused version. */
struct tally {
	uint32_t refused, accepted, undecided;
	uint32_t unasked; /* have not asked for the resource */
	bool asks;        /* such a client has just connected */
};

static void put(struct refusals *f, const struct refusal *one, const struct tally *t)
{
	Portolan__Ipc__RejectReport m = PORTOLAN__IPC__REJECT_REPORT__INIT;
	_cleanup_free_ uint8_t *packed = NULL;
	char *ids[NAMED_MAX];
	size_t n;

	m.has_version = m.has_nodes = m.has_accepted = m.has_undecided = m.has_unasked = 1;
	m.version = (ProtobufCBinaryData){ one->version_len, (uint8_t *)one->version };
	m.message = one->message;
	m.node_id = one->by[0]->id;
	m.nodes = MAX(t->refused, one->n_by);
	m.accepted = t->accepted;
	m.undecided = t->undecided;
	m.unasked = t->unasked;
	for (unsigned i = 0; i < one->n_by; i++)
		ids[i] = one->by[i]->id;
	m.node_ids = ids;
	m.n_node_ids = one->n_by;
	n = portolan__ipc__reject_report__get_packed_size(&m);
	packed = xmalloc(n + 1);
	(void)portolan__ipc__reject_report__pack(&m, packed);
	(void)state_put(f->reports,
			item_new(REPORT_REJECT, one->key, one->key_len, NULL, 0, packed, n));
}

static bool is_new(const struct client *c)
{
	int64_t age = clock_realtime() - c->connected_usec;

	return age >= 0 && age < RETURN_USEC;
}

static void add(struct tally *t, const struct client *c, struct resource *r)
{
	enum stream_stand stand = stream_stand(c->stream, r);

	t->refused += stand == STAND_REFUSES;
	t->accepted += stand == STAND_ACCEPTS;
	t->undecided += stand == STAND_UNDECIDED && !stream_stalled(c->stream);
	if (stand == STAND_NONE && stream_sees(c->stream, r)) {
		t->unasked++;
		t->asks |= is_new(c);
	}
}

/* Only refusing Envoys are connected. For a moment that says nothing of all Envoys: after our start
 * and when one has left others may come back, and one that has come may ask. */
static bool another_may_answer(const struct refusals *f, struct refusal *one, bool asks)
{
	int64_t now = clock_monotonic();

	if (!one->alone)
		one->alone = now;
	return (asks || now - f->left < REFUSER_GRACE_USEC) && now - one->alone < RETURN_USEC;
}

static void count(struct refusals *f, struct refusal *one)
{
	struct tally t = { 0 };

	/* A version that is not served now gets no more answers. It may be served again: what was
	 * said of it before, maybe by fewer Envoys, does not decide then. */
	if (!is_version(one, one->resource->item)) {
		one->alone = 0;
		put(f, one, &(struct tally){ .undecided = 1 });
		return;
	}
	for (struct client *c = *f->clients; c; c = c->next)
		add(&t, c, one->resource);
	if (t.accepted)
		one->alone = 0;
	else if (!t.undecided && another_may_answer(f, one, t.asks))
		t.undecided = 1;
	/* The refusing Envoy is gone, and no change was held back for it. */
	if (t.accepted && !t.refused)
		(void)state_remove(f->reports, REPORT_REJECT, one->key, one->key_len);
	else
		put(f, one, &t);
}

bool refusals_count(struct refusals *f)
{
	struct refusal *one;
	size_t clients = 1;

	for (const struct client *c = *f->clients; c; c = c->next)
		clients++;
	for (size_t left = COUNT_MAX / clients + 1; left; left--) {
		one = hashmap_next(&f->by_key, &f->at);
		if (!one) {
			f->at = 0;
			return false;
		}
		count(f, one);
	}
	return true;
}

bool refusals_counting(const struct refusals *f)
{
	return f->at > 0;
}

/* ---- time ---- */

static void look_who_is_connected(struct refusals *f)
{
	int64_t now = clock_monotonic();
	struct refuser *r;

	HASHMAP_FOREACH (&f->refusers, r)
		r->connected = false;
	for (const struct client *c = *f->clients; c; c = c->next) {
		r = hashmap_get_str(&f->refusers, c->stream->info.node_id);
		if (r) {
			r->connected = true;
			r->seen = now;
		}
	}
}

/* Others take the place of a name that is gone. */
static void name_others(const struct refusals *f, struct refusal *one)
{
	if (!one->more || !is_version(one, one->resource->item))
		return;
	for (struct client *c = *f->clients; c; c = c->next) {
		struct refuser *r = hashmap_get_str(&f->refusers, c->stream->info.node_id);

		if (r && stream_stand(c->stream, one->resource) == STAND_REFUSES)
			add_refuser(one, r);
	}
}

static void drop_refuser(struct refusals *f, struct refuser *r)
{
	struct refusal **empty = xnew(struct refusal *, f->by_key.n + 1), *one;
	size_t n = 0;

	HASHMAP_FOREACH (&f->by_key, one) {
		if (take_refuser_out(one, r))
			name_others(f, one);
		if (!one->n_by)
			empty[n++] = one;
	}
	while (n)
		refusal_free(f, empty[--n]);
	free(empty);
	(void)state_remove(f->reports, REPORT_REFUSER, r->id, r->len);
	(void)hashmap_remove(&f->refusers, r->id, r->len);
	free(r);
}

bool refusals_tick(struct refusals *f)
{
	_cleanup_free_ struct refuser **gone = xnew(struct refuser *, f->refusers.n + 1);
	int64_t now = clock_monotonic();
	struct refuser *r;
	size_t n = 0;

	look_who_is_connected(f);
	HASHMAP_FOREACH (&f->refusers, r)
		if (!r->connected && now - r->seen > REFUSER_GRACE_USEC)
			gone[n++] = r;
	while (n)
		drop_refuser(f, gone[--n]);
	return f->refusers.n > 0;
}

/* ---- life ---- */

struct refusals *refusals_new(struct resource_store *store, struct state *reports,
			      struct client *const *clients)
{
	struct refusals *f = xnew(struct refusals, 1);

	f->store = store;
	f->reports = reports;
	f->clients = clients;
	f->left = clock_monotonic();
	f->by_key = HASHMAP_INIT(key_of);
	f->refusers = HASHMAP_INIT(id_of);
	return f;
}

void refusals_free(struct refusals *f)
{
	struct refusal **all, *one;
	struct refuser *r;
	size_t n = 0;

	if (!f)
		return;
	all = xnew(struct refusal *, f->by_key.n + 1);
	HASHMAP_FOREACH (&f->by_key, one)
		all[n++] = one;
	while (n)
		refusal_free(f, all[--n]);
	free(all);
	hashmap_done(&f->by_key);
	HASHMAP_FOREACH (&f->refusers, r)
		free(r);
	hashmap_done(&f->refusers);
	free(f);
}

uint64_t refusals_dropped(const struct refusals *f)
{
	return f->dropped;
}
