/* xds-server/stream.c, answer.c, subscription.c: the rules of xDS, told by a client that is played
 * here. */
#include <errno.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/strbuf.h"
#include "common/base/wire.h"
#include "proto/xds.pb-c.h"
#include "tests/lib/test.h"
#include "xds-server/stream.h"

#define CDS RESOURCE_CLUSTER
#define EDS RESOURCE_ENDPOINT
#define SDS RESOURCE_SECRET
#define LDS RESOURCE_LISTENER
#define RDS RESOURCE_ROUTE

typedef Envoy__Service__Discovery__V3__DeltaDiscoveryRequest delta_request;
typedef Envoy__Service__Discovery__V3__DeltaDiscoveryResponse delta_response;
typedef Envoy__Service__Discovery__V3__DiscoveryRequest sotw_request;
typedef Envoy__Service__Discovery__V3__DiscoveryResponse sotw_response;

/* ---- the world ---- */

static struct world {
	struct state *state;
	struct resource_store *store;
	struct stream_stats stats;
	struct client *clients;
} w;

/* A response as words: "CDS +a=1 +b=1 -c". Names and versions. */
struct said {
	struct said *next;
	char *text;
	unsigned kind;
	char *nonce, *version;
	size_t bytes;
};

struct client {
	struct client *next;
	struct stream *stream;
	bool delta;
	struct said *first, **end;
	bool hold;          /* does not let sends finish */
	unsigned sends;     /* that are not finished */
	char rejected[256]; /* "name=version;" of the resources reported as refused */
	int64_t timer;
};

static int64_t now = 1000000;

static int64_t fake_clock(void)
{
	return now;
}

static void on_world(void *ctx)
{
	(void)ctx;
	for (struct client *c = w.clients; c; c = c->next)
		stream_world(c->stream, w.store->turn == 1);
	for (struct client *c = w.clients; c; c = c->next)
		stream_pump(c->stream);
}

static const struct resource_store_ops store_ops = { .commit = on_world };

static void world_new(void)
{
	memset(&w, 0, sizeof(w));
	w.state = state_new();
	w.store = resource_store_new(w.state, &store_ops, NULL);
}

static void put(unsigned kind, const char *name, const char *version)
{
	uint8_t value[512];
	size_t n = 0;

	/* name = 1, and for clusters eds_cluster_config = 3 { service_name = 2 } "eds/NAME". */
	value[n++] = 1 << 3 | 2;
	value[n++] = (uint8_t)strlen(name);
	memcpy(value + n, name, strlen(name));
	n += strlen(name);
	if (kind == CDS) {
		value[n++] = 3 << 3 | 2;
		value[n++] = (uint8_t)(strlen(name) + 6);
		value[n++] = 2 << 3 | 2;
		value[n++] = (uint8_t)(strlen(name) + 4);
		memcpy(value + n, "eds/", 4);
		memcpy(value + n + 4, name, strlen(name));
		n += 4 + strlen(name);
	}
	state_put(w.state, item_new(kind, name, strlen(name), version, strlen(version), value, n));
}

static void drop(unsigned kind, const char *name)
{
	state_remove(w.state, kind, name, strlen(name));
}

static uint64_t source;

static void commit(void)
{
	state_commit(w.state, ++source);
}

/* ---- a client ---- */

static void said_free(struct said *s)
{
	if (!s)
		return;
	free(s->text);
	free(s->nonce);
	free(s->version);
	free(s);
}
DEFINE_CLEANUP(struct said *, said_free)

static const char *short_name(const char *url, unsigned *ret_kind)
{
	*ret_kind = resource_kind_of_url(url);
	CHECK(*ret_kind);
	return resource_kind(*ret_kind)->xds;
}

static void check_any(const Envoy__Service__Discovery__V3__Any *any, const char *url)
{
	CHECK(any && any->value.len > 2);
	CHECK_STR(any->type_url, url);
}

static struct said *read_delta(const uint8_t *data, size_t len)
{
	delta_response *m =
		envoy__service__discovery__v3__delta_discovery_response__unpack(NULL, len, data);
	struct said *s = xnew(struct said, 1);
	struct strbuf b = STRBUF_INIT;

	CHECK(m);
	strbuf_puts(&b, short_name(m->type_url, &s->kind));
	for (size_t i = 0; i < m->n_resources; i++) {
		check_any(m->resources[i]->resource, m->type_url);
		/* The value begins with the name, as put() wrote it. */
		CHECK(memcmp(m->resources[i]->resource->value.data + 2, m->resources[i]->name,
			     strlen(m->resources[i]->name)) == 0);
		strbuf_printf(&b, " +%s=%s", m->resources[i]->name, m->resources[i]->version);
	}
	for (size_t i = 0; i < m->n_removed_resources; i++)
		strbuf_printf(&b, " -%s", m->removed_resources[i]);
	s->nonce = xstrdup(m->nonce);
	s->text = strbuf_take(&b);
	envoy__service__discovery__v3__delta_discovery_response__free_unpacked(m, NULL);
	return s;
}

static struct said *read_sotw(const uint8_t *data, size_t len)
{
	sotw_response *m =
		envoy__service__discovery__v3__discovery_response__unpack(NULL, len, data);
	struct said *s = xnew(struct said, 1);
	struct strbuf b = STRBUF_INIT;

	CHECK(m);
	strbuf_puts(&b, short_name(m->type_url, &s->kind));
	for (size_t i = 0; i < m->n_resources; i++) {
		check_any(m->resources[i], m->type_url);
		strbuf_printf(&b, " +%.*s", m->resources[i]->value.data[1],
			      m->resources[i]->value.data + 2);
	}
	s->nonce = xstrdup(m->nonce);
	s->version = xstrdup(m->version_info);
	s->text = strbuf_take(&b);
	envoy__service__discovery__v3__discovery_response__free_unpacked(m, NULL);
	return s;
}

static void on_send(void *ctx, const struct segment *segments, size_t n)
{
	struct client *c = ctx;
	struct strbuf b = STRBUF_INIT;
	struct said *s;

	CHECK_EQ(c->sends, 0);
	c->sends++;
	for (size_t i = 0; i < n; i++) {
		strbuf_add(&b, segments[i].buffer->data + segments[i].offset, segments[i].len);
		buffer_unref(segments[i].buffer);
	}
	s = c->delta ? read_delta((uint8_t *)b.s, b.len) : read_sotw((uint8_t *)b.s, b.len);
	s->bytes = b.len;
	strbuf_done(&b);
	*c->end = s;
	c->end = &s->next;
}

static void on_timer(void *ctx, int64_t at)
{
	((struct client *)ctx)->timer = at;
}

static void on_rejected(void *ctx, const struct item *item, const char *message)
{
	struct client *c = ctx;
	size_t n = strlen(c->rejected);

	CHECK(message[0]);
	(void)snprintf(c->rejected + n, sizeof(c->rejected) - n, "%s=%s;", item_key(item),
		       item_meta(item));
}

static void on_updated(void *ctx)
{
	(void)ctx;
}

static const struct stream_ops ops = {
	.send = on_send,
	.timer = on_timer,
	.rejected = on_rejected,
	.updated = on_updated,
};

static struct client *client_new(bool delta, enum resource_kind only)
{
	struct client *c = xnew(struct client, 1);
	struct stream_config config = { .store = w.store,
					.stats = &w.stats,
					.ops = &ops,
					.ctx = c,
					.delta = delta,
					.only = only,
					.clock = fake_clock };

	c->delta = delta;
	c->end = &c->first;
	c->stream = stream_new(&config);
	c->next = w.clients;
	w.clients = c;
	return c;
}

static void client_free(struct client *c)
{
	struct client **p = &w.clients;

	while (*p != c)
		p = &(*p)->next;
	*p = c->next;
	stream_free(c->stream);
	while (c->first) {
		struct said *s = c->first;

		c->first = s->next;
		said_free(s);
	}
	free(c);
}

static void world_free(void)
{
	while (w.clients)
		client_free(w.clients);
	resource_store_free(w.store);
	state_free(w.state);
}

static void finish_sends(struct client *c)
{
	while (c->sends) {
		c->sends--;
		stream_sent(c->stream);
	}
}

/* Splits words by spaces, in place; NULL-terminated. */
static size_t words_of(char *text, char **words)
{
	size_t n = 0;

	for (char *p = strtok(text, " "); p; p = strtok(NULL, " "))
		words[n++] = p;
	return n;
}

static Envoy__Service__Discovery__V3__Node node = {
	PROTOBUF_C_MESSAGE_INIT(&envoy__service__discovery__v3__node__descriptor),
	.id = (char *)(uintptr_t)"test",
	.cluster = (char *)(uintptr_t)"tests",
	.user_agent_name = (char *)(uintptr_t)"",
};

/* Says "+a +b -c a=1" (subscribe, unsubscribe, held version) about a kind. */
static int say_delta(struct client *c, unsigned kind, const char *text, const char *nonce,
		     const char *error)
{
	delta_request m = ENVOY__SERVICE__DISCOVERY__V3__DELTA_DISCOVERY_REQUEST__INIT;
	Envoy__Service__Discovery__V3__Status status = ENVOY__SERVICE__DISCOVERY__V3__STATUS__INIT;
	Envoy__Service__Discovery__V3__DeltaDiscoveryRequest__InitialResourceVersionsEntry have[64],
		*have_p[64];
	_cleanup_free_ char *copy = xstrdup(text);
	char *words[64], *subscribe[64], *unsubscribe[64];
	uint8_t packed[8192];

	m.node = &node;
	size_t n = words_of(copy, words);

	m.type_url = (char *)(uintptr_t)resource_kind(kind)->type_url;
	m.resource_names_subscribe = subscribe;
	m.resource_names_unsubscribe = unsubscribe;
	m.initial_resource_versions = have_p;
	for (size_t i = 0; i < n; i++) {
		char *equals = strchr(words[i], '=');

		if (words[i][0] == '+') {
			subscribe[m.n_resource_names_subscribe++] = words[i] + 1;
		} else if (words[i][0] == '-') {
			unsubscribe[m.n_resource_names_unsubscribe++] = words[i] + 1;
		} else {
			size_t k = m.n_initial_resource_versions++;

			*equals = '\0';
			have[k] = (Envoy__Service__Discovery__V3__DeltaDiscoveryRequest__InitialResourceVersionsEntry)
				ENVOY__SERVICE__DISCOVERY__V3__DELTA_DISCOVERY_REQUEST__INITIAL_RESOURCE_VERSIONS_ENTRY__INIT;
			have[k].key = words[i];
			have[k].value = equals + 1;
			have_p[k] = &have[k];
		}
	}
	m.response_nonce = (char *)(uintptr_t)nonce;
	if (error) {
		status.code = 13;
		status.message = (char *)(uintptr_t)error;
		m.error_detail = &status;
	}
	n = envoy__service__discovery__v3__delta_discovery_request__pack(&m, packed);
	CHECK(n < sizeof(packed));
	return stream_request(c->stream, packed, n);
}

