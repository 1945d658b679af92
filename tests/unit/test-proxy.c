/* translator/: random trees of HTTPProxies, with a host that others want, too, under configurations
 * that change */
#include <stdint.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/configuration/configuration.h"
#include "common/decode/object-kind.h"
#include "k8s/core.pb-c.h"
#include "k8s/networking.pb-c.h"
#include "k8s/projectcontour.pb-c.h"
#include "proto/ipc.pb-c.h"
#include "tests/lib/test.h"
#include "translator/translator.h"

#define NEW(type, init) ((type *)arena_memdup(arena, &(type)init, sizeof(type)))
#define PICK(words)     ((char *)(words)[(size_t)rand_r(seed) % ARRAY_SIZE(words)])
#define CHANCE(n)       (rand_r(seed) % (n) == 0)

static const struct settings_options options;
static struct arena *arena;
static uint64_t world;

static const char *const namespaces[] = { "ns", "team" };
static const char *const proxies[] = { "p0", "p1", "p2", "p3", "p4", "p5" };
static const char *const services[] = { "s0", "s1", "missing" };

static K8s__ObjectMeta *meta(const char *namespace, const char *name)
{
	K8s__ObjectMeta *m = NEW(K8s__ObjectMeta, K8S__OBJECT_META__INIT);

	m->name = (char *)name;
	m->namespace_ = (char *)namespace;
	return m;
}

static void put(struct translator *t, enum object_kind kind, const K8s__ObjectMeta *m,
		const ProtobufCMessage *o)
{
	const char *key = arena_printf(arena, "%s/%s", m->namespace_, m->name);
	size_t len = protobuf_c_message_get_packed_size(o);
	uint8_t *packed = arena_alloc(arena, len);

	protobuf_c_message_pack(o, packed);
	state_put(t->objects, item_new(kind, key, strlen(key), "file:1", 6, packed, len));
}

static K8s__ProxyCondition **random_conditions(unsigned *seed, size_t *ret_n)
{
	static const char *const paths[] = { "/", "/a", "/a/", "//b", "/b/c" };
	static const char *const regexes[] = { "/[0-9]+", "/x|/y", "/(" };
	static const char *const names[] = { "x-a", "X-A", "x-b" };
	K8s__ProxyCondition **all = arena_new_of(arena, K8s__ProxyCondition *, 3);

	*ret_n = (size_t)rand_r(seed) % 3;
	for (size_t i = 0; i < *ret_n; i++) {
		K8s__ProxyCondition *c = all[i] =
			NEW(K8s__ProxyCondition, K8S__PROXY_CONDITION__INIT);

		if (i == 0 && CHANCE(8)) {
			c->regex = PICK(regexes);
		} else if (i == 0 && CHANCE(6)) {
			c->exact = PICK(paths);
		} else if (i == 0) {
			c->prefix = (char *)(CHANCE(30) ? "bad" : PICK(paths));
		} else {
			c->header = NEW(K8s__ProxyHeaderMatch, K8S__PROXY_HEADER_MATCH__INIT);
			c->header->name = PICK(names);
			c->header->exact = (char *)(CHANCE(2) ? "1" : "2");
		}
	}
	return all;
}

static K8s__ProxyRoute *random_route(unsigned *seed)
{
	K8s__ProxyRoute *r = NEW(K8s__ProxyRoute, K8S__PROXY_ROUTE__INIT);

	r->conditions = random_conditions(seed, &r->n_conditions);
	r->has_permit_insecure = 1;
	r->permit_insecure = CHANCE(4);
	r->n_services = CHANCE(20) ? 0 : 1 + (size_t)rand_r(seed) % 2;
	r->services = arena_new_of(arena, K8s__ProxyService *, 2);
	for (size_t i = 0; i < r->n_services; i++) {
		r->services[i] = NEW(K8s__ProxyService, K8S__PROXY_SERVICE__INIT);
		r->services[i]->name = PICK(services);
		r->services[i]->has_port = r->services[i]->has_weight = 1;
		r->services[i]->port = 80;
		r->services[i]->weight = rand_r(seed) % 3;
	}
	if (CHANCE(4)) {
		static const char *const prefixes[] = { "", "/a", "/b" };

		r->path_rewrite_policy = NEW(K8s__ProxyPathRewrite, K8S__PROXY_PATH_REWRITE__INIT);
		r->path_rewrite_policy->n_replace_prefix = 1;
		r->path_rewrite_policy->replace_prefix =
			arena_new_of(arena, K8s__ProxyReplacePrefix *, 1);
		r->path_rewrite_policy->replace_prefix[0] =
			NEW(K8s__ProxyReplacePrefix, K8S__PROXY_REPLACE_PREFIX__INIT);
		r->path_rewrite_policy->replace_prefix[0]->prefix = PICK(prefixes);
		r->path_rewrite_policy->replace_prefix[0]->replacement = (char *)"/z";
	}
	return r;
}

