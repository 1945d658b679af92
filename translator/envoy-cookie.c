/* Attributes of cookies that upstreams set, rewritten on their way to the client by Envoy's Lua filter. The
 * script is always this one: what users write travels beside it, as data. Runs in the translator. */
#include <string.h>

#include "envoy/extensions/filters/http/lua/v3/lua.pb-c.h"
#include "translator/envoy-cookie.h"
#include "translator/envoy-filters.h"
#include "translator/envoy-struct.h"

#define SCRIPT_NAME "cookies.lua"
#define CONTEXT "cookies"

/* RFC 6265: a cookie's name is case-sensitive (5.2, 5.3), an attribute's is not (5.2). The patterns are such
 * that none of them tries a byte twice: an upstream may send a long header. */
static const char script[] =
	"local ATTRIBUTES = { \"path\", \"domain\", \"secure\", \"samesite\" }\n"
	"\n"
	"-- rule: attribute in lower case -> its new text, or \"\" to take it away.\n"
	"local function rewrite(cookie, rule)\n"
	"  local parts, seen = { cookie:match(\"^[^;]*\") }, {}\n"
	"  for part in cookie:gmatch(\";([^;]*)\") do\n"
	"    local name = (part:match(\"^%s*([^%s=]+)\") or \"\"):lower()\n"
	"    if not rule[name] then\n"
	"      parts[#parts + 1] = part\n"
	"    elseif rule[name] ~= \"\" and not seen[name] then\n"
	"      parts[#parts + 1] = \" \" .. rule[name]\n"
	"    end\n"
	"    seen[name] = true\n"
	"  end\n"
	"  for _, name in ipairs(ATTRIBUTES) do\n"
	"    if rule[name] and rule[name] ~= \"\" and not seen[name] then\n"
	"      parts[#parts + 1] = \" \" .. rule[name]\n"
	"    end\n"
	"  end\n"
	"  return table.concat(parts, \";\")\n"
	"end\n"
	"\n"
	"function envoy_on_response(handle)\n"
	"  local rules, headers = handle:filterContext():get(\"" CONTEXT "\"), handle:headers()\n"
	"  local cookies, changed = {}, false\n"
	"  if not rules then\n"
	"    return\n"
	"  end\n"
	"  for i = 0, headers:getNumValues(\"set-cookie\") - 1 do\n"
	"    local cookie = headers:getAtIndex(\"set-cookie\", i)\n"
	"    local rule = rules[cookie:match(\"^%s*([^%s=;]+)%s*=\") or \"\"]\n"
	"    cookies[#cookies + 1] = rule and rewrite(cookie, rule) or cookie\n"
	"    changed = changed or rule ~= nil\n"
	"  end\n"
	"  if not changed then\n"
	"    return\n"
	"  end\n"
	"  headers:remove(\"set-cookie\")\n"
	"  for _, cookie in ipairs(cookies) do\n"
	"    headers:add(\"set-cookie\", cookie)\n"
	"  end\n"
	"end\n";

/* Every filter with a script costs each of Envoy's threads a Lua machine: of hosts with TLS, which have
 * filters of their own, only those that need it have one. */
const ProtobufCMessage *envoy_cookie_filter(struct arena *a, const struct http_spec *spec)
{
	typedef Envoy__Extensions__Filters__Http__Lua__V3__Lua__SourceCodesEntry Source;
	Envoy__Extensions__Filters__Http__Lua__V3__Lua *m =
		ENVOY_NEW(a, Envoy__Extensions__Filters__Http__Lua__V3__Lua,
			  ENVOY__EXTENSIONS__FILTERS__HTTP__LUA__V3__LUA__INIT);
	Source *source;

	if (spec->host && !(spec->tls && spec->tls->cookies))
		return NULL;
	source = ENVOY_NEW(a, Source, ENVOY__EXTENSIONS__FILTERS__HTTP__LUA__V3__LUA__SOURCE_CODES_ENTRY__INIT);
	source->key = (char *)SCRIPT_NAME;
	source->value = ENVOY_NEW(a, Envoy__Config__Core__V3__DataSource,
				  ENVOY__CONFIG__CORE__V3__DATA_SOURCE__INIT);
	source->value->specifier_case = ENVOY__CONFIG__CORE__V3__DATA_SOURCE__SPECIFIER_INLINE_STRING;
	source->value->inline_string = (char *)script;
	m->n_source_codes = 1;
	m->source_codes = arena_memdup(a, &source, sizeof(source));
	return &m->base;
}

static EnvoyStruct *attributes(struct arena *a, const struct cookie_rule *rule)
{
	EnvoyStruct *s = envoy_struct(a, 4);

	if (rule->domain)
		envoy_struct_text(a, s, "domain", arena_printf(a, "Domain=%s", rule->domain));
	if (rule->path)
		envoy_struct_text(a, s, "path", arena_printf(a, "Path=%s", rule->path));
	if (rule->same_site)
		envoy_struct_text(a, s, "samesite", arena_printf(a, "SameSite=%s", rule->same_site));
	if (rule->secure != COOKIE_SECURE_AS_IT_IS)
		envoy_struct_text(a, s, "secure", rule->secure == COOKIE_SECURE_YES ? "Secure" : "");
	return s;
}

Google__Protobuf__Any *envoy_cookie_rules(struct arena *a, const struct cookie_rules *rules)
{
	Envoy__Extensions__Filters__Http__Lua__V3__LuaPerRoute m =
		ENVOY__EXTENSIONS__FILTERS__HTTP__LUA__V3__LUA_PER_ROUTE__INIT;
	EnvoyStruct *cookies = envoy_struct(a, rules->n), *context = envoy_struct(a, 1);

	for (size_t i = 0; i < rules->n; i++)
		envoy_struct_nested(a, cookies, rules->all[i].name, attributes(a, &rules->all[i]));
	envoy_struct_nested(a, context, CONTEXT, cookies);
	m.override_case = ENVOY__EXTENSIONS__FILTERS__HTTP__LUA__V3__LUA_PER_ROUTE__OVERRIDE_NAME;
	m.name = (char *)SCRIPT_NAME;
	m.filter_context = context;
	return envoy_any(a, "envoy.extensions.filters.http.lua.v3.LuaPerRoute", &m.base);
}