/* Says the list of names. */
static int say_sotw(struct client *c, unsigned kind, const char *text, const char *nonce,
		    const char *version, const char *error)
{
	sotw_request m = ENVOY__SERVICE__DISCOVERY__V3__DISCOVERY_REQUEST__INIT;
	Envoy__Service__Discovery__V3__Status status = ENVOY__SERVICE__DISCOVERY__V3__STATUS__INIT;
	_cleanup_free_ char *copy = xstrdup(text);
	char *words[64];
	uint8_t packed[8192];

	m.node = &node;
	m.type_url = (char *)(uintptr_t)resource_kind(kind)->type_url;
	m.n_resource_names = words_of(copy, words);
	m.resource_names = words;
	m.response_nonce = (char *)(uintptr_t)nonce;
	m.version_info = (char *)(uintptr_t)version;
	if (error) {
		status.message = (char *)(uintptr_t)error;
		m.error_detail = &status;
	}
	return stream_request(c->stream, packed,
			      envoy__service__discovery__v3__discovery_request__pack(&m, packed));
}

static void subscribe(struct client *c, unsigned kind, const char *text)
{
	CHECK_EQ(say_delta(c, kind, text, "", NULL), 0);
	if (!c->hold)
		finish_sends(c);
}

/* The next response; NULL if none waits. */
static struct said *hear(struct client *c)
{
	struct said *s = c->first;

	if (!s)
		return NULL;
	c->first = s->next;
	if (!c->first)
		c->end = &c->first;
	if (!c->hold)
		finish_sends(c);
	return s;
}

static void answer(struct client *c, const struct said *s, const char *error)
{
	CHECK_EQ(say_delta(c, s->kind, "", s->nonce, error), 0);
	if (!c->hold)
		finish_sends(c);
}

/* Expects just this response and accepts it. */
#define EXPECT(c, words)                                         \
	do {                                                     \
		_cleanup_(said_freep) struct said *_s = hear(c); \
		CHECK_STR(_s ? _s->text : "nothing", words);     \
		answer(c, _s, NULL);                             \
	} while (0)
#define EXPECT_REFUSE(c, words)                                  \
	do {                                                     \
		_cleanup_(said_freep) struct said *_s = hear(c); \
		CHECK_STR(_s ? _s->text : "nothing", words);     \
		answer(c, _s, "I do not like it");               \
	} while (0)
#define EXPECT_NOTHING(c)                                        \
	do {                                                     \
		_cleanup_(said_freep) struct said *_s = hear(c); \
		CHECK_STR(_s ? _s->text : "nothing", "nothing"); \
	} while (0)
/* Hears it, answers later. */
#define HEAR(c, words)                                       \
	({                                                   \
		struct said *_s = hear(c);                   \
		CHECK_STR(_s ? _s->text : "nothing", words); \
		_s;                                          \
	})

static void three_clusters(void)
{
	world_new();
	put(CDS, "a", "1");
	put(CDS, "b", "1");
	put(CDS, "c", "1");
	put(EDS, "eds/a", "1");
	put(EDS, "eds/b", "1");
	put(EDS, "eds/c", "1");
	put(RDS, "r", "1");
	put(LDS, "l", "1");
	commit();
}

static void put_large(unsigned kind, const char *name, const char *version)
{
	static uint8_t value[300000];
	size_t len = strlen(name);

	value[0] = 1 << 3 | 2;
	value[1] = (uint8_t)len;
	memcpy(value + 2, name, len);
	memset(value + 2 + len, 0, sizeof(value) - 2 - len);
	state_put(w.state,
		  item_new(kind, name, len, version, strlen(version), value, sizeof(value)));
}

TEST(a_large_change_stands_back_for_small_ones_of_the_same_time)
{
	struct said *scope;
	struct client *c;

	three_clusters();
	put_large(RDS, "big", "1");
	put(RESOURCE_SCOPED_ROUTE, "s", "1");
	commit();
	c = client_new(true, 0);
	subscribe(c, CDS, "");
	EXPECT(c, "CDS +a=1 +b=1 +c=1");
	subscribe(c, LDS, "");
	EXPECT(c, "LDS +l=1");
	subscribe(c, RESOURCE_SCOPED_ROUTE, "");
	EXPECT(c, "SRDS +s=1");
	/* Resources that were asked for go together. */
	subscribe(c, RDS, "+big +r");
	EXPECT(c, "RDS +big=1 +r=1");

	put_large(RDS, "big", "2");
	put(RDS, "r", "2");
	commit();
	EXPECT(c, "RDS +r=2");
	EXPECT(c, "RDS +big=2");

	/* A new host: its scope, then the routes that the client asks for because of it. */
	put_large(RDS, "big", "3");
	put(RESOURCE_SCOPED_ROUTE, "t", "1");
	put(RDS, "new", "1");
	commit();
	scope = HEAR(c, "SRDS +t=1");
	EXPECT_NOTHING(c);
	subscribe(c, RDS, "+new");
	EXPECT(c, "RDS +new=1");
	answer(c, scope, NULL);
	said_free(scope);
	EXPECT(c, "RDS +big=3");

	/* It does not wait for ever: a client that does not answer about the scope gets it all the
	 * same. */
	put_large(RDS, "big", "4");
	put(RESOURCE_SCOPED_ROUTE, "t", "2");
	commit();
	scope = HEAR(c, "SRDS +t=2");
	EXPECT_NOTHING(c);
	now += STREAM_GATE_USEC;
	CHECK(c->timer && c->timer <= now);
	stream_timer(c->stream);
	finish_sends(c);
	EXPECT(c, "RDS +big=4");
	answer(c, scope, NULL);
	said_free(scope);

	/* A small change that came later does not delay it. */
	c->hold = true;
	put(SDS, "x", "1");
	commit();
	subscribe(c, SDS, "+x");
	put_large(RDS, "big", "5");
	commit();
	put(RDS, "r", "3");
	commit();
	c->hold = false;
	EXPECT(c, "SDS +x=1");
	EXPECT(c, "RDS +big=5");
	EXPECT(c, "RDS +r=3");
	world_free();
}

/* ---- names at rest ---- */

static uint32_t awake(const struct client *c, unsigned kind)
{
	return c->stream->subs[kind]->used;
}

TEST(what_a_client_has_costs_it_bits_until_it_changes)
{
	struct client *c, *other;

	three_clusters();
	c = client_new(true, 0);
	subscribe(c, CDS, "");
	CHECK_EQ(awake(c, CDS), 3);
	EXPECT(c, "CDS +a=1 +b=1 +c=1");
	CHECK_EQ(awake(c, CDS), 0);
	CHECK(!c->stream->subs[CDS]->entries && !c->stream->subs[CDS]->flights);
	subscribe(c, EDS, "+eds/a +eds/b +eds/c");
	EXPECT(c, "EDS +eds/a=1 +eds/b=1 +eds/c=1");
	CHECK_EQ(awake(c, EDS), 0);
	CHECK_EQ(stream_names(c->stream), 6);

	/* A client that comes back with the present versions has all names at rest at once. */
	other = client_new(true, 0);
	subscribe(other, CDS, "a=1 b=0 c=1");
	EXPECT(other, "CDS +b=1");
	EXPECT_NOTHING(other);
	CHECK_EQ(awake(other, CDS), 0);

	put(CDS, "b", "2");
	commit();
	CHECK_EQ(awake(c, CDS), 1);
	EXPECT(c, "CDS +b=2");
	/* Envoy needs the endpoints of a changed cluster again, changed or not. */
	EXPECT(c, "EDS +eds/b=1");
	EXPECT(other, "CDS +b=2");
	CHECK_EQ(awake(c, CDS), 0);

	/* Changed and changed back before it was sent. */
	c->hold = true;
	put(CDS, "a", "2");
	commit();
	put(CDS, "c", "2");
	commit();
	put(CDS, "c", "1");
	commit();
	c->hold = false;
	finish_sends(c);
	EXPECT(c, "CDS +a=2");
	EXPECT(c, "EDS +eds/a=1");
	EXPECT_NOTHING(c);
	CHECK_EQ(awake(c, CDS), 0);

	/* A name that is requested again, one that is dropped, one that ends. */
	subscribe(c, EDS, "+eds/a");
	EXPECT(c, "EDS +eds/a=1");
	subscribe(c, EDS, "-eds/b");
	put(EDS, "eds/b", "2");
	drop(EDS, "eds/c");
	commit();
	EXPECT(c, "EDS -eds/c");
	EXPECT_NOTHING(c);
	CHECK_EQ(stream_names(c->stream), 5);

	/* A refused version is remembered. */
	put(EDS, "eds/a", "2");
	commit();
	EXPECT_REFUSE(c, "EDS +eds/a=2");
	CHECK_EQ(stream_rejected(c->stream), 1);
	CHECK_EQ(stream_stand(c->stream, resource_store_find(w.store, EDS, "eds/a", 5)),
		 STAND_REFUSES);
	CHECK_EQ(stream_stand(c->stream, resource_store_find(w.store, CDS, "a", 1)), STAND_ACCEPTS);
	world_free();
}

