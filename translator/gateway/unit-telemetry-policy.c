/* An XTelemetryPolicy (GEP-4768) has no effect: its status says so to each Gateway of ours that it
 * is about, and who else serves it is left alone. */
#include <string.h>

#include "k8s/gateway-experimental.pb-c.h"
#include "translator/gateway/gateway.h"
#include "translator/gateway/policy-status.h"
#include "translator/kinds.h"
#include "translator/resolve/object.h"
#include "translator/units.h"

static bool is_ours(struct reader *r, const char *gateway)
{
	const char *id = gateway_parent_key(reader_arena(r), OBJECT_GATEWAY, gateway);
	size_t n;

	(void)read_facts(r, FACT_PARENT, id, strlen(id), &n);
	return n > 0;
}

void unit_telemetry_policy(struct reader *r, const char *key, size_t key_len _unused_)
{
	const K8s__XTelemetryPolicy *p = read_message(r, OBJECT_X_TELEMETRY_POLICY, key);
	const char *namespace, *name, **gateways;
	struct flaw why = { 0 };
	size_t n = 0;

	if (!p || !p->spec)
		return;
	object_split_key(r, key, &namespace, &name);
	gateways = arena_new_of(reader_arena(r), const char *, p->spec->n_target_refs + 1);
	for (size_t i = 0; i < p->spec->n_target_refs; i++) {
		const K8s__LocalObjectReference *ref = p->spec->target_refs[i];
		const char *gateway = arena_printf(reader_arena(r), "%s/%s", namespace, ref->name);

		if (strcmp(ref->group, GATEWAY_GROUP) == 0 && strcmp(ref->kind, "Gateway") == 0 &&
		    is_ours(r, gateway))
			gateways[n++] = gateway;
	}
	if (!n) {
		emit_problem(r, OBJECT_X_TELEMETRY_POLICY, key,
			     PORTOLAN__IPC__SEVERITY__SEVERITY_INFO, "NotUsed", "spec.targetRefs",
			     "it names no Gateway that is served here");
		emit_verdict(r, OBJECT_X_TELEMETRY_POLICY, key,
			     PORTOLAN__IPC__VERDICT__VERDICT_IGNORED);
		return;
	}
	flaw_set(&why, "Invalid",
		 "XTelemetryPolicies have no effect: tracing is a setting of the configuration");
	policy_status_refuse(r, OBJECT_X_TELEMETRY_POLICY, key, gateways, n, &why);
}
