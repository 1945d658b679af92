/* translator/: the graph and the units of translation, without processes */
#include <stdint.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/configuration/configuration.h"
#include "common/decode/object-kind.h"
#include "common/link/resource-kind.h"
#include "k8s/contour-configuration.pb-c.h"
#include "k8s/core.pb-c.h"
#include "k8s/discovery.pb-c.h"
#include "k8s/networking.pb-c.h"
#include "proto/ipc.pb-c.h"
#include "tests/lib/test.h"
#include "translator/kinds.h"
#include "translator/translator.h"

#define NEW(a, type, init) ((type *)arena_memdup((a), &(type)init, sizeof(type)))
/* A list of one message, as protobuf-c wants it. */
#define ONE(a, m) ((void *)arena_memdup((a), &(__typeof__(m)[1]){ (m) }, sizeof(void *)))

static const struct settings_options options;
static struct arena *arena;
static uint64_t world;

static K8s__ObjectMeta *meta(const char *name)
{
	K8s__ObjectMeta *m = NEW(arena, K8s__ObjectMeta, K8S__OBJECT_META__INIT);

	m->name = arena_strdup(arena, name);
	m->namespace_ = (char *)"ns";
	return m;
}

static void put(struct translator *t, enum object_kind kind, const char *name,
		const ProtobufCMessage *m)
{
	size_t len = protobuf_c_message_get_packed_size(m);
	uint8_t *packed = arena_alloc(arena, len);
	const char *key = arena_printf(arena, "ns/%s", name);

	protobuf_c_message_pack(m, packed);
	state_put(t->objects, item_new(kind, key, strlen(key), "file:1", 6, packed, len));
}

static void drop_key(struct translator *t, enum object_kind kind, const char *key)
{
	state_remove(t->objects, kind, key, strlen(key));
}

static void drop(struct translator *t, enum object_kind kind, const char *name)
{
	drop_key(t, kind, arena_printf(arena, "ns/%s", name));
}

static void commit(struct translator *t)
{
	state_commit(t->objects, ++world);
}

struct rule {
	const char *host, *path, *type, *service;
	int port;
};

static void put_ingress(struct translator *t, const char *name, const struct rule *rules, size_t n,
			const char *secret, int64_t created)
{
	K8s__Ingress *i = NEW(arena, K8s__Ingress, K8S__INGRESS__INIT);
	K8s__IngressTLS *tls = NEW(arena, K8s__IngressTLS, K8S__INGRESS_TLS__INIT);

	i->metadata = meta(name);
	if (created) {
		i->metadata->creation_timestamp = NEW(arena, K8s__Time, K8S__TIME__INIT);
		i->metadata->creation_timestamp->has_seconds = 1;
		i->metadata->creation_timestamp->seconds = created;
	}
	i->spec = NEW(arena, K8s__IngressSpec, K8S__INGRESS_SPEC__INIT);
	i->spec->rules = arena_new_of(arena, K8s__IngressRule *, n + 1);
	for (size_t k = 0; k < n; k++) {
		K8s__IngressRule *rule = NEW(arena, K8s__IngressRule, K8S__INGRESS_RULE__INIT);
		K8s__HTTPIngressRuleValue *http =
			NEW(arena, K8s__HTTPIngressRuleValue, K8S__HTTPINGRESS_RULE_VALUE__INIT);
		K8s__HTTPIngressPath *path =
			NEW(arena, K8s__HTTPIngressPath, K8S__HTTPINGRESS_PATH__INIT);

		path->path = (char *)rules[k].path;
		path->path_type = (char *)rules[k].type;
		path->backend = NEW(arena, K8s__IngressBackend, K8S__INGRESS_BACKEND__INIT);
		path->backend->service =
			NEW(arena, K8s__IngressServiceBackend, K8S__INGRESS_SERVICE_BACKEND__INIT);
		path->backend->service->name = (char *)rules[k].service;
		path->backend->service->port =
			NEW(arena, K8s__ServiceBackendPort, K8S__SERVICE_BACKEND_PORT__INIT);
		path->backend->service->port->has_number = 1;
		path->backend->service->port->number = rules[k].port;
		http->n_paths = 1;
		http->paths = ONE(arena, path);
		rule->host = (char *)rules[k].host;
		rule->ingress_rule_value =
			NEW(arena, K8s__IngressRuleValue, K8S__INGRESS_RULE_VALUE__INIT);
		rule->ingress_rule_value->http = http;
		i->spec->rules[i->spec->n_rules++] = rule;
	}
	if (secret) {
		tls->secret_name = (char *)secret;
		i->spec->n_tls = 1;
		i->spec->tls = ONE(arena, tls);
	}
	put(t, OBJECT_INGRESS, name, &i->base);
}