TEST(a_few_names_of_many_take_no_bitmap_of_all)
{
	struct client *c;
	char name[32];

	world_new();
	for (unsigned i = 0; i < 20000; i++) {
		(void)snprintf(name, sizeof(name), "eds/%05u", i);
		put(EDS, name, "1");
	}
	commit();
	c = client_new(true, 0);
	subscribe(c, EDS, "+eds/19999");
	EXPECT(c, "EDS +eds/19999=1");
	CHECK_EQ(stream_names(c->stream), 1);
	CHECK(c->stream->subs[EDS]->n_rest * sizeof(struct rest) < 1024);
	put(EDS, "eds/19999", "2");
	commit();
	EXPECT(c, "EDS +eds/19999=2");
	world_free();
}

/* ---- delta: subscriptions ---- */

TEST(nothing_is_answered_before_a_first_complete_world)
{
	struct client *c;

	world_new();
	c = client_new(true, 0);
	subscribe(c, CDS, "");
	subscribe(c, EDS, "+eds/none eds/gone=1 +eds/gone");
	put(CDS, "b", "1");
	put(CDS, "a", "1");
	EXPECT_NOTHING(c);
	commit();
	EXPECT(c, "CDS +a=1 +b=1");
	/* A question need not wait; removals go last. */
	EXPECT(c, "EDS -eds/none");
	EXPECT_NOTHING(c);
	subscribe(c, RDS, "+r");
	EXPECT(c, "RDS -r");
	EXPECT(c, "EDS -eds/gone");
	EXPECT_NOTHING(c);
	world_free();
}

TEST(an_empty_subscription_means_everything_for_clusters_listeners_and_scopes_only)
{
	static const unsigned all[] = { CDS, LDS, RESOURCE_SCOPED_ROUTE };
	static const unsigned none[] = { EDS, RDS, SDS, RESOURCE_RUNTIME };

	three_clusters();
	put(SDS, "s", "1");
	put(RESOURCE_RUNTIME, "s", "1");
	put(RESOURCE_SCOPED_ROUTE, "s", "1");
	commit();
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		struct client *c = client_new(true, 0);
		struct said *s;

		subscribe(c, all[i], "");
		s = hear(c);
		CHECK(s);
		said_free(s);
	}
	for (size_t i = 0; i < ARRAY_SIZE(none); i++) {
		struct client *c = client_new(true, 0);

		subscribe(c, none[i], "");
		EXPECT_NOTHING(c);
	}
	world_free();
}

TEST(a_client_that_asks_for_everything_is_answered_even_if_there_is_nothing)
{
	struct client *c;

	world_new();
	commit();
	c = client_new(true, 0);
	subscribe(c, CDS, "");
	EXPECT(c, "CDS");
	EXPECT_NOTHING(c);
	commit();
	EXPECT_NOTHING(c);
	put(CDS, "a", "1");
	commit();
	EXPECT(c, "CDS +a=1");
	world_free();
}

TEST(an_unknown_name_is_answered_at_once_and_comes_when_it_exists)
{
	struct client *c;

	three_clusters();
	c = client_new(true, 0);
	subscribe(c, EDS, "+eds/a +eds/x +eds/y");
	EXPECT(c, "EDS +eds/a=1");
	EXPECT(c, "EDS -eds/x -eds/y");
	put(EDS, "eds/x", "1");
	commit();
	EXPECT(c, "EDS +eds/x=1");
	drop(EDS, "eds/x");
	commit();
	EXPECT(c, "EDS -eds/x");
	put(EDS, "eds/x", "1");
	commit();
	EXPECT(c, "EDS +eds/x=1");
	EXPECT_NOTHING(c);
	world_free();
}

TEST(who_subscribes_again_gets_it_again)
{
	struct client *c;

	three_clusters();
	c = client_new(true, 0);
	subscribe(c, EDS, "+eds/a");
	EXPECT(c, "EDS +eds/a=1");
	subscribe(c, EDS, "+eds/a +eds/x");
	EXPECT(c, "EDS +eds/a=1");
	EXPECT(c, "EDS -eds/x");
	subscribe(c, EDS, "+eds/x");
	EXPECT(c, "EDS -eds/x");
	EXPECT_NOTHING(c);
	world_free();
}

TEST(what_is_unsubscribed_is_not_sent)
{
	struct client *c;

	three_clusters();
	c = client_new(true, 0);
	subscribe(c, EDS, "+eds/a +eds/b");
	EXPECT(c, "EDS +eds/a=1 +eds/b=1");
	subscribe(c, EDS, "-eds/a -eds/never");
	put(EDS, "eds/a", "2");
	put(EDS, "eds/b", "2");
	commit();
	EXPECT(c, "EDS +eds/b=2");
	EXPECT_NOTHING(c);
	CHECK_EQ(stream_names(c->stream), 1);
	world_free();
}

TEST(a_star_means_everything_of_any_type_and_can_be_taken_back)
{
	struct client *c;

	three_clusters();
	c = client_new(true, 0);
	subscribe(c, EDS, "+eds/a");
	EXPECT(c, "EDS +eds/a=1");
	subscribe(c, EDS, "+*");
	EXPECT(c, "EDS +eds/b=1 +eds/c=1");
	subscribe(c, EDS, "-*");
	put(EDS, "eds/a", "2");
	put(EDS, "eds/b", "2");
	commit();
	EXPECT(c, "EDS +eds/a=2");
	EXPECT_NOTHING(c);
	world_free();
}

TEST(a_legacy_wildcard_stays_when_names_are_added)
{
	struct client *c;

	three_clusters();
	c = client_new(true, 0);
	subscribe(c, CDS, "");
	EXPECT(c, "CDS +a=1 +b=1 +c=1");
	subscribe(c, CDS, "+x");
	EXPECT(c, "CDS -x");
	put(CDS, "d", "1");
	put(CDS, "x", "1");
	commit();
	EXPECT(c, "CDS +d=1");
	EXPECT(c, "CDS +x=1");
	world_free();
}

TEST(a_name_given_up_under_the_wildcard_is_sent_again_or_removed)
{
	struct client *c;

	three_clusters();
	c = client_new(true, 0);
	subscribe(c, CDS, "+* +a +x");
	EXPECT(c, "CDS +a=1 +b=1 +c=1");
	EXPECT(c, "CDS -x");
	subscribe(c, CDS, "-a");
	EXPECT(c, "CDS +a=1");
	subscribe(c, CDS, "-x");
	EXPECT(c, "CDS -x");
	CHECK_EQ(stream_names(c->stream), 3);
	world_free();
}

TEST(who_comes_back_is_sent_only_what_differs)
{
	struct client *c;

	three_clusters();
	c = client_new(true, 0);
	subscribe(c, CDS, "a=1 b=old gone=1");
	EXPECT(c, "CDS +b=1 +c=1");
	subscribe(c, EDS, "+eds/a +eds/b +eds/c +eds/x eds/a=1 eds/c=1 eds/x=3 eds/other=1");
	/* c is new and b has changed: their endpoints have to follow, even if the client holds
	 * them. */
	EXPECT(c, "EDS +eds/b=1 +eds/c=1");
	EXPECT_NOTHING(c);
	/* A removed cluster stays until no earlier route uses it for certain. */
	subscribe(c, RDS, "+r r=0");
	EXPECT(c, "RDS +r=1");
	EXPECT(c, "CDS -gone");
	EXPECT(c, "EDS -eds/x");
	EXPECT_NOTHING(c);
	CHECK_EQ(stream_names(c->stream), 8);
	world_free();
}

TEST(who_comes_back_with_just_this_world_is_sent_nothing)
{
	struct client *c;

	three_clusters();
	c = client_new(true, 0);
	subscribe(c, CDS, "a=1 b=1 c=1");
	subscribe(c, EDS, "+eds/a +eds/b eds/a=1 eds/b=1");
	subscribe(c, LDS, "l=1");
	subscribe(c, RDS, "+r r=1");
	EXPECT_NOTHING(c);
	CHECK_EQ(c->stream->info.acked_source, source);
	world_free();
}

TEST(who_comes_back_before_the_world_is_complete_is_told_what_differs_then)
{
	struct client *c;

	world_new();
	c = client_new(true, 0);
	subscribe(c, CDS, "a=1 b=old gone=1");
	EXPECT_NOTHING(c);
	put(CDS, "a", "1");
	put(CDS, "b", "1");
	commit();
	EXPECT(c, "CDS +b=1");
	EXPECT_NOTHING(c);
	/* This one has no routes. */
	now = c->timer;
	stream_timer(c->stream);
	EXPECT(c, "CDS -gone");
	EXPECT_NOTHING(c);
	world_free();
}

/* ---- delta: answers ---- */

TEST(changes_go_one_by_one_and_answers_together)
{
	struct client *c;

	three_clusters();
	c = client_new(true, 0);
	subscribe(c, CDS, "");
	EXPECT(c, "CDS +a=1 +b=1 +c=1");
	put(CDS, "c", "2");
	put(CDS, "a", "2");
	commit();
	EXPECT(c, "CDS +c=2");
	EXPECT(c, "CDS +a=2");
	EXPECT_NOTHING(c);
	world_free();
}

TEST(very_many_changes_at_once_go_together)
{
	struct client *c;
	struct said *s;
	char name[16];

	three_clusters();
	c = client_new(true, 0);
	subscribe(c, CDS, "");
	EXPECT(c, "CDS +a=1 +b=1 +c=1");
	for (int i = 0; i < 40; i++) {
		(void)snprintf(name, sizeof(name), "n%02d", i);
		put(CDS, name, "1");
	}
	commit();
	s = hear(c);
	CHECK(strstr(s->text, "+n00=1") && strstr(s->text, "+n39=1"));
	answer(c, s, NULL);
	said_free(s);
	EXPECT_NOTHING(c);
	world_free();
}

TEST(what_a_client_has_is_not_sent_again)
{
	struct client *c;

	three_clusters();
	c = client_new(true, 0);
	subscribe(c, CDS, "");
	EXPECT(c, "CDS +a=1 +b=1 +c=1");
	put(CDS, "a", "1");
	commit();
	EXPECT_NOTHING(c);
	/* Other bytes under the same version: the version decides. */
	state_put(w.state, item_new(CDS, "a", 1, "1", 1,
				    "\x0a\x01"
				    "a\x7a\x00",
				    5));
	commit();
	EXPECT_NOTHING(c);
	world_free();
}

