/* Statuses of policies (G-BTP-7, G-BTP-9). */
#include "translator/gateway/policy-status.h"

#include <string.h>

#include "translator/gateway/gateway.h"
#include "translator/kinds.h"
#include "translator/resolve/object.h"

#define ANCESTORS_MAX 16

typedef Portolan__Ipc__ParentStatus ParentStatus;

static ParentStatus *ancestor(struct reader *r, const char *gateway, const struct conditions *c)
{
	struct arena *a = reader_arena(r);
	ParentStatus *s = arena_new_of(a, ParentStatus, 1);
	const char *namespace, *name;

	portolan__ipc__parent_status__init(s);
	object_split_key(r, gateway, &namespace, &name);
	s->group = (char *)GATEWAY_GROUP;
	s->kind = (char *)"Gateway";
	s->namespace_ = (char *)namespace;
	s->name = (char *)name;
	s->conditions = c->all;
	s->n_conditions = c->n;
	return s;
}

void policy_status_write(struct reader *r, enum object_kind kind, const char *key,
			 const struct policy_ancestor *all, size_t n)
{
	Portolan__Ipc__ObjectStatus s = PORTOLAN__IPC__OBJECT_STATUS__INIT;

	s.controller = (char *)gateway_controller(r);
	s.ancestors = arena_new_of(reader_arena(r), ParentStatus *, n + 1);
	for (size_t i = 0; i < n && i < ANCESTORS_MAX; i++)
		s.ancestors[s.n_ancestors++] = ancestor(r, all[i].gateway, &all[i].conditions);
	emit_status(r, kind, key, &s);
}

void policy_status_emit(struct reader *r, enum object_kind kind, const char *key, const char *use,
			const struct conditions *c, const struct flaw *accepted)
{
	const struct item *const *gateways;
	struct policy_ancestor *all;
	size_t n;

	gateways = read_facts(r, FACT_POLICY_USE, use, strlen(use), &n);
	all = arena_new_of(reader_arena(r), struct policy_ancestor, n + 1);
	for (size_t i = 0; i < n; i++)
		all[i] = (struct policy_ancestor){ item_key(gateways[i]), *c };
	if (!n) {
		emit_problem(r, kind, key, PORTOLAN__IPC__SEVERITY__SEVERITY_INFO, "NotUsed",
			     kind == OBJECT_X_BACKEND ? "spec" : "spec.targetRefs",
			     kind == OBJECT_X_BACKEND ? "no route of a Gateway has it as a backend"
						      : "no route of a Gateway goes to its target");
		emit_verdict(r, kind, key, PORTOLAN__IPC__VERDICT__VERDICT_IGNORED);
		return;
	}
	if (accepted->reason)
		object_error(r, kind, key, accepted->reason, "spec", "%s", accepted->message);
	policy_status_write(r, kind, key, all, n);
	emit_verdict(r, kind, key,
		     accepted->reason ? PORTOLAN__IPC__VERDICT__VERDICT_REJECTED
				      : PORTOLAN__IPC__VERDICT__VERDICT_ACCEPTED);
}
