/* The status of an XBackendTrafficPolicy: an entry for each Gateway through which its target is
 * reached. */
#include <string.h>

#include "translator/gateway/gateway.h"
#include "translator/gateway/policy-status.h"
#include "translator/resolve/object.h"
#include "translator/resolve/traffic-policy.h"
#include "translator/units.h"

/* An older policy has every target of this one. */
static const char *find_winner(struct reader *r, const char *key, const char *namespace,
			       const K8s__XBackendTrafficPolicySpec *spec)
{
	const char *winner = NULL;

	for (size_t i = 0; i < spec->n_target_refs; i++) {
		size_t n;
		const struct traffic_policy *all =
			traffic_policies_read(r, namespace, spec->target_refs[i]->name, &n);

		if (n && strcmp(all[0].key, key) == 0)
			return NULL;
		if (n)
			winner = arena_strdup(reader_arena(r), all[0].key);
	}
	return winner;
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
