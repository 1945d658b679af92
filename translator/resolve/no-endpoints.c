/* Why a port of a Service has no endpoints. */
#include <string.h>

#include "common/base/wire.h"
#include "k8s/discovery.pb-c.h"
#include "translator/kinds.h"
#include "translator/resolve/endpoints.h"
#include "translator/resolve/no-endpoints.h"
#include "translator/resolve/object.h"

#define NAMES_MAX 5

/* ---- indexes ---- */

static int unlabelled_key(const K8s__ObjectMeta *m, struct arena *scratch, const char **ret_key)
{
	if (endpoints_service(m))
		return -1;
	*ret_key = arena_strdup(scratch, m->namespace_);
	return (int)strlen(*ret_key);
}

int no_endpoints_unlabelled_index(const struct item *object, struct arena *scratch,
				  const char **ret_key)
{
	const K8s__ObjectMeta *m = endpoints_metadata(object, scratch);

	return m ? unlabelled_key(m, scratch, ret_key) : -1;
}

int no_endpoints_name_index(const struct item *object, struct arena *scratch, const char **ret_key)
{
	const K8s__ObjectMeta *m = endpoints_metadata(object, scratch);

	*ret_key = m ? endpoints_service(m) : NULL;
	return *ret_key ? (int)strlen(*ret_key) : -1;
}

/* ---- causes, the likeliest first ---- */

struct cause {
	struct reader *r;
	struct arena *a;
	const char *service, *namespace, *name, *port_name;
	bool udp;
};

static const K8s__EndpointSlice *slice_of(const struct cause *c, const struct item *i)
{
	return k8s__endpoint_slice__unpack(arena_pb(c->a), i->value_len, item_value(i));
}

static const char *name_of(const struct item *i)
{
	const char *slash = strchr(item_key(i), '/');

	return slash ? slash + 1 : item_key(i);
}

/* No slice in the namespace has the label: perhaps one lacks it, or is elsewhere. */
static const char *no_slice(const struct cause *c)
{
	const struct item *const *other;
	const char *hint = "";
	size_t n;

	other = read_index(c->r, INDEX_SLICES_UNLABELLED, c->namespace, &n);
	for (size_t i = 0; i < n; i++) {
		object_warning(c->r, OBJECT_ENDPOINT_SLICE, item_key(other[i]), "NoService",
			       "metadata.labels",
			       "it has no label " SERVICE_NAME_LABEL
			       ", so no Service has its endpoints");
		emit_verdict(c->r, OBJECT_ENDPOINT_SLICE, item_key(other[i]),
			     PORTOLAN__IPC__VERDICT__VERDICT_IGNORED);
	}
	if (n)
		hint = arena_printf(c->a, "; EndpointSlice %s is there, but has no such label",
				    name_of(other[0]));
	other = read_index(c->r, INDEX_SLICES_OF_NAME, c->name, &n);
	if (n && !*hint)
		hint = arena_printf(c->a, "; EndpointSlice %s is in another namespace",
				    item_key(other[0]));
	if (!*hint)
		hint = " (with objects from files you write it yourself; Endpoints of v1 are not "
		       "read)";
	return arena_printf(c->a,
			    "no EndpointSlice in namespace %s has the label " SERVICE_NAME_LABEL
			    ": %s%s",
			    c->namespace, c->name, hint);
}

static bool has_port(const struct cause *c, const K8s__EndpointSlice *s)
{
	if (!c->port_name)
		return true;
	for (size_t i = 0; i < s->n_ports; i++) {
		const K8s__EndpointPort *p = s->ports[i];

		if (endpoints_is_port(p, c->udp) &&
		    (!*c->port_name || !p->name || !*p->name || strcmp(p->name, c->port_name) == 0))
			return true;
	}
	return false;
}

/* How a port differs from what is wanted. */
static const char *unlike(const struct cause *c, const K8s__EndpointPort *p)
{
	return !p->has_port ? " without a number"
			    : arena_printf(c->a, " for %s",
					   p->protocol && *p->protocol ? p->protocol : "TCP");
}

/* "http", "dns for UDP", "one without a name" */
static const char *port_names(const struct cause *c, const K8s__EndpointSlice *s)
{
	const char *names = "";

	for (size_t i = 0; i < s->n_ports && i < NAMES_MAX; i++) {
		const K8s__EndpointPort *p = s->ports[i];

		names = arena_printf(c->a, "%s%s%s%s", names, i ? ", " : "",
				     p->name && *p->name ? p->name : "one without a name",
				     endpoints_is_port(p, c->udp) ? "" : unlike(c, p));
	}
	return *names ? names : "none";
}

static const char *no_port(const struct cause *c, const struct item *item,
			   const K8s__EndpointSlice *s)
{
	const char *which = *c->port_name ? arena_printf(c->a, "port \"%s\"", c->port_name)
			    : c->udp      ? "port for UDP"
					  : "port for TCP";

	return arena_printf(c->a, "EndpointSlice %s has no %s (it has: %s)", name_of(item), which,
			    port_names(c, s));
}

/* What is wrong with the address of an endpoint that is ready. */
static const char *bad_address(const struct cause *c, const struct item *item,
			       const K8s__EndpointSlice *s, const K8s__Endpoint *e)
{
	if (strcmp(s->address_type, "IPv4") != 0 && strcmp(s->address_type, "IPv6") != 0)
		return arena_printf(c->a,
				    "EndpointSlice %s has addresses of type %s: only IPv4 and IPv6 "
				    "are used",
				    name_of(item), s->address_type);
	if (e->n_addresses && endpoints_is_address(s->address_type, e->addresses[0]))
		return NULL;
	return arena_printf(c->a, "EndpointSlice %s is for %s, and \"%s\" is no such address",
			    name_of(item), s->address_type, e->n_addresses ? e->addresses[0] : "");
}

static const char *unusable(const struct cause *c, const struct item *const *items, size_t n)
{
	const char *bad = NULL;
	size_t endpoints = 0;

	for (size_t i = 0; i < n; i++) {
		const K8s__EndpointSlice *s = slice_of(c, items[i]);

		if (!s)
			continue;
		if (s->n_endpoints && !has_port(c, s))
			return no_port(c, items[i], s);
		endpoints += s->n_endpoints;
		for (size_t k = 0; k < s->n_endpoints && !bad; k++)
			if (endpoints_is_ready(s->endpoints[k]))
				bad = bad_address(c, items[i], s, s->endpoints[k]);
	}
	if (bad)
		return bad;
	if (!endpoints)
		return arena_printf(
			c->a,
			"EndpointSlice %s has no endpoints: does the Service's selector "
			"fit any pod?",
			name_of(items[0]));
	return arena_printf(c->a, "%zu endpoint%s, none of them ready", endpoints,
			    endpoints == 1 ? "" : "s");
}

const char *no_endpoints_why(struct reader *r, const char *service, const char *port_name, bool udp)
{
	struct cause c = {
		.r = r,
		.a = reader_arena(r),
		.service = service,
		.port_name = port_name,
		.udp = udp,
	};
	const struct item *const *items;
	size_t n;

	object_split_key(r, service, &c.namespace, &c.name);
	items = read_index(r, INDEX_SLICES_OF_SERVICE, service, &n);
	return n ? unusable(&c, items, n) : no_slice(&c);
}