static K8s__ProxyVirtualHost *random_host(unsigned *seed)
{
	static const char *const hosts[] = { "a.example.com", "A.example.com", "b.example.com",
					     "*.example.com", "c.example.com", "d.example.com",
					     "e.example.com", "f.example.com", "g.example.com" };
	K8s__ProxyVirtualHost *v = NEW(K8s__ProxyVirtualHost, K8S__PROXY_VIRTUAL_HOST__INIT);

	v->fqdn = PICK(hosts);
	if (CHANCE(4)) {
		v->tls = NEW(K8s__ProxyTLS, K8S__PROXY_TLS__INIT);
		v->tls->has_passthrough = 1;
		v->tls->passthrough = true;
	}
	if (CHANCE(4)) {
		v->n_ip_deny_policy = 1;
		v->ip_deny_policy = arena_new_of(arena, K8s__ProxyIPFilter *, 1);
		v->ip_deny_policy[0] = NEW(K8s__ProxyIPFilter, K8S__PROXY_IPFILTER__INIT);
		v->ip_deny_policy[0]->source = (char *)"Peer";
		v->ip_deny_policy[0]->cidr = (char *)(CHANCE(20) ? "bad" : "192.0.2.0/24");
	}
	return v;
}

static K8s__ProxyTCP *random_tcp(unsigned *seed)
{
	K8s__ProxyTCP *tcp = NEW(K8s__ProxyTCP, K8S__PROXY_TCP__INIT);

	if (CHANCE(2)) {
		tcp->include = NEW(K8s__ProxyTCPInclude, K8S__PROXY_TCPINCLUDE__INIT);
		tcp->include->name = PICK(proxies);
		return tcp;
	}
	tcp->n_services = 1;
	tcp->services = arena_new_of(arena, K8s__ProxyService *, 1);
	tcp->services[0] = NEW(K8s__ProxyService, K8S__PROXY_SERVICE__INIT);
	tcp->services[0]->name = PICK(services);
	tcp->services[0]->has_port = 1;
	tcp->services[0]->port = 80;
	return tcp;
}

static void put_proxy(struct translator *t, unsigned *seed)
{
	K8s__HTTPProxy *p = NEW(K8s__HTTPProxy, K8S__HTTPPROXY__INIT);
	K8s__HTTPProxySpec *s = p->spec = NEW(K8s__HTTPProxySpec, K8S__HTTPPROXY_SPEC__INIT);

	p->metadata = meta(PICK(namespaces), PICK(proxies));
	if (CHANCE(3))
		s->virtualhost = random_host(seed);
	if (CHANCE(12))
		s->tcpproxy = random_tcp(seed);
	s->n_includes = (size_t)rand_r(seed) % 3;
	s->includes = arena_new_of(arena, K8s__ProxyInclude *, 3);
	for (size_t i = 0; i < s->n_includes; i++) {
		s->includes[i] = NEW(K8s__ProxyInclude, K8S__PROXY_INCLUDE__INIT);
		s->includes[i]->name = PICK(proxies);
		s->includes[i]->namespace_ = (char *)(CHANCE(2) ? "" : PICK(namespaces));
		s->includes[i]->conditions = random_conditions(seed, &s->includes[i]->n_conditions);
	}
	s->n_routes = (size_t)rand_r(seed) % 3;
	s->routes = arena_new_of(arena, K8s__ProxyRoute *, 3);
	for (size_t i = 0; i < s->n_routes; i++)
		s->routes[i] = random_route(seed);
	put(t, OBJECT_HTTP_PROXY, p->metadata, &p->base);
}

static void put_service(struct translator *t, unsigned *seed)
{
	K8s__Service *s = NEW(K8s__Service, K8S__SERVICE__INIT);

	s->metadata = meta(PICK(namespaces), CHANCE(2) ? "s0" : "s1");
	s->spec = NEW(K8s__ServiceSpec, K8S__SERVICE_SPEC__INIT);
	s->spec->n_ports = 1;
	s->spec->ports = arena_new_of(arena, K8s__ServicePort *, 1);
	s->spec->ports[0] = NEW(K8s__ServicePort, K8S__SERVICE_PORT__INIT);
	s->spec->ports[0]->has_port = 1;
	s->spec->ports[0]->port = CHANCE(4) ? 81 : 80;
	put(t, OBJECT_SERVICE, s->metadata, &s->base);
}

