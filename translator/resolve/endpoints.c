/* The endpoints of one port of a Service, from its EndpointSlices. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/wire.h"
#include "k8s/discovery.pb-c.h"
#include "translator/envoy/envoy.h"
#include "translator/kinds.h"
#include "translator/resolve/endpoints.h"
#include "translator/resolve/object.h"
#include "translator/resolve/pod-selector.h"

/* For one Service; a resource with more would take Envoy too long. */
#define ENDPOINTS_MAX 20000

struct found {
	const char *address;
	uint32_t port;
	uint32_t health; /* port, or 0: the same */
};

struct list {
	struct found *all;
	size_t n;
};

struct wanted {
	const char *service;     /* "namespace/service" */
	const char *port_name;   /* "" for the only port, which needs no name */
	const char *health_name; /* of another port, or NULL */
	const char *family;      /* "IPv4" or "IPv6" if only that one is used, else NULL */
	bool udp;
	uint32_t pod_port; /* of all its pods, whatever the ports of the Service; 0: those count */
};

/* Field 1 of every kind is its metadata. Slices are many and change often: the index needs no more.
 */
const K8s__ObjectMeta *endpoints_metadata(const struct item *slice, struct arena *a)
{
	struct wire w = { item_value(slice), item_value(slice) + slice->value_len };
	struct wire_field f;

	while (wire_next(&w, &f) > 0)
		if (f.number == 1 && f.type == WIRE_BYTES)
			return k8s__object_meta__unpack(arena_pb(a), f.len, f.data);
	return NULL;
}

const char *endpoints_service(const K8s__ObjectMeta *meta)
{
	for (size_t i = 0; i < meta->n_labels; i++)
		if (strcmp(meta->labels[i]->key, SERVICE_NAME_LABEL) == 0 &&
		    *meta->labels[i]->value)
			return meta->labels[i]->value;
	return NULL;
}

int endpoints_index(const struct item *object, struct arena *scratch, const char **ret_key)
{
	const K8s__ObjectMeta *m = endpoints_metadata(object, scratch);
	const char *service = m ? endpoints_service(m) : NULL;

	if (!service)
		return -1;
	*ret_key = arena_printf(scratch, "%s/%s", m->namespace_, service);
	return (int)strlen(*ret_key);
}

/* discovery.k8s.io/v1, EndpointConditions: an unset ready means yes, an unset serving the same as
 * ready, an unset terminating no. */
bool endpoints_is_ready(const K8s__Endpoint *e)
{
	return !e->conditions || !e->conditions->has_ready || e->conditions->ready;
}

static bool is_draining(const K8s__Endpoint *e)
{
	const K8s__EndpointConditions *c = e->conditions;

	return c && c->terminating && (c->has_serving ? c->serving : endpoints_is_ready(e));
}

/* A pod is ready or not, even if its Service publishes addresses that are not ready: serving says
 * it, then. */
static bool is_ready_pod(const K8s__Endpoint *e)
{
	const K8s__EndpointConditions *c = e->conditions;

	return endpoints_is_ready(e) &&
	       (!c || (!c->terminating && (!c->has_serving || c->serving)));
}

bool endpoints_is_address(const char *type, const char *address)
{
	unsigned char buf[sizeof(struct in6_addr)];

	return inet_pton(strcmp(type, "IPv6") == 0 ? AF_INET6 : AF_INET, address, buf) == 1;
}

bool endpoints_is_port(const K8s__EndpointPort *p, bool udp)
{
	return p->has_port && p->port >= 1 && p->port <= 65535 &&
	       strcmp(p->protocol && *p->protocol ? p->protocol : "TCP", udp ? "UDP" : "TCP") == 0;
}

static bool is_wanted_port(const struct wanted *w, const K8s__EndpointPort *p)
{
	if (!endpoints_is_port(p, w->udp))
		return false;
	return !*w->port_name || !p->name || !*p->name || strcmp(p->name, w->port_name) == 0;
}

static uint32_t health_port(const struct wanted *w, const K8s__EndpointSlice *s)
{
	const struct wanted health = { .port_name = w->health_name };

	for (size_t i = 0; w->health_name && i < s->n_ports; i++)
		if (is_wanted_port(&health, s->ports[i]))
			return (uint32_t)s->ports[i]->port;
	return 0;
}

typedef bool (*which_fn)(const K8s__Endpoint *e);

