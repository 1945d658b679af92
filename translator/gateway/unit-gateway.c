/* One Gateway with its ListenerSets: its data for routes as a parent, the sockets that Envoy
 * listens on, and the part of their statuses that follows from objects. */
#include <string.h>

#include "translator/gateway/gateway-sockets.h"
#include "translator/gateway/gateway.h"
#include "translator/gateway/infrastructure.h"
#include "translator/gateway/parameters.h"
#include "translator/gateway/parent-state.h"
#include "translator/gateway/telemetry.h"
#include "translator/resolve/object.h"
#include "translator/units.h"

/* For Gateways that share sockets, with their ListenerSets; the statuses of sets beyond it say so
 * (V-11). */
#define LISTENERS_MAX 65536

/* Gateways that share sockets: one, or those of a class that share their Envoys. */
struct group {
	struct gateway whole; /* the first of them, with the listeners of all */
	struct gateway *members;
	size_t n;
	size_t listeners;
};

static void add_owner(struct gateway *g, enum object_kind kind, const char *key,
		      const K8s__ObjectMeta *meta, K8s__Listener *const *specs, size_t n)
{
	struct listener_owner *o = &g->owners[g->n_owners++];

	*o = (struct listener_owner){ .kind = kind,
				      .key = key,
				      .specs = specs,
				      .n_specs = n,
				      .generation = meta->generation };
	object_split_key(g->r, key, &o->namespace, &o->name);
	gateway_listeners_parse(g->a, o);
}

static void collect_owners(struct group *group, struct gateway *g)
{
	const K8s__GatewaySpec *spec = g->object->spec;

	g->owners = &group->whole.owners[group->whole.n_owners];
	add_owner(g, OBJECT_GATEWAY, g->key, g->object->metadata, spec->listeners,
		  spec->n_listeners);
	group->listeners += spec->n_listeners;
	for (size_t i = 0; i < g->n_sets; i++) {
		const K8s__ListenerSet *s = g->sets[i].object;

		group->listeners += s->spec->n_listeners;
		if (g->sets[i].allowed && group->listeners <= LISTENERS_MAX)
			add_owner(g, OBJECT_LISTENER_SET, g->sets[i].key, s->metadata,
				  s->spec->listeners, s->spec->n_listeners);
	}
	group->whole.n_owners += g->n_owners;
}

static void collect_listeners(struct group *group)
{
	size_t n = group->n;

	for (size_t i = 0; i < group->n; i++) {
		struct gateway *g = &group->members[i];

		g->sets = gateway_sets(g->r, g->key, g->object, &g->n_sets);
		n += g->n_sets;
	}
	group->whole.owners = arena_new_of(group->whole.a, struct listener_owner, n);
	for (size_t i = 0; i < group->n; i++)
		collect_owners(group, &group->members[i]);
}

static void check_ports(struct gateway *g, struct gateway_listener *l)
{
	const char *why;

	if (!gateway_listener_is_accepted(l))
		return;
	why = gateway_port_holder(g->r, g->key, &g->addresses, (uint32_t)l->spec->port,
				  l->protocol == LISTENER_UDP);
	if (why)
		flaw_set(&l->accepted, "PortUnavailable", why);
}

static void each_listener(struct group *group,
			  void (*fn)(struct gateway *g, struct gateway_listener *l))
{
	for (size_t m = 0; m < group->n; m++) {
		struct gateway *g = &group->members[m];

		for (size_t i = 0; i < g->n_owners; i++)
			for (size_t k = 0; k < g->owners[i].n_specs; k++)
				fn(g, &g->owners[i].listeners[k]);
	}
}

static void find_clients(struct gateway *g, struct gateway_listener *l)
{
	if (!l->accepted.reason)
		gateway_tls_find_clients(g->r, g->key, g->object->spec->tls, l, &g->insecure);
}

static void find_certificates(struct gateway *g, struct gateway_listener *l)
{
	/* A refused listener's references are reported all the same, but not kept alive. */
	if (listener_terminates_tls(l->protocol))
		gateway_tls_find_certificates(g->r, l);
}

static void find_guards(struct gateway *g, struct gateway_listener *l)
{
	Portolan__Model__Parent *parent = arena_new_of(g->a, Portolan__Model__Parent, 1);

	portolan__model__parent__init(parent);
	parent->gateway = (char *)g->key;
	parent->namespace_ = (char *)l->owner->namespace;
	parent->client_secret = (char *)g->client_secret;
	gateway_listener_find_guards(g->r, parent, l);
}

static void find_objects(struct gateway *g)
{
	gateway_addresses_find(g->r, g->key, g->object, &g->addresses);
	flaw_set(&g->accepted, g->addresses.accepted.reason, g->addresses.accepted.message);
	g->client_secret = gateway_tls_find_own(g->r, g->key, g->object->spec->tls, &g->resolved);
	gateway_telemetry_find(g);
}

