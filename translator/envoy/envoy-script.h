/* Scripts of Envoy's Lua filter. */
#pragma once

#include "envoy/extensions/filters/http/lua/v3/lua.pb-c.h"
#include "google/protobuf/struct.pb-c.h"
#include "translator/envoy/envoy.h"

/* A script under a name. */
EnvoyLuaSourceCodesEntry *envoy_script(struct arena *a, const char *name, const char *text);
/* For typed_per_filter_config: has this script run, with the data under this name. */
GoogleAny *envoy_script_data(struct arena *a, const char *text, const char *name,
			     GoogleStruct *data);
