/* The status of an XTelemetryPolicy: an entry for each Gateway of ours that it is about, and for
 * each that does not exist. Who else serves a Gateway says so himself. */
#include <string.h>

#include "translator/gateway/policy-status.h"
#include "translator/gateway/telemetry.h"
#include "translator/kinds.h"
#include "translator/resolve/object.h"
#include "translator/units.h"

/* A policy while its status is written. */
struct telemetry_status {
	struct reader *r;
	struct arena *a;
	const char *key;
	const char *namespace;
	const K8s__XTelemetryPolicySpec *spec;
	const char *unsupported; /* it has no effect, or NULL */
	const char *accepted;    /* the words for a policy that has one */
	struct policy_ancestor *all;
	size_t n, n_bad;
};

/* What has become of it at a Gateway of ours; NULL: it is none. */
static const Portolan__Model__ClusterResult *find_fate(struct telemetry_status *s,
						       const char *gateway)
{
	const char *use = arena_printf(s->a, TELEMETRY_POLICY "%s", s->key);
	const struct item *const *facts;
	size_t n;

	facts = read_facts(s->r, FACT_POLICY_USE, use, strlen(use), &n);
	for (size_t i = 0; i < n; i++)
		if (strcmp(item_key(facts[i]), gateway) == 0)
			return portolan__model__cluster_result__unpack(
				arena_pb(s->a), facts[i]->value_len, item_value(facts[i]));
	return NULL;
}

static void add(struct telemetry_status *s, const char *gateway, const char *field,
		const struct flaw *accepted, const struct flaw *resolved)
{
	struct policy_ancestor *one = &s->all[s->n++];
	const struct flaw *flaw = accepted->reason ? accepted : resolved;

	one->gateway = gateway;
	conditions_add(s->a, &one->conditions, "Accepted", accepted, "Accepted", s->accepted);
	conditions_add(s->a, &one->conditions, "ResolvedRefs", resolved, "ResolvedRefs",
		       "All its references are resolved");
	if (!flaw->reason)
		return;
	s->n_bad++;
	object_error(s->r, OBJECT_X_TELEMETRY_POLICY, s->key, flaw->reason, field, "%s",
		     flaw->message);
}

static bool is_known(const struct telemetry_status *s, const char *gateway)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->all[i].gateway, gateway) == 0)
			return true;
	return false;
}

static void add_target(struct telemetry_status *s, const K8s__LocalObjectReference *ref,
		       const char *field)
{
	const char *gateway = arena_printf(s->a, "%s/%s", s->namespace, ref->name);
	const Portolan__Model__ClusterResult *fate;
	struct flaw accepted = { 0 }, resolved = { 0 };

	if (!telemetry_targets(ref)) {
		object_warning(s->r, OBJECT_X_TELEMETRY_POLICY, s->key, "Invalid", field,
			       "kind %s is not a target: name a Gateway", ref->kind);
		return;
	}
	if (is_known(s, gateway))
		return;
	fate = find_fate(s, gateway);
	if (!fate && read_message(s->r, OBJECT_GATEWAY, gateway))
		return; /* another's */
	if (!fate)
		flaw_set(&accepted, "TargetNotFound",
			 object_missing(s->r, OBJECT_GATEWAY, gateway));
	else if (fate->reason &&
		 (strcmp(fate->reason, "Conflicted") == 0 || strcmp(fate->reason, "Invalid") == 0))
		flaw_set(&accepted, fate->reason, fate->message);
	else if (s->unsupported)
		flaw_set(&accepted, "Invalid", s->unsupported);
	else if (fate->reason)
		flaw_set(&resolved, fate->reason, fate->message);
	add(s, gateway, field, &accepted, &resolved);
}

/* Attributes that Envoy cannot tell are left out, and named. */
static void tell_of_attributes(struct telemetry_status *s)
{
	const K8s__XTelemetryTracing *t = s->spec->tracing;
	const char *left_out = NULL;

	for (size_t i = 0; t && i < t->n_attributes; i++) {
		Portolan__Model__TracingTag ignored;
		const char *key = t->attributes[i]->attribute_key;

		if (telemetry_attribute(s->a, t->attributes[i], &ignored))
			continue;
		left_out = left_out ? arena_printf(s->a, "%s, %s", left_out, key) : key;
		object_warning(s->r, OBJECT_X_TELEMETRY_POLICY, s->key, "UnsupportedValue",
			       arena_printf(s->a, "spec.tracing.attributes[%zu].attributeKey", i),
			       "Envoy cannot tell %s: the attribute is left out", key);
	}
	if (left_out)
		s->accepted = arena_printf(
			s->a, "The policy is in effect, without these attributes: %s", left_out);
}

void unit_telemetry_policy(struct reader *r, const char *key, size_t key_len _unused_)
{
	const K8s__XTelemetryPolicy *p = read_message(r, OBJECT_X_TELEMETRY_POLICY, key);
	struct telemetry_status s = {
		.r = r, .a = reader_arena(r), .key = key, .accepted = "The policy is in effect"
	};
	const char *name;

	if (!p || !p->spec)
		return;
	s.spec = p->spec;
	object_split_key(r, key, &s.namespace, &name);
	s.all = arena_new_of(s.a, struct policy_ancestor, p->spec->n_target_refs + 1);
	s.unsupported = p->spec->tracing ? telemetry_unsupported(s.a, p->spec->tracing) : NULL;
	tell_of_attributes(&s);
	for (size_t i = 0; i < p->spec->n_target_refs; i++)
		add_target(&s, p->spec->target_refs[i],
			   arena_printf(s.a, "spec.targetRefs[%zu]", i));
	if (!s.n) {
		emit_problem(r, OBJECT_X_TELEMETRY_POLICY, key,
			     PORTOLAN__IPC__SEVERITY__SEVERITY_INFO, "NotUsed", "spec.targetRefs",
			     "it names no Gateway that is served here");
		emit_verdict(r, OBJECT_X_TELEMETRY_POLICY, key,
			     PORTOLAN__IPC__VERDICT__VERDICT_IGNORED);
		return;
	}
	policy_status_write(r, OBJECT_X_TELEMETRY_POLICY, key, s.all, s.n);
	emit_verdict(r, OBJECT_X_TELEMETRY_POLICY, key,
		     !s.n_bad        ? PORTOLAN__IPC__VERDICT__VERDICT_ACCEPTED
		     : s.n_bad < s.n ? PORTOLAN__IPC__VERDICT__VERDICT_PARTIAL
				     : PORTOLAN__IPC__VERDICT__VERDICT_REJECTED);
}