static void put_service(struct translator *t, const char *name, int port, const char *port_name)
{
	K8s__Service *s = NEW(arena, K8s__Service, K8S__SERVICE__INIT);
	K8s__ServicePort *p = NEW(arena, K8s__ServicePort, K8S__SERVICE_PORT__INIT);

	p->has_port = 1;
	p->port = port;
	p->name = (char *)port_name;
	s->metadata = meta(name);
	s->spec = NEW(arena, K8s__ServiceSpec, K8S__SERVICE_SPEC__INIT);
	s->spec->n_ports = 1;
	s->spec->ports = ONE(arena, p);
	put(t, OBJECT_SERVICE, name, &s->base);
}

static void put_slice(struct translator *t, const char *name, const char *service,
		      const char *address, int port, const char *port_name)
{
	K8s__EndpointSlice *s = NEW(arena, K8s__EndpointSlice, K8S__ENDPOINT_SLICE__INIT);
	K8s__EndpointPort *p = NEW(arena, K8s__EndpointPort, K8S__ENDPOINT_PORT__INIT);
	K8s__Endpoint *e = NEW(arena, K8s__Endpoint, K8S__ENDPOINT__INIT);
	K8s__ObjectMeta__LabelsEntry *label =
		NEW(arena, K8s__ObjectMeta__LabelsEntry, K8S__OBJECT_META__LABELS_ENTRY__INIT);

	label->key = (char *)"kubernetes.io/service-name";
	label->value = (char *)service;
	s->metadata = meta(name);
	s->metadata->n_labels = 1;
	s->metadata->labels = ONE(arena, label);
	s->address_type = (char *)"IPv4";
	p->has_port = 1;
	p->port = port;
	p->name = (char *)port_name;
	s->n_ports = 1;
	s->ports = ONE(arena, p);
	e->n_addresses = 1;
	e->addresses = ONE(arena, arena_strdup(arena, address));
	s->n_endpoints = 1;
	s->endpoints = ONE(arena, e);
	put(t, OBJECT_ENDPOINT_SLICE, name, &s->base);
}

static struct translator *start(void)
{
	struct translator *t;

	if (!arena)
		arena = arena_new(65536);
	CHECK(translator_new(&options, &t) == 0);
	return t;
}

static bool has(struct translator *t, uint32_t kind, const char *name)
{
	return state_get(t->resources, kind, name, strlen(name)) != NULL;
}

static int verdict(struct translator *t, enum object_kind kind, const char *key,
		   const char **ret_reason)
{
	struct item *i = state_get(t->statuses, kind, key, strlen(key));
	Portolan__Ipc__ObjectStatus *s;

	CHECK(i != NULL);
	s = portolan__ipc__object_status__unpack(arena_pb(arena), i->value_len, item_value(i));
	CHECK(s != NULL);
	if (ret_reason)
		*ret_reason = s->n_problems ? s->problems[0]->reason : "";
	return (int)s->verdict;
}

TEST(only_the_units_that_read_what_changed_run_again)
{
	_cleanup_(translator_freep) struct translator *t = start();
	struct rule rule = { "a.example.com", "/", "Prefix", "s", 80 };
	uint64_t before;

	for (int i = 0; i < 100; i++) {
		const char *name = arena_printf(arena, "s%d", i);
		struct rule own = { arena_printf(arena, "h%d.example.com", i), "/", "Prefix", name,
				    80 };

		put_ingress(t, name, &own, 1, NULL, 0);
		put_service(t, name, 80, "http");
		put_slice(t, name, name, "10.0.0.1", 8080, "http");
	}
	commit(t);
	before = graph_counters(t->graph)->units_run;

	put_slice(t, "s7", "s7", "10.0.0.2", 8080, "http");
	commit(t);
	CHECK_EQ(graph_counters(t->graph)->units_run - before, 1);

	put_slice(t, "s7", "s7", "10.0.0.2", 8080, "http");
	commit(t);
	CHECK_EQ(graph_counters(t->graph)->units_run - before, 1);

	/* ingress, cluster, endpoints, host, virtual host, the table */
	put_ingress(t, "new", &rule, 1, NULL, 0);
	put_service(t, "s", 80, "http");
	commit(t);
	CHECK_EQ(graph_counters(t->graph)->last_wave_units, 6);
	CHECK_EQ(state_count_kind(t->resources, RESOURCE_CLUSTER), 101);
}

