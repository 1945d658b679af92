/* xds-server/resource-store.c: resources put together from items and parts, and their encodings. */
#include "common/base/alloc.h"
#include "proto/xds.pb-c.h"
#include "tests/lib/test.h"
#include "xds-server/resource-store.h"

typedef Envoy__Service__Discovery__V3__DeltaDiscoveryResponse delta_response;
typedef Envoy__Service__Discovery__V3__DiscoveryResponse sotw_response;

static struct {
	struct state *state;
	struct resource_store *store;
	unsigned commits, keeps;
	char changed[256]; /* names in the last commit */
} w;

static void on_commit(void *ctx)
{
	(void)ctx;
	w.commits++;
	w.changed[0] = '\0';
	for (size_t i = 0; i < w.store->n_changed; i++) {
		size_t n = strlen(w.changed);

		(void)snprintf(w.changed + n, sizeof(w.changed) - n, "%s%s;",
			       w.store->changed[i]->item ? "" : "-", w.store->changed[i]->name);
	}
}

static void on_keeps(void *ctx)
{
	(void)ctx;
	w.keeps++;
}

static const struct resource_store_ops ops = { on_commit, on_keeps };

static void begin(void)
{
	memset(&w, 0, sizeof(w));
	w.state = state_new();
	w.store = resource_store_new(w.state, &ops, NULL);
}

static void end(void)
{
	resource_store_free(w.store);
	state_free(w.state);
}

static void put(unsigned kind, const char *key, size_t key_len, const char *version,
		const char *value)
{
	state_put(w.state,
		  item_new(kind, key, key_len, version, strlen(version), value, strlen(value)));
}

static void put_resource(const char *name, const char *version, const char *value)
{
	put(RESOURCE_ROUTE, name, strlen(name), version, value);
}

static size_t part_key(char key[64], const char *name, const char *part)
{
	return (size_t)snprintf(key, 64, "%s%c%s", name, '\0', part);
}

static void put_part(const char *name, const char *part, const char *value)
{
	char key[64];

	put(RESOURCE_PART + RESOURCE_ROUTE, key, part_key(key, name, part), "", value);
}

static void drop_part(const char *name, const char *part)
{
	char key[64];

	CHECK(state_remove(w.state, RESOURCE_PART + RESOURCE_ROUTE, key,
			   part_key(key, name, part)));
}

static struct resource *find(const char *name)
{
	return resource_store_find(w.store, RESOURCE_ROUTE, name, strlen(name));
}

/* One buffer of a list of them. */
static struct buffer *joined(const struct encoding *e)
{
	struct buffer *all = buffer_new(e->len);
	size_t at = 0;

	for (size_t i = 0; i < e->n; i++) {
		memcpy(all->data + at, e->b[i]->data, e->b[i]->len);
		at += e->b[i]->len;
	}
	CHECK_EQ(at, e->len);
	return all;
}

/* The value as a client of each protocol reads it. */
static void check_value(const char *name, const char *version, const char *value)
{
	struct resource *r = find(name);
	_cleanup_(buffer_unrefp) struct buffer *b = joined(resource_store_encoded(w.store, r)),
					       *again = buffer_new(b->len);
	const Envoy__Service__Discovery__V3__Any *any;
	delta_response *delta;
	sotw_response *sotw;
	size_t any_size;

	CHECK_EQ(resource_encoded_size(r, &any_size), b->len);
	CHECK(resource_encode(r, again->data) == again->data + again->len);
	CHECK(memcmp(again->data, b->data, b->len) == 0);
	delta = envoy__service__discovery__v3__delta_discovery_response__unpack(NULL, b->len,
										b->data);
	CHECK(delta && delta->n_resources == 1);
	CHECK_STR(delta->resources[0]->name, name);
	CHECK_STR(delta->resources[0]->version, version);
	any = delta->resources[0]->resource;
	CHECK_STR(any->type_url, resource_kind(RESOURCE_ROUTE)->type_url);
	CHECK_EQ(any->value.len, strlen(value));
	CHECK(memcmp(any->value.data, value, any->value.len) == 0);
	envoy__service__discovery__v3__delta_discovery_response__free_unpacked(delta, NULL);

	sotw = envoy__service__discovery__v3__discovery_response__unpack(
		NULL, any_size, b->data + b->len - any_size);
	CHECK(sotw && sotw->n_resources == 1);
	CHECK_STR(sotw->resources[0]->type_url, resource_kind(RESOURCE_ROUTE)->type_url);
	CHECK_EQ(sotw->resources[0]->value.len, strlen(value));
	CHECK(memcmp(sotw->resources[0]->value.data, value, strlen(value)) == 0);
	envoy__service__discovery__v3__discovery_response__free_unpacked(sotw, NULL);
}