TEST(a_newer_version_waits_for_the_answer_to_the_one_before_and_the_latest_wins)
{
	_cleanup_(said_freep) struct said *s = NULL;
	struct client *c;

	three_clusters();
	c = client_new(true, 0);
	subscribe(c, EDS, "+eds/a +eds/b");
	EXPECT(c, "EDS +eds/a=1 +eds/b=1");
	put(EDS, "eds/a", "2");
	commit();
	s = HEAR(c, "EDS +eds/a=2");
	put(EDS, "eds/a", "3");
	commit();
	put(EDS, "eds/a", "4");
	commit();
	EXPECT_NOTHING(c);
	/* A neighbour does not wait. */
	put(EDS, "eds/b", "2");
	commit();
	EXPECT(c, "EDS +eds/b=2");
	answer(c, s, NULL);
	EXPECT(c, "EDS +eds/a=4");
	EXPECT_NOTHING(c);
	world_free();
}

TEST(a_change_that_is_undone_while_it_waits_is_not_sent)
{
	_cleanup_(said_freep) struct said *s = NULL;
	struct client *c;

	three_clusters();
	c = client_new(true, 0);
	subscribe(c, EDS, "+eds/a");
	EXPECT(c, "EDS +eds/a=1");
	put(EDS, "eds/a", "2");
	commit();
	s = HEAR(c, "EDS +eds/a=2");
	put(EDS, "eds/a", "3");
	commit();
	put(EDS, "eds/a", "2");
	commit();
	answer(c, s, NULL);
	EXPECT_NOTHING(c);
	CHECK_EQ(stream_outstanding(c->stream), 0);
	world_free();
}

TEST(a_client_that_does_not_read_costs_one_message)
{
	struct client *c;

	three_clusters();
	c = client_new(true, 0);
	subscribe(c, EDS, "+eds/a +eds/b");
	EXPECT(c, "EDS +eds/a=1 +eds/b=1");
	c->hold = true;
	for (int i = 0; i < 10; i++) {
		char version[16];

		(void)snprintf(version, sizeof(version), "v%d", i);
		put(EDS, "eds/a", version);
		put(EDS, "eds/b", version);
		commit();
	}
	CHECK_EQ(c->sends, 1);
	c->hold = false;
	EXPECT(c, "EDS +eds/a=v0");
	EXPECT(c, "EDS +eds/b=v9");
	EXPECT(c, "EDS +eds/a=v9");
	EXPECT_NOTHING(c);
	world_free();
}

TEST(unanswered_responses_of_a_type_are_bounded)
{
	struct client *c;
	char name[16], text[512] = "";
	size_t n = 0;

	world_new();
	for (int i = 0; i < 12; i++) {
		(void)snprintf(name, sizeof(name), "n%02d", i);
		(void)snprintf(text + strlen(text), sizeof(text) - strlen(text), " +%s", name);
		put(EDS, name, "1");
	}
	commit();
	c = client_new(true, 0);
	subscribe(c, EDS, text);
	answer(c, c->first, NULL);
	said_free(hear(c));
	for (int i = 0; i < 12; i++) {
		(void)snprintf(name, sizeof(name), "n%02d", i);
		put(EDS, name, "2");
	}
	commit();
	for (struct said *s; (s = hear(c)); said_free(s))
		n++;
	CHECK_EQ(n, FLIGHTS_MAX);
	CHECK_EQ(stream_outstanding(c->stream), 12);
	world_free();
}

/* ---- delta: rejections ---- */

TEST(a_refused_version_is_reported_and_not_repeated)
{
	struct client *c;

	three_clusters();
	c = client_new(true, 0);
	subscribe(c, CDS, "");
	EXPECT(c, "CDS +a=1 +b=1 +c=1");
	put(CDS, "a", "bad");
	commit();
	EXPECT_REFUSE(c, "CDS +a=bad");
	CHECK_STR(c->rejected, "a=bad;");
	CHECK_EQ(stream_rejected(c->stream), 1);
	EXPECT_NOTHING(c);
	commit();
	put(CDS, "b", "2");
	commit();
	EXPECT(c, "CDS +b=2");
	EXPECT_NOTHING(c);
	/* Away from it and back to it: it is still refused, and still reported only once. */
	put(CDS, "a", "1");
	commit();
	EXPECT(c, "CDS +a=1");
	CHECK_EQ(stream_rejected(c->stream), 0);
	put(CDS, "a", "good");
	commit();
	EXPECT(c, "CDS +a=good");
	CHECK_STR(c->rejected, "a=bad;");
	CHECK_EQ(c->stream->info.nacks, 1);
	world_free();
}

TEST(a_refused_batch_is_repeated_one_by_one_once_and_the_culprit_is_found)
{
	struct client *c;

	three_clusters();
	c = client_new(true, 0);
	subscribe(c, CDS, "");
	EXPECT_REFUSE(c, "CDS +a=1 +b=1 +c=1");
	CHECK_STR(c->rejected, "");
	EXPECT(c, "CDS +a=1");
	EXPECT_REFUSE(c, "CDS +b=1");
	EXPECT(c, "CDS +c=1");
	EXPECT_NOTHING(c);
	CHECK_STR(c->rejected, "b=1;");
	CHECK_EQ(w.stats.splits, 1);
	world_free();
}

TEST(a_newer_version_that_came_meanwhile_follows_a_refusal_at_once)
{
	_cleanup_(said_freep) struct said *s = NULL;
	struct client *c;

	three_clusters();
	c = client_new(true, 0);
	subscribe(c, RDS, "+r");
	s = HEAR(c, "RDS +r=1");
	put(RDS, "r", "2");
	commit();
	EXPECT_NOTHING(c);
	answer(c, s, "no");
	EXPECT(c, "RDS +r=2");
	CHECK_STR(c->rejected, "r=1;");
	CHECK_EQ(stream_rejected(c->stream), 0);
	world_free();
}

TEST(an_answer_to_something_else_is_ignored_but_its_names_are_not)
{
	struct client *c;
	struct said *s;

	three_clusters();
	c = client_new(true, 0);
	subscribe(c, EDS, "+eds/a");
	s = HEAR(c, "EDS +eds/a=1");
	CHECK_EQ(say_delta(c, EDS, "+eds/b", "777", NULL), 0);
	CHECK_EQ(c->stream->info.acks, 0);
	CHECK_EQ(w.stats.stale, 1);
	EXPECT(c, "EDS +eds/b=1");
	answer(c, s, NULL);
	CHECK_EQ(c->stream->info.acks, 2);
	/* The same answer twice. */
	answer(c, s, NULL);
	answer(c, s, "and now I do not like it");
	CHECK_EQ(c->stream->info.acks, 2);
	CHECK_EQ(c->stream->info.nacks, 0);
	said_free(s);
	world_free();
}

/* ---- make before break ---- */

/* A client that has all of three_clusters(). */
static struct client *settled(void)
{
	struct client *c;

	three_clusters();
	c = client_new(true, 0);
	subscribe(c, CDS, "");
	EXPECT(c, "CDS +a=1 +b=1 +c=1");
	subscribe(c, EDS, "+eds/a +eds/b +eds/c");
	EXPECT(c, "EDS +eds/a=1 +eds/b=1 +eds/c=1");
	subscribe(c, LDS, "");
	EXPECT(c, "LDS +l=1");
	subscribe(c, RDS, "+r");
	EXPECT(c, "RDS +r=1");
	EXPECT_NOTHING(c);
	CHECK_EQ(c->stream->info.acked_source, source);
	return c;
}

TEST(a_route_waits_for_its_cluster_and_the_old_cluster_goes_last)
{
	struct client *c = settled();
	struct said *s;

	put(CDS, "d", "1");
	put(EDS, "eds/d", "1");
	put(RDS, "r", "2");
	put(LDS, "l", "2");
	drop(CDS, "a");
	drop(EDS, "eds/a");
	commit();
	s = HEAR(c, "CDS +d=1");
	EXPECT_NOTHING(c);
	subscribe(c, EDS, "+eds/d");
	EXPECT(c, "EDS +eds/d=1");
	EXPECT_NOTHING(c);
	answer(c, s, NULL);
	said_free(s);
	s = HEAR(c, "LDS +l=2");
	EXPECT(c, "RDS +r=2");
	EXPECT_NOTHING(c);
	CHECK_EQ(c->stream->info.acked_source, source - 1);
	answer(c, s, NULL);
	said_free(s);
	EXPECT(c, "CDS -a");
	EXPECT(c, "EDS -eds/a");
	EXPECT_NOTHING(c);
	CHECK_EQ(c->stream->info.acked_source, source);
	world_free();
}

TEST(a_route_waits_for_the_first_endpoints_of_its_cluster_too)
{
	struct client *c = settled();
	struct said *cluster, *endpoints;

	put(CDS, "d", "1");
	put(EDS, "eds/d", "1");
	put(RDS, "r", "2");
	commit();
	cluster = HEAR(c, "CDS +d=1");
	subscribe(c, EDS, "+eds/d");
	endpoints = HEAR(c, "EDS +eds/d=1");
	answer(c, cluster, NULL);
	EXPECT_NOTHING(c);
	answer(c, endpoints, NULL);
	EXPECT(c, "RDS +r=2");
	said_free(cluster);
	said_free(endpoints);
	world_free();
}