/* Some of the settings that hosts, routes and clusters read, wrong ones among them. */
static void put_configuration(struct translator *t, unsigned *seed)
{
	static const char *const versions[] = { "", "1.2", "1.3" };
	static const char *const durations[] = { "", "3s", "infinity", "soon" };
	K8s__ContourConfiguration *c =
		NEW(K8s__ContourConfiguration, K8S__CONTOUR_CONFIGURATION__INIT);
	K8s__ContourConfigurationSpec *s =
		NEW(K8s__ContourConfigurationSpec, K8S__CONTOUR_CONFIGURATION_SPEC__INIT);
	K8s__ConfigHeaders__SetEntry *header =
		NEW(K8s__ConfigHeaders__SetEntry, K8S__CONFIG_HEADERS__SET_ENTRY__INIT);

	c->metadata = meta(CONFIGURATION_NAMESPACE, CHANCE(6) ? "other" : CONFIGURATION_NAME);
	c->spec = s;
	configuration_fill(arena, s);
	s->httpproxy->n_root_namespaces = CHANCE(3);
	s->httpproxy->root_namespaces = arena_new_of(arena, char *, 1);
	s->httpproxy->root_namespaces[0] = PICK(namespaces);
	s->httpproxy->has_disable_permit_insecure = 1;
	s->httpproxy->disable_permit_insecure = CHANCE(2);
	s->envoy->listener->tls->minimum_protocol_version = PICK(versions);
	s->envoy->timeouts->connect_timeout = PICK(durations);
	s->envoy->timeouts->request_timeout = PICK(durations);
	header->key = (char *)(CHANCE(4) ? "no header" : "x-a");
	header->value = (char *)"%CONTOUR_SERVICE_NAME%";
	s->policy->request_headers->n_set = CHANCE(2);
	s->policy->request_headers->set = arena_memdup(arena, &header, sizeof(header));
	put(t, OBJECT_CONTOUR_CONFIGURATION, c->metadata, &c->base);
}

static void drop(struct translator *t, enum object_kind kind, const char *namespace,
		 const char *name)
{
	const char *key = arena_printf(arena, "%s/%s", namespace, name);

	state_remove(t->objects, kind, key, strlen(key));
}

static void random_step(struct translator *t, unsigned *seed)
{
	switch (rand_r(seed) % 9) {
	default:
		put_proxy(t, seed);
		break;
	case 5:
		drop(t, OBJECT_HTTP_PROXY, PICK(namespaces), PICK(proxies));
		break;
	case 6:
		put_service(t, seed);
		break;
	case 7:
		drop(t, OBJECT_SERVICE, PICK(namespaces), PICK(services));
		break;
	case 8:
		if (CHANCE(3))
			drop(t, OBJECT_CONTOUR_CONFIGURATION, CONFIGURATION_NAMESPACE,
			     CONFIGURATION_NAME);
		else
			put_configuration(t, seed);
	}
}

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
	_cleanup_(translator_freep) struct translator *fresh = NULL;
	struct item *i;
	size_t pos = 0;

	CHECK(translator_new(&options, &fresh) == 0);
	while ((i = state_next(t->objects, &pos)))
		state_put(fresh->objects, item_ref(i));
	state_commit(fresh->objects, state_source(t->objects));
	check_equal(t->resources, fresh->resources);
	check_equal(t->statuses, fresh->statuses);
}

TEST(after_any_history_of_trees_incremental_output_is_from_scratch_output_byte_for_byte)
{
	size_t served = 0;

	arena = arena_new(65536);
	for (unsigned start_seed = 1; start_seed <= 20; start_seed++) {
		_cleanup_(translator_freep) struct translator *t = NULL;
		unsigned seed = start_seed;

		CHECK(translator_new(&options, &t) == 0);
		fprintf(stderr, "  seed %u\n", start_seed);
		for (int step = 0; step < 150; step++) {
			for (int n = rand_r(&seed) % 3; n >= 0; n--)
				random_step(t, &seed);
			state_commit(t->objects, ++world);
			compare_with_fresh(t);
			served += state_count(t->resources);
			arena_reset(arena);
		}
	}
	/* The listener and the empty table are two each time: there was more to compare. */
	fprintf(stderr, "  %zu resources\n", served);
	CHECK(served > (size_t)20 * 150 * 3);
	arena_free(arena);
}
