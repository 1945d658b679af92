/* Statuses of a Gateway and its ListenerSets: the part that follows from objects. */
#include "translator/gateway/parent-state.h"

#include <string.h>

#include "translator/gateway/gateway-sockets.h"
#include "translator/kinds.h"

#define NAMES_MAX 20 /* that a message lists */

typedef Portolan__Ipc__ListenerStatus ListenerStatus;
typedef Portolan__Ipc__ObjectStatus ObjectStatus;
typedef Portolan__Model__ParentState ParentState;

/* ---- listeners ---- */

static void list_kinds(struct arena *a, const struct gateway_listener *l, ListenerStatus *ret)
{
	ret->supported_kinds = arena_new_of(a, Portolan__Ipc__RouteKind *, 2);
	for (size_t i = 0; i < l->n_kinds; i++) {
		Portolan__Ipc__RouteKind *k = arena_new_of(a, Portolan__Ipc__RouteKind, 1);

		portolan__ipc__route_kind__init(k);
		k->group = (char *)GATEWAY_GROUP;
		k->kind = (char *)object_kind(l->kinds[i])->kind;
		ret->supported_kinds[ret->n_supported_kinds++] = k;
	}
}

static struct flaw programmed_flaw(const struct gateway *g, const struct gateway_listener *l)
{
	if (g->accepted.reason)
		return (struct flaw){ "Invalid", g->accepted.message };
	if (l->conflict.reason)
		return l->conflict;
	if (l->accepted.reason)
		return (struct flaw){ "Invalid", l->accepted.message };
	if (!gateway_listener_is_served(l))
		return (struct flaw){ "Invalid", l->resolved.message };
	return (struct flaw){ 0 };
}

static ListenerStatus *listener_status(struct gateway *g, const struct gateway_listener *l)
{
	ListenerStatus *s = arena_new_of(g->a, ListenerStatus, 1);
	struct flaw accepted = l->accepted.reason ? l->accepted : l->conflict;
	struct flaw programmed = programmed_flaw(g, l);
	struct conditions c = { 0 };

	portolan__ipc__listener_status__init(s);
	s->name = l->spec->name;
	list_kinds(g->a, l, s);
	conditions_add(g->a, &c, "Accepted", &accepted, "Accepted", "The listener is valid");
	if (l->conflict.reason)
		conditions_add_status(g->a, &c, "Conflicted", true, l->conflict.reason,
				      l->conflict.message);
	else
		conditions_add_status(g->a, &c, "Conflicted", false, "NoConflicts",
				      "No other listener is in its way");
	conditions_add(g->a, &c, "ResolvedRefs", &l->resolved, "ResolvedRefs",
		       "All its references are resolved");
	conditions_add(g->a, &c, "Programmed", &programmed, "Programmed", "Envoy serves it");
	if (l->overlaps)
		conditions_add_status(g->a, &c, "OverlappingTLSConfig", true,
				      "OverlappingHostnames",
				      "Another HTTPS listener of its port has a hostname that "
				      "overlaps with this one's");
	s->conditions = c.all;
	s->n_conditions = c.n;
	return s;
}

/* ---- a Gateway or ListenerSet ---- */

struct count {
	size_t valid, served;
	const char *bad; /* names of the listeners that are not valid, or NULL */
	const char *good;
};

static const char *add_name(struct arena *a, const char *list, const char *name, size_t n)
{
	if (n == NAMES_MAX)
		return arena_printf(a, "%s and more", list);
	if (n > NAMES_MAX)
		return list;
	return list ? arena_printf(a, "%s, %s", list, name) : name;
}

static struct count count_listeners(struct arena *a, const struct listener_owner *o)
{
	struct count c = { 0 };
	size_t n_bad = 0;

	for (size_t i = 0; i < o->n_specs; i++) {
		const struct gateway_listener *l = &o->listeners[i];

		/* A ListenerSet's listener with a reference that is not permitted is not valid
		 * either (G-LS-7). */
		bool valid = gateway_listener_is_accepted(l) &&
			     (o->kind == OBJECT_GATEWAY || gateway_listener_is_served(l));

		c.served += gateway_listener_is_served(l);
		if (valid)
			c.good = add_name(a, c.good, l->spec->name, c.valid++);
		else
			c.bad = add_name(a, c.bad, l->spec->name, n_bad++);
	}
	return c;
}

static const char *describe(struct arena *a, const struct count *c)
{
	return arena_printf(a, "Listeners that are not valid: %s%s%s", c->bad ? c->bad : "",
			    c->good ? "; valid are: " : "", c->good ? c->good : "");
}

static const char *socket_of(const struct gateway *g, const struct gateway_listener *l)
{
	return gateway_listener_is_served(l) ? gateway_socket_name(g, (uint32_t)l->spec->port,
								   l->protocol == LISTENER_UDP)
					     : "";
}

