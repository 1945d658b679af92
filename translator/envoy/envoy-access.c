/* The access filter and its guard. If the script fails, Envoy lets the request pass: so the guard
 * refuses every request that the script has not marked as let in. */
#include <string.h>

#include "envoy/extensions/filters/http/lua/v3/lua.pb-c.h"
#include "envoy/extensions/filters/http/rbac/v3/rbac.pb-c.h"
#include "translator/envoy/envoy-access.h"
#include "translator/envoy/envoy-filters.h"
#include "translator/envoy/envoy-struct.h"

#define SCRIPT_NAME "access.lua"
#define CONTEXT     "access"

/* Each costs Envoy's threads a Lua machine: a host with TLS has filters of its own, so it gets one
 * only if it needs one. */
static bool is_there(const struct http_spec *spec)
{
	return spec->settings->config->portolan->ingress_nginx->enabled &&
	       (!spec->host || (spec->tls && spec->tls->access));
}

const ProtobufCMessage *envoy_access_filter(struct arena *a, const struct http_spec *spec)
{
	EnvoyLua *m = message_new(a, EnvoyLua);
	EnvoyLuaSourceCodesEntry *source;

	if (!is_there(spec))
		return NULL;
	source = message_new(a, EnvoyLuaSourceCodesEntry);
	source->key = (char *)SCRIPT_NAME;
	source->value = message_new(a, EnvoyDataSource);
	source->value->specifier_case = EnvoyDataSource__SPECIFIER_INLINE_STRING;
	source->value->inline_string = (char *)envoy_access_script;
	m->n_source_codes = 1;
	m->source_codes = arena_memdup(a, &source, sizeof(source));
	return &m->base;
}

const ProtobufCMessage *envoy_access_guard(struct arena *a, const struct http_spec *spec)
{
	return is_there(spec) ? &message_new(a, EnvoyHttpRbacRBAC)->base : NULL;
}

/* ---- the script's data ---- */

static GoogleStruct *headers(struct arena *a, const struct access_service *s)
{
	GoogleStruct *m = envoy_struct(a, s->n_headers);

	for (size_t i = 0; i < s->n_headers; i++)
		envoy_struct_text(a, m, s->headers[i].name, s->headers[i].value);
	return m;
}

static GoogleStruct *answers(struct arena *a, const struct access_service *s)
{
	GoogleStruct *m = envoy_struct(a, s->n_answers);

	for (size_t i = 0; i < s->n_answers; i++)
		envoy_struct_text(a, m, s->answers[i], "");
	return m;
}

static GoogleStruct *service(struct arena *a, const struct access_service *s)
{
	GoogleStruct *m = envoy_struct(a, 8);

	envoy_struct_text(a, m, "cluster", s->cluster);
	envoy_struct_text(a, m, "authority", s->authority);
	envoy_struct_text(a, m, "method", s->method);
	envoy_struct_text(a, m, "path", s->path);
	envoy_struct_number(a, m, "timeout", s->timeout_msec);
	envoy_struct_nested(a, m, "headers", headers(a, s));
	envoy_struct_nested(a, m, "answers", answers(a, s));
	envoy_struct_text(a, m, "always", s->always_cookie ? "yes" : "no");
	return m;
}

static GoogleStruct *passwords(struct arena *a, const struct access_passwords *p)
{
	GoogleStruct *m = envoy_struct(a, 2);

	envoy_struct_text(a, m, "users", p->users);
	envoy_struct_text(a, m, "challenge",
			  arena_printf(a, "Basic realm=\"%s\"", p->realm ? p->realm : ""));
	return m;
}

GoogleAny *envoy_access(struct arena *a, const struct access *access)
{
	EnvoyLuaPerRoute m = EnvoyLuaPerRoute__INIT;
	GoogleStruct *own = envoy_struct(a, 7), *context = envoy_struct(a, 1);

	envoy_struct_text(a, own, "scheme", access->scheme);
	if (access->any)
		envoy_struct_text(a, own, "any", "yes");
	if (access->by_address)
		envoy_struct_text(a, own, "by_address", "yes");
	if (access->passwords)
		envoy_struct_nested(a, own, "passwords", passwords(a, access->passwords));
	if (access->service)
		envoy_struct_nested(a, own, "service", service(a, access->service));
	if (access->page)
		envoy_struct_nested(a, own, "page", service(a, access->page));
	if (access->signin)
		envoy_struct_text(a, own, "signin", access->signin);
	envoy_struct_nested(a, context, CONTEXT, own);
	m.override_case = EnvoyLuaPerRoute__OVERRIDE_NAME;
	m.name = (char *)SCRIPT_NAME;
	m.filter_context = context;
	return envoy_any(a, "envoy.extensions.filters.http.lua.v3.LuaPerRoute", &m.base);
}

