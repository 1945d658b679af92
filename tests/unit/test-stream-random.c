/* xds-server's streams against worlds that change at random and clients that read, answer, refuse
 * and come back at random. In any order a client never holds a route without its cluster, keeps a
 * cluster while one of its routes uses it, gets endpoints after each cluster, and ends up with
 * exactly the world. The seed is in the name of the failing test. */
#include "common/base/alloc.h"
#include "common/base/strbuf.h"
#include "common/base/wire.h"
#include "proto/xds.pb-c.h"
#include "tests/lib/test.h"
#include "xds-server/stream.h"

#define CLUSTERS 8
#define ROUTES   4
#define TYPES    4 /* clusters, endpoints, routes; listeners, which are absent here */
#define QUEUE    512

static const unsigned kind_of[TYPES] = { RESOURCE_CLUSTER, RESOURCE_ENDPOINT, RESOURCE_ROUTE,
					 RESOURCE_LISTENER };
static const unsigned count_of[TYPES] = { CLUSTERS, CLUSTERS, ROUTES, 0 };

struct held {
	char version[24]; /* "" if not held */
	unsigned uses;    /* of a route: bit set of clusters */
};

struct reply {
	unsigned type;
	unsigned clusters; /* that it accepts */
	char nonce[24];
	bool refuse;
};

static struct {
	unsigned seed;
	uint64_t random, source;
	struct state *state;
	struct resource_store *store;
	struct stream_stats stats;
	struct held world[TYPES][CLUSTERS];

	struct stream *stream;
	unsigned refusals; /* percent, at present */
	bool refuses;      /* ever */
	bool sending;
	struct strbuf inbox[QUEUE];
	unsigned n_inbox;
	struct reply replies[QUEUE];
	unsigned n_replies;
	struct held client[TYPES][CLUSTERS];
	unsigned lacks_endpoints; /* clusters since which no endpoints came */
	unsigned usable;          /* clusters that it has accepted */
	bool asked[CLUSTERS];     /* for endpoints */
} t;

static unsigned pick(unsigned n)
{
	t.random = t.random * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned)(t.random >> 33) % n;
}