TEST(a_service_of_which_the_named_port_moves_and_loses_its_name_is_followed_exactly)
{
	_cleanup_(translator_freep) struct translator *t = start();
	struct rule rules[] = { { "a.example.com", "/", "Prefix", "s", 80 },
				{ "a.example.com", "/2", "Prefix", "s", 9090 } };
	const char *reason;

	put_ingress(t, "i", rules, 2, NULL, 0);
	put_service(t, "s", 80, "foo");
	put_slice(t, "s1", "s", "10.0.0.1", 8080, "foo");
	commit(t);
	CHECK(has(t, RESOURCE_ENDPOINT, "ns/s/foo"));
	CHECK_EQ(verdict(t, OBJECT_INGRESS, "ns/i", &reason),
		 PORTOLAN__IPC__VERDICT__VERDICT_PARTIAL);
	CHECK_STR(reason, "ServicePortMissing");

	put_service(t, "s", 9090, "");
	put_slice(t, "s1", "s", "10.0.0.1", 8081, "");
	commit(t);
	CHECK(!has(t, RESOURCE_ENDPOINT, "ns/s/foo"));
	CHECK(has(t, RESOURCE_ENDPOINT, "ns/s"));
	CHECK_EQ(state_count_kind(t->resources, RESOURCE_CLUSTER), 1);

	drop(t, OBJECT_SERVICE, "s");
	commit(t);
	CHECK_EQ(state_count_kind(t->resources, RESOURCE_CLUSTER), 0);
	CHECK_EQ(state_count_kind(t->resources, RESOURCE_ENDPOINT), 0);
	CHECK_EQ(verdict(t, OBJECT_INGRESS, "ns/i", &reason),
		 PORTOLAN__IPC__VERDICT__VERDICT_REJECTED);
	CHECK_STR(reason, "ServiceMissing");
}

TEST(of_two_ingresses_with_the_same_path_the_older_serves_and_the_other_is_told)
{
	_cleanup_(translator_freep) struct translator *t = start();
	struct rule first = { "a.example.com", "/", "Prefix", "s", 80 };
	const char *reason;

	put_service(t, "s", 80, "http");
	put_ingress(t, "a", &first, 1, NULL, 200);
	put_ingress(t, "b", &first, 1, NULL, 100);
	commit(t);
	CHECK_EQ(verdict(t, OBJECT_INGRESS, "ns/b", NULL),
		 PORTOLAN__IPC__VERDICT__VERDICT_ACCEPTED);
	CHECK_EQ(verdict(t, OBJECT_INGRESS, "ns/a", &reason),
		 PORTOLAN__IPC__VERDICT__VERDICT_PARTIAL);
	CHECK_STR(reason, "PathConflict");
	drop(t, OBJECT_INGRESS, "b");
	commit(t);
	CHECK_EQ(verdict(t, OBJECT_INGRESS, "ns/a", NULL),
		 PORTOLAN__IPC__VERDICT__VERDICT_ACCEPTED);
}

TEST(hosts_with_equal_routes_share_a_virtual_host)
{
	_cleanup_(translator_freep) struct translator *t = start();
	struct rule rules[] = { { "a.example.com", "/", "Prefix", "s", 80 },
				{ "b.example.com", "/", "Prefix", "s", 80 },
				{ "c.example.com", "/other", "Prefix", "s", 80 } };

	put_service(t, "s", 80, "http");
	put_ingress(t, "i", rules, 3, NULL, 0);
	commit(t);
	CHECK_EQ(state_count_kind(t->resources, RESOURCE_PART + RESOURCE_ROUTE), 2);
	put_ingress(t, "i", rules + 1, 2, NULL, 0);
	commit(t);
	CHECK_EQ(state_count_kind(t->resources, RESOURCE_PART + RESOURCE_ROUTE), 2);
	put_ingress(t, "i", rules, 2, NULL, 0);
	commit(t);
	CHECK_EQ(state_count_kind(t->resources, RESOURCE_PART + RESOURCE_ROUTE), 1);
}

