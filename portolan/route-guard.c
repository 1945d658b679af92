/* Each of Envoy's filters that keeps requests out, and whether it acts on a route. */
#include <string.h>

#include "common/answer/json-print.h"
#include "common/base/alloc.h"
#include "common/base/strbuf.h"
#include "portolan/route-guard.h"

#define LISTENERS_OWN "portolan.guard" /* the first; ".1", ".2" follow it for later ones */

enum what { ADDRESSES, PASSWORDS, TOKENS, AUTHORIZATION, ONE_OF, RATES, LOCAL_RATES, WHATS_ };

static const char *const words[WHATS_] = {
	[ADDRESSES] = "addresses",
	[PASSWORDS] = "passwords",
	[TOKENS] = "tokens",
	[AUTHORIZATION] = "authorization",
	[ONE_OF] = "one of addresses, passwords and authorization",
	[RATES] = "rates",
	[LOCAL_RATES] = "local rates",
};

struct place {
	struct json_object *host, *route;
};

static struct json_object *filters_of(struct json_object *o)
{
	return json_member(json_member(o, "settings"), "typed_per_filter_config");
}

/* The route's own configuration counts, else its host's. */
static struct json_object *config_of(const struct place *p, const char *filter)
{
	struct json_object *own = json_member(filters_of(p->route), filter);

	return own ? own : json_member(filters_of(p->host), filter);
}

static bool is_off(struct json_object *config)
{
	return json_object_get_boolean(json_member(config, "disabled"));
}

static unsigned if_configured(const struct place *p, const char *filter)
{
	struct json_object *config = config_of(p, filter);

	return config && !is_off(config);
}

static bool has_chain(const struct place *p, const char *filter)
{
	return json_member(json_member(p->host, "guards"), filter) != NULL;
}

static unsigned unless_off(const struct place *p, const char *filter)
{
	return has_chain(p, filter) && !is_off(config_of(p, filter));
}

/* A listener may ask several services. */
static unsigned each_of_listener(const struct place *p, const char *filter)
{
	struct json_object *filters = filters_of(p->host);
	size_t len = strlen(filter);
	unsigned n = 0;

	if (!filters)
		return 0;
	json_object_object_foreach (filters, name, config)
		n += config && strncmp(name, filter, len) == 0 && (!name[len] || name[len] == '.');
	return n;
}

/* Rules that are only reported refuse nobody. */
static unsigned if_enforced(const struct place *p, const char *filter)
{
	return json_member(json_member(config_of(p, filter), "rbac"), "rules") != NULL;
}

/* Descriptors of later stages are for local limits. */
static bool has_descriptor(struct json_object *limits)
{
	for (size_t i = 0; i < json_length(limits); i++)
		if (json_number(json_object_array_get_idx(limits, i), "stage") == 0)
			return true;
	return false;
}

static unsigned if_described(const struct place *p, const char *filter)
{
	struct json_object *route = json_member(json_member(p->route, "settings"), "route");
	struct json_object *host = json_member(p->host, "settings");
	bool ignored = strcmp(json_text(config_of(p, filter), "vh_rate_limits"), "IGNORE") == 0;

	return has_chain(p, filter) &&
	       (has_descriptor(json_member(route, "rate_limits")) ||
		(!ignored && has_descriptor(json_member(host, "rate_limits"))));
}

/* ---- ingress-nginx's access ---- */

static struct json_object *access_of(const struct place *p, const char *filter)
{
	return json_member(json_member(config_of(p, filter), "filter_context"), "access");
}

static bool is_one_enough(const struct place *p, const char *filter)
{
	return *json_text(access_of(p, filter), "any") != '\0';
}

static unsigned if_users(const struct place *p, const char *filter)
{
	return !is_one_enough(p, filter) && json_member(access_of(p, filter), "passwords");
}

static unsigned if_service(const struct place *p, const char *filter)
{
	return !is_one_enough(p, filter) && json_member(access_of(p, filter), "service");
}

static unsigned if_any(const struct place *p, const char *filter)
{
	return is_one_enough(p, filter);
}

/* ---- all ---- */

static const struct guard {
	enum what what;
	const char *filter;
	unsigned (*count)(const struct place *p, const char *filter); /* of checks of requests */
} guards[] = {
	{ ADDRESSES, "envoy.filters.http.rbac", if_enforced },
	{ PASSWORDS, "envoy.filters.http.basic_auth", if_configured },
	{ PASSWORDS, "portolan.access", if_users },
	{ TOKENS, "envoy.filters.http.jwt_authn", if_configured },
	{ AUTHORIZATION, "envoy.filters.http.ext_authz", unless_off },
	{ AUTHORIZATION, LISTENERS_OWN, each_of_listener },
	{ AUTHORIZATION, "portolan.ask", if_configured },
	{ AUTHORIZATION, "portolan.access", if_service },
	{ ONE_OF, "portolan.access", if_any },
	{ RATES, "envoy.filters.http.ratelimit", if_described },
	{ LOCAL_RATES, "envoy.filters.http.local_ratelimit", if_configured },
};

static void count(const struct place *p, unsigned ret[WHATS_])
{
	memset(ret, 0, WHATS_ * sizeof(*ret));
	for (size_t i = 0; i < ARRAY_SIZE(guards); i++)
		ret[guards[i].what] += guards[i].count(p, guards[i].filter);
}

static bool is_lost(enum what w, const unsigned before[WHATS_], const unsigned after[WHATS_])
{
	/* One was enough, and now that one is demanded. */
	if (w == ONE_OF && (after[ADDRESSES] || after[PASSWORDS] || after[AUTHORIZATION]))
		return false;
	return before[w] > after[w];
}

char *route_guards_lost(struct json_object *host_before, struct json_object *route_before,
			struct json_object *host_after, struct json_object *route_after)
{
	_cleanup_strbuf_ struct strbuf lost = STRBUF_INIT;
	unsigned before[WHATS_], after[WHATS_];

	count(&(struct place){ host_before, route_before }, before);
	count(&(struct place){ host_after, route_after }, after);
	for (unsigned w = 0; w < WHATS_; w++)
		if (is_lost((enum what)w, before, after))
			strbuf_printf(&lost, "%s%s", lost.len ? ", " : "", words[w]);
	return lost.len ? xstrdup(strbuf_str(&lost)) : NULL;
}