static void add_port(const K8s__EndpointSlice *s, uint32_t port, uint32_t health, which_fn which,
		     struct list *list)
{
	for (size_t i = 0; i < s->n_endpoints && list->n < ENDPOINTS_MAX; i++) {
		const K8s__Endpoint *e = s->endpoints[i];

		/* The first address represents all (discovery.k8s.io/v1, Endpoint). */
		if (e->n_addresses && which(e) &&
		    endpoints_is_address(s->address_type, e->addresses[0]))
			list->all[list->n++] = (struct found){ e->addresses[0], port, health };
	}
}

static void add_slice(const struct wanted *w, const K8s__EndpointSlice *s, which_fn which,
		      struct list *list)
{
	uint32_t health;

	if (w->family && strcmp(s->address_type, w->family) != 0)
		return;
	if (strcmp(s->address_type, "IPv4") != 0 && strcmp(s->address_type, "IPv6") != 0)
		return;
	if (w->pod_port) {
		add_port(s, w->pod_port, 0, which, list);
		return;
	}
	health = health_port(w, s);
	for (size_t p = 0; p < s->n_ports; p++)
		if (is_wanted_port(w, s->ports[p]))
			add_port(s, (uint32_t)s->ports[p]->port, health, which, list);
}

static int compare(const void *a, const void *b)
{
	const struct found *x = a, *y = b;
	int d = strcmp(x->address, y->address);

	d = d ? d : (x->port > y->port) - (x->port < y->port);
	return d ? d : (x->health > y->health) - (x->health < y->health);
}

static void sort_unique(struct list *list)
{
	size_t n = 0;

	if (list->n)
		qsort(list->all, list->n, sizeof(*list->all), compare);
	for (size_t i = 0; i < list->n; i++)
		if (n == 0 || list->all[n - 1].port != list->all[i].port ||
		    strcmp(list->all[n - 1].address, list->all[i].address) != 0)
			list->all[n++] = list->all[i];
	list->n = n;
}

/* Parts of a slice that cannot be used are reported to its author. */
static void check_slice(struct reader *r, const struct item *item, const K8s__EndpointSlice *s)
{
	if (strcmp(s->address_type, "IPv4") != 0 && strcmp(s->address_type, "IPv6") != 0) {
		object_error(r, OBJECT_ENDPOINT_SLICE, item_key(item), "AddressType", "addressType",
			     "\"%s\" is neither IPv4 nor IPv6: its endpoints are not used",
			     s->address_type);
		emit_verdict(r, OBJECT_ENDPOINT_SLICE, item_key(item),
			     PORTOLAN__IPC__VERDICT__VERDICT_REJECTED);
		return;
	}
	for (size_t i = 0; i < s->n_endpoints; i++) {
		const K8s__Endpoint *e = s->endpoints[i];

		if (e->n_addresses && endpoints_is_address(s->address_type, e->addresses[0]))
			continue;
		object_error(r, OBJECT_ENDPOINT_SLICE, item_key(item), "InvalidAddress",
			     arena_printf(reader_arena(r), "endpoints[%zu].addresses[0]", i),
			     "\"%s\" is not an %s address: this endpoint is not used",
			     e->n_addresses ? e->addresses[0] : "", s->address_type);
		emit_verdict(r, OBJECT_ENDPOINT_SLICE, item_key(item),
			     PORTOLAN__IPC__VERDICT__VERDICT_PARTIAL);
		return; /* the first says enough */
	}
}

static void collect(struct reader *r, const struct wanted *w, struct list *list)
{
	const struct item *const *items;
	const K8s__EndpointSlice **slices;
	size_t n, room = 0;

	items = read_index(r, INDEX_SLICES_OF_SERVICE, w->service, &n);
	slices = arena_new_of(reader_arena(r), const K8s__EndpointSlice *, n + 1);
	for (size_t i = 0; i < n; i++) {
		slices[i] = k8s__endpoint_slice__unpack(arena_pb(reader_arena(r)),
							items[i]->value_len, item_value(items[i]));
		if (!slices[i])
			continue;
		check_slice(r, items[i], slices[i]);
		room += slices[i]->n_endpoints * MAX(slices[i]->n_ports, (size_t)1);
	}
	list->all =
		arena_new_of(reader_arena(r), struct found, MIN(room, (size_t)ENDPOINTS_MAX) + 1);
	for (size_t i = 0; i < n; i++)
		if (slices[i])
			add_slice(w, slices[i], w->pod_port ? is_ready_pod : endpoints_is_ready,
				  list);
	/* No endpoint is ready: endpoints that terminate but still serve are better than none, as
	 * in kube-proxy. */
	if (!list->n)
		for (size_t i = 0; i < n; i++)
			if (slices[i])
				add_slice(w, slices[i], is_draining, list);
	sort_unique(list);
}