TEST(an_object_that_nothing_refers_to_is_ignored_until_something_does)
{
	_cleanup_(translator_freep) struct translator *t = start();
	struct rule rule = { "a.example.com", "/", "Prefix", "s", 80 };

	put_service(t, "s", 80, "http");
	put_slice(t, "s1", "s", "10.0.0.1", 8080, "http");
	commit(t);
	CHECK_EQ(verdict(t, OBJECT_SERVICE, "ns/s", NULL), PORTOLAN__IPC__VERDICT__VERDICT_IGNORED);
	CHECK_EQ(verdict(t, OBJECT_ENDPOINT_SLICE, "ns/s1", NULL),
		 PORTOLAN__IPC__VERDICT__VERDICT_IGNORED);
	put_ingress(t, "i", &rule, 1, NULL, 0);
	commit(t);
	CHECK_EQ(verdict(t, OBJECT_SERVICE, "ns/s", NULL),
		 PORTOLAN__IPC__VERDICT__VERDICT_ACCEPTED);
	CHECK_EQ(verdict(t, OBJECT_ENDPOINT_SLICE, "ns/s1", NULL),
		 PORTOLAN__IPC__VERDICT__VERDICT_ACCEPTED);
	drop(t, OBJECT_INGRESS, "i");
	commit(t);
	CHECK_EQ(verdict(t, OBJECT_SERVICE, "ns/s", NULL), PORTOLAN__IPC__VERDICT__VERDICT_IGNORED);
}

/* ---- incremental is from scratch ---- */

static void check_equal(struct state *a, struct state *b)
{
	struct item *i;
	size_t pos = 0;

	while ((i = state_next(a, &pos))) {
		struct item *other = state_get(b, i->kind, i->data, i->key_len);

		CHECK(other != NULL);
		CHECK(item_equal(i, other));
	}
	CHECK_EQ(state_count(a), state_count(b));
	CHECK(state_digest(a) == state_digest(b));
}

static void compare_with_fresh(struct translator *t)
{
	_cleanup_(translator_freep) struct translator *fresh = start();
	struct item *i;
	size_t pos = 0;

	while ((i = state_next(t->objects, &pos)))
		state_put(fresh->objects, item_ref(i));
	state_commit(fresh->objects, state_source(t->objects));
	check_equal(t->resources, fresh->resources);
	check_equal(t->statuses, fresh->statuses);
}

static const char *pick(unsigned *seed, const char *const *words, size_t n)
{
	return words[(size_t)rand_r(seed) % n];
}

static void random_ingress(struct translator *t, unsigned *seed, const char *name)
{
	static const char *const hosts[] = { "a.example.com", "b.example.com", "*.example.com", "",
					     "Bad_Host",      "c.example.com" };
	static const char *const paths[] = { "/", "/a", "/a/", "/a/b", "/[a-z]+", "nope", "/(" };
	static const char *const types[] = { "Prefix", "Exact", "ImplementationSpecific",
					     "Strange" };
	static const char *const services[] = { "s0", "s1", "s2", "missing" };
	struct rule rules[4];
	size_t n = (size_t)rand_r(seed) % 5;

	for (size_t i = 0; i < n; i++)
		rules[i] = (struct rule){ pick(seed, hosts, ARRAY_SIZE(hosts)),
					  pick(seed, paths, ARRAY_SIZE(paths)),
					  pick(seed, types, ARRAY_SIZE(types)),
					  pick(seed, services, ARRAY_SIZE(services)),
					  80 + rand_r(seed) % 2 };
	put_ingress(t, name, rules, n, rand_r(seed) % 4 ? NULL : "secret", rand_r(seed) % 3);
}

static void random_step(struct translator *t, unsigned *seed)
{
	static const char *const names[] = { "s0", "s1", "s2" };
	static const char *const ports[] = { "", "http", "web" };
	const char *name = pick(seed, names, ARRAY_SIZE(names));
	const char *port = pick(seed, ports, ARRAY_SIZE(ports));
	const char *ingress = arena_printf(arena, "i%d", rand_r(seed) % 6);

	switch (rand_r(seed) % 8) {
	case 0:
	case 1:
	case 2:
		random_ingress(t, seed, ingress);
		break;
	case 3:
		drop(t, OBJECT_INGRESS, ingress);
		break;
	case 4:
		put_service(t, name, 80 + rand_r(seed) % 2, port);
		break;
	case 5:
		drop(t, OBJECT_SERVICE, name);
		break;
	case 6:
		put_slice(t, arena_printf(arena, "e%d", rand_r(seed) % 4), name,
			  arena_printf(arena, "10.0.0.%d", rand_r(seed) % 4), 8080, port);
		break;
	default:
		drop(t, OBJECT_ENDPOINT_SLICE, arena_printf(arena, "e%d", rand_r(seed) % 4));
	}
}