/* The HTTP listeners of a port share their guards, whichever Gateway they are of. */
static void share_guards(struct group *group)
{
	struct gateway *whole = &group->whole;

	for (size_t i = 0; i < whole->n_owners; i++)
		for (size_t k = 0; k < whole->owners[i].n_specs; k++)
			gateway_sockets_count_guards(whole, &whole->owners[i].listeners[k]);
	for (size_t i = 0; i < group->n; i++)
		group->members[i].http_guards = whole->http_guards;
}

static void find_listeners(struct group *group)
{
	struct gateway *whole = &group->whole;

	collect_listeners(group);
	each_listener(group, check_ports);
	each_listener(group, find_clients);
	gateway_listeners_compare(whole->a, whole->owners, whole->n_owners);
	each_listener(group, find_certificates);
	each_listener(group, find_guards);
	share_guards(group);
}

static void serve(struct group *group, const struct infrastructure_parameters *parameters)
{
	gateway_sockets_want(&group->whole);
	infrastructure_want(&group->whole, parameters);
	for (size_t i = 0; i < group->n; i++)
		infrastructure_find_state(&group->members[i], parameters);
}

static void translate(struct group *group)
{
	struct infrastructure_parameters parameters;
	struct flaw wrong = { 0 };
	bool served;

	for (size_t i = 0; i < group->n; i++)
		find_objects(&group->members[i]);
	group->whole = group->members[0];
	parameters_find(&group->whole, &parameters, &wrong);
	/* Envoys that run go on as they are, until the parameters are good again (G-CLS-4). */
	served = !group->whole.accepted.reason && (!wrong.reason || *group->whole.fleet);
	for (size_t i = 0; i < group->n; i++)
		flaw_set(&group->members[i].accepted, wrong.reason, wrong.message);
	find_listeners(group);
	for (size_t i = 0; i < group->n; i++)
		gateway_parents_emit(&group->members[i]);
	if (served)
		serve(group, wrong.reason ? NULL : &parameters);
	for (size_t i = 0; i < group->n; i++) {
		gateway_listeners_advise(&group->members[i]);
		parent_states_emit(&group->members[i]);
	}
}

/* Classes of others are there; one that nobody has is a slip of the pen. */
static void pass_over(struct reader *r, const char *key, const char *class, const char *why)
{
	emit_problem(r, OBJECT_GATEWAY, key,
		     gateway_class_exists(r, class) ? PORTOLAN__IPC__SEVERITY__SEVERITY_INFO
						    : PORTOLAN__IPC__SEVERITY__SEVERITY_WARNING,
		     "OtherClass", "spec.gatewayClassName", "%s", why);
	emit_verdict(r, OBJECT_GATEWAY, key, PORTOLAN__IPC__VERDICT__VERDICT_IGNORED);
}

static struct gateway make(struct reader *r, const char *key, const K8s__Gateway *object)
{
	return (struct gateway){
		.r = r,
		.a = reader_arena(r),
		.key = key,
		.fleet = gateway_is_provisioned(r) ? key : "",
		.named = key,
		.first = key,
		.object = object,
	};
}

/* The Gateways that share the fleet; false: this one does not. The first one's unit works for all,
 * so that one unit wants each socket; *ret is empty for the others. */
static bool make_merged(struct reader *r, const char *key, const char *fleet, struct group *ret)
{
	size_t n, at = 0;
	const char **keys = gateway_merge_members(r, fleet, &n);

	while (at < n && strcmp(keys[at], key) != 0)
		at++;
	if (at == n)
		return false;
	ret->n = 0;
	if (at)
		return true;
	ret->members = arena_new_of(reader_arena(r), struct gateway, n);
	for (size_t i = 0; i < n; i++) {
		const K8s__Gateway *object = read_message(r, OBJECT_GATEWAY, keys[i]);
		struct gateway *g = &ret->members[ret->n];

		if (!object || !object->spec)
			continue;
		*g = make(r, keys[i], object);
		g->fleet = g->named = fleet;
		g->first = key;
		g->merged = true;
		ret->n++;
	}
	return true;
}

void unit_gateway(struct reader *r, const char *key, size_t key_len _unused_)
{
	const K8s__Gateway *object = read_message(r, OBJECT_GATEWAY, key);
	struct gateway one;
	struct group group = { .members = &one, .n = 1 };
	const char *why, *fleet;
	bool is_shared;

	if (!object || !object->spec)
		return;
	if (!gateway_class_is_ours(r, object->spec->gateway_class_name, &why)) {
		pass_over(r, key, object->spec->gateway_class_name, why);
		return;
	}
	one = make(r, key, object);
	fleet = gateway_merge_fleet(r, object->spec->gateway_class_name);
	is_shared = fleet && make_merged(r, key, fleet, &group);
	if (!is_shared && fleet && !gateway_merge_refuses(r, key, object, &one.accepted))
		flaw_set(&one.accepted, "Invalid",
			 "too many Gateways of its class are to share Envoys");
	fleet = is_shared ? fleet : one.fleet;
	reader_fleet(r, fleet);
	if (!group.n)
		return;
	if (*fleet)
		emit_output(r, RESOURCE_FLEET, fleet, NULL, 0);
	translate(&group);
}