static EnvoyLbEndpoint *endpoint(struct arena *a, const struct found *f)
{
	EnvoyLbEndpoint *lb = message_new(a, EnvoyLbEndpoint);

	lb->host_identifier_case = EnvoyLbEndpoint__HOST_IDENTIFIER_ENDPOINT;
	lb->endpoint = message_new(a, EnvoyEndpoint);
	lb->endpoint->address = envoy_address(a, f->address, f->port);
	if (f->health)
		lb->endpoint->health_check_config = envoy_health_port(a, f->health);
	return lb;
}

/* Every pod of a Service with two families is in a slice of each family: the first family
 * counts, unless it has no slice at all. */
static const char *one_family(struct reader *r, const char *service)
{
	const K8s__Service *s = read_message(r, OBJECT_SERVICE, service);
	const struct item *const *items;
	size_t n;

	if (!s || !s->spec || s->spec->n_ip_families < 2)
		return NULL;
	items = read_index(r, INDEX_SLICES_OF_SERVICE, service, &n);
	for (size_t i = 0; i < n; i++) {
		const K8s__EndpointSlice *slice = k8s__endpoint_slice__unpack(
			arena_pb(reader_arena(r)), items[i]->value_len, item_value(items[i]));

		if (slice && slice->n_endpoints &&
		    strcmp(slice->address_type, s->spec->ip_families[0]) == 0)
			return s->spec->ip_families[0];
	}
	return NULL;
}

static EnvoyLbEndpoint **read_all(struct reader *r, const struct wanted *w, size_t *ret_n)
{
	struct arena *a = reader_arena(r);
	EnvoyLbEndpoint **all;
	struct list list = { 0 };

	collect(r, w, &list);
	all = arena_new_of(a, EnvoyLbEndpoint *, list.n + 1);
	for (size_t i = 0; i < list.n; i++) {
		all[i] = endpoint(a, &list.all[i]);
		if (w->udp)
			all[i]->endpoint->address->socket_address->protocol =
				EnvoySocketAddress__PROTOCOL__UDP;
	}
	*ret_n = list.n;
	return all;
}

EnvoyLbEndpoint **endpoints_read(struct reader *r, const char *service, const char *port_name,
				 const char *health_name, size_t *ret_n)
{
	const struct wanted w = { .service = service,
				  .port_name = port_name,
				  .health_name = health_name,
				  .family = one_family(r, service) };

	return read_all(r, &w, ret_n);
}

EnvoyLbEndpoint **endpoints_read_udp(struct reader *r, const char *service, const char *port_name,
				     size_t *ret_n)
{
	const struct wanted w = { .service = service,
				  .port_name = port_name,
				  .family = one_family(r, service),
				  .udp = true };

	return read_all(r, &w, ret_n);
}

/* Cuts what a name begins with off *name. */
static bool begins(const char **name, const char *word)
{
	if (strncmp(*name, word, strlen(word)) != 0)
		return false;
	*name += strlen(word);
	return true;
}

EnvoyLbEndpoint **endpoints_read_named(struct reader *r, const char *name,
				       struct endpoints_name *ret, size_t *ret_n)
{
	struct wanted w = { .udp = begins(&name, UDP_ENDPOINTS), .port_name = "" };
	bool pods = begins(&name, SELECTED_PODS);
	char *service = arena_strdup(reader_arena(r), name),
	     *port = strchr(strchr(service, '/') + 1, '/'), *health = NULL;

	if (port) {
		*port++ = '\0';
		health = strchr(port, '/');
	}
	if (health)
		*health++ = '\0';
	if (port && pods)
		w.pod_port = (uint32_t)strtoul(port, NULL, 10);
	else if (port)
		w.port_name = port;
	w.service = service;
	w.health_name = health;
	w.family = one_family(r, service);
	*ret = (struct endpoints_name){ service, pods ? NULL : w.port_name, w.udp };
	return read_all(r, &w, ret_n);
}

bool endpoints_are_unsliced(struct reader *r, const char *service)
{
	size_t n;

	(void)read_index(r, INDEX_SLICES_OF_SERVICE, service, &n);
	return n == 0;
}