TEST(after_any_history_incremental_output_is_from_scratch_output_byte_for_byte)
{
	for (unsigned start_seed = 1; start_seed <= 20; start_seed++) {
		_cleanup_(translator_freep) struct translator *t = start();
		unsigned seed = start_seed;

		fprintf(stderr, "  seed %u\n", start_seed);
		for (int step = 0; step < 150; step++) {
			for (int n = rand_r(&seed) % 3; n >= 0; n--)
				random_step(t, &seed);
			commit(t);
			compare_with_fresh(t);
			arena_reset(arena);
		}
	}
}

TEST(a_settings_change_runs_everything_and_changes_nothing_that_does_not_depend_on_it)
{
	_cleanup_(translator_freep) struct translator *t = start();
	unsigned seed = 7;
	uint64_t generation;

	for (int step = 0; step < 50; step++)
		random_step(t, &seed);
	commit(t);
	generation = state_generation(t->resources);
	graph_rerun_all(t->graph);
	graph_run(t->graph);
	state_commit(t->resources, world);
	CHECK_EQ(state_generation(t->resources), generation);
	CHECK_EQ(graph_counters(t->graph)->units_unchanged > 10, 1);
}

static void put_configuration(struct translator *t, bool nginx, const char *ownership)
{
	K8s__ContourConfiguration *c =
		NEW(arena, K8s__ContourConfiguration, K8S__CONTOUR_CONFIGURATION__INIT);
	size_t len;
	uint8_t *packed;

	c->spec = NEW(arena, K8s__ContourConfigurationSpec, K8S__CONTOUR_CONFIGURATION_SPEC__INIT);
	configuration_fill(arena, c->spec);
	c->spec->portolan->ingress_nginx->has_enabled = 1;
	c->spec->portolan->ingress_nginx->enabled = nginx;
	c->spec->portolan->hosts->ownership = (char *)ownership;
	len = protobuf_c_message_get_packed_size(&c->base);
	packed = arena_alloc(arena, len);
	(void)protobuf_c_message_pack(&c->base, packed);
	state_put(t->objects, item_new(OBJECT_CONTOUR_CONFIGURATION, CONFIGURATION_KEY,
				       strlen(CONFIGURATION_KEY), "", 0, packed, len));
}

TEST(units_that_the_settings_do_not_ask_for_are_not_there)
{
	static const struct {
		bool nginx;
		const char *ownership; /* NULL: the configuration goes */
		uint64_t nginx_units, claims;
	} rows[] = {
		{ true, "contour", 2, 0 },  { true, "strict", 3, 3 }, { false, "strict", 0, 4 },
		{ false, "contour", 0, 0 }, { true, "strict", 6, 6 }, { false, NULL, 0, 0 },
	};
	_cleanup_(translator_freep) struct translator *t = start();
	const struct graph_counters *c = graph_counters(t->graph);
	struct rule rule = { "a.example.com", "/", "Prefix", "s", 80 };

	put_ingress(t, "first", &rule, 1, NULL, 0);
	commit(t);
	CHECK_EQ(c->units[UNIT_NGINX_INGRESS], 0);
	CHECK_EQ(c->units[UNIT_INGRESS_CLAIM], 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		/* Half of the rows: the new Ingress comes before the settings. */
		if (i % 2)
			put_ingress(t, arena_printf(arena, "i%zu", i), &rule, 1, NULL, 0);
		if (rows[i].ownership)
			put_configuration(t, rows[i].nginx, rows[i].ownership);
		else
			drop_key(t, OBJECT_CONTOUR_CONFIGURATION, CONFIGURATION_KEY);
		if (i % 2 == 0)
			put_ingress(t, arena_printf(arena, "i%zu", i), &rule, 1, NULL, 0);
		commit(t);
		CHECK_EQ(c->units[UNIT_NGINX_INGRESS], rows[i].nginx_units);
		CHECK_EQ(c->units[UNIT_INGRESS_CLAIM], rows[i].claims);
		compare_with_fresh(t);
	}
}

