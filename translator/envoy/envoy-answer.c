/* Headers of an upstream's answer, rewritten on their way to the client: the addresses in Location
 * and Refresh, and the Path and Domain of cookies. As in envoy-cookie.c the script never changes,
 * and users' texts are its data. */
#include "translator/envoy/envoy-cookie.h"
#include "translator/envoy/envoy-script.h"
#include "translator/envoy/envoy-struct.h"

#define SCRIPT_NAME "answers.lua"
#define CONTEXT     "answers"

/* Compares plain texts: none is a pattern. */
static const char script[] =
	"local function begins(text, with)\n"
	"  return text:sub(1, #with) == with\n"
	"end\n"
	"\n"
	"-- nginx: a Path that begins with the text, a Domain that is the text, whatever its case\n"
	"-- and a dot before it.\n"
	"local function attribute(part, rules)\n"
	"  local head, name, value = part:match(\"^(%s*([^%s=]+)%s*=%s*)(.-)%s*$\")\n"
	"  name, value = value and name:lower(), value or \"\"\n"
	"  if name == \"path\" and rules.path_from and begins(value, rules.path_from) then\n"
	"    return head .. rules.path_to .. value:sub(#rules.path_from + 1)\n"
	"  end\n"
	"  if name == \"domain\" and rules.domain_from then\n"
	"    local is, from = value:lower():gsub(\"^%.\", \"\"), "
	"rules.domain_from:lower():gsub(\"^%.\", \"\")\n"
	"    if is == from then\n"
	"      return head .. rules.domain_to\n"
	"    end\n"
	"  end\n"
	"  return part\n"
	"end\n"
	"\n"
	"local function cookie(text, rules)\n"
	"  local parts = { text:match(\"^[^;]*\") }\n"
	"  for part in text:gmatch(\";([^;]*)\") do\n"
	"    parts[#parts + 1] = attribute(part, rules)\n"
	"  end\n"
	"  return table.concat(parts, \";\")\n"
	"end\n"
	"\n"
	"local function cookies(headers, rules)\n"
	"  local all = {}\n"
	"  for i = 0, headers:getNumValues(\"set-cookie\") - 1 do\n"
	"    all[#all + 1] = cookie(headers:getAtIndex(\"set-cookie\", i), rules)\n"
	"  end\n"
	"  headers:remove(\"set-cookie\")\n"
	"  for _, text in ipairs(all) do\n"
	"    headers:add(\"set-cookie\", text)\n"
	"  end\n"
	"end\n"
	"\n"
	"local function address(headers, name, before, rules)\n"
	"  local value = headers:get(name)\n"
	"  local head = value and value:match(before)\n"
	"  if head and begins(value:sub(#head + 1), rules.location_from) then\n"
	"    headers:replace(name, head .. rules.location_to ..\n"
	"      value:sub(#head + #rules.location_from + 1))\n"
	"  end\n"
	"end\n"
	"\n"
	"function envoy_on_response(handle)\n"
	"  local rules, headers = handle:filterContext():get(\"" CONTEXT "\"), handle:headers()\n"
	"  if not rules then\n"
	"    return\n"
	"  end\n"
	"  if rules.location_from then\n"
	"    address(headers, \"location\", \"^\", rules)\n"
	"    address(headers, \"refresh\", \"^%d*%s*;%s*[uU][rR][lL]=\", rules)\n"
	"  end\n"
	"  if (rules.path_from or rules.domain_from) and headers:getNumValues(\"set-cookie\") > 0 "
	"then\n"
	"    cookies(headers, rules)\n"
	"  end\n"
	"end\n";

EnvoyLuaSourceCodesEntry *envoy_answer_script(struct arena *a)
{
	return envoy_script(a, SCRIPT_NAME, script);
}

static void add(struct arena *a, GoogleStruct *s, const char *from_name, const char *from,
		const char *to_name, const char *to)
{
	if (!from || !to)
		return;
	envoy_struct_text(a, s, from_name, from);
	envoy_struct_text(a, s, to_name, to);
}

GoogleAny *envoy_answer_rewrites(struct arena *a, const struct answer_rewrites *r)
{
	GoogleStruct *s = envoy_struct(a, 6);

	add(a, s, "location_from", r->location_from, "location_to", r->location_to);
	add(a, s, "path_from", r->path_from, "path_to", r->path_to);
	add(a, s, "domain_from", r->domain_from, "domain_to", r->domain_to);
	return envoy_script_data(a, SCRIPT_NAME, CONTEXT, s);
}
