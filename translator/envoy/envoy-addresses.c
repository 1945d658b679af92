/* Filters of clients' addresses. */
#include "envoy/extensions/filters/http/rbac/v3/rbac.pb-c.h"
#include "translator/envoy/envoy-route-filter.h"

static EnvoyPrincipal *principal(struct arena *a, const struct address_range *from)
{
	EnvoyPrincipal *p = message_new(a, EnvoyPrincipal);
	EnvoyCidrRange *range = message_new(a, EnvoyCidrRange);

	range->address_prefix = (char *)from->address;
	range->prefix_len = envoy_uint32(a, from->bits);
	if (from->peer) {
		p->identifier_case = EnvoyPrincipal__IDENTIFIER_DIRECT_REMOTE_IP;
		p->direct_remote_ip = range;
	} else {
		p->identifier_case = EnvoyPrincipal__IDENTIFIER_REMOTE_IP;
		p->remote_ip = range;
	}
	return p;
}

/* The client must be in one of the ranges, and in no exception. */
static void add_except(struct arena *a, const struct address_rules *rules, EnvoyPolicy *policy)
{
	EnvoyPrincipal *both = message_new(a, EnvoyPrincipal), *in = message_new(a, EnvoyPrincipal);
	EnvoyPrincipal *out = message_new(a, EnvoyPrincipal), *not = message_new(a, EnvoyPrincipal);

	in->identifier_case = EnvoyPrincipal__IDENTIFIER_OR_IDS;
	in->or_ids = message_new(a, EnvoyPrincipalSet);
	in->or_ids->n_ids = policy->n_principals;
	in->or_ids->ids = policy->principals;
	out->identifier_case = EnvoyPrincipal__IDENTIFIER_OR_IDS;
	out->or_ids = message_new(a, EnvoyPrincipalSet);
	out->or_ids->ids = arena_new_of(a, EnvoyPrincipal *, rules->n_except);
	for (size_t i = 0; i < rules->n_except; i++)
		out->or_ids->ids[out->or_ids->n_ids++] = principal(a, &rules->except[i]);
	not->identifier_case = EnvoyPrincipal__IDENTIFIER_NOT_ID;
	not->not_id = out;
	both->identifier_case = EnvoyPrincipal__IDENTIFIER_AND_IDS;
	both->and_ids = message_new(a, EnvoyPrincipalSet);
	both->and_ids->n_ids = 2;
	both->and_ids->ids = arena_memdup(a, ((EnvoyPrincipal *[]){ in, not }), 2 * sizeof(in));
	policy->n_principals = 1;
	policy->principals = arena_memdup(a, &both, sizeof(both));
}

static GoogleAny *encode(struct arena *a, const struct address_rules *rules, bool reported,
			 const char *prefix)
{
	EnvoyRBACPerRoute route = EnvoyRBACPerRoute__INIT;
	EnvoyHttpRbacRBAC filter = EnvoyHttpRbacRBAC__INIT;
	EnvoyRBAC rbac = EnvoyRBAC__INIT;
	EnvoyRBACPoliciesEntry entry = EnvoyRBACPoliciesEntry__INIT, *entries[] = { &entry };
	EnvoyPolicy policy = EnvoyPolicy__INIT;
	EnvoyPermission any = EnvoyPermission__INIT, *permissions[] = { &any };

	any.rule_case = EnvoyPermission__RULE_ANY;
	any.any = true;
	policy.n_permissions = 1;
	policy.permissions = permissions;
	policy.principals = arena_new_of(a, EnvoyPrincipal *, rules->n + 1);
	for (size_t i = 0; i < rules->n; i++)
		policy.principals[policy.n_principals++] = principal(a, &rules->all[i]);
	if (rules->n_except)
		add_except(a, rules, &policy);
	entry.key = (char *)"ip-rules";
	entry.value = &policy;
	rbac.action = rules->deny ? EnvoyRBAC__ACTION__DENY : EnvoyRBAC__ACTION__ALLOW;
	rbac.n_policies = 1;
	rbac.policies = entries;
	filter.shadow_rules_stat_prefix = (char *)prefix;
	if (reported)
		filter.shadow_rules = &rbac;
	else
		filter.rules = &rbac;
	route.rbac = &filter;
	return envoy_any(a, "envoy.extensions.filters.http.rbac.v3.RBACPerRoute", &route.base);
}

GoogleAny *envoy_addresses(struct arena *a, const struct address_rules *rules)
{
	return encode(a, rules, rules->reported, "");
}

GoogleAny *envoy_exempt(struct arena *a, const struct address_rules *rules)
{
	return encode(a, rules, true, ENVOY_EXEMPT_PREFIX);
}