static void add_once(ParentState *s, const char *socket)
{
	for (size_t i = 0; i < s->n_more_sockets; i++)
		if (strcmp(s->more_sockets[i], socket) == 0)
			return;
	s->more_sockets[s->n_more_sockets++] = (char *)socket;
}

static void list_more_sockets(struct gateway *g, ParentState *s)
{
	size_t n = 0;

	for (size_t i = 1; i < g->n_owners; i++)
		n += g->owners[i].n_specs;
	s->more_sockets = arena_new_of(g->a, char *, n + 1);
	for (size_t i = 1; i < g->n_owners; i++)
		for (size_t k = 0; k < g->owners[i].n_specs; k++) {
			const char *socket = socket_of(g, &g->owners[i].listeners[k]);

			if (*socket)
				add_once(s, socket);
		}
}

static void emit_state(struct gateway *g, const struct listener_owner *o, ObjectStatus *s,
		       struct conditions *c, Portolan__Ipc__Verdict verdict)
{
	const char *key = gateway_parent_key(g->a, o->kind, o->key);
	ParentState state = PORTOLAN__MODEL__PARENT_STATE__INIT;
	uint8_t *packed;
	size_t len;

	s->conditions = c->all;
	s->n_conditions = c->n;
	s->listeners = arena_new_of(g->a, ListenerStatus *, o->n_specs + 1);
	state.sockets = arena_new_of(g->a, char *, o->n_specs + 1);
	for (size_t i = 0; i < o->n_specs; i++) {
		const struct gateway_listener *l = &o->listeners[i];

		s->listeners[s->n_listeners++] = listener_status(g, l);
		state.sockets[state.n_sockets++] = (char *)socket_of(g, l);
	}
	state.status.data = reader_pack(g->r, &s->base, &state.status.len);
	state.verdict = verdict;
	state.gateway = (char *)g->first;
	if (o->kind == OBJECT_GATEWAY)
		list_more_sockets(g, &state);
	packed = reader_pack(g->r, &state.base, &len);
	emit_fact(g->r, FACT_PARENT_STATE, key, strlen(key), "", 0, packed, len);
}

static Portolan__Ipc__Verdict verdict_of(const struct flaw *accepted, const struct flaw *programmed,
					 const struct count *n, size_t n_specs)
{
	if (accepted->reason || programmed->reason)
		return PORTOLAN__IPC__VERDICT__VERDICT_REJECTED;
	return n->served < n_specs ? PORTOLAN__IPC__VERDICT__VERDICT_PARTIAL
				   : PORTOLAN__IPC__VERDICT__VERDICT_ACCEPTED;
}

/* ---- the Gateway ---- */

/* An address is as routable as was requested for it. */
static char *routability_of(const struct gateway *g, size_t at)
{
	const K8s__GatewaySpec *spec = g->object->spec;
	size_t n = 0;

	/* Those with a value come first (unit-gateway-claim.c). */
	for (size_t named = 2; named-- > 0;)
		for (size_t i = 0; i < spec->n_addresses; i++)
			if ((*spec->addresses[i]->value != '\0') == (named > 0) && n++ == at)
				return spec->addresses[i]->routability;
	return NULL;
}

static void list_addresses(struct gateway *g, ObjectStatus *s)
{
	if (g->addresses.shown) {
		s->addresses = g->addresses.shown;
		s->n_addresses = g->addresses.n_shown;
		return;
	}
	s->addresses = arena_new_of(g->a, Portolan__Ipc__AddressStatus *, g->addresses.n + 1);
	for (size_t i = 0; i < g->addresses.n; i++) {
		Portolan__Ipc__AddressStatus *x =
			arena_new_of(g->a, Portolan__Ipc__AddressStatus, 1);
		char *routability = routability_of(g, i);

		portolan__ipc__address_status__init(x);
		x->type = (char *)"IPAddress";
		x->value = (char *)g->addresses.all[i];
		x->routability = routability && *routability ? routability : NULL;
		s->addresses[s->n_addresses++] = x;
	}
}

/* v1.7: whether it has as many addresses as it asks for. */
static void add_assigned(struct gateway *g, struct conditions *c)
{
	const struct gateway_addresses *x = &g->addresses;
	size_t wanted = MAX(g->object->spec->n_addresses, (size_t)1);
	size_t n = x->shown ? x->n_usable : MIN(x->n, x->n_usable);
	struct flaw flaw = { 0 };

	if (n < wanted)
		flaw = (struct flaw){
			n ? "PartiallyAssigned" : "NotAssigned",
			arena_printf(g->a, "%zu of %zu addresses are assigned", n, wanted),
		};
	conditions_add(g->a, c, "AddressesAssigned", &flaw, "AddressesAssigned",
		       "It has all the addresses that it asks for");
}

static size_t count_served(const struct gateway *g)
{
	size_t n = 0;

	for (size_t i = 0; i < g->n_owners; i++)
		for (size_t k = 0; k < g->owners[i].n_specs; k++)
			n += gateway_listener_is_served(&g->owners[i].listeners[k]);
	return n;
}