/* The file is not closed. */
static void die_reading(struct translator *t, const char *ingress)
{
	poison_reading(t->poison, state_get(t->objects, OBJECT_INGRESS, ingress, strlen(ingress)));
	free(TAKE_PTR(t->poison));
}

TEST(an_object_that_was_being_read_at_two_deaths_is_set_aside_until_it_changes)
{
	char path[] = "/tmp/portolan-poison-XXXXXX";
	struct rule rule = { "a.example.com", "/", "Prefix", "s", 80 };
	struct rule other = { "b.example.com", "/", "Prefix", "s", 80 };
	const char *reason;

	CHECK(mkdtemp(path) != NULL);
	for (int life = 0; life < 3; life++) {
		_cleanup_free_ char *file = xasprintf("%s/poison", path);
		_cleanup_(translator_freep) struct translator *t = start();

		CHECK(poison_open(file, &t->poison) == 0);
		put_service(t, "s", 80, "http");
		put_ingress(t, "bad", &rule, 1, NULL, 0);
		put_ingress(t, "good", &other, 1, NULL, 0);
		if (life < 2) {
			die_reading(t, "ns/bad");
			continue;
		}
		commit(t);
		CHECK_EQ(verdict(t, OBJECT_INGRESS, "ns/good", NULL),
			 PORTOLAN__IPC__VERDICT__VERDICT_ACCEPTED);
		CHECK_EQ(verdict(t, OBJECT_INGRESS, "ns/bad", &reason),
			 PORTOLAN__IPC__VERDICT__VERDICT_REJECTED);
		CHECK_STR(reason, "SetAside");
		CHECK_EQ(graph_counters(t->graph)->units[UNIT_HOST], 1);
		rule.path = "/changed";
		put_ingress(t, "bad", &rule, 1, NULL, 0);
		commit(t);
		CHECK_EQ(verdict(t, OBJECT_INGRESS, "ns/bad", NULL),
			 PORTOLAN__IPC__VERDICT__VERDICT_ACCEPTED);
		CHECK_EQ(graph_counters(t->graph)->units[UNIT_HOST], 2);
		(void)unlink(file);
	}
	(void)rmdir(path);
}

TEST(an_object_that_was_read_unharmed_between_two_deaths_is_not_set_aside)
{
	char path[] = "/tmp/portolan-poison-XXXXXX";
	struct rule rule = { "a.example.com", "/", "Prefix", "s", 80 };
	_cleanup_free_ char *file = NULL;

	CHECK(mkdtemp(path) != NULL);
	file = xasprintf("%s/poison", path);
	for (int life = 0; life < 4; life++) {
		_cleanup_(translator_freep) struct translator *t = start();

		CHECK(poison_open(file, &t->poison) == 0);
		CHECK_EQ(poison_count(t->poison), 0);
		put_service(t, "s", 80, "http");
		put_ingress(t, "unlucky", &rule, 1, NULL, 0);
		if (life > 0)
			commit(t);
		die_reading(t, "ns/unlucky");
	}
	(void)unlink(file);
	(void)rmdir(path);
}

/* ---- an Envoy that refuses tables with "/bad" ---- */

static bool table_is_bad(struct translator *t)
{
	struct item *i;
	size_t pos = 0;

	while ((i = state_next(t->resources, &pos)))
		if (i->kind == RESOURCE_PART + RESOURCE_ROUTE &&
		    memmem(item_value(i), i->value_len, "/bad", 4))
			return true;
	return false;
}

static void report(struct translator *t, enum report_kind kind)
{
	Portolan__Ipc__RejectReport reject = PORTOLAN__IPC__REJECT_REPORT__INIT;
	Portolan__Ipc__AcceptReport accept = PORTOLAN__IPC__ACCEPT_REPORT__INIT;
	struct item *head = state_get(t->resources, RESOURCE_ROUTE, "ingress_http", 12);
	static const char key[] = "route\0ingress_http";
	uint8_t packed[512];
	size_t len;

	reject.has_version = accept.has_version = 1;
	reject.version.data = accept.version.data = (uint8_t *)item_meta(head);
	reject.version.len = accept.version.len = head->meta_len;
	reject.message = (char *)"bad thing";
	len = kind == REPORT_REJECT ? portolan__ipc__reject_report__pack(&reject, packed)
				    : portolan__ipc__accept_report__pack(&accept, packed);
	state_put(t->reports, item_new(kind, key, sizeof(key) - 1, NULL, 0, packed, len));
}

