/* Attributes of cookies that upstreams set, rewritten on their way to the client by Envoy's Lua
 * filter. The script never changes: users' texts are its data. */
#include <string.h>

#include "envoy/extensions/filters/http/lua/v3/lua.pb-c.h"
#include "translator/envoy/envoy-cookie.h"
#include "translator/envoy/envoy-filters.h"
#include "translator/envoy/envoy-script.h"
#include "translator/envoy/envoy-struct.h"

#define SCRIPT_NAME "cookies.lua"
#define CONTEXT     "cookies"

/* RFC 6265: a cookie's name is case-sensitive (5.2, 5.3), an attribute's is not (5.2). No pattern
 * tries a byte twice, as an upstream may send a long header. */
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

/* Every filter with a script costs each of Envoy's threads a Lua machine: a host with TLS has
 * filters of its own, so it gets one only if it needs one. */
const ProtobufCMessage *envoy_cookie_filter(struct arena *a, const struct http_spec *spec)
{
	EnvoyLua *m = message_new(a, EnvoyLua);

	if (spec->host && !(spec->tls && spec->tls->cookies))
		return NULL;
	m->source_codes = arena_new_of(a, EnvoyLuaSourceCodesEntry *, 2);
	/* In the order of their names. */
	if (spec->settings->config->portolan->ingress_nginx->enabled)
		m->source_codes[m->n_source_codes++] = envoy_answer_script(a);
	m->source_codes[m->n_source_codes++] = envoy_script(a, SCRIPT_NAME, script);
	return &m->base;
}

static GoogleStruct *attributes(struct arena *a, const struct cookie_rule *rule)
{
	GoogleStruct *s = envoy_struct(a, 4);

	if (rule->domain)
		envoy_struct_text(a, s, "domain", arena_printf(a, "Domain=%s", rule->domain));
	if (rule->path)
		envoy_struct_text(a, s, "path", arena_printf(a, "Path=%s", rule->path));
	if (rule->same_site)
		envoy_struct_text(a, s, "samesite",
				  arena_printf(a, "SameSite=%s", rule->same_site));
	if (rule->secure != COOKIE_SECURE_AS_IT_IS)
		envoy_struct_text(a, s, "secure",
				  rule->secure == COOKIE_SECURE_YES ? "Secure" : "");
	return s;
}

GoogleAny *envoy_cookie_rules(struct arena *a, const struct cookie_rules *rules)
{
	GoogleStruct *cookies = envoy_struct(a, rules->n);

	for (size_t i = 0; i < rules->n; i++)
		envoy_struct_nested(a, cookies, rules->all[i].name, attributes(a, &rules->all[i]));
	return envoy_script_data(a, SCRIPT_NAME, CONTEXT, cookies);
}
