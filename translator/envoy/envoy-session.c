/* Filters of routes for passwords and sessions. */
#include <string.h>

#include "envoy/extensions/filters/http/basic_auth/v3/basic_auth.pb-c.h"
#include "envoy/extensions/filters/http/stateful_session/v3/stateful_session.pb-c.h"
#include "envoy/extensions/http/stateful_session/cookie/v3/cookie.pb-c.h"
#include "envoy/extensions/http/stateful_session/header/v3/header.pb-c.h"
#include "translator/envoy/envoy-forward.h"
#include "translator/envoy/envoy-route-filter.h"

GoogleAny *envoy_passwords(struct arena *a, const struct passwords *p)
{
	EnvoyBasicAuthPerRoute route = EnvoyBasicAuthPerRoute__INIT;

	route.users = envoy_inline_bytes(a, p->users, strlen(p->users));
	return envoy_any(a, "envoy.extensions.filters.http.basic_auth.v3.BasicAuthPerRoute",
			 &route.base);
}

static void add_attribute(struct arena *a, EnvoyCookie *cookie, const char *name, const char *value)
{
	EnvoyCookieAttribute *attribute = message_new(a, EnvoyCookieAttribute);

	attribute->name = (char *)name;
	attribute->value = (char *)value;
	cookie->attributes[cookie->n_attributes++] = attribute;
}

/* HttpOnly is Envoy's own (envoy.type.http.v3.Cookie). */
static void add_attributes(struct arena *a, const struct session_cookie *s, EnvoyCookie *ret)
{
	ret->attributes = arena_new_of(a, EnvoyCookieAttribute *, 3);
	if (s->domain)
		add_attribute(a, ret, "Domain", s->domain);
	if (s->secure)
		add_attribute(a, ret, "Secure", "");
	if (s->same_site)
		add_attribute(a, ret, "SameSite", s->same_site);
}

static void set_header(struct arena *a, const struct session_cookie *s,
		       EnvoyTypedExtensionConfig *ret)
{
	EnvoyHeaderBasedSessionState state = EnvoyHeaderBasedSessionState__INIT;

	state.name = (char *)s->name;
	ret->name = (char *)"envoy.http.stateful_session.header";
	ret->typed_config = envoy_any(
		a, "envoy.extensions.http.stateful_session.header.v3.HeaderBasedSessionState",
		&state.base);
}

static void set_cookie(struct arena *a, const struct session_cookie *s,
		       EnvoyTypedExtensionConfig *ret)
{
	EnvoyCookieBasedSessionState state = EnvoyCookieBasedSessionState__INIT;
	EnvoyCookie cookie = EnvoyCookie__INIT;

	cookie.name = (char *)s->name;
	cookie.path = (char *)s->path;
	cookie.ttl = s->ttl_usec ? envoy_duration(a, s->ttl_usec) : NULL;
	add_attributes(a, s, &cookie);
	state.cookie = &cookie;
	ret->name = (char *)"envoy.http.stateful_session.cookie";
	ret->typed_config = envoy_any(
		a, "envoy.extensions.http.stateful_session.cookie.v3.CookieBasedSessionState",
		&state.base);
}

GoogleAny *envoy_session(struct arena *a, const struct session_cookie *s)
{
	EnvoyStatefulSessionPerRoute route = EnvoyStatefulSessionPerRoute__INIT;
	EnvoyStatefulSession filter = EnvoyStatefulSession__INIT;
	EnvoyTypedExtensionConfig extension = EnvoyTypedExtensionConfig__INIT;

	if (s->header)
		set_header(a, s, &extension);
	else
		set_cookie(a, s, &extension);
	filter.session_state = &extension;
	route.override_case = EnvoyStatefulSessionPerRoute__OVERRIDE_STATEFUL_SESSION;
	route.stateful_session = &filter;
	return envoy_any(
		a, "envoy.extensions.filters.http.stateful_session.v3.StatefulSessionPerRoute",
		&route.base);
}