/* As many steps as xds-server would need; returns how many tables were refused. */
static int play_envoy(struct translator *t)
{
	const struct quarantine_counters *c = quarantine_counters(t->quarantine);
	int refused = 0;

	for (int round = 0; round < 100; round++) {
		bool bad = table_is_bad(t);

		refused += bad;
		report(t, bad ? REPORT_REJECT : REPORT_ACCEPT);
		state_commit(t->reports, state_source(t->reports) + 1);
		if (!table_is_bad(t) && c->pending == c->held) {
			report(t, REPORT_ACCEPT);
			state_commit(t->reports, state_source(t->reports) + 1);
			return refused;
		}
	}
	CHECK(!"the search ends");
	return -1;
}

/* Domains of the table in the resources. */
static bool serves(struct translator *t, const char *host, const char *path)
{
	struct item *i;
	size_t pos = 0;

	while ((i = state_next(t->resources, &pos)))
		if (i->kind == RESOURCE_PART + RESOURCE_ROUTE &&
		    memmem(item_value(i), i->value_len, host, strlen(host)) &&
		    memmem(item_value(i), i->value_len, path, strlen(path)))
			return true;
	return false;
}

TEST(a_host_that_envoy_refuses_keeps_its_last_accepted_routes_and_others_with_equal_ones_go_on)
{
	_cleanup_(translator_freep) struct translator *t = start();
	const char *reason;

	put_service(t, "s", 80, "http");
	put_slice(t, "s", "s", "10.0.0.1", 8080, "http");
	for (int i = 0; i < 8; i++) {
		struct rule rule = { arena_printf(arena, "h%d.example.com", i), "/one", "Prefix",
				     "s", 80 };

		put_ingress(t, arena_printf(arena, "i%d", i), &rule, 1, NULL, 0);
	}
	commit(t);
	CHECK_EQ(play_envoy(t), 0);
	for (int i = 0; i < 4; i++) {
		struct rule rule = { arena_printf(arena, "h%d.example.com", i),
				     i == 2 ? "/bad" : "/two", "Prefix", "s", 80 };

		put_ingress(t, arena_printf(arena, "i%d", i), &rule, 1, NULL, 0);
	}
	commit(t);
	CHECK(play_envoy(t) <= 8);
	for (int i = 0; i < 8; i++) {
		const char *key = arena_printf(arena, "ns/i%d", i);

		CHECK(serves(t, arena_printf(arena, "h%d.example.com", i),
			     i < 4 && i != 2 ? "/two" : "/one"));
		CHECK_EQ(verdict(t, OBJECT_INGRESS, key, &reason),
			 i == 2 ? PORTOLAN__IPC__VERDICT__VERDICT_PARTIAL
				: PORTOLAN__IPC__VERDICT__VERDICT_ACCEPTED);
		CHECK_STR(reason, i == 2 ? "RejectedByEnvoy" : "");
	}
	put_ingress(t, "i2", &(struct rule){ "h2.example.com", "/two", "Prefix", "s", 80 }, 1, NULL,
		    0);
	commit(t);
	CHECK_EQ(play_envoy(t), 0);
	CHECK_EQ(verdict(t, OBJECT_INGRESS, "ns/i2", NULL),
		 PORTOLAN__IPC__VERDICT__VERDICT_ACCEPTED);
	CHECK_EQ(quarantine_counters(t->quarantine)->pending, 0);
	compare_with_fresh(t);
}

TEST(at_a_first_start_one_bad_host_among_many_is_left_out_and_all_others_are_served)
{
	_cleanup_(translator_freep) struct translator *t = start();

	put_service(t, "s", 80, "http");
	for (int i = 0; i < 100; i++) {
		struct rule rule = { arena_printf(arena, "h%02d.example.com", i),
				     i == 63 ? "/bad" : arena_printf(arena, "/p%d", i % 7),
				     "Prefix", "s", 80 };

		put_ingress(t, arena_printf(arena, "i%d", i), &rule, 1, NULL, 0);
	}
	commit(t);
	CHECK(play_envoy(t) <= 16);
	for (int i = 0; i < 100; i++)
		CHECK_EQ(serves(t, arena_printf(arena, "h%02d.example.com", i), "example"),
			 i != 63);
	CHECK_EQ(quarantine_counters(t->quarantine)->held, 1);
}