TEST(under_a_storm_of_new_clusters_a_route_is_sent_as_it_was_when_it_began_to_wait)
{
	struct client *c = settled();
	struct said *d, *e, *f;

	put(CDS, "d", "1");
	put(RDS, "r", "2");
	commit();
	d = HEAR(c, "CDS +d=1");
	put(CDS, "e", "1");
	put(RDS, "r", "3");
	commit();
	e = HEAR(c, "CDS +e=1");
	put(CDS, "f", "1");
	put(RDS, "r", "4");
	commit();
	f = HEAR(c, "CDS +f=1");
	EXPECT_NOTHING(c);
	answer(c, d, NULL);
	/* Version 2 uses at most d; 3 and 4 may use clusters that the client has not accepted. */
	EXPECT(c, "RDS +r=2");
	CHECK_EQ(c->stream->info.acked_source, source - 2);
	EXPECT_NOTHING(c);
	answer(c, e, NULL);
	EXPECT_NOTHING(c);
	answer(c, f, NULL);
	EXPECT(c, "RDS +r=4");
	EXPECT_NOTHING(c);
	CHECK_EQ(c->stream->info.acked_source, source);
	CHECK_EQ(c->stream->pins.n, 0);
	said_free(d);
	said_free(e);
	said_free(f);
	world_free();
}

TEST(what_was_kept_of_a_route_is_not_sent_when_its_cluster_is_gone_unsent)
{
	struct client *c = settled();
	struct said *unanswered[FLIGHTS_MAX], *g;
	char name[16], words[32];

	/* As many clusters as may be unacknowledged, so that the next is not sent. */
	for (int i = 0; i < FLIGHTS_MAX; i++) {
		(void)snprintf(name, sizeof(name), "n%d", i);
		(void)snprintf(words, sizeof(words), "CDS +n%d=1", i);
		put(CDS, name, "1");
		commit();
		unanswered[i] = HEAR(c, words);
	}
	put(CDS, "e", "1");
	put(RDS, "r", "2");
	commit();
	EXPECT_NOTHING(c);
	drop(CDS, "e");
	put(CDS, "g", "1");
	put(RDS, "r", "3");
	commit();
	for (int i = 0; i < FLIGHTS_MAX; i++) {
		answer(c, unanswered[i], NULL);
		said_free(unanswered[i]);
	}
	g = HEAR(c, "CDS +g=1");
	EXPECT_NOTHING(c);
	answer(c, g, NULL);
	EXPECT(c, "RDS +r=3");
	EXPECT_NOTHING(c);
	said_free(g);
	world_free();
}

TEST(a_route_that_goes_or_is_given_up_while_it_waits_is_forgotten)
{
	struct client *c = settled();
	struct said *d;

	put(RDS, "s", "1");
	commit();
	subscribe(c, RDS, "+s");
	EXPECT(c, "RDS +s=1");
	put(CDS, "d", "1");
	put(RDS, "r", "2");
	put(RDS, "s", "2");
	commit();
	d = HEAR(c, "CDS +d=1");
	CHECK_EQ(c->stream->pins.n, 2);
	drop(RDS, "r");
	commit();
	subscribe(c, RDS, "-s");
	CHECK_EQ(c->stream->pins.n, 0);
	answer(c, d, NULL);
	EXPECT(c, "RDS -r");
	EXPECT_NOTHING(c);
	said_free(d);
	world_free();
}

TEST(changes_that_concern_no_cluster_wait_for_nobody)
{
	struct client *c = settled();
	struct said *s;

	put(EDS, "eds/a", "2");
	put(RDS, "r", "2");
	commit();
	s = HEAR(c, "EDS +eds/a=2");
	EXPECT(c, "RDS +r=2");
	answer(c, s, NULL);
	said_free(s);
	/* A route that changed before a cluster did does not wait for it either. */
	s = NULL;
	put(CDS, "a", "2");
	commit();
	s = HEAR(c, "CDS +a=2");
	subscribe(c, RDS, "+r");
	said_free(HEAR(c, "EDS +eds/a=2"));
	EXPECT(c, "RDS +r=2");
	said_free(s);
	world_free();
}

TEST(endpoints_follow_their_cluster_again_changed_or_not)
{
	struct client *c = settled();

	put(CDS, "b", "2");
	commit();
	EXPECT(c, "CDS +b=2");
	EXPECT(c, "EDS +eds/b=1");
	EXPECT_NOTHING(c);
	world_free();
}

TEST(endpoints_that_are_on_their_way_follow_a_cluster_once_more)
{
	struct client *c = settled();
	struct said *s;

	put(EDS, "eds/b", "2");
	commit();
	s = HEAR(c, "EDS +eds/b=2");
	put(CDS, "b", "2");
	commit();
	EXPECT(c, "CDS +b=2");
	answer(c, s, NULL);
	said_free(s);
	EXPECT(c, "EDS +eds/b=2");
	EXPECT_NOTHING(c);
	world_free();
}

TEST(a_refused_cluster_holds_up_routes_no_longer)
{
	struct client *c = settled();

	put(CDS, "d", "1");
	put(RDS, "r", "2");
	commit();
	EXPECT_REFUSE(c, "CDS +d=1");
	EXPECT(c, "RDS +r=2");
	CHECK_EQ(c->stream->info.acked_source, source - 1);
	world_free();
}

TEST(a_client_that_does_not_answer_holds_up_routes_for_a_while_only)
{
	struct client *c = settled();

	put(CDS, "d", "1");
	put(RDS, "r", "2");
	drop(CDS, "a");
	commit();
	said_free(HEAR(c, "CDS +d=1"));
	EXPECT_NOTHING(c);
	CHECK_EQ(c->timer, now + STREAM_PATIENCE_USEC);
	now += STREAM_GATE_USEC / 2;
	stream_timer(c->stream);
	EXPECT_NOTHING(c);
	CHECK_EQ(c->timer, now + STREAM_GATE_USEC / 2);
	now = c->timer;
	stream_timer(c->stream);
	CHECK_EQ(w.stats.gate_timeouts, 1);
	EXPECT(c, "RDS +r=2");
	EXPECT(c, "CDS -a");
	EXPECT_NOTHING(c);
	world_free();
}

TEST(a_cluster_that_comes_back_before_it_was_removed_is_not_removed)
{
	struct client *c = settled();
	struct said *s;

	put(CDS, "d", "1");
	put(RDS, "r", "2");
	drop(CDS, "a");
	commit();
	s = HEAR(c, "CDS +d=1");
	put(CDS, "a", "1");
	commit();
	answer(c, s, NULL);
	said_free(s);
	EXPECT(c, "RDS +r=2");
	EXPECT_NOTHING(c);
	CHECK_EQ(stream_outstanding(c->stream), 0);
	world_free();
}

TEST(other_streams_do_not_wait_for_a_slow_one)
{
	struct client *slow = settled();
	struct client *c = client_new(true, 0);

	subscribe(c, CDS, "");
	EXPECT(c, "CDS +a=1 +b=1 +c=1");
	slow->hold = true;
	put(CDS, "d", "1");
	commit();
	EXPECT(c, "CDS +d=1");
	put(CDS, "d", "2");
	commit();
	EXPECT(c, "CDS +d=2");
	CHECK_EQ(slow->sends, 1);
	world_free();
}

/* ---- replacements of a listener ---- */

static struct client *client_of(bool newer)
{
	struct client *c = client_new(true, 0);

	c->stream->info.newer = newer;
	c->stream->info.named = true;
	subscribe(c, LDS, "");
	return c;
}

TEST(newer_envoys_get_what_stands_in_place_of_a_listener_and_others_the_listener)
{
	struct client *old, *new;
	struct resource *l;

	world_new();
	put(LDS, "l", "1");
	put(LDS, "m", "1");
	put(RESOURCE_NEWER_LISTENER, "l", "9");
	commit();
	old = client_of(false);
	new = client_of(true);
	EXPECT(old, "LDS +l=1 +m=1");
	EXPECT(new, "LDS +l=9 +m=1");
	l = resource_store_find(w.store, LDS, "l", 1);
	CHECK_EQ(stream_stand(old->stream, l), STAND_ACCEPTS);
	CHECK_EQ(stream_stand(new->stream, l), STAND_OTHER);
	CHECK_EQ(stream_stand(new->stream, l->newer), STAND_ACCEPTS);
	CHECK_EQ(stream_stand(old->stream, l->newer), STAND_OTHER);
	/* A change of one is not the other's. */
	put(LDS, "l", "2");
	commit();
	EXPECT(old, "LDS +l=2");
	EXPECT_NOTHING(new);
	put(RESOURCE_NEWER_LISTENER, "l", "10");
	commit();
	EXPECT(new, "LDS +l=10");
	EXPECT_NOTHING(old);
	/* Without it both get the same, and again when it comes back. */
	drop(RESOURCE_NEWER_LISTENER, "l");
	commit();
	EXPECT(new, "LDS +l=2");
	put(RESOURCE_NEWER_LISTENER, "l", "11");
	commit();
	EXPECT(new, "LDS +l=11");
	EXPECT_NOTHING(old);
	/* It replaces an existing listener. */
	drop(LDS, "l");
	drop(RESOURCE_NEWER_LISTENER, "l");
	commit();
	EXPECT(old, "LDS -l");
	EXPECT(new, "LDS -l");
	world_free();
}

TEST(what_stands_in_place_is_blamed_and_kept_under_its_own_kind)
{
	struct client *c;

	world_new();
	put(LDS, "l", "1");
	put(RESOURCE_NEWER_LISTENER, "l", "9");
	commit();
	c = client_of(true);
	EXPECT_REFUSE(c, "LDS +l=9");
	CHECK_STR(c->rejected, "l=9;");
	/* A client that comes back with it gets nothing. */
	c = client_new(true, 0);
	c->stream->info.newer = true;
	c->stream->info.named = true;
	subscribe(c, LDS, "l=9");
	EXPECT_NOTHING(c);
	/* A client that has the other form gets this one. */
	c = client_new(true, 0);
	c->stream->info.newer = true;
	c->stream->info.named = true;
	subscribe(c, LDS, "l=1");
	EXPECT(c, "LDS +l=9");
	world_free();
}

TEST(the_star_is_no_name_of_all_secrets)
{
	struct client *c;

	world_new();
	put(SDS, "s", "1");
	commit();
	c = client_new(true, 0);
	subscribe(c, SDS, "+*");
	EXPECT(c, "SDS -*");
	subscribe(c, SDS, "+s");
	EXPECT(c, "SDS +s=1");
	put(SDS, "t", "1");
	commit();
	EXPECT_NOTHING(c);
	world_free();
}