TEST(a_resource_is_its_item_and_its_parts_in_the_order_of_their_keys)
{
	begin();
	put_part("r", "b", "<b>");
	put_part("r", "ab", "<ab>");
	put_part("r", "a", "<a>");
	put_part("r", "\xff", "<ff>");
	put_resource("r", "1", "head");
	put_part("r", "", "<>");
	state_commit(w.state, 1);
	CHECK_STR(w.changed, "r;");
	check_value("r", "1", "head<><a><ab><b><ff>");
	put_part("r", "ab", "<AB, longer>");
	put_resource("r", "2", "head");
	state_commit(w.state, 2);
	check_value("r", "2", "head<><a><AB, longer><b><ff>");
	drop_part("r", "a");
	drop_part("r", "\xff");
	put_part("r", "aa", "<aa>");
	put_resource("r", "3", "");
	state_commit(w.state, 3);
	check_value("r", "3", "<><aa><AB, longer><b>");
	end();
}

TEST(parts_without_their_resource_are_not_served)
{
	size_t n;

	begin();
	put_part("r", "a", "<a>");
	put_resource("other", "1", "x");
	state_commit(w.state, 1);
	(void)resource_store_sorted(w.store, RESOURCE_ROUTE, &n);
	CHECK_EQ(n, 1);
	CHECK(find("r") && !find("r")->item);
	put_resource("r", "1", "");
	state_commit(w.state, 2);
	check_value("r", "1", "<a>");
	CHECK(state_remove(w.state, RESOURCE_ROUTE, "r", 1));
	state_commit(w.state, 3);
	CHECK_STR(w.changed, "-r;");
	CHECK(find("r") && !find("r")->item);
	drop_part("r", "a");
	state_commit(w.state, 4);
	while (resource_store_trim(w.store))
		;
	/* No reference is left. */
	CHECK(!find("r"));
	end();
}

TEST(thousands_of_parts_in_any_order_end_up_sorted)
{
	char key[16], value[16], *expected = xcalloc(1, 5000 * 8);
	size_t n = 0;

	begin();
	put_resource("r", "1", "");
	for (unsigned i = 0; i < 5000; i++) {
		(void)snprintf(key, sizeof(key), "%04u", i * 2857 % 5000);
		put_part("r", key, key);
	}
	state_commit(w.state, 1);
	/* And some more, now that they are sorted. */
	for (unsigned i = 0; i < 5000; i += 7) {
		(void)snprintf(key, sizeof(key), "%04u", i);
		(void)snprintf(value, sizeof(value), "%04u!", i);
		put_part("r", key, value);
	}
	put_resource("r", "2", "");
	state_commit(w.state, 2);
	for (unsigned i = 0; i < 5000; i++)
		n += (size_t)sprintf(expected + n, i % 7 ? "%04u" : "%04u!", i);
	check_value("r", "2", expected);
	free(expected);
	end();
}

TEST(a_name_keeps_its_number_while_somebody_refers_to_it)
{
	struct resource *r;
	uint32_t id;

	begin();
	r = resource_store_intern(w.store, RESOURCE_ROUTE, "r", 1);
	id = r->id;
	CHECK(!r->item);
	put_resource("r", "1", "x");
	state_commit(w.state, 1);
	CHECK(find("r") == r && r->item && r->version);
	CHECK(state_remove(w.state, RESOURCE_ROUTE, "r", 1));
	state_commit(w.state, 2);
	CHECK(find("r") == r && !r->item && !r->version);
	CHECK_EQ(r->turn, 2);
	CHECK(resource_store_by_id(w.store, RESOURCE_ROUTE, id) == r);
	resource_store_unref(w.store, r);
	CHECK(!find("r"));
	CHECK(!resource_store_by_id(w.store, RESOURCE_ROUTE, id));
	/* The number is used again. */
	r = resource_store_intern(w.store, RESOURCE_ROUTE, "s", 1);
	CHECK_EQ(r->id, id);
	resource_store_unref(w.store, r);
	end();
}

