/* The status of an XBackend: an entry for each Gateway with a route to it. The fault for which it
 * is not reached, if any, is known to its routes. */
#include <string.h>

#include "k8s/gateway-experimental.pb-c.h"
#include "translator/gateway/policy-status.h"
#include "translator/kinds.h"
#include "translator/model/message.h"
#include "translator/resolve/upstream.h"
#include "translator/units.h"

void unit_x_backend(struct reader *r, const char *key, size_t key_len _unused_)
{
	const K8s__XBackend *x = read_message(r, OBJECT_X_BACKEND, key);
	struct arena *a = reader_arena(r);
	const char *use = arena_printf(a, XBACKEND_USE "%s", key);
	const struct item *const *gateways;
	struct flaw accepted = { 0 };
	struct conditions c = { 0 };
	size_t n;

	if (!x || !x->spec)
		return;
	gateways = read_facts(r, FACT_POLICY_USE, use, strlen(use), &n);
	for (size_t i = 0; i < n; i++) {
		const ModelClusterResult *fault =
			message_unpack(a, ModelClusterResult, gateways[i]);

		if (fault && fault->reason)
			flaw_set(&accepted, fault->reason, fault->message);
	}
	conditions_add(a, &c, "Accepted", &accepted, "Accepted", "The backend is valid");
	policy_status_emit(r, OBJECT_X_BACKEND, key, use, &c, &accepted);
}
