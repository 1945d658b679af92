/* The status of a TCPRoute, UDPRoute or TLSRoute: the part that follows from objects, and whether
 * older routes have its listeners (S-RT-9). That is known only after all routes of a wave. */
#include <stdlib.h>
#include <string.h>

#include "translator/gateway/attach.h"
#include "translator/kinds.h"
#include "translator/model/message.h"
#include "translator/units.h"

typedef Portolan__Ipc__ObjectStatus ObjectStatus;

/* "kind-number namespace/name" */
static enum object_kind parse_key(struct arena *a, const char *key, size_t len,
				  const char **ret_object)
{
	const char *text = arena_strndup(a, key, len);

	*ret_object = strchr(text, ' ') + 1;
	return (enum object_kind)strtoul(text, NULL, 10);
}

/* The route that gets the connections, or NULL if it is this one. */
static const ModelStreamTargets *find_holder(struct reader *r, enum object_kind kind,
					     const char *object, const char *stream)
{
	const struct item *const *facts;
	const ModelStreamTargets *first;
	size_t n;

	facts = read_facts(r, FACT_STREAM, stream, strlen(stream), &n);
	if (!n)
		return NULL;
	first = message_unpack(reader_arena(r), ModelStreamTargets, facts[0]);
	return first->object_kind == kind && strcmp(first->object_key, object) == 0 ? NULL : first;
}

static void tell(struct arena *a, Portolan__Ipc__ParentStatus *s, const ModelStreamTargets *holder)
{
	for (size_t i = 0; i < s->n_conditions; i++) {
		Portolan__Ipc__Condition *c = s->conditions[i];

		if (strcmp(c->type, "Accepted") == 0 &&
		    c->status == PORTOLAN__IPC__CONDITION_STATUS__CONDITION_TRUE)
			c->message = arena_printf(
				a, "The route is attached, but %s %s has the listener before it",
				object_kind((enum object_kind)holder->object_kind)->kind,
				holder->object_key);
	}
}

void unit_stream_state(struct reader *r, const char *key, size_t key_len)
{
	struct arena *a = reader_arena(r);
	const struct item *const *facts;
	const ModelStreamState *state;
	enum object_kind kind;
	const char *object;
	ObjectStatus *s;
	size_t n;

	kind = parse_key(a, key, key_len, &object);
	facts = read_facts(r, FACT_STREAM_STATE, key, key_len, &n);
	if (!n)
		return;
	state = message_unpack(a, ModelStreamState, facts[0]);
	s = portolan__ipc__object_status__unpack(arena_pb(a), state->status.len,
						 state->status.data);
	for (size_t i = 0; i < s->n_parents && i < state->n_parents; i++) {
		const Portolan__Model__StreamParent *p = state->parents[i];
		const ModelStreamTargets *holder = NULL;
		bool all = p->n_streams > 0;

		for (size_t k = 0; k < p->n_streams && all; k++) {
			holder = find_holder(r, kind, object, p->streams[k]);
			all = holder != NULL;
		}
		if (all)
			tell(a, s->parents[i], holder);
	}
	emit_status(r, kind, object, s);
}
