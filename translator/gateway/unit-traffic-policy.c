/* The status of an XBackendTrafficPolicy: an entry for each Gateway through which its target is
 * reached. */
#include <string.h>

#include "translator/gateway/gateway.h"
#include "translator/gateway/policy-status.h"
#include "translator/resolve/object.h"
#include "translator/resolve/traffic-policy.h"
#include "translator/units.h"

/* The older policy that has this target, or NULL. */
static const char *find_older(struct reader *r, const char *key, const char *namespace,
			      const K8s__LocalObjectReference *t)
{
	size_t n;
	const struct traffic_policy *all = traffic_policies_read(r, namespace, t->name, &n);

	return n && strcmp(all[0].key, key) != 0 ? arena_strdup(reader_arena(r), all[0].key) : NULL;
}

/* An older policy has every target of this one; NULL: it does not. What it has lost beside others
 * is named. */
static const char *find_winner(struct reader *r, const char *key, const char *namespace,
			       const K8s__XBackendTrafficPolicySpec *spec)
{
	const char **older = arena_new_of(reader_arena(r), const char *, spec->n_target_refs + 1);
	const char *winner = NULL;
	size_t lost = 0;

	for (size_t i = 0; i < spec->n_target_refs; i++) {
		older[i] = find_older(r, key, namespace, spec->target_refs[i]);
		winner = older[i] ? older[i] : winner;
		lost += older[i] != NULL;
	}
	if (lost == spec->n_target_refs)
		return winner;
	for (size_t i = 0; i < spec->n_target_refs; i++)
		if (older[i])
			policy_tell_lost(r, OBJECT_X_BACKEND_TRAFFIC_POLICY, key, i, older[i]);
	return NULL;
}

void unit_traffic_policy(struct reader *r, const char *key, size_t key_len _unused_)
{
	const K8s__XBackendTrafficPolicy *p = read_message(r, OBJECT_X_BACKEND_TRAFFIC_POLICY, key);
	const char *fact = arena_printf(reader_arena(r), TRAFFIC_POLICY "%s", key);
	struct flaw accepted = { 0 };
	struct conditions c = { 0 };
	const char *namespace, *name, *winner;

	if (!p || !p->spec)
		return;
	object_split_key(r, key, &namespace, &name);
	winner = find_winner(r, key, namespace, p->spec);
	if (winner)
		flaw_set(&accepted, "Conflicted",
			 arena_printf(reader_arena(r),
				      "the older XBackendTrafficPolicy %s has the same target",
				      winner));
	conditions_add(reader_arena(r), &c, "Accepted", &accepted, "Accepted",
		       "The policy is in effect");
	policy_status_emit(r, OBJECT_X_BACKEND_TRAFFIC_POLICY, key, fact, &c, &accepted);
}