TEST(an_encoding_is_made_once_shared_and_dropped_when_nobody_uses_it)
{
	struct encoding *e, *held;
	size_t before;

	begin();
	before = buffer_total();
	put_resource("r", "1", "value");
	state_commit(w.state, 1);
	e = resource_store_encoded(w.store, find("r"));
	CHECK_EQ(w.keeps, 1);
	CHECK(resource_store_encoded(w.store, find("r")) == e);
	CHECK_EQ(w.keeps, 1);
	CHECK_EQ(buffer_total() - before, e->len);
	held = encoding_ref(e);
	CHECK(resource_store_trim(w.store));
	CHECK(!resource_store_trim(w.store));
	CHECK_EQ(w.store->encoded_bytes, 0);
	/* The sender still has it. */
	CHECK_EQ(buffer_total() - before, held->len);
	CHECK(resource_store_encoded(w.store, find("r")) != held);
	CHECK_EQ(w.keeps, 2);
	put_resource("r", "2", "another value");
	state_commit(w.state, 2);
	check_value("r", "2", "another value");
	end();
	CHECK_EQ(buffer_total() - before, held->len);
	encoding_unref(held);
	CHECK_EQ(buffer_total(), before);
}

/* The buffers of both that are not the same. */
static size_t count_new(const struct encoding *before, const struct encoding *after)
{
	size_t n = 0;

	for (size_t i = 0; i < after->n; i++) {
		size_t k = 0;

		while (k < before->n && before->b[k] != after->b[i])
			k++;
		n += k == before->n;
	}
	return n;
}

TEST(a_changed_part_leaves_the_bytes_of_all_others_as_they_are)
{
	enum { PARTS = 2000, SIZE = 200 };
	char key[16], value[SIZE + 1], *expected = xcalloc(1, (PARTS + 1) * SIZE + 1);
	struct encoding *before;
	size_t total = buffer_total();

	begin();
	memset(value, 'x', SIZE);
	value[SIZE] = '\0';
	for (unsigned i = 0; i < PARTS; i++) {
		(void)snprintf(key, sizeof(key), "%04u", i * 997 % PARTS);
		put_part("r", key, value);
		memcpy(expected + (size_t)i * SIZE, value, SIZE);
	}
	put_resource("r", "1", "");
	state_commit(w.state, 1);
	check_value("r", "1", expected);
	before = encoding_ref(resource_store_encoded(w.store, find("r")));
	CHECK(before->n > 10);

	/* Another, a new one, and no value. */
	value[0] = 'y';
	put_part("r", "1000", value);
	put_resource("r", "2", "");
	state_commit(w.state, 2);
	expected[1000 * SIZE] = 'y';
	check_value("r", "2", expected);
	CHECK_EQ(count_new(before, resource_store_encoded(w.store, find("r"))), 2);
	put_part("r", "9999", value);
	put_resource("r", "3", "");
	state_commit(w.state, 3);
	memcpy(expected + PARTS * SIZE, value, SIZE);
	check_value("r", "3", expected);
	CHECK_EQ(count_new(before, resource_store_encoded(w.store, find("r"))), 3);
	drop_part("r", "9999");
	put_resource("r", "4", "");
	state_commit(w.state, 4);
	expected[PARTS * SIZE] = '\0';
	check_value("r", "4", expected);
	CHECK_EQ(w.store->encoded_bytes, resource_store_encoded(w.store, find("r"))->len);
	encoding_unref(before);
	end();
	CHECK_EQ(buffer_total(), total);
	free(expected);
}

/* Runs are split and removed, whatever parts come and go. */
TEST(any_changes_of_parts_give_what_the_parts_are)
{
	enum { PARTS = 300, STEPS = 4000 };
	static char big[PARTS][1001];
	char key[16], *expected = xcalloc(1, PARTS * 1000 + 8);
	unsigned seed = 12345;

	begin();
	memset(big, 0, sizeof(big));
	put_part("r", "~", "end");
	for (unsigned step = 1; step <= STEPS; step++) {
		unsigned i, len;

		seed = seed * 1103515245 + 12345;
		i = seed >> 8 & 0xffff;
		i %= PARTS;
		len = seed >> 24 & 3 ? 1 + (seed >> 10) % 1000 : 0;
		(void)snprintf(key, sizeof(key), "%03u", i);
		if (!len && big[i][0])
			drop_part("r", key);
		memset(big[i], 0, sizeof(big[i]));
		memset(big[i], 'a' + (int)(step % 26), len);
		if (len)
			put_part("r", key, big[i]);
		if (step % 40)
			continue;
		(void)snprintf(key, sizeof(key), "%u", step);
		put_resource("r", key, "");
		state_commit(w.state, step);
		memset(expected, 0, PARTS * 1000 + 8);
		for (unsigned k = 0, n = 0; k < PARTS; k++)
			for (const char *c = big[k]; *c; c++)
				expected[n++] = *c;
		strcat(expected, "end");
		check_value("r", key, expected);
	}
	free(expected);
	end();
}

