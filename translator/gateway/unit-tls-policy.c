/* The status of a BackendTLSPolicy: an entry for each Gateway through which its target is reached
 * (G-BTP-7, G-BTP-9). */
#include <string.h>

#include "translator/gateway/gateway.h"
#include "translator/gateway/policy-status.h"
#include "translator/resolve/object.h"
#include "translator/resolve/tls-policy.h"
#include "translator/units.h"

/* The older policy that has this target of the policy at `own`, or NULL (G-BTP-2). */
static const char *find_older(const struct tls_policy *all, size_t own,
			      const K8s__PolicyTargetReference *t)
{
	const char *section = t->section_name ? t->section_name : "";

	for (size_t i = 0; i < own; i++)
		for (size_t k = 0; k < all[i].object->spec->n_target_refs; k++) {
			const K8s__PolicyTargetReference *o = all[i].object->spec->target_refs[k];

			if (tls_policy_is_of_service(o) && strcmp(o->name, t->name) == 0 &&
			    strcmp(o->section_name ? o->section_name : "", section) == 0)
				return all[i].key;
		}
	return NULL;
}

/* Another policy that holds for all that this one is about, or NULL. What it has lost beside others
 * is named. */
static const char *find_winner(struct reader *r, const char *key, const char *namespace)
{
	size_t n, own = 0, lost = 0;
	const struct tls_policy *all = tls_policies_read(r, namespace, &n);
	const K8s__BackendTLSPolicySpec *spec;
	const char *winner = NULL;

	while (own < n && strcmp(all[own].key, key) != 0)
		own++;
	if (own == n)
		return NULL;
	spec = all[own].object->spec;
	for (size_t i = 0; i < spec->n_target_refs; i++) {
		const char *older = find_older(all, own, spec->target_refs[i]);

		winner = older ? older : winner;
		lost += older != NULL;
	}
	if (lost == spec->n_target_refs)
		return winner;
	for (size_t i = 0; i < spec->n_target_refs; i++) {
		const char *older = find_older(all, own, spec->target_refs[i]);

		if (older)
			policy_tell_lost(r, OBJECT_BACKEND_TLS_POLICY, key, i, older);
	}
	return NULL;
}

static const char *target_fault(struct reader *r, const char *namespace,
				const K8s__PolicyTargetReference *t)
{
	struct arena *a = reader_arena(r);
	const char *key = arena_printf(a, "%s/%s", namespace, t->name);
	const K8s__Service *s;

	if (!tls_policy_is_of_service(t))
		return arena_printf(
			a, "a target is a Service, of group \"\", not a %s of group \"%s\"",
			t->kind, t->group);
	s = read_message(r, OBJECT_SERVICE, key);
	if (!s || !s->spec)
		return object_missing(r, OBJECT_SERVICE, key);
	if (!t->section_name)
		return NULL;
	for (size_t i = 0; i < s->spec->n_ports; i++)
		if (strcmp(s->spec->ports[i]->name ? s->spec->ports[i]->name : "",
			   t->section_name) == 0)
			return NULL;
	return arena_printf(a, "Service %s has no port of name \"%s\"", key, t->section_name);
}

/* A policy that is about nothing leaves its Service without TLS: that must not be silent. */
static void tell_targets(struct reader *r, const char *key, const char *namespace,
			 const K8s__BackendTLSPolicySpec *spec)
{
	for (size_t i = 0; i < spec->n_target_refs; i++) {
		const char *why = target_fault(r, namespace, spec->target_refs[i]);

		if (why)
			object_warning(r, OBJECT_BACKEND_TLS_POLICY, key, "TargetNotFound",
				       arena_printf(reader_arena(r), "spec.targetRefs[%zu]", i),
				       "%s", why);
	}
}

void unit_tls_policy(struct reader *r, const char *key, size_t key_len _unused_)
{
	const K8s__BackendTLSPolicy *p = read_message(r, OBJECT_BACKEND_TLS_POLICY, key);
	struct arena *a = reader_arena(r);
	struct flaw accepted = { 0 }, resolved = { 0 };
	struct conditions c = { 0 };
	struct tls_settings tls;
	const char *namespace, *name, *winner;

	if (!p || !p->spec || !p->spec->validation)
		return;
	object_split_key(r, key, &namespace, &name);
	tell_targets(r, key, namespace, p->spec);
	if (p->spec->n_options)
		object_warning(r, OBJECT_BACKEND_TLS_POLICY, key, "FieldIgnored", "spec.options",
			       "ignored: no option has a meaning here");
	tls_policy_read(r, namespace, p->spec->validation, &tls);
	winner = find_winner(r, key, namespace);
	if (winner)
		flaw_set(&accepted, "Conflicted",
			 arena_printf(a, "the older BackendTLSPolicy %s has the same target",
				      winner));
	if (tls.accepted)
		flaw_set(&accepted, tls.accepted, tls.accepted_why);
	if (tls.resolved)
		flaw_set(&resolved, tls.resolved, tls.resolved_why);
	conditions_add(a, &c, "Accepted", &accepted, "Accepted", "The policy is in effect");
	conditions_add(a, &c, "ResolvedRefs", &resolved, "ResolvedRefs",
		       "All its references are resolved");
	policy_status_emit(r, OBJECT_BACKEND_TLS_POLICY, key, key, &c, &accepted);
}