static const GoogleStruct *nested(const GoogleStruct *s, const char *name)
{
	for (size_t i = 0; s && i < s->n_fields; i++)
		if (strcmp(s->fields[i]->key, name) == 0 &&
		    s->fields[i]->value->kind_case == GoogleValue__KIND_STRUCT_VALUE)
			return s->fields[i]->value->struct_value;
	return NULL;
}

static bool has_part(struct arena *a, const GoogleAny *config, const char *name)
{
	const EnvoyLuaPerRoute *m = config ? (const EnvoyLuaPerRoute *)protobuf_c_message_unpack(
						     &EnvoyLuaPerRoute__descriptor, arena_pb(a),
						     config->value.len, config->value.data)
					   : NULL;

	return m && nested(nested(m->filter_context, CONTEXT), name) != NULL;
}

bool envoy_access_asks_passwords(struct arena *a, const GoogleAny *config)
{
	return has_part(a, config, "passwords");
}

bool envoy_access_asks_service(struct arena *a, const GoogleAny *config)
{
	return has_part(a, config, "service");
}

/* ---- the guard ---- */

static EnvoyPermission *is_marked(struct arena *a)
{
	EnvoyPermission *p = message_new(a, EnvoyPermission);
	EnvoyMetadataMatcher *m = message_new(a, EnvoyMetadataMatcher);
	EnvoyMetadataMatcherPathSegment *key = message_new(a, EnvoyMetadataMatcherPathSegment);

	key->segment_case = EnvoyMetadataMatcherPathSegment__SEGMENT_KEY;
	key->key = (char *)"passed";
	m->filter = (char *)ENVOY_ACCESS_FILTER;
	m->n_path = 1;
	m->path = arena_memdup(a, &key, sizeof(key));
	m->value = message_new(a, EnvoyValueMatcher);
	m->value->match_pattern_case = EnvoyValueMatcher__MATCH_PATTERN_STRING_MATCH;
	m->value->string_match = message_new(a, EnvoyStringMatcher);
	m->value->string_match->match_pattern_case = EnvoyStringMatcher__MATCH_PATTERN_EXACT;
	m->value->string_match->exact = (char *)"yes";
	p->rule_case = EnvoyPermission__RULE_SOURCED_METADATA;
	p->sourced_metadata = message_new(a, EnvoySourcedMetadata);
	p->sourced_metadata->metadata_matcher = m;
	return p;
}

GoogleAny *envoy_access_mark(struct arena *a)
{
	EnvoyRBACPerRoute route = EnvoyRBACPerRoute__INIT;
	EnvoyHttpRbacRBAC filter = EnvoyHttpRbacRBAC__INIT;
	EnvoyRBAC rbac = EnvoyRBAC__INIT;
	EnvoyRBACPoliciesEntry entry = EnvoyRBACPoliciesEntry__INIT, *entries[] = { &entry };
	EnvoyPolicy policy = EnvoyPolicy__INIT;
	EnvoyPermission *permissions[] = { is_marked(a) };
	EnvoyPrincipal any = EnvoyPrincipal__INIT, *principals[] = { &any };

	any.identifier_case = EnvoyPrincipal__IDENTIFIER_ANY;
	any.any = true;
	policy.n_permissions = policy.n_principals = 1;
	policy.permissions = permissions;
	policy.principals = principals;
	entry.key = (char *)"let-in";
	entry.value = &policy;
	rbac.action = EnvoyRBAC__ACTION__ALLOW;
	rbac.n_policies = 1;
	rbac.policies = entries;
	filter.rules = &rbac;
	route.rbac = &filter;
	return envoy_any(a, "envoy.extensions.filters.http.rbac.v3.RBACPerRoute", &route.base);
}
