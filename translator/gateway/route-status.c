/* Statuses of routes (S-RT-1…9). */
#include "translator/gateway/route-status.h"

#include <string.h>

#include "common/base/spelling.h"
#include "translator/gateway/gateway.h"
#include "translator/resolve/object.h"

typedef Portolan__Ipc__ParentStatus ParentStatus;

void route_flaw_add(struct route_flaws *flaws, const char *reason, const char *field,
		    const char *message)
{
	/* A rule is read for each listener and host name. */
	for (size_t i = 0; i < flaws->n; i++)
		if (strcmp(flaws->all[i].field, field) == 0 &&
		    strcmp(flaws->all[i].message, message) == 0)
			return;
	if (flaws->n < ROUTE_FLAWS_MAX)
		flaws->all[flaws->n++] = (struct route_flaw){ reason, field, message };
}

static ParentStatus *entry(struct arena *a, const struct route_parent *p,
			   const struct route_flaws *flaws, const char *refused)
{
	struct flaw accepted = p->accepted.reason ? p->accepted : flaws->accepted;
	ParentStatus *s = arena_new_of(a, ParentStatus, 1);
	struct conditions c = { 0 };

	/* A route that Envoy refuses is not served, whatever our own verdict (E-IN-6). */
	if (refused)
		flaw_set(&accepted, "UnsupportedValue", refused);
	portolan__ipc__parent_status__init(s);
	s->group = (char *)p->group;
	s->kind = (char *)p->kind;
	s->namespace_ = (char *)p->namespace;
	s->name = (char *)p->name;
	s->section_name = (char *)p->section;
	s->has_port = p->port != 0;
	s->port = p->port;
	conditions_add(a, &c, "Accepted", &accepted, "Accepted", "The route is attached");
	conditions_add(a, &c, "ResolvedRefs", &flaws->resolved, "ResolvedRefs",
		       "All its references are resolved");
	if (flaws->dropped && !accepted.reason)
		conditions_add_status(a, &c, "PartiallyInvalid", true, "UnsupportedValue",
				      flaws->dropped);
	s->conditions = c.all;
	s->n_conditions = c.n;
	return s;
}

static Portolan__Ipc__Verdict verdict_of(const struct route_parent *parents, size_t n,
					 const struct route_flaws *flaws)
{
	size_t accepted = 0;

	for (size_t i = 0; i < n; i++)
		accepted += !parents[i].accepted.reason && !flaws->accepted.reason;
	if (!n)
		return PORTOLAN__IPC__VERDICT__VERDICT_IGNORED;
	if (!accepted)
		return PORTOLAN__IPC__VERDICT__VERDICT_REJECTED;
	return accepted < n || flaws->resolved.reason || flaws->dropped
		       ? PORTOLAN__IPC__VERDICT__VERDICT_PARTIAL
		       : PORTOLAN__IPC__VERDICT__VERDICT_ACCEPTED;
}

static void report(struct reader *r, const struct route_head *head, const struct flaw *flaw,
		   const char *field)
{
	if (flaw->reason)
		emit_problem(r, head->kind, head->key, PORTOLAN__IPC__SEVERITY__SEVERITY_ERROR,
			     flaw->reason, field, "%s", flaw->message);
}

/* For users who read problems instead of conditions. */
static void report_all(struct reader *r, const struct route_head *head,
		       const struct route_parent *parents, size_t n,
		       const struct route_flaws *flaws)
{
	for (size_t i = 0; i < n; i++) {
		const struct route_parent *p = &parents[i];
		struct flaw named = p->accepted;

		if (named.reason)
			named.message =
				arena_printf(reader_arena(r), "%s %s/%s%s%s: %s", p->kind,
					     p->namespace, p->name, p->section ? ", listener " : "",
					     p->section ? p->section : "", p->accepted.message);
		report(r, head, &named, "spec.parentRefs");
	}
	for (size_t i = 0; i < flaws->n; i++)
		emit_problem(r, head->kind, head->key, PORTOLAN__IPC__SEVERITY__SEVERITY_ERROR,
			     flaws->all[i].reason, flaws->all[i].field, "%s",
			     flaws->all[i].message);
}