#define MUST(condition)                                                                       \
	((condition) ? (void)0                                                                \
		     : (fprintf(stderr, "%s:%d: seed %u: not true: %s\n", __FILE__, __LINE__, \
				t.seed, #condition),                                          \
			exit(1)))

static void name_of(unsigned type, unsigned i, char name[24])
{
	static const char *const prefix[TYPES] = { "c", "eds/c", "r", "l" };

	(void)snprintf(name, 24, "%s%u", prefix[type], i);
}

/* ---- the world ---- */

static uint8_t *field(uint8_t *p, unsigned number, const char *s)
{
	*p++ = (uint8_t)(number << 3 | 2);
	*p++ = (uint8_t)strlen(s);
	memcpy(p, s, strlen(s));
	return p + strlen(s);
}

/* Puts the resource of t.world; a route's value ends with the bits of the clusters that it uses. */
static void put(unsigned type, unsigned i)
{
	struct held *h = &t.world[type][i];
	char name[24], eds[24];
	uint8_t value[128], *p = value;

	name_of(type, i, name);
	if (!h->version[0]) {
		state_remove(t.state, kind_of[type], name, strlen(name));
		return;
	}
	p = field(p, 1, name);
	if (type == 0) {
		name_of(1, i, eds);
		*p++ = 3 << 3 | 2;
		*p++ = (uint8_t)(strlen(eds) + 2);
		p = field(p, 2, eds);
	}
	*p++ = 15 << 3;
	*p++ = (uint8_t)(h->uses & 0x7f);
	*p++ = 14 << 3;
	*p++ = (uint8_t)(h->uses >> 7);
	state_put(t.state, item_new(kind_of[type], name, strlen(name), h->version,
				    strlen(h->version), value, (size_t)(p - value)));
}

/* Versions contain their content; sometimes one returns. */
static void touch(unsigned type, unsigned i)
{
	(void)snprintf(t.world[type][i].version, 24, "v%u.%x", pick(6), t.world[type][i].uses);
}

static unsigned existing(void)
{
	unsigned set = 0;

	for (unsigned i = 0; i < CLUSTERS; i++)
		if (t.world[0][i].version[0])
			set |= 1u << i;
	return set;
}

static void change_cluster(unsigned i)
{
	if (!t.world[0][i].version[0] || pick(3)) {
		touch(0, i);
		touch(1, i);
		return;
	}
	t.world[0][i].version[0] = t.world[1][i].version[0] = '\0';
	for (unsigned r = 0; r < ROUTES; r++)
		if (t.world[2][r].uses & 1u << i) {
			t.world[2][r].uses &= ~(1u << i);
			if (t.world[2][r].version[0])
				touch(2, r);
		}
}

static void change_world(void)
{
	for (unsigned n = 1 + pick(3); n; n--) {
		unsigned i = pick(CLUSTERS), r = pick(ROUTES);

		switch (pick(4)) {
		case 0:
			change_cluster(i);
			break;
		case 1:
			if (t.world[0][i].version[0])
				touch(1, i);
			break;
		default:
			t.world[2][r].uses = pick(1u << CLUSTERS) & existing();
			touch(2, r);
			if (!pick(8))
				t.world[2][r] = (struct held){ 0 };
		}
	}
	for (unsigned type = 0; type < TYPES; type++)
		for (unsigned i = 0; i < count_of[type]; i++)
			put(type, i);
	state_commit(t.state, ++t.source);
}

static void on_world(void *ctx)
{
	(void)ctx;
	if (!t.stream)
		return;
	stream_world(t.stream, t.store->turn == 1);
	stream_pump(t.stream);
}

static const struct resource_store_ops store_ops = { .commit = on_world };

/* ---- the client ---- */

static void on_send(void *ctx, const struct segment *s, size_t n)
{
	(void)ctx;
	MUST(!t.sending && t.n_inbox < QUEUE);
	t.sending = true;
	t.inbox[t.n_inbox] = STRBUF_INIT;
	for (size_t i = 0; i < n; i++) {
		strbuf_add(&t.inbox[t.n_inbox], s[i].buffer->data + s[i].offset, s[i].len);
		buffer_unref(s[i].buffer);
	}
	t.n_inbox++;
}

static void on_timer(void *ctx, int64_t at)
{
	(void)ctx;
	(void)at;
}

static void on_rejected(void *ctx, const struct item *item, const char *message)
{
	(void)ctx;
	MUST(item && message[0]);
}

static void on_updated(void *ctx)
{
	(void)ctx;
}

static const struct stream_ops ops = { on_send, on_timer, on_rejected, on_updated };

/* Time stands still: a change that waits for an answer waits for ever, and would be missing at the
 * end. */
static int64_t no_clock(void)
{
	return 1;
}

static void request_delta(unsigned type, const char *nonce, bool refuse, char **subscribe, size_t n,
			  char **unsubscribe, size_t n_un, bool initial)
{
	Envoy__Service__Discovery__V3__DeltaDiscoveryRequest m =
		ENVOY__SERVICE__DISCOVERY__V3__DELTA_DISCOVERY_REQUEST__INIT;
	Envoy__Service__Discovery__V3__DeltaDiscoveryRequest__InitialResourceVersionsEntry
		have[CLUSTERS],
		*p[CLUSTERS];
	Envoy__Service__Discovery__V3__Status error = ENVOY__SERVICE__DISCOVERY__V3__STATUS__INIT;
	char names[CLUSTERS][24];
	uint8_t packed[4096];

	m.type_url = (char *)(uintptr_t)resource_kind(kind_of[type])->type_url;
	m.response_nonce = (char *)(uintptr_t)nonce;
	m.resource_names_subscribe = subscribe;
	m.n_resource_names_subscribe = n;
	m.resource_names_unsubscribe = unsubscribe;
	m.n_resource_names_unsubscribe = n_un;
	m.initial_resource_versions = p;
	for (unsigned i = 0; initial && i < count_of[type]; i++)
		if (t.client[type][i].version[0]) {
			size_t k = m.n_initial_resource_versions++;

			name_of(type, i, names[k]);
			have[k] = (Envoy__Service__Discovery__V3__DeltaDiscoveryRequest__InitialResourceVersionsEntry)
				ENVOY__SERVICE__DISCOVERY__V3__DELTA_DISCOVERY_REQUEST__INITIAL_RESOURCE_VERSIONS_ENTRY__INIT;
			have[k].key = names[k];
			have[k].value = t.client[type][i].version;
			p[k] = &have[k];
		}
	error.message = (char *)(uintptr_t)"no";
	if (refuse)
		m.error_detail = &error;
	MUST(stream_request(t.stream, packed,
			    envoy__service__discovery__v3__delta_discovery_request__pack(
				    &m, packed)) == 0);
}

/* Asks for the endpoints of the clusters that it has, as Envoy does. */
static void follow_clusters(bool first)
{
	char names[2][CLUSTERS][24], *subscribe[CLUSTERS], *unsubscribe[CLUSTERS];
	size_t n = 0, n_un = 0;

	for (unsigned i = 0; i < CLUSTERS; i++) {
		bool wants = t.client[0][i].version[0] != '\0';

		if (wants == t.asked[i])
			continue;
		t.asked[i] = wants;
		name_of(1, i, names[wants][wants ? n : n_un]);
		if (wants) {
			subscribe[n] = names[1][n];
			n++;
		} else {
			unsubscribe[n_un] = names[0][n_un];
			n_un++;
			t.client[1][i].version[0] = '\0';
		}
	}
	if (n || n_un || first)
		request_delta(1, "", false, subscribe, n, unsubscribe, n_un, first);
}

static void connect_client(void)
{
	struct stream_config config = {
		.store = t.store, .stats = &t.stats, .ops = &ops, .delta = true, .clock = no_clock
	};
	char names[ROUTES][24], *all[ROUTES];

	stream_free(t.stream);
	t.stream = stream_new(&config);
	t.stream->info.named = true;
	for (unsigned i = 0; i < t.n_inbox; i++)
		strbuf_done(&t.inbox[i]);
	t.n_inbox = t.n_replies = 0;
	t.sending = false;
	memset(t.asked, 0, sizeof(t.asked));
	/* The server cannot know that a connection was lost between a cluster and its endpoints: a
	 * client that waits for them must not claim that it has them. */
	for (unsigned i = 0; i < CLUSTERS; i++)
		if (t.lacks_endpoints & 1u << i)
			t.client[1][i].version[0] = '\0';
	/* The client has accepted all that it claims to have. */
	for (unsigned i = 0; i < CLUSTERS; i++)
		if (t.client[0][i].version[0])
			t.usable |= 1u << i;
	for (unsigned i = 0; i < ROUTES; i++) {
		name_of(2, i, names[i]);
		all[i] = names[i];
	}
	request_delta(0, "", false, NULL, 0, NULL, 0, true);
	follow_clusters(true);
	request_delta(3, "", false, NULL, 0, NULL, 0, true);
	request_delta(2, "", false, all, ROUTES, NULL, 0, true);
}

static unsigned index_of(const char *name)
{
	return (unsigned)(name[strlen(name) - 1] - '0');
}

static unsigned uses_of(const Envoy__Service__Discovery__V3__Any *any)
{
	const uint8_t *end = any->value.data + any->value.len;

	return end[-3] | (unsigned)end[-1] << 7;
}

static void check_held(void)
{
	for (unsigned r = 0; r < ROUTES; r++)
		for (unsigned i = 0; i < CLUSTERS; i++)
			if (t.client[2][r].version[0] && t.client[2][r].uses & 1u << i)
				MUST(t.usable & 1u << i);
}

static void apply(unsigned type, const Envoy__Service__Discovery__V3__DeltaDiscoveryResponse *m)
{
	for (size_t k = 0; k < m->n_resources; k++) {
		unsigned i = index_of(m->resources[k]->name);
		struct held *h = &t.client[type][i];

		(void)snprintf(h->version, sizeof(h->version), "%s", m->resources[k]->version);
		h->uses = uses_of(m->resources[k]->resource);
		if (type == 0)
			t.lacks_endpoints |= 1u << i;
		if (type == 1)
			t.lacks_endpoints &= ~(1u << i);
	}
	for (size_t k = 0; k < m->n_removed_resources; k++) {
		unsigned i = index_of(m->removed_resources[k]);

		t.client[type][i].version[0] = '\0';
		if (type == 0)
			t.usable &= ~(1u << i);
		if (type < 2)
			t.lacks_endpoints &= ~(1u << i);
	}
	if (!t.refuses)
		check_held();
	if (type == 0)
		follow_clusters(false);
}

/* Reads the oldest message; answers it later. */
static void hear(void)
{
	Envoy__Service__Discovery__V3__DeltaDiscoveryResponse *m;
	struct strbuf b = t.inbox[0];
	struct reply *r = &t.replies[t.n_replies];
	unsigned kind;

	m = envoy__service__discovery__v3__delta_discovery_response__unpack(NULL, b.len,
									    (uint8_t *)b.s);
	MUST(m && t.n_replies < QUEUE);
	r->type = 0;
	memmove(t.inbox, t.inbox + 1, --t.n_inbox * sizeof(*t.inbox));
	kind = resource_kind_of_url(m->type_url);
	while (kind_of[r->type] != kind)
		r->type++;
	(void)snprintf(r->nonce, sizeof(r->nonce), "%s", m->nonce);
	r->refuse = m->n_resources && pick(100) < t.refusals;
	r->clusters = 0;
	for (size_t i = 0; i < m->n_resources && r->type == 0 && !r->refuse; i++)
		r->clusters |= 1u << index_of(m->resources[i]->name);
	t.n_replies++;
	if (!r->refuse)
		apply(r->type, m);
	envoy__service__discovery__v3__delta_discovery_response__free_unpacked(m, NULL);
	strbuf_done(&b);
}

static void reply(void)
{
	struct reply r = t.replies[0];

	memmove(t.replies, t.replies + 1, --t.n_replies * sizeof(*t.replies));
	t.usable |= r.clusters;
	request_delta(r.type, r.nonce, r.refuse, NULL, 0, NULL, 0, false);
}

static void finish_send(void)
{
	t.sending = false;
	stream_sent(t.stream);
}

static bool step(unsigned what)
{
	switch (what) {
	case 0:
		if (t.sending)
			finish_send();
		return t.sending;
	case 1:
		if (t.n_inbox)
			hear();
		return t.n_inbox;
	default:
		if (t.n_replies)
			reply();
		return t.n_replies;
	}
}

static void settle(void)
{
	t.refusals = 0;
	while (t.sending || t.n_inbox || t.n_replies)
		(void)step(pick(3));
}

/* The client has refused exactly the present version. */
static bool is_refused(unsigned type, unsigned i)
{
	const struct subscription *sub = t.stream->subs[kind_of[type]];
	struct resource *r;
	struct entry e;
	char name[24];

	name_of(type, i, name);
	r = resource_store_find(t.store, kind_of[type], name, strlen(name));
	return r && subscription_look(sub, r, &e) && (e.flags & ENTRY_REJECTED) &&
	       e.have == r->version;
}

static void check_same(bool refusing)
{
	bool same = true;

	MUST(stream_outstanding(t.stream) == 0);
	for (unsigned type = 0; type < TYPES; type++)
		for (unsigned i = 0; i < count_of[type]; i++) {
			/* Endpoints are requested with their cluster. */
			if (type == 1 && !t.client[0][i].version[0])
				continue;
			if (strcmp(t.world[type][i].version, t.client[type][i].version) == 0)
				continue;
			MUST(refusing && is_refused(type, i));
			same = false;
		}
	if (!refusing)
		MUST(t.lacks_endpoints == 0);
	MUST(t.stream->info.acked_source <= t.source);
	if (same && !stream_rejected(t.stream))
		MUST(t.stream->info.acked_source == t.source);
}

static void run(unsigned seed, unsigned refusals, bool come_back)
{
	memset(&t, 0, sizeof(t));
	t.seed = seed;
	t.refuses = refusals > 0;
	t.random = seed * 0x9e3779b97f4a7c15ull;
	t.state = state_new();
	t.store = resource_store_new(t.state, &store_ops, NULL);
	if (pick(2))
		change_world();
	connect_client();
	for (unsigned n = 0; n < 300; n++) {
		unsigned what = pick(come_back ? 41 : 40);

		t.refusals = refusals;
		if (what == 40)
			connect_client();
		else if (what < 8)
			change_world();
		else
			(void)step(what % 3);
		MUST(t.stream->info.acked_source <= t.source);
	}
	settle();
	check_same(refusals);
	stream_free(t.stream);
	resource_store_free(t.store);
	state_free(t.state);
}

TEST(a_client_always_holds_what_its_routes_use_and_ends_with_the_world)
{
	for (unsigned seed = 1; seed <= 1500; seed++)
		run(seed, 0, false);
}

TEST(a_client_that_comes_back_again_and_again_does_so_too)
{
	for (unsigned seed = 1; seed <= 1500; seed++)
		run(seed, 0, true);
}

TEST(refusals_leave_nothing_waiting)
{
	for (unsigned seed = 1; seed <= 1500; seed++)
		run(seed, 20, true);
}