static const char *endpoints_of(const char *name, const char *value)
{
	const struct resource *r;

	put(RESOURCE_CLUSTER, name, strlen(name), value, value);
	state_commit(w.state, w.commits + 1);
	r = resource_store_find(w.store, RESOURCE_CLUSTER, name, strlen(name));
	return r->endpoints ? r->endpoints->name : "none";
}

TEST(a_cluster_knows_under_which_name_it_asks_for_its_endpoints)
{
	begin();
	CHECK_STR(endpoints_of("c", "\x0a\x01"
				    "c"),
		  "none");
	CHECK_STR(endpoints_of("c", "\x0a\x01"
				    "c\x1a\x03\x12\x01"
				    "e"),
		  "e");
	/* Without a service name the cluster's name counts. */
	CHECK_STR(endpoints_of("c", "\x1a\x02\x0a\x7f\x0a\x01"
				    "c"),
		  "c");
	CHECK_STR(endpoints_of("c", "\x1a\x7f"
				    "torn"),
		  "none");
	CHECK(state_remove(w.state, RESOURCE_CLUSTER, "c", 1));
	state_commit(w.state, 100);
	CHECK(!resource_store_find(w.store, RESOURCE_CLUSTER, "c", 1));
	CHECK(!resource_store_find(w.store, RESOURCE_ENDPOINT, "c", 1));
	end();
}

TEST(what_a_state_holds_already_is_taken_over)
{
	begin();
	resource_store_free(w.store);
	put_resource("r", "1", "x");
	put_part("r", "p", "y");
	state_commit(w.state, 7);
	w.store = resource_store_new(w.state, &ops, NULL);
	CHECK(!resource_store_complete(w.store));
	resource_store_begin(w.store);
	CHECK(resource_store_complete(w.store));
	CHECK_STR(w.changed, "r;");
	check_value("r", "1", "xy");
	end();
}

TEST(the_source_and_the_time_of_a_turn_are_remembered_for_a_while)
{
	begin();
	CHECK_EQ(resource_store_source_before(w.store, 1), 0);
	for (uint64_t i = 1; i <= RESOURCE_TURNS + 10; i++)
		state_commit(w.state, i * 10);
	CHECK_EQ(resource_store_source_before(w.store, RESOURCE_TURNS + 10),
		 (RESOURCE_TURNS + 9) * 10);
	CHECK_EQ(resource_store_source_before(w.store, RESOURCE_TURNS + 11),
		 (RESOURCE_TURNS + 10) * 10);
	CHECK_EQ(resource_store_source_before(w.store, 12), 110);
	CHECK_EQ(resource_store_source_before(w.store, 11), 0);
	CHECK(resource_store_time_of(w.store, RESOURCE_TURNS + 10) > 0);
	CHECK_EQ(resource_store_time_of(w.store, 10), 0);
	CHECK_EQ(resource_store_time_of(w.store, RESOURCE_TURNS + 11), 0);
	end();
}

TEST(a_long_run_is_encoded_once_for_all_who_are_sent_it)
{
	static char value[9000];
	struct resource *run[2];
	struct buffer *first, *second, *other, *later;
	size_t bytes = 0;

	begin();
	memset(value, 'x', sizeof(value) - 1);
	put_resource("a", "1", value);
	put_resource("b", "1", value);
	state_commit(w.state, 1);
	run[0] = resource_store_find(w.store, RESOURCE_ROUTE, "a", 1);
	run[1] = resource_store_find(w.store, RESOURCE_ROUTE, "b", 1);
	for (size_t i = 0; i < 2; i++)
		bytes += resource_encoded_size(run[i], NULL);
	first = resource_store_run(w.store, run, 2, true, bytes);
	second = resource_store_run(w.store, run, 2, true, bytes);
	other = resource_store_run(w.store, run, 1, true, resource_encoded_size(run[0], NULL));
	CHECK(first == second && first != other);
	CHECK(memcmp(first->data, other->data, other->len) == 0);
	CHECK_EQ(w.keeps, 1);
	/* Used, and then not. */
	CHECK(resource_store_trim(w.store));
	CHECK(!resource_store_trim(w.store));
	put_resource("b", "2", value);
	state_commit(w.state, 2);
	later = resource_store_run(w.store, run, 2, true, bytes);
	CHECK(later != first && memcmp(later->data, first->data, bytes) != 0);
	buffer_unref(first);
	buffer_unref(second);
	buffer_unref(other);
	buffer_unref(later);
	end();
	CHECK_EQ(buffer_total(), 0);
}
