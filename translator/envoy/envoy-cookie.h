/* Rewriting of the cookies that an upstream sets. */
#pragma once

#include "envoy/extensions/filters/http/lua/v3/lua.pb-c.h"
#include "google/protobuf/struct.pb-c.h"
#include "translator/envoy/envoy.h"
#include "translator/model/cookie.h"
#include "translator/model/filters.h"

struct http_spec;

#define ENVOY_COOKIE_FILTER "envoy.filters.http.lua"
const ProtobufCMessage *envoy_cookie_filter(struct arena *a, const struct http_spec *spec);
/* For typed_per_filter_config, under the filter's name. */
GoogleAny *envoy_cookie_rules(struct arena *a, const struct cookie_rules *rules);
/* envoy-answer.c: the other script of the same filter. */
EnvoyLuaSourceCodesEntry *envoy_answer_script(struct arena *a);
GoogleAny *envoy_answer_rewrites(struct arena *a, const struct answer_rewrites *r);