/* ---- requests ---- */

TEST(the_node_is_named_by_the_first_request_or_the_stream_ends)
{
	Envoy__Service__Discovery__V3__Node other = ENVOY__SERVICE__DISCOVERY__V3__NODE__INIT;
	delta_request m = ENVOY__SERVICE__DISCOVERY__V3__DELTA_DISCOVERY_REQUEST__INIT;
	uint8_t packed[512];
	struct client *c;

	three_clusters();
	c = client_new(true, 0);
	m.type_url = (char *)(uintptr_t)resource_kind(EDS)->type_url;
	CHECK_EQ(stream_request(
			 c->stream, packed,
			 envoy__service__discovery__v3__delta_discovery_request__pack(&m, packed)),
		 -ENODATA);
	m.node = &other; /* without an id */
	CHECK_EQ(stream_request(
			 c->stream, packed,
			 envoy__service__discovery__v3__delta_discovery_request__pack(&m, packed)),
		 -ENODATA);
	subscribe(c, EDS, "+eds/a");
	other.id = (char *)(uintptr_t)"second";
	CHECK_EQ(stream_request(
			 c->stream, packed,
			 envoy__service__discovery__v3__delta_discovery_request__pack(&m, packed)),
		 0);
	CHECK_STR(c->stream->info.node_id, "test");
	world_free();
}

TEST(a_type_that_is_not_served_is_passed_over_on_the_aggregated_stream_only)
{
	delta_request m = ENVOY__SERVICE__DISCOVERY__V3__DELTA_DISCOVERY_REQUEST__INIT;
	uint8_t packed[512];
	struct client *c;
	size_t n;

	three_clusters();
	m.type_url = (char *)(uintptr_t)"type.googleapis.com/not.a.Thing";
	m.node = &node;
	n = envoy__service__discovery__v3__delta_discovery_request__pack(&m, packed);
	c = client_new(true, 0);
	CHECK_EQ(stream_request(c->stream, packed, n), 0);
	CHECK_EQ(w.stats.unknown_types, 1);
	EXPECT_NOTHING(c);
	c = client_new(true, EDS);
	CHECK_EQ(stream_request(c->stream, packed, n), -EBADMSG);
	CHECK_EQ(say_delta(c, CDS, "", "", NULL), -EBADMSG);
	/* On such a stream a request need not name the type. */
	c = client_new(true, CDS);
	m.type_url = (char *)(uintptr_t)"";
	n = envoy__service__discovery__v3__delta_discovery_request__pack(&m, packed);
	CHECK_EQ(stream_request(c->stream, packed, n), 0);
	EXPECT(c, "CDS +a=1 +b=1 +c=1");
	world_free();
}

TEST(garbage_and_excess_end_the_stream)
{
	static const uint8_t garbage[] = { 0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f };
	size_t n = 2 * (REQUEST_FIELDS_MAX + 10);
	_cleanup_free_ uint8_t *many = xcalloc(1, n);
	struct client *c;

	three_clusters();
	c = client_new(true, 0);
	CHECK_EQ(stream_request(c->stream, garbage, sizeof(garbage)), -EBADMSG);
	for (size_t i = 0; i < n; i += 2)
		many[i] = 3 << 3 | 2; /* an empty resource_names_subscribe */
	CHECK_EQ(stream_request(c->stream, many, n), -E2BIG);
	world_free();
}

TEST(ten_thousand_names_cost_a_stream_less_than_forty_bytes_each)
{
	struct client *c;
	char name[32];
	size_t bytes;

	world_new();
	for (int i = 0; i < 10000; i++) {
		(void)snprintf(name, sizeof(name), "namespace/service-%d", i);
		put(CDS, name, "1");
	}
	commit();
	c = client_new(true, 0);
	subscribe(c, CDS, "");
	for (struct said *s; (s = hear(c)); said_free(s)) {
		/* It exceeds the limit by at most one addition. */
		CHECK(s->bytes < STREAM_BATCH_BYTES + 65536);
		answer(c, s, NULL);
	}
	CHECK_EQ(stream_names(c->stream), 10000);
	CHECK_EQ(c->stream->subs[CDS]->n_flights, 0);
	bytes = sizeof(*c->stream->subs[CDS]) + c->stream->subs[CDS]->cap * sizeof(struct entry) +
		c->stream->subs[CDS]->puts.cap * sizeof(struct queued);
	CHECK(bytes < 10000 * 40);
	world_free();
}

/* ---- state of the world ---- */

static void ask(struct client *c, unsigned kind, const char *names)
{
	CHECK_EQ(say_sotw(c, kind, names, "", "", NULL), 0);
	finish_sends(c);
}

static struct said *expect(struct client *c, const char *words)
{
	return HEAR(c, words);
}

static void accept(struct client *c, struct said *s, const char *names)
{
	CHECK_EQ(say_sotw(c, s->kind, names, s->nonce, s->version, NULL), 0);
	finish_sends(c);
	said_free(s);
}

TEST(sotw_sends_all_clusters_whenever_one_changes)
{
	struct client *c;

	three_clusters();
	c = client_new(false, 0);
	ask(c, CDS, "");
	accept(c, expect(c, "CDS +a +b +c"), "");
	EXPECT_NOTHING(c);
	put(CDS, "b", "2");
	commit();
	accept(c, expect(c, "CDS +a +b +c"), "");
	drop(CDS, "a");
	commit();
	accept(c, expect(c, "CDS +b +c"), "");
	EXPECT_NOTHING(c);
	world_free();
}

TEST(sotw_sends_only_the_endpoints_that_changed)
{
	struct client *c;

	three_clusters();
	c = client_new(false, EDS);
	ask(c, EDS, "eds/a eds/b eds/x");
	accept(c, expect(c, "EDS +eds/a +eds/b"), "eds/a eds/b eds/x");
	put(EDS, "eds/a", "2");
	put(EDS, "eds/c", "2");
	commit();
	accept(c, expect(c, "EDS +eds/a"), "eds/a eds/b eds/x");
	/* A longer list: its new names. A shorter one: nothing. */
	CHECK_EQ(say_sotw(c, EDS, "eds/a eds/b eds/c eds/x", "2", "", NULL), 0);
	finish_sends(c);
	accept(c, expect(c, "EDS +eds/c"), "eds/c eds/x");
	put(EDS, "eds/a", "3");
	put(EDS, "eds/x", "1");
	commit();
	accept(c, expect(c, "EDS +eds/x"), "eds/c eds/x");
	EXPECT_NOTHING(c);
	world_free();
}

TEST(sotw_first_request_is_answered_even_if_nothing_of_it_exists)
{
	struct client *c;

	three_clusters();
	c = client_new(false, RDS);
	ask(c, RDS, "none");
	accept(c, expect(c, "RDS"), "none");
	EXPECT_NOTHING(c);
	put(RDS, "none", "1");
	commit();
	accept(c, expect(c, "RDS +none"), "none");
	world_free();
}

TEST(sotw_version_is_that_of_the_content_and_not_of_its_history)
{
	struct said *first, *second;
	struct client *c;

	three_clusters();
	c = client_new(false, 0);
	ask(c, CDS, "");
	first = expect(c, "CDS +a +b +c");
	put(CDS, "a", "2");
	commit();
	CHECK_EQ(say_sotw(c, CDS, "", first->nonce, first->version, NULL), 0);
	finish_sends(c);
	second = expect(c, "CDS +a +b +c");
	CHECK(strcmp(first->version, second->version) != 0);
	accept(c, second, "");
	world_free();
	/* Another run of the server, the same world. */
	three_clusters();
	c = client_new(false, 0);
	ask(c, CDS, "");
	second = expect(c, "CDS +a +b +c");
	CHECK_STR(second->version, first->version);
	said_free(second);
	/* A client that comes back with it gets nothing until something changes. */
	c = client_new(false, 0);
	CHECK_EQ(say_sotw(c, CDS, "", "", first->version, NULL), 0);
	finish_sends(c);
	EXPECT_NOTHING(c);
	put(CDS, "a", "2");
	commit();
	accept(c, expect(c, "CDS +a +b +c"), "");
	said_free(first);
	world_free();
}

TEST(sotw_outdated_request_is_ignored)
{
	struct said *s;
	struct client *c;

	three_clusters();
	c = client_new(false, 0);
	ask(c, EDS, "eds/a");
	s = expect(c, "EDS +eds/a");
	CHECK_EQ(say_sotw(c, EDS, "eds/b", "", "", NULL), 0);
	CHECK_EQ(say_sotw(c, EDS, "eds/b", "99", "", "no"), 0);
	EXPECT_NOTHING(c);
	CHECK_EQ(c->stream->info.nacks, 0);
	accept(c, s, "eds/a eds/b");
	accept(c, expect(c, "EDS +eds/b"), "eds/a eds/b");
	world_free();
}

TEST(sotw_refused_answer_is_not_repeated_until_something_changes)
{
	_cleanup_(said_freep) struct said *s = NULL;
	struct client *c;

	three_clusters();
	c = client_new(false, 0);
	ask(c, LDS, "");
	accept(c, expect(c, "LDS +l"), "");
	put(LDS, "l", "bad");
	commit();
	s = expect(c, "LDS +l");
	CHECK_EQ(say_sotw(c, LDS, "", s->nonce, "", "listener l: no"), 0);
	finish_sends(c);
	EXPECT_NOTHING(c);
	CHECK_STR(c->rejected, "l=bad;");
	CHECK_EQ(say_sotw(c, LDS, "", s->nonce, "", "listener l: no"), 0);
	EXPECT_NOTHING(c);
	put(LDS, "l", "good");
	commit();
	accept(c, expect(c, "LDS +l"), "");
	CHECK_STR(c->rejected, "l=bad;");
	CHECK_EQ(stream_rejected(c->stream), 0);
	world_free();
}

