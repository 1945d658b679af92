/* Questions to the page /debug/explain, of a small world with an object of each sort. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/log.h"
#include "k8s/core.pb-c.h"
#include "k8s/networking.pb-c.h"
#include "k8s/projectcontour.pb-c.h"
#include "tests/fuzz/fuzz.h"
#include "translator/explain/explain.h"
#include "translator/translator.h"

#define NEW(type, init) ((type *)arena_memdup(arena, &(type)init, sizeof(type)))
#define LIST(...) arena_memdup(arena, (void *[]){ __VA_ARGS__ }, sizeof((void *[]){ __VA_ARGS__ }))
#define TEXT(s)   ((char *)(uintptr_t)(s))

static const struct settings_options options;
static struct arena *arena;

static K8s__ObjectMeta *meta(const char *name)
{
	K8s__ObjectMeta *m = NEW(K8s__ObjectMeta, K8S__OBJECT_META__INIT);

	m->name = TEXT(name);
	m->namespace_ = TEXT("ns");
	return m;
}

static void put(struct translator *t, enum object_kind kind, const char *name,
		const ProtobufCMessage *o)
{
	char *key = arena_printf(arena, "ns/%s", name);
	size_t len = protobuf_c_message_get_packed_size(o);
	uint8_t *packed = arena_alloc(arena, len + 1);

	(void)protobuf_c_message_pack(o, packed);
	(void)state_put(t->objects, item_new(kind, key, strlen(key), "file:1", 6, packed, len));
}

static void put_service(struct translator *t)
{
	K8s__Service *s = NEW(K8s__Service, K8S__SERVICE__INIT);
	K8s__ServicePort *p = NEW(K8s__ServicePort, K8S__SERVICE_PORT__INIT);

	p->port = 80;
	s->metadata = meta("web");
	s->spec = NEW(K8s__ServiceSpec, K8S__SERVICE_SPEC__INIT);
	s->spec->n_ports = 1;
	s->spec->ports = LIST(p);
	put(t, OBJECT_SERVICE, "web", &s->base);
}

static void put_ingress(struct translator *t)
{
	K8s__Ingress *i = NEW(K8s__Ingress, K8S__INGRESS__INIT);
	K8s__IngressBackend *b = NEW(K8s__IngressBackend, K8S__INGRESS_BACKEND__INIT);

	b->service = NEW(K8s__IngressServiceBackend, K8S__INGRESS_SERVICE_BACKEND__INIT);
	b->service->name = TEXT("web");
	b->service->port = NEW(K8s__ServiceBackendPort, K8S__SERVICE_BACKEND_PORT__INIT);
	b->service->port->number = 80;
	i->metadata = meta("web");
	i->spec = NEW(K8s__IngressSpec, K8S__INGRESS_SPEC__INIT);
	i->spec->default_backend = b;
	put(t, OBJECT_INGRESS, "web", &i->base);
}

static K8s__ProxyRoute *route(K8s__ProxyCondition **conditions, size_t n)
{
	K8s__ProxyRoute *r = NEW(K8s__ProxyRoute, K8S__PROXY_ROUTE__INIT);
	K8s__ProxyService *s = NEW(K8s__ProxyService, K8S__PROXY_SERVICE__INIT);

	s->name = TEXT("web");
	s->has_port = 1;
	s->port = 80;
	r->conditions = conditions;
	r->n_conditions = n;
	r->n_services = 1;
	r->services = LIST(s);
	return r;
}

static K8s__ProxyCondition *condition(void)
{
	return NEW(K8s__ProxyCondition, K8S__PROXY_CONDITION__INIT);
}

static void put_proxy(struct translator *t, const char *name, const char *fqdn)
{
	K8s__HTTPProxy *p = NEW(K8s__HTTPProxy, K8S__HTTPPROXY__INIT);
	K8s__ProxyCondition *regex = condition(), *header = condition(), *query = condition();
	K8s__ProxyRoute *redirect = route(LIST(query), 1);

	regex->regex = TEXT("/(a|b)+[.]x");
	header->header = NEW(K8s__ProxyHeaderMatch, K8S__PROXY_HEADER_MATCH__INIT);
	header->header->name = TEXT("x-a");
	header->header->notcontains = TEXT("1");
	query->query_parameter = NEW(K8s__ProxyQueryMatch, K8S__PROXY_QUERY_MATCH__INIT);
	query->query_parameter->name = TEXT("q");
	query->query_parameter->suffix = TEXT("2");
	redirect->n_services = 0;
	redirect->request_redirect_policy = NEW(K8s__ProxyRedirect, K8S__PROXY_REDIRECT__INIT);
	redirect->request_redirect_policy->prefix = TEXT("/p");
	p->metadata = meta(name);
	p->spec = NEW(K8s__HTTPProxySpec, K8S__HTTPPROXY_SPEC__INIT);
	p->spec->virtualhost = NEW(K8s__ProxyVirtualHost, K8S__PROXY_VIRTUAL_HOST__INIT);
	p->spec->virtualhost->fqdn = TEXT(fqdn);
	p->spec->n_routes = 4;
	p->spec->routes =
		LIST(route(NULL, 0), route(LIST(regex), 1), route(LIST(header), 1), redirect);
	put(t, OBJECT_HTTP_PROXY, name, &p->base);
}

static struct translator *make_world(void)
{
	struct translator *t;

	arena = arena_new(65536);
	if (translator_new(&options, &t) < 0)
		abort();
	put_service(t);
	put_ingress(t);
	put_proxy(t, "exact", "a.example.com");
	put_proxy(t, "wild", "*.example.com");
	put_proxy(t, "again", "a.example.org");
	put_proxy(t, "twice", "a.example.org");
	state_commit(t->objects, 1);
	return t;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct translator *world;
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	_cleanup_free_ char *query = xstrndup((const char *)data, size);
	struct world asked;
	int status;

	if (!world)
		world = make_world();
	asked = translator_world(world);
	assert(state_complete(world->resources));
	status = explain(&asked, query, &out);
	assert(status == 200 || status == 400 || status == 404);
	assert(out.len > 2 && out.s[0] == '{' && out.s[out.len - 1] == '\n');
	assert((status == 200) == !strstr(out.s, "\"error\": "));
	return 0;
}
