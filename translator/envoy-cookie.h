/* What is rewritten of the cookies that an upstream sets. */
#pragma once

#include "translator/envoy.h"

enum cookie_secure {
	COOKIE_SECURE_AS_IT_IS,
	COOKIE_SECURE_YES,
	COOKIE_SECURE_NO,
};

/* Of the cookie with that name; NULL: as the upstream sent it. All of it is checked: it becomes part of a
 * header. */
struct cookie_rule {
	const char *name;
	const char *path;
	const char *domain;
	const char *same_site;
	enum cookie_secure secure;
};

struct cookie_rules {
	struct cookie_rule *all; /* in the arena */
	size_t n;
};

struct http_spec;

#define ENVOY_COOKIE_FILTER "envoy.filters.http.lua"
const ProtobufCMessage *envoy_cookie_filter(struct arena *a, const struct http_spec *spec);
/* For typed_per_filter_config, under the filter's name. */
Google__Protobuf__Any *envoy_cookie_rules(struct arena *a, const struct cookie_rules *rules);