TEST(sotw_refusal_blames_who_is_named)
{
	_cleanup_(said_freep) struct said *s = NULL;
	struct client *c;

	world_new();
	put(CDS, "alpha", "1");
	put(CDS, "beta", "1");
	commit();
	c = client_new(false, 0);
	ask(c, CDS, "");
	s = expect(c, "CDS +alpha +beta");
	CHECK_EQ(say_sotw(c, CDS, "", s->nonce, "", "Error adding cluster beta: no"), 0);
	CHECK_STR(c->rejected, "beta=1;");
	world_free();
}

TEST(sotw_empty_list_after_names_means_nothing)
{
	struct client *c;

	three_clusters();
	c = client_new(false, 0);
	ask(c, CDS, "a");
	accept(c, expect(c, "CDS +a"), "a");
	put(CDS, "b", "2");
	commit();
	EXPECT_NOTHING(c);
	put(CDS, "a", "2");
	commit();
	accept(c, expect(c, "CDS +a"), "");
	put(CDS, "a", "3");
	put(CDS, "b", "3");
	commit();
	EXPECT_NOTHING(c);
	CHECK_EQ(stream_names(c->stream), 0);
	CHECK_EQ(say_sotw(c, CDS, "*", "2", "", NULL), 0);
	finish_sends(c);
	accept(c, expect(c, "CDS +a +b +c"), "*");
	world_free();
}

TEST(sotw_routes_wait_for_clusters_too)
{
	struct said *s;
	struct client *c;

	three_clusters();
	c = client_new(false, 0);
	ask(c, CDS, "");
	accept(c, expect(c, "CDS +a +b +c"), "");
	ask(c, RDS, "r");
	accept(c, expect(c, "RDS +r"), "r");
	put(CDS, "d", "1");
	put(RDS, "r", "2");
	commit();
	s = expect(c, "CDS +a +b +c +d");
	EXPECT_NOTHING(c);
	accept(c, s, "");
	accept(c, expect(c, "RDS +r"), "r");
	/* And a cluster that only goes waits for the route that used it. */
	put(RDS, "r", "3");
	drop(CDS, "a");
	commit();
	s = expect(c, "RDS +r");
	EXPECT_NOTHING(c);
	accept(c, s, "r");
	accept(c, expect(c, "CDS +b +c +d"), "");
	EXPECT_NOTHING(c);
	world_free();
}

/* ---- listeners that move ---- */

/* A listener at these addresses: a letter each. */
static void put_at(const char *name, const char *version, const char *addresses)
{
	uint8_t value[128];
	size_t n = 0;

	value[n++] = 1 << 3 | 2; /* name, as put() writes it */
	value[n++] = (uint8_t)strlen(name);
	memcpy(value + n, name, strlen(name));
	n += strlen(name);
	for (const char *a = addresses; *a; a++) {
		static const uint8_t first[] = { 2 << 3 | 2, 1 };
		static const uint8_t more[] = { 0x8a, 0x02, 3, 1 << 3 | 2, 1 };
		bool is_first = a == addresses;

		memcpy(value + n, is_first ? first : more, is_first ? sizeof(first) : sizeof(more));
		n += is_first ? sizeof(first) : sizeof(more);
		value[n++] = (uint8_t)*a;
	}
	state_put(w.state, item_new(LDS, name, strlen(name), version, strlen(version), value, n));
}

static struct client *with_listeners(bool delta, const char *x, const char *y)
{
	struct client *c;

	world_new();
	put_at("x", "1", x);
	if (y)
		put_at("y", "1", y);
	commit();
	c = client_new(delta, 0);
	if (delta) {
		subscribe(c, LDS, "");
		EXPECT(c, y ? "LDS +x=1 +y=1" : "LDS +x=1");
	} else {
		ask(c, LDS, "");
		accept(c, expect(c, y ? "LDS +x +y" : "LDS +x"), "");
	}
	return c;
}

TEST(a_listener_takes_over_the_address_of_one_that_ends_with_it)
{
	struct client *c = with_listeners(true, "AB", NULL);

	drop(LDS, "x");
	put_at("y", "1", "A");
	put_at("z", "1", "B");
	commit();
	EXPECT(c, "LDS +y=1 -x");
	EXPECT(c, "LDS +z=1");
	EXPECT_NOTHING(c);
	/* And back. */
	put_at("x", "2", "BA");
	drop(LDS, "y");
	drop(LDS, "z");
	commit();
	EXPECT(c, "LDS +x=2 -y -z");
	EXPECT_NOTHING(c);
	CHECK_EQ(stream_outstanding(c->stream), 0);
	world_free();
}

TEST(a_listener_waits_for_one_that_leaves_its_address)
{
	struct client *c = with_listeners(true, "A", "B");
	struct said *s;

	put_at("x", "2", "B");
	put_at("y", "2", "C");
	commit();
	s = HEAR(c, "LDS +y=2");
	EXPECT_NOTHING(c);
	answer(c, s, NULL);
	said_free(s);
	EXPECT(c, "LDS +x=2");
	EXPECT_NOTHING(c);
	world_free();
}

TEST(of_two_listeners_that_exchange_addresses_one_ends_and_comes_back)
{
	struct client *c = with_listeners(true, "A", "B");

	put_at("x", "2", "B");
	put_at("y", "2", "A");
	commit();
	EXPECT(c, "LDS +x=2 -y");
	EXPECT(c, "LDS +y=2");
	EXPECT_NOTHING(c);
	CHECK_EQ(stream_outstanding(c->stream), 0);
	CHECK_EQ(c->stream->info.acked_source, source);
	/* Three in a ring, too. */
	put_at("z", "1", "C");
	commit();
	EXPECT(c, "LDS +z=1");
	put_at("x", "3", "A");
	put_at("y", "3", "C");
	put_at("z", "3", "B");
	commit();
	for (struct said *s; (s = hear(c));) {
		answer(c, s, NULL);
		said_free(s);
	}
	CHECK_EQ(stream_outstanding(c->stream), 0);
	CHECK_EQ(c->stream->info.acked_source, source);
	world_free();
}

TEST(sotw_listeners_that_exchange_addresses_are_left_out_once)
{
	struct client *c = with_listeners(false, "A", "B");

	put_at("x", "2", "B");
	put_at("y", "2", "A");
	commit();
	accept(c, expect(c, "LDS +x"), "");
	accept(c, expect(c, "LDS +x +y"), "");
	EXPECT_NOTHING(c);
	CHECK_EQ(stream_outstanding(c->stream), 0);
	/* A finished entry is absent anyway. */
	drop(LDS, "y");
	put_at("z", "1", "A");
	commit();
	accept(c, expect(c, "LDS +x +z"), "");
	EXPECT_NOTHING(c);
	world_free();
}

TEST(a_listener_that_was_refused_is_sent_again_when_another_has_changed)
{
	struct client *c = with_listeners(true, "A", NULL);

	/* Both are wanted there: Envoy refuses the second. */
	put_at("y", "1", "A");
	commit();
	EXPECT_REFUSE(c, "LDS +y=1");
	EXPECT_NOTHING(c);
	put_at("x", "2", "B");
	commit();
	EXPECT(c, "LDS +x=2");
	EXPECT(c, "LDS +y=1");
	EXPECT_NOTHING(c);
	CHECK_EQ(stream_rejected(c->stream), 0);
	world_free();
}

TEST(a_listener_that_was_taken_away_and_is_refused_when_it_comes_back_is_lacking)
{
	struct client *c = with_listeners(true, "A", "B");
	const struct subscription *sub = c->stream->subs[LDS];

	/* FORMER: a version was accepted, and another one sent. */
	put_at("y", "2", "B");
	commit();
	EXPECT_REFUSE(c, "LDS +y=2");
	CHECK_EQ(subscription_lacking(sub), 0);
	put_at("x", "3", "B");
	put_at("y", "3", "A");
	commit();
	EXPECT(c, "LDS +x=3 -y");
	EXPECT_REFUSE(c, "LDS +y=3");
	CHECK_EQ(stream_rejected(c->stream), 1);
	CHECK_EQ(subscription_lacking(sub), 1);
	world_free();
}

TEST(a_client_that_comes_back_is_known_to_have_its_listeners_where_they_are)
{
	struct client *c;

	world_new();
	put_at("x", "1", "A");
	commit();
	c = client_new(true, 0);
	subscribe(c, LDS, "x=1");
	EXPECT_NOTHING(c);
	drop(LDS, "x");
	put_at("y", "1", "A");
	commit();
	EXPECT(c, "LDS +y=1 -x");
	world_free();
}

/* ---- clients that want to do harm ---- */

static size_t queued_memory(const struct client *c, unsigned kind)
{
	const struct subscription *s = c->stream->subs[kind];

	return s->puts.cap + s->removals.cap;
}

TEST(a_client_that_subscribes_and_unsubscribes_and_never_reads_costs_no_more_and_more)
{
	struct client *c;
	char name[32], text[64];
	size_t after = 0;

	world_new();
	for (unsigned i = 0; i < 100; i++) {
		(void)snprintf(name, sizeof(name), "s%u", i);
		put(SDS, name, "1");
	}
	commit();
	c = client_new(true, 0);
	c->hold = true;
	for (unsigned round = 0; round < 5000; round++) {
		(void)snprintf(text, sizeof(text), "+s%u +t%u", round % 100, round);
		subscribe(c, SDS, text);
		(void)snprintf(text, sizeof(text), "-s%u -t%u", round % 100, round);
		subscribe(c, SDS, text);
		if (round == 999)
			after = queued_memory(c, SDS);
	}
	CHECK(queued_memory(c, SDS) <= after);
	CHECK(after <= 512);
	/* Only its first response contains its names. */
	CHECK(stream_outstanding(c->stream) <= 200);
	/* It goes on as any other when it has read. */
	c->hold = false;
	while (c->sends)
		finish_sends(c);
	subscribe(c, SDS, "+s1");
	CHECK(c->first);
	world_free();
}

