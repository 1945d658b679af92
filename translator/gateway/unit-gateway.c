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

/* For a Gateway with its ListenerSets; the statuses of sets beyond it say so (V-11). */
#define LISTENERS_MAX 65536

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

static void collect_owners(struct gateway *g)
{
	const K8s__GatewaySpec *spec = g->object->spec;
	size_t listeners = spec->n_listeners;

	g->sets = gateway_sets(g->r, g->key, g->object, &g->n_sets);
	g->owners = arena_new_of(g->a, struct listener_owner, g->n_sets + 1);
	add_owner(g, OBJECT_GATEWAY, g->key, g->object->metadata, spec->listeners,
		  spec->n_listeners);
	for (size_t i = 0; i < g->n_sets; i++) {
		const K8s__ListenerSet *s = g->sets[i].object;

		listeners += s->spec->n_listeners;
		if (g->sets[i].allowed && listeners <= LISTENERS_MAX)
			add_owner(g, OBJECT_LISTENER_SET, g->sets[i].key, s->metadata,
				  s->spec->listeners, s->spec->n_listeners);
	}
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

static void each_listener(struct gateway *g,
			  void (*fn)(struct gateway *g, struct gateway_listener *l))
{
	for (size_t i = 0; i < g->n_owners; i++)
		for (size_t k = 0; k < g->owners[i].n_specs; k++)
			fn(g, &g->owners[i].listeners[k]);
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
	gateway_sockets_count_guards(g, l);
}

static void translate(struct gateway *g)
{
	struct infrastructure_parameters parameters;
	struct flaw wrong = { 0 };
	bool served;

	gateway_addresses_find(g->r, g->key, g->object, &g->addresses);
	flaw_set(&g->accepted, g->addresses.accepted.reason, g->addresses.accepted.message);
	parameters_find(g, &parameters, &wrong);
	/* Envoys that run go on as they are, until the parameters are good again (G-CLS-4). */
	served = !g->accepted.reason && (!wrong.reason || *g->fleet);
	flaw_set(&g->accepted, wrong.reason, wrong.message);
	g->client_secret = gateway_tls_find_own(g->r, g->key, g->object->spec->tls, &g->resolved);
	gateway_telemetry_find(g);
	collect_owners(g);
	each_listener(g, check_ports);
	each_listener(g, find_clients);
	gateway_listeners_compare(g->a, g->owners, g->n_owners);
	each_listener(g, find_certificates);
	each_listener(g, find_guards);
	gateway_parents_emit(g);
	if (served) {
		gateway_sockets_want(g);
		infrastructure_want(g, wrong.reason ? NULL : &parameters);
	}
	gateway_listeners_advise(g);
	parent_states_emit(g);
}

void unit_gateway(struct reader *r, const char *key, size_t key_len _unused_)
{
	struct gateway g = { .r = r, .a = reader_arena(r), .key = key };
	const char *why;

	g.object = read_message(r, OBJECT_GATEWAY, key);
	if (!g.object || !g.object->spec)
		return;
	if (!gateway_class_is_ours(r, g.object->spec->gateway_class_name, &why)) {
		/* Classes of others are there; one that nobody has is a slip of the pen. */
		emit_problem(r, OBJECT_GATEWAY, key,
			     gateway_class_exists(r, g.object->spec->gateway_class_name)
				     ? PORTOLAN__IPC__SEVERITY__SEVERITY_INFO
				     : PORTOLAN__IPC__SEVERITY__SEVERITY_WARNING,
			     "OtherClass", "spec.gatewayClassName", "%s", why);
		emit_verdict(r, OBJECT_GATEWAY, key, PORTOLAN__IPC__VERDICT__VERDICT_IGNORED);
		return;
	}
	g.fleet = gateway_is_provisioned(r) ? key : "";
	reader_fleet(r, g.fleet);
	if (*g.fleet)
		emit_output(r, RESOURCE_FLEET, g.fleet, NULL, 0);
	translate(&g);
}