/* A parent of another kind is somebody else's business, unless the kind is a slip of the pen. */
static bool report_misspelt(struct reader *r, const struct route_head *head, size_t i)
{
	const K8s__ParentReference *ref = head->refs[i];
	const char *group = ref->group ? ref->group : GATEWAY_GROUP;
	struct spelling s;

	spelling_init(&s, ref->kind, strlen(ref->kind));
	spelling_try(&s, "Gateway");
	spelling_try(&s, "ListenerSet");
	if (!s.best)
		return false;
	if (strcmp(group, GATEWAY_GROUP) == 0)
		object_warning(r, head->kind, head->key, "ParentMissing",
			       arena_printf(reader_arena(r), "spec.parentRefs[%zu].kind", i),
			       "\"%s\" is not a kind of parent: did you mean %s?", ref->kind,
			       s.best);
	else if (strstr(group, "k8s.io"))
		object_warning(r, head->kind, head->key, "ParentMissing",
			       arena_printf(reader_arena(r), "spec.parentRefs[%zu].group", i),
			       "a %s of group \"%s\" is not a parent: the group is %s", ref->kind,
			       group, GATEWAY_GROUP);
	else
		return false;
	return true;
}

/* Gateways of others are their business, but one that nobody has is a slip of the pen. Returns how
 * many there are. */
static size_t report_missing(struct reader *r, const struct route_head *head)
{
	size_t missing = 0;

	for (size_t i = 0; i < head->n_refs; i++) {
		const K8s__ParentReference *ref = head->refs[i];
		enum object_kind kind = attach_parent_kind(ref);
		const char *key;

		if (!kind) {
			missing += report_misspelt(r, head, i);
			continue;
		}
		key = arena_printf(reader_arena(r), "%s/%s",
				   ref->namespace_ && *ref->namespace_ ? ref->namespace_
								       : head->namespace,
				   ref->name);
		if (read_object(r, kind, key))
			continue;
		missing++;
		object_warning(r, head->kind, head->key, "ParentMissing",
			       arena_printf(reader_arena(r), "spec.parentRefs[%zu]", i), "%s",
			       object_missing(r, kind, key));
	}
	return missing;
}

Portolan__Ipc__ObjectStatus *route_status_make(struct reader *r, const struct route_head *head,
					       const struct route_parent *parents, size_t n,
					       const struct route_flaws *flaws)
{
	struct arena *a = reader_arena(r);
	Portolan__Ipc__ObjectStatus *s = arena_new_of(a, Portolan__Ipc__ObjectStatus, 1);
	const char *refused = refusal_read(r, head->kind, head->key);

	portolan__ipc__object_status__init(s);
	s->controller = (char *)gateway_controller(r);
	s->parents = arena_new_of(a, ParentStatus *, n + 1);
	for (size_t i = 0; i < n; i++)
		s->parents[s->n_parents++] = entry(a, &parents[i], flaws, refused);
	report_all(r, head, parents, n, flaws);
	if (!head->n_refs && !head->use_default_gateways)
		object_warning(r, head->kind, head->key, "NoParent", "spec.parentRefs",
			       "it names no Gateway or ListenerSet: nobody serves it");
	else if (!report_missing(r, head) && !n)
		emit_problem(r, head->kind, head->key, PORTOLAN__IPC__SEVERITY__SEVERITY_INFO,
			     "NoParent", "spec.parentRefs",
			     "it names no Gateway or ListenerSet that is served here");
	emit_verdict(r, head->kind, head->key, verdict_of(parents, n, flaws));
	return s;
}

void route_status_emit(struct reader *r, const struct route_head *head,
		       const struct route_parent *parents, size_t n,
		       const struct route_flaws *flaws)
{
	const Portolan__Ipc__ObjectStatus *s = route_status_make(r, head, parents, n, flaws);

	if (n)
		emit_status(r, head->kind, head->key, s);
}
