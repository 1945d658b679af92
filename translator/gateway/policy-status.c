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

void policy_tell_lost(struct reader *r, enum object_kind kind, const char *key, size_t target,
		      const char *winner)
{
	object_warning(r, kind, key, "Conflicted",
		       arena_printf(reader_arena(r), "spec.targetRefs[%zu]", target),
		       "the older %s %s has this target, and counts for it",
		       object_kind(kind)->kind, winner);
}

/* Each route, rule and host name that leads there says so (G-BTP-9). */
static bool is_known(const struct policy_ancestor *all, size_t n, const char *gateway)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(all[i].gateway, gateway) == 0)
			return true;
	return false;
}

static const char *not_used(enum object_kind kind)
{
	if (kind == OBJECT_X_BACKEND)
		return "no route of a Gateway has it as a backend";
	return kind == OBJECT_BACKEND_TLS_POLICY
		       ? "no route of a Gateway goes to its target (TLS that a listener of mode "
			 "Passthrough passes on is the client's: no policy is for it)"
		       : "no HTTPRoute or GRPCRoute of a Gateway goes to its target";
}

void policy_status_emit(struct reader *r, enum object_kind kind, const char *key, const char *use,
			const struct conditions *c, const struct flaw *accepted)
{
	const struct item *const *gateways;
	struct policy_ancestor *all;
	size_t facts, n = 0;

	gateways = read_facts(r, FACT_POLICY_USE, use, strlen(use), &facts);
	all = arena_new_of(reader_arena(r), struct policy_ancestor, facts + 1);
	for (size_t i = 0; i < facts; i++)
		if (!is_known(all, n, item_key(gateways[i])))
			all[n++] = (struct policy_ancestor){ item_key(gateways[i]), *c };
	if (!n) {
		emit_problem(r, kind, key, PORTOLAN__IPC__SEVERITY__SEVERITY_INFO, "NotUsed",
			     kind == OBJECT_X_BACKEND ? "spec" : "spec.targetRefs", "%s",
			     not_used(kind));
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