/* ListenerSets that are accepted: with a valid listener, at an accepted Gateway (G-LS-11). */
static uint32_t count_sets(const struct gateway *g)
{
	uint32_t n = 0;

	if (g->accepted.reason)
		return 0;
	for (size_t i = 1; i < g->n_owners; i++)
		n += count_listeners(g->a, &g->owners[i]).valid > 0;
	return n;
}

static void gateway_state(struct gateway *g)
{
	const K8s__GatewayTLSConfig *tls = g->object->spec->tls;
	struct count n = count_listeners(g->a, &g->owners[0]);
	struct flaw accepted = g->accepted, programmed = { 0 };
	ObjectStatus s = PORTOLAN__IPC__OBJECT_STATUS__INIT;
	struct conditions c = { 0 };

	if (!n.valid && g->owners[0].n_specs)
		flaw_set(&accepted, "ListenersNotValid", describe(g->a, &n));
	if (accepted.reason)
		flaw_set(&programmed, "Invalid", accepted.message);
	if (g->addresses.programmed.reason)
		flaw_set(&programmed, g->addresses.programmed.reason,
			 g->addresses.programmed.message);
	if (!count_served(g))
		flaw_set(&programmed, "Invalid", "no listener of it can be served");
	conditions_add(g->a, &c, "Accepted", &accepted, n.bad ? "ListenersNotValid" : "Accepted",
		       n.bad ? describe(g->a, &n) : "The Gateway is valid");
	conditions_add(g->a, &c, "Programmed", &programmed, "Programmed", "Envoy serves it");
	add_assigned(g, &c);
	if (tls && tls->backend && tls->backend->client_certificate_ref)
		conditions_add(g->a, &c, "ResolvedRefs", &g->resolved, "ResolvedRefs",
			       "All its references are resolved");
	if (g->insecure)
		conditions_add_status(g->a, &c, "InsecureFrontendValidationMode", true,
				      "ConfigurationChanged",
				      "Clients without a valid certificate are served "
				      "(AllowInsecureFallback)");
	if (!programmed.reason)
		list_addresses(g, &s);
	s.has_attached_listener_sets = 1;
	s.attached_listener_sets = count_sets(g);
	s.controller = (char *)gateway_controller(g->r);
	emit_state(g, &g->owners[0], &s, &c,
		   verdict_of(&accepted, &programmed, &n, g->owners[0].n_specs));
}

/* ---- ListenerSets ---- */

static void set_state(struct gateway *g, const struct listener_owner *o, bool parent_programmed)
{
	struct count n = count_listeners(g->a, o);
	struct flaw accepted = { 0 }, programmed = { 0 };
	ObjectStatus s = PORTOLAN__IPC__OBJECT_STATUS__INIT;
	struct conditions c = { 0 };

	if (g->accepted.reason)
		flaw_set(&accepted, "ParentNotAccepted",
			 arena_printf(g->a, "Gateway %s is not accepted: %s", g->key,
				      g->accepted.message));
	if (!n.valid)
		flaw_set(&accepted, "ListenersNotValid", describe(g->a, &n));
	programmed = accepted;
	if (!parent_programmed)
		flaw_set(&programmed, "ParentNotProgrammed",
			 arena_printf(g->a, "Gateway %s is not programmed", g->key));
	conditions_add(g->a, &c, "Accepted", &accepted, n.bad ? "ListenersNotValid" : "Accepted",
		       n.bad ? describe(g->a, &n) : "The ListenerSet is valid");
	conditions_add(g->a, &c, "Programmed", &programmed, "Programmed", "Envoy serves it");
	s.controller = (char *)gateway_controller(g->r);
	emit_state(g, o, &s, &c, verdict_of(&accepted, &programmed, &n, o->n_specs));
}

static void refused_set_state(struct gateway *g, const struct listener_set *set)
{
	struct listener_owner o = { .kind = OBJECT_LISTENER_SET, .key = set->key };
	struct flaw flaw = {
		"NotAllowed",
		arena_printf(g->a,
			     "spec.allowedListeners of Gateway %s does not allow ListenerSets of "
			     "this namespace",
			     g->key),
	};
	ObjectStatus s = PORTOLAN__IPC__OBJECT_STATUS__INIT;
	struct conditions c = { 0 };

	conditions_add(g->a, &c, "Accepted", &flaw, NULL, NULL);
	conditions_add(g->a, &c, "Programmed", &flaw, NULL, NULL);
	s.controller = (char *)gateway_controller(g->r);
	emit_state(g, &o, &s, &c, PORTOLAN__IPC__VERDICT__VERDICT_REJECTED);
}

void parent_states_emit(struct gateway *g)
{
	bool programmed = !g->accepted.reason && !g->addresses.programmed.reason;

	gateway_state(g);
	for (size_t i = 1; i < g->n_owners; i++)
		set_state(g, &g->owners[i], programmed);
	for (size_t i = 0; i < g->n_sets; i++)
		if (!g->sets[i].allowed)
			refused_set_state(g, &g->sets[i]);
}
