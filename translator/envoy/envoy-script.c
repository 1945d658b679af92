/* Scripts of Envoy's Lua filter, and the data that a route gives to one. */
#include "translator/envoy/envoy-script.h"

#include "translator/envoy/envoy-struct.h"

EnvoyLuaSourceCodesEntry *envoy_script(struct arena *a, const char *name, const char *text)
{
	EnvoyLuaSourceCodesEntry *source = message_new(a, EnvoyLuaSourceCodesEntry);

	source->key = (char *)name;
	source->value = message_new(a, EnvoyDataSource);
	source->value->specifier_case = EnvoyDataSource__SPECIFIER_INLINE_STRING;
	source->value->inline_string = (char *)text;
	return source;
}

GoogleAny *envoy_script_data(struct arena *a, const char *text, const char *name,
			     GoogleStruct *data)
{
	EnvoyLuaPerRoute m = EnvoyLuaPerRoute__INIT;

	m.override_case = EnvoyLuaPerRoute__OVERRIDE_NAME;
	m.name = (char *)text;
	m.filter_context = envoy_struct(a, 1);
	envoy_struct_nested(a, m.filter_context, name, data);
	return envoy_any(a, "envoy.extensions.filters.http.lua.v3.LuaPerRoute", &m.base);
}