TEST(what_is_swept_out_of_a_queue_is_not_outstanding_any_more)
{
	struct client *c;
	char text[64];

	three_clusters();
	c = client_new(true, 0);
	c->hold = true;
	subscribe(c, EDS, "+eds/a");
	subscribe(c, CDS, "+*");
	subscribe(c, LDS, "");
	for (unsigned i = 0; i < 1000; i++) {
		(void)snprintf(text, sizeof(text), "+eds/b +x%u", i);
		subscribe(c, EDS, text);
		(void)snprintf(text, sizeof(text), "-eds/b -x%u", i);
		subscribe(c, EDS, text);
	}
	c->hold = false;
	finish_sends(c);
	for (struct said *s; (s = hear(c));) {
		answer(c, s, NULL);
		said_free(s);
	}
	CHECK_EQ(stream_outstanding(c->stream), 0);
	CHECK_EQ(c->stream->info.acked_source, source);
	world_free();
}

TEST(names_that_exist_nowhere_have_a_bound_for_all_streams_together)
{
	struct client *good, *bad;
	char name[4096], text[4200];
	int r = 0;

	three_clusters();
	good = client_new(true, 0);
	subscribe(good, EDS, "+eds/a");
	for (unsigned n = 0; n < 40 && r == 0; n++) {
		bad = client_new(true, 0);
		for (unsigned i = 0; i < 3000 && r == 0; i++) {
			memset(name, 'x', 3900);
			(void)snprintf(name + 3900, 64, "%u/%u", n, i);
			(void)snprintf(text, sizeof(text), "+%s", name);
			r = say_delta(bad, RDS, text, "", NULL);
			finish_sends(bad);
		}
	}
	CHECK_EQ(r, -E2BIG);
	CHECK(w.store->foreign_bytes < STREAM_FOREIGN_BYTES_MAX + (1u << 20));
	/* A client that asks for little gets it. */
	subscribe(good, RDS, "+not-there-yet");
	while (w.clients)
		client_free(w.clients);
	CHECK(w.store->foreign_bytes < 4096);
	world_free();
}

/* ---- very many names ---- */

#define MANY 80000u

static uint8_t *put_text(uint8_t *p, unsigned field, const void *text, size_t len)
{
	*p++ = (uint8_t)(field << 3 | 2);
	p = wire_put_varint(p, len);
	memcpy(p, text, len);
	return p + len;
}

/* A request with so many unknown names in one field; and the client's versions of them. */
static size_t many_names(uint8_t *data, bool delta, unsigned kind, unsigned field, bool held,
			 const char *nonce)
{
	const char *url = resource_kind(kind)->type_url;
	uint8_t *p = data, pair[64], *end;
	char name[32];

	/* Node.id = 1 */
	p = put_text(p, delta ? 1 : 2, "\x0a\x04test", 6);
	p = put_text(p, delta ? 2 : 4, url, strlen(url));
	if (nonce)
		p = put_text(p, delta ? 6 : 5, nonce, strlen(nonce));
	for (unsigned i = 0; i < MANY; i++) {
		size_t len = (size_t)snprintf(name, sizeof(name), "name/%u", i * 7919 % MANY);

		p = put_text(p, field, name, len);
		if (!held)
			continue;
		end = put_text(put_text(pair, 1, name, len), 2, "v", 1);
		p = put_text(p, 5, pair, (size_t)(end - pair));
	}
	return (size_t)(p - data);
}

/* Reads the message in so many pieces; between two of them another client gets its change. */
static unsigned take_in(struct client *c, struct client *other, const uint8_t *data, size_t n)
{
	int r = stream_begin(c->stream, data, n);
	unsigned pieces = 1;

	for (; r > 0; pieces++) {
		char said[16], version[8];

		(void)snprintf(version, sizeof(version), "v%u", pieces);
		put(SDS, "s", version);
		commit();
		(void)snprintf(said, sizeof(said), "SDS +s=%s", version);
		EXPECT(other, said);
		/* It is not answered half-way. */
		CHECK(!c->first);
		r = stream_continue(c->stream);
	}
	CHECK_EQ(r, 0);
	return pieces;
}

static size_t hear_all(struct client *c)
{
	size_t removed = 0;

	finish_sends(c);
	for (struct said *s; (s = hear(c));) {
		size_t n = 0;

		for (const char *p = s->text; (p = strchr(p, ' ')); p++)
			n++;
		CHECK(n <= 4096);
		removed += n;
		answer(c, s, NULL);
		said_free(s);
	}
	return removed;
}

static unsigned shed(struct client *c)
{
	unsigned pieces = 1;

	while (stream_shed(c->stream))
		pieces++;
	return pieces;
}

static void other_and_attacker(struct client **other, struct client **c, bool delta)
{
	three_clusters();
	put(SDS, "s", "1");
	commit();
	*other = client_new(true, 0);
	subscribe(*other, SDS, "+s");
	EXPECT(*other, "SDS +s=1");
	*c = client_new(delta, 0);
}

TEST(a_request_of_very_many_names_is_taken_in_answered_and_forgotten_by_pieces)
{
	_cleanup_free_ uint8_t *data = xcalloc(MANY, 64);
	struct client *other, *c;

	other_and_attacker(&other, &c, true);
	CHECK(take_in(c, other, data, many_names(data, true, EDS, 3, false, NULL)) >= MANY / 4096);
	CHECK_EQ(stream_names(c->stream), MANY);
	CHECK_EQ(hear_all(c), MANY);
	/* Unsubscribed, and asked for again. */
	CHECK(take_in(c, other, data, many_names(data, true, EDS, 4, false, NULL)) >= MANY / 4096);
	CHECK_EQ(stream_names(c->stream), 0);
	CHECK(take_in(c, other, data, many_names(data, true, EDS, 3, false, NULL)) >= MANY / 4096);
	CHECK_EQ(hear_all(c), MANY);
	CHECK(shed(c) >= MANY / 4096);
	world_free();
}

TEST(what_a_client_says_it_holds_is_taken_in_by_pieces)
{
	_cleanup_free_ uint8_t *data = xcalloc(MANY, 64);
	struct client *other, *c;

	other_and_attacker(&other, &c, true);
	CHECK(take_in(c, other, data, many_names(data, true, EDS, 3, true, NULL)) >=
	      3 * MANY / 4096);
	/* The client learns that all of it is gone, after it has had time to name the resources
	 * that use it. */
	now += STREAM_PATIENCE_USEC;
	stream_pump(c->stream);
	CHECK_EQ(hear_all(c), MANY);
	CHECK_EQ(stream_outstanding(c->stream), 0);
	world_free();
}

TEST(sotw_very_many_names_are_taken_in_by_pieces_and_dropped_so)
{
	_cleanup_free_ uint8_t *data = xcalloc(MANY, 64);
	struct client *other, *c;
	_cleanup_(said_freep) struct said *s = NULL;
	unsigned pieces;

	other_and_attacker(&other, &c, false);
	pieces = take_in(c, other, data, many_names(data, false, EDS, 3, false, NULL));
	/* The names, and all of them once more to see whether they are on the list. */
	CHECK(pieces >= 2 * MANY / 4096);
	CHECK_EQ(stream_names(c->stream), MANY);
	finish_sends(c);
	s = hear(c);
	CHECK(s);
	CHECK_EQ(say_sotw(c, EDS, "eds/a", s->nonce, s->version, NULL), 0);
	CHECK_EQ(stream_names(c->stream), 1);
	world_free();
}

TEST(a_stream_may_end_in_the_middle_of_a_request)
{
	_cleanup_free_ uint8_t *data = xcalloc(MANY, 64);
	struct client *other, *c;

	other_and_attacker(&other, &c, true);
	CHECK_EQ(stream_begin(c->stream, data, many_names(data, true, EDS, 3, true, NULL)), 1);
	CHECK_EQ(stream_continue(c->stream), 1);
	client_free(c);
	world_free();
}

TEST(a_node_with_millions_of_fields_ends_the_stream)
{
	size_t fields = REQUEST_FIELDS_MAX + 10, n = 2 * fields;
	_cleanup_free_ uint8_t *data = xcalloc(1, n + 16), *metadata = xcalloc(1, n);
	struct client *c;

	three_clusters();
	c = client_new(true, 0);
	for (size_t i = 0; i < n; i += 2)
		metadata[i] = 3 << 3; /* Node.metadata, as a number */
	CHECK_EQ(stream_request(c->stream, data, (size_t)(put_text(data, 1, metadata, n) - data)),
		 -E2BIG);
	world_free();
}

/* ---- scopes ---- */

#define SRDS RESOURCE_SCOPED_ROUTE

TEST(the_last_scopes_stay_with_a_client_until_there_are_others)
{
	struct client *c;

	three_clusters();
	put(SRDS, "a", "1");
	put(SRDS, "b", "1");
	commit();
	c = client_new(true, 0);
	subscribe(c, SRDS, "");
	EXPECT(c, "SRDS +a=1 +b=1");
	drop(SRDS, "a");
	commit();
	EXPECT(c, "SRDS -a");
	/* A listener that used them may be draining; no answer is owed. */
	drop(SRDS, "b");
	commit();
	EXPECT_NOTHING(c);
	CHECK_EQ(stream_outstanding(c->stream), 0);
	CHECK_EQ(c->stream->info.acked_source, source);
	put(SRDS, "c", "1");
	commit();
	EXPECT(c, "SRDS +c=1");
	EXPECT(c, "SRDS -b");
	world_free();
}

TEST(a_secret_that_goes_waits_until_a_new_listener_has_its_own)
{
	_cleanup_(said_freep) struct said *listener = NULL, *secret = NULL;
	struct client *c;

	three_clusters();
	put(SDS, "old", "1");
	commit();
	c = client_new(true, 0);
	subscribe(c, LDS, "");
	EXPECT(c, "LDS +l=1");
	subscribe(c, SDS, "+old");
	EXPECT(c, "SDS +old=1");
	subscribe(c, RDS, "");
	put(LDS, "l", "2");
	put(SDS, "new", "1");
	drop(SDS, "old");
	commit();
	listener = HEAR(c, "LDS +l=2");
	subscribe(c, SDS, "+new");
	answer(c, listener, NULL);
	secret = HEAR(c, "SDS +new=1");
	EXPECT_NOTHING(c);
	answer(c, secret, NULL);
	EXPECT(c, "SDS -old");
	world_free();
}
