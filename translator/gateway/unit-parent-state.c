/* The status of a Gateway or ListenerSet: the part that follows from objects, with the number of
 * attached routes. Runs once after all routes of a wave. */
#include <string.h>

#include "translator/gateway/attach.h"
#include "translator/gateway/gateway.h"
#include "translator/kinds.h"
#include "translator/units.h"

typedef Portolan__Ipc__ObjectStatus ObjectStatus;

/* "Gateway namespace/name" */
static enum object_kind parse_key(struct arena *a, const char *key, size_t len,
				  const char **ret_object)
{
	const char *text = arena_strndup(a, key, len);

	*ret_object = strchr(text, ' ') + 1;
	return strncmp(text, "Gateway ", 8) == 0 ? OBJECT_GATEWAY : OBJECT_LISTENER_SET;
}

static uint32_t count_routes(struct reader *r, enum object_kind kind, const char *object,
			     const char *section)
{
	const char *key = attach_count_key(reader_arena(r), kind, object, section);
	size_t n;

	(void)read_facts(r, FACT_ATTACHED, key, strlen(key), &n);
	return (uint32_t)n;
}

static void report_flaws(struct reader *r, enum object_kind kind, const char *object,
			 const char *field, Portolan__Ipc__Condition *const *all, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (all[i]->status == PORTOLAN__IPC__CONDITION_STATUS__CONDITION_FALSE &&
		    strcmp(all[i]->type, "Conflicted") != 0 &&
		    strcmp(all[i]->reason, "Invalid") != 0 &&
		    strcmp(all[i]->reason, "Pending") != 0)
			emit_problem(r, kind, object, PORTOLAN__IPC__SEVERITY__SEVERITY_ERROR,
				     all[i]->reason, field, "%s", all[i]->message);
}

/* Envoy's word for an address that is not one of its host's (bind(2), EADDRNOTAVAIL). */
static bool is_about_address(const char *refused)
{
	return strstr(refused, "Cannot assign requested address") != NULL;
}

static void unprogram(Portolan__Ipc__Condition *const *all, size_t n, const char *reason,
		      const char *message)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(all[i]->type, "Programmed") != 0 ||
		    all[i]->status != PORTOLAN__IPC__CONDITION_STATUS__CONDITION_TRUE)
			continue;
		all[i]->status = PORTOLAN__IPC__CONDITION_STATUS__CONDITION_FALSE;
		all[i]->reason = (char *)reason;
		all[i]->message = (char *)message;
	}
}

/* Envoy's answer about one socket. */
struct socket_state {
	const char *refused; /* or NULL */
	bool programmed;
};

struct sockets {
	struct reader *r;
	const char **refusals;
	size_t n_refusals;
	bool live; /* there are Envoys that could answer */
};

static bool has_fact(struct reader *r, const char *socket)
{
	size_t n;

	(void)read_facts(r, FACT_PROGRAMMED, socket, strlen(socket), &n);
	return n > 0;
}

static struct socket_state state_of(const struct sockets *s, const char *socket)
{
	const char *name = arena_printf(reader_arena(s->r), " %s: ", socket);

	/* A refusal names the socket. */
	for (size_t i = 0; i < s->n_refusals; i++)
		if (strstr(s->refusals[i], name))
			return (struct socket_state){ .refused = s->refusals[i] };
	return (struct socket_state){ .programmed = !s->live || has_fact(s->r, socket) };
}

/* A listener is not programmed if Envoy refuses it or has not answered, and a Gateway is not if
 * none of its listeners is (S-GW-4, G-ADR-2). */
static void apply_answers(struct sockets *sockets, enum object_kind kind,
			  const Portolan__Model__ParentState *state, ObjectStatus *s)
{
	static const char pending[] = "No Envoy has acknowledged it yet";
	const char *refused = NULL, *reason;
	size_t served = 0, good = 0;

	for (size_t i = 0; i < s->n_listeners && i < state->n_sockets; i++) {
		Portolan__Ipc__ListenerStatus *l = s->listeners[i];
		struct socket_state one;

		if (!*state->sockets[i])
			continue;
		one = state_of(sockets, state->sockets[i]);
		served++;
		good += one.programmed;
		if (one.refused)
			refused = one.refused;
		if (!one.programmed)
			unprogram(l->conditions, l->n_conditions,
				  one.refused ? "Invalid" : "Pending",
				  one.refused ? one.refused : pending);
	}
	for (size_t i = 0; i < state->n_more_sockets; i++, served++)
		good += state_of(sockets, state->more_sockets[i]).programmed;
	if (good || !served)
		return;
	reason = !refused                                              ? "Pending"
		 : kind == OBJECT_GATEWAY && is_about_address(refused) ? "AddressNotUsable"
								       : "Invalid";
	unprogram(s->conditions, s->n_conditions, reason, refused ? refused : pending);
	if (refused)
		s->n_addresses = 0;
}

void unit_parent_state(struct reader *r, const char *key, size_t key_len)
{
	struct arena *a = reader_arena(r);
	const Portolan__Model__ParentState *state;
	const struct item *const *facts;
	struct sockets sockets;
	ObjectStatus *s;
	enum object_kind kind;
	const char *object;
	size_t n;

	kind = parse_key(a, key, key_len, &object);
	facts = read_facts(r, FACT_PARENT_STATE, key, key_len, &n);
	if (!n)
		return;
	state = message_unpack(a, ModelParentState, facts[0]);
	s = portolan__ipc__object_status__unpack(arena_pb(a), state->status.len,
						 state->status.data);
	sockets = (struct sockets){ .r = r, .live = has_fact(r, "") };
	sockets.refusals = refusals_read(r, OBJECT_GATEWAY, state->gateway, &sockets.n_refusals);
	apply_answers(&sockets, kind, state, s);
	report_flaws(r, kind, object, NULL, s->conditions, s->n_conditions);
	for (size_t i = 0; i < s->n_listeners; i++) {
		Portolan__Ipc__ListenerStatus *l = s->listeners[i];

		l->has_attached_routes = 1;
		l->attached_routes = count_routes(r, kind, object, l->name);
		report_flaws(r, kind, object, arena_printf(a, "spec.listeners[%zu]", i),
			     l->conditions, l->n_conditions);
	}
	emit_status(r, kind, object, s);
	emit_verdict(r, kind, object, (Portolan__Ipc__Verdict)state->verdict);
}
