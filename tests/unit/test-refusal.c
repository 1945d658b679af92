/* xds-server/refusal.c: many refusals of many clients. */
#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/strbuf.h"
#include "proto/ipc.pb-c.h"
#include "tests/lib/test.h"
#include "xds-server/refusal.h"

#define REFUSED 1000u
#define CLIENTS 400u

static void on_updated(void *ctx)
{
	(void)ctx;
}

static const struct stream_ops stream_ops = { .updated = on_updated };
static const struct resource_store_ops store_ops = { 0 };
static struct client clients[CLIENTS];
static struct client *first;
static struct stream_stats stats;

static void connect_all(struct resource_store *store)
{
	struct stream_config config = {
		.store = store,
		.stats = &stats,
		.ops = &stream_ops,
		.delta = true,
		.clock = clock_monotonic,
	};

	first = NULL;
	for (unsigned i = 0; i < CLIENTS; i++) {
		clients[i] = (struct client){ .next = first, .stream = stream_new(&config) };
		(void)snprintf(clients[i].stream->info.node_id, STREAM_TEXT_MAX, "node-%u", i);
		first = &clients[i];
	}
}

static struct item *cluster(unsigned i)
{
	char name[32];
	size_t n = (size_t)snprintf(name, sizeof(name), "cluster-%u", i);

	return item_new(RESOURCE_CLUSTER, name, n, "1", 1, "", 0);
}

static size_t rejects(struct state *reports)
{
	struct item *i;
	size_t pos = 0, n = 0;

	while ((i = state_next(reports, &pos)))
		n += i->kind == REPORT_REJECT;
	return n;
}

TEST(refusals_are_counted_by_parts_and_all_of_them)
{
	struct state *state = state_new(), *reports = state_new();
	struct resource_store *store = resource_store_new(state, &store_ops, NULL);
	struct refusals *f;
	unsigned calls = 1;

	for (unsigned i = 0; i < REFUSED; i++)
		state_put(state, cluster(i));
	state_commit(state, 1);
	connect_all(store);
	f = refusals_new(store, reports, &first);
	for (unsigned i = 0; i < REFUSED; i++) {
		struct item *item = cluster(i);

		refusals_add(f, &clients[i % CLIENTS], item, "no");
		item_unref(item);
	}
	CHECK(!refusals_counting(f));
	for (; refusals_count(f); calls++)
		CHECK(refusals_counting(f));
	CHECK(!refusals_counting(f));
	/* Not more than 20,000 clients are asked in a call. */
	CHECK(calls >= REFUSED * CLIENTS / 21000);
	CHECK_EQ(rejects(reports), REFUSED);
	refusals_free(f);
	for (unsigned i = 0; i < CLIENTS; i++)
		stream_free(clients[i].stream);
	resource_store_free(store);
	state_free(reports);
	state_free(state);
}

/* The names in the report on a cluster that so many clients refuse, in either order. */
static char *named(unsigned n, bool backwards)
{
	struct state *state = state_new(), *reports = state_new();
	struct resource_store *store = resource_store_new(state, &store_ops, NULL);
	_cleanup_strbuf_ struct strbuf names = STRBUF_INIT;
	Portolan__Ipc__RejectReport *report = NULL;
	struct item *item = cluster(0);
	struct refusals *f;
	struct item *i;
	size_t pos = 0;

	state_put(state, item_ref(item));
	state_commit(state, 1);
	connect_all(store);
	f = refusals_new(store, reports, &first);
	for (unsigned k = 0; k < n; k++)
		refusals_add(f, &clients[backwards ? n - 1 - k : k], item, "no");
	while (refusals_count(f))
		CHECK(refusals_counting(f));
	while ((i = state_next(reports, &pos)))
		if (i->kind == REPORT_REJECT)
			report = portolan__ipc__reject_report__unpack(NULL, i->value_len,
								      item_value(i));
	CHECK(report);
	CHECK_STR(report->node_id, report->node_ids[0]);
	for (size_t k = 0; k < report->n_node_ids; k++)
		strbuf_printf(&names, "%s ", report->node_ids[k]);
	portolan__ipc__reject_report__free_unpacked(report, NULL);
	item_unref(item);
	refusals_free(f);
	for (unsigned k = 0; k < CLIENTS; k++)
		stream_free(clients[k].stream);
	resource_store_free(store);
	state_free(reports);
	state_free(state);
	return strbuf_take(&names);
}

TEST(of_many_that_refuse_the_same_are_named_in_any_order)
{
	_cleanup_free_ char *forwards = named(12, false), *backwards = named(12, true);

	CHECK_STR(forwards, "node-0 node-1 node-10 node-11 node-2 node-3 node-4 node-5 ");
	CHECK_STR(backwards, forwards);
}
