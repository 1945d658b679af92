/* CORS, local rate limits and filters of addresses, as configurations of Envoy's HTTP filters. Runs in the
 * translator. */
#include <arpa/inet.h>
#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/strbuf.h"
#include "envoy/extensions/filters/http/cors/v3/cors.pb-c.h"
#include "envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit.pb-c.h"
#include "envoy/extensions/filters/http/rbac/v3/rbac.pb-c.h"
#include "common/go-duration.h"
#include "translator/proxy-filter.h"
#include "translator/regex.h"

typedef Envoy__Extensions__Filters__Http__Cors__V3__CorsPolicy CorsPolicy;
typedef Envoy__Config__Rbac__V3__Principal Principal;
typedef Envoy__Type__Matcher__V3__StringMatcher StringMatcher;

void proxy_filters_add(struct proxy_filters *f, const char *name, Google__Protobuf__Any *config)
{
	assert(f->n < PROXY_FILTERS_MAX);
	f->names[f->n] = name;
	f->configs[f->n++] = config;
}

/* ---- CORS ---- */

/* "*", or scheme://host and perhaps a port. */
static bool is_origin(const char *s)
{
	const char *host = strstr(s, "://");

	if (strcmp(s, "*") == 0)
		return true;
	if (!host || host == s || !host[3])
		return false;
	for (const char *p = s; p < host; p++)
		if (!isalnum((unsigned char)*p) && !strchr("+-.", *p))
			return false;
	for (const char *p = host + 3; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr("-._~:*", *p))
			return false;
	return true;
}

static StringMatcher *match_origin(struct arena *a, const char *text)
{
	StringMatcher *m = ENVOY_NEW(a, StringMatcher, ENVOY__TYPE__MATCHER__V3__STRING_MATCHER__INIT);
	char why[256];

	if (is_origin(text)) {
		m->match_pattern_case = ENVOY__TYPE__MATCHER__V3__STRING_MATCHER__MATCH_PATTERN_EXACT;
		m->exact = (char *)text;
		m->ignore_case = true;
		return m;
	}
	if (!*text || regex_check(text, why, sizeof(why)) < 0)
		return NULL;
	m->match_pattern_case = ENVOY__TYPE__MATCHER__V3__STRING_MATCHER__MATCH_PATTERN_SAFE_REGEX;
	m->safe_regex = envoy_regex(a, text);
	return m;
}

/* NULL if one of them cannot stand in a header. */
static char *join(struct arena *a, char *const *words, size_t n)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;

	for (size_t i = 0; i < n; i++) {
		if (strpbrk(words[i], "\r\n,"))
			return NULL;
		strbuf_printf(&b, "%s%s", i ? "," : "", words[i]);
	}
	return arena_strdup(a, strbuf_str(&b));
}

static int set_max_age(struct arena *a, const char *text, CorsPolicy *p)
{
	struct go_duration d;

	if (!*text)
		return 0;
	if (go_duration_parse(text, &d) < 0 || d.infinite)
		return -EINVAL;
	p->max_age = d.set ? arena_printf(a, "%lld", (long long)(d.usec / USEC_PER_SEC)) : (char *)"0";
	return 0;
}

int proxy_filter_cors(struct proxy_node *node, const K8s__ProxyCORS *wish, struct proxy_filters *ret)
{
	CorsPolicy p = ENVOY__EXTENSIONS__FILTERS__HTTP__CORS__V3__CORS_POLICY__INIT;
	struct arena *a = node->a;
	bool good;

	if (!wish)
		return 0;
	p.allow_methods = join(a, wish->allow_methods, wish->n_allow_methods);
	p.allow_headers = join(a, wish->allow_headers, wish->n_allow_headers);
	p.expose_headers = join(a, wish->expose_headers, wish->n_expose_headers);
	good = wish->n_allow_origin && wish->n_allow_methods && p.allow_methods && p.allow_headers &&
	       p.expose_headers && set_max_age(a, wish->max_age, &p) == 0;
	p.allow_origin_string_match = arena_new_of(a, StringMatcher *, wish->n_allow_origin + 1);
	for (size_t i = 0; good && i < wish->n_allow_origin; i++) {
		p.allow_origin_string_match[i] = match_origin(a, wish->allow_origin[i]);
		good = p.allow_origin_string_match[i] != NULL;
	}
	if (!good) {
		proxy_error(node, "CORSError/PolicyDidNotParse", "spec.virtualhost.corsPolicy",
			    "it needs origins as *, scheme://host or a regular expression, methods, and a "
			    "maxAge as a duration");
		return -EINVAL;
	}
	p.n_allow_origin_string_match = wish->n_allow_origin;
	p.allow_credentials = envoy_bool(a, wish->allow_credentials);
	p.allow_private_network_access = envoy_bool(a, wish->allow_private_network);
	proxy_filters_add(ret, "envoy.filters.http.cors",
	    envoy_any(a, "envoy.extensions.filters.http.cors.v3.CorsPolicy", &p.base));
	return 0;
}

/* ---- rate limits ---- */

static Envoy__Config__Core__V3__RuntimeFractionalPercent *always(struct arena *a)
{
	Envoy__Config__Core__V3__RuntimeFractionalPercent *f =
		ENVOY_NEW(a, Envoy__Config__Core__V3__RuntimeFractionalPercent,
			  ENVOY__CONFIG__CORE__V3__RUNTIME_FRACTIONAL_PERCENT__INIT);

	f->default_value =
		ENVOY_NEW(a, Envoy__Type__V3__FractionalPercent, ENVOY__TYPE__V3__FRACTIONAL_PERCENT__INIT);
	f->default_value->numerator = 100;
	return f;
}

static int64_t unit_seconds(const char *unit)
{
	return strcmp(unit, "second") == 0 ? 1 : strcmp(unit, "minute") == 0 ? 60 :
	       strcmp(unit, "hour") == 0   ? 3600 :
					     0;
}

static int check_limit(const K8s__ProxyLocalRateLimit *l, const char **ret_why)
{
	uint32_t status = l->response_status_code;

	if (l->requests && unit_seconds(l->unit) && (!status || (status >= 400 && status <= 599)) &&
	    l->burst <= UINT32_MAX - l->requests)
		return 0;
	*ret_why = "it needs requests of at least 1, a unit of second, minute or hour, and a "
		   "responseStatusCode between 400 and 599 if any";
	return -EINVAL;
}

int proxy_filter_limit(struct proxy_node *node, const K8s__ProxyRateLimit *wish, const char *host,
		       const char *reason, const char *field, struct proxy_filters *ret)
{
	Envoy__Extensions__Filters__Http__LocalRatelimit__V3__LocalRateLimit limit =
		ENVOY__EXTENSIONS__FILTERS__HTTP__LOCAL_RATELIMIT__V3__LOCAL_RATE_LIMIT__INIT;
	Envoy__Type__V3__TokenBucket bucket = ENVOY__TYPE__V3__TOKEN_BUCKET__INIT;
	Envoy__Type__V3__HttpStatus status = ENVOY__TYPE__V3__HTTP_STATUS__INIT;
	K8s__ProxyHeaders headers = K8S__PROXY_HEADERS__INIT;
	const K8s__ProxyLocalRateLimit *local = wish ? wish->local : NULL;
	struct header_policy parsed;
	const char *why;

	if (!local)
		return 0;
	headers.n_set = local->n_response_headers_to_add;
	headers.set = local->response_headers_to_add;
	if (check_limit(local, &why) < 0 ||
	    proxy_headers_parse(node, &headers, true, NULL, NULL, &parsed, &why) < 0) {
		proxy_error(node, reason, arena_printf(node->a, "%s.local", field), "%s", why);
		return -EINVAL;
	}
	bucket.max_tokens = local->requests + local->burst;
	bucket.tokens_per_fill = envoy_uint32(node->a, local->requests);
	bucket.fill_interval = envoy_duration(node->a, unit_seconds(local->unit) * USEC_PER_SEC);
	status.code = (Envoy__Type__V3__StatusCode)local->response_status_code;
	limit.stat_prefix = arena_printf(node->a, "vhost.%s", host);
	limit.status = local->response_status_code ? &status : NULL;
	limit.token_bucket = &bucket;
	limit.filter_enabled = limit.filter_enforced = always(node->a);
	limit.n_response_headers_to_add = parsed.n_set;
	limit.response_headers_to_add = parsed.set;
	proxy_filters_add(ret, "envoy.filters.http.local_ratelimit",
	    envoy_any(node->a, "envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit", &limit.base));
	return 0;
}

/* ---- addresses ---- */

/* "192.0.2.0/24", "192.0.2.1", and the same for IPv6. */
static Envoy__Config__Core__V3__CidrRange *parse_range(struct arena *a, const char *text)
{
	Envoy__Config__Core__V3__CidrRange *c = ENVOY_NEW(
		a, Envoy__Config__Core__V3__CidrRange, ENVOY__CONFIG__CORE__V3__CIDR_RANGE__INIT);
	const char *slash = strchr(text, '/');
	char *address = slash ? arena_strndup(a, text, (size_t)(slash - text)) : arena_strdup(a, text), *end;
	struct in6_addr ip;
	unsigned long bits, max;

	if (inet_pton(AF_INET, address, &ip) == 1)
		max = 32;
	else if (inet_pton(AF_INET6, address, &ip) == 1)
		max = 128;
	else
		return NULL;
	bits = max;
	if (slash) {
		if (!isdigit((unsigned char)slash[1]))
			return NULL;
		bits = strtoul(slash + 1, &end, 10);
		if (*end || bits > max)
			return NULL;
	}
	c->address_prefix = address;
	c->prefix_len = envoy_uint32(a, (uint32_t)bits);
	return c;
}

static Principal *parse_filter(struct proxy_node *node, const K8s__ProxyIPFilter *f, const char *field)
{
	Principal *p = ENVOY_NEW(node->a, Principal, ENVOY__CONFIG__RBAC__V3__PRINCIPAL__INIT);
	Envoy__Config__Core__V3__CidrRange *range = parse_range(node->a, f->cidr);

	if (!range) {
		proxy_error(node, "IPFilterError/InvalidCIDR", field, "\"%s\" is neither an address nor a range",
			    f->cidr);
		return NULL;
	}
	if (strcmp(f->source, "Peer") == 0) {
		p->identifier_case = ENVOY__CONFIG__RBAC__V3__PRINCIPAL__IDENTIFIER_DIRECT_REMOTE_IP;
		p->direct_remote_ip = range;
	} else if (strcmp(f->source, "Remote") == 0) {
		p->identifier_case = ENVOY__CONFIG__RBAC__V3__PRINCIPAL__IDENTIFIER_REMOTE_IP;
		p->remote_ip = range;
	} else {
		proxy_error(node, "IPFilterError/IPFilterPolicyNotValid", field,
			    "source \"%s\" is neither Peer nor Remote", f->source);
		return NULL;
	}
	return p;
}

static Google__Protobuf__Any *rules(struct arena *a, bool deny, Principal **who, size_t n)
{
	Envoy__Extensions__Filters__Http__Rbac__V3__RBACPerRoute route =
		ENVOY__EXTENSIONS__FILTERS__HTTP__RBAC__V3__RBACPER_ROUTE__INIT;
	Envoy__Extensions__Filters__Http__Rbac__V3__RBAC filter =
		ENVOY__EXTENSIONS__FILTERS__HTTP__RBAC__V3__RBAC__INIT;
	Envoy__Config__Rbac__V3__RBAC rbac = ENVOY__CONFIG__RBAC__V3__RBAC__INIT;
	Envoy__Config__Rbac__V3__RBAC__PoliciesEntry entry = ENVOY__CONFIG__RBAC__V3__RBAC__POLICIES_ENTRY__INIT;
	Envoy__Config__Rbac__V3__RBAC__PoliciesEntry *entries[] = { &entry };
	Envoy__Config__Rbac__V3__Policy policy = ENVOY__CONFIG__RBAC__V3__POLICY__INIT;
	Envoy__Config__Rbac__V3__Permission any = ENVOY__CONFIG__RBAC__V3__PERMISSION__INIT;
	Envoy__Config__Rbac__V3__Permission *permissions[] = { &any };

	any.rule_case = ENVOY__CONFIG__RBAC__V3__PERMISSION__RULE_ANY;
	any.any = true;
	policy.n_permissions = 1;
	policy.permissions = permissions;
	policy.n_principals = n;
	policy.principals = who;
	entry.key = (char *)"ip-rules";
	entry.value = &policy;
	rbac.action = deny ? ENVOY__CONFIG__RBAC__V3__RBAC__ACTION__DENY :
			     ENVOY__CONFIG__RBAC__V3__RBAC__ACTION__ALLOW;
	rbac.n_policies = 1;
	rbac.policies = entries;
	filter.rules = &rbac;
	route.rbac = &filter;
	return envoy_any(a, "envoy.extensions.filters.http.rbac.v3.RBACPerRoute", &route.base);
}

/* One entry in error is an error of all: a filter with a hole is worse than none. */
int proxy_filter_addresses(struct proxy_node *node, K8s__ProxyIPFilter *const *allow, size_t n_allow,
			   K8s__ProxyIPFilter *const *deny, size_t n_deny, const char *field,
			   struct proxy_filters *ret)
{
	K8s__ProxyIPFilter *const *all = n_deny ? deny : allow;
	size_t n = n_deny ? n_deny : n_allow, good = 0;
	Principal **who = arena_new_of(node->a, Principal *, n + 1);

	if (n_allow && n_deny) {
		proxy_error(node, "IPFilterError/IncompatibleIPAddressFilters", field,
			    "there may be one of ipAllowPolicy and ipDenyPolicy only");
		return -EINVAL;
	}
	for (size_t i = 0; i < n; i++) {
		who[good] = parse_filter(node, all[i],
					 arena_printf(node->a, "%s.%s[%zu]", field,
						      n_deny ? "ipDenyPolicy" : "ipAllowPolicy", i));
		good += who[good] != NULL;
	}
	if (good < n)
		return -EINVAL;
	if (n)
		proxy_filters_add(ret, "envoy.filters.http.rbac", rules(node->a, n_deny != 0, who, n));
	return 0;
}

/* ---- cookies ---- */

void proxy_filter_cookies(struct arena *a, const struct cookie_rules *rules, struct proxy_filters *ret)
{
	if (rules->n)
		proxy_filters_add(ret, ENVOY_COOKIE_FILTER, envoy_cookie_rules(a, rules));
}

/* ---- where they go ---- */

/* The entries of three messages are alike, but of three types. */
#define SET(a, f, entry_type, entry, ret)						   \
	do {										   \
		(ret)->typed_per_filter_config = arena_new_of((a), entry_type *, (f)->n + 1);\
		for (size_t _i = 0; _i < (f)->n; _i++) {				   \
			entry_type *_e = ENVOY_NEW((a), entry_type, entry##__INIT);	   \
											   \
			_e->key = (char *)(f)->names[_i];				   \
			_e->value = (f)->configs[_i];					   \
			(ret)->typed_per_filter_config[(ret)->n_typed_per_filter_config++] = _e;\
		}									   \
	} while (0)

void proxy_filter_route(struct arena *a, const struct proxy_filters *f, Envoy__Config__Route__V3__Route *ret)
{
	SET(a, f, Envoy__Config__Route__V3__Route__TypedPerFilterConfigEntry,
	    ENVOY__CONFIG__ROUTE__V3__ROUTE__TYPED_PER_FILTER_CONFIG_ENTRY, ret);
	if (ret->action_case == ENVOY__CONFIG__ROUTE__V3__ROUTE__ACTION_ROUTE) {
		ret->route->n_rate_limits = f->n_limits;
		ret->route->rate_limits = f->limits;
	}
}

void proxy_filter_cluster(struct arena *a, const struct proxy_filters *f,
			  Envoy__Config__Route__V3__WeightedCluster__ClusterWeight *ret)
{
	SET(a, f, Envoy__Config__Route__V3__WeightedCluster__ClusterWeight__TypedPerFilterConfigEntry,
	    ENVOY__CONFIG__ROUTE__V3__WEIGHTED_CLUSTER__CLUSTER_WEIGHT__TYPED_PER_FILTER_CONFIG_ENTRY, ret);
}

ProtobufCBinaryData proxy_filter_host(struct reader *r, const struct proxy_filters *f)
{
	Envoy__Config__Route__V3__VirtualHost host = ENVOY__CONFIG__ROUTE__V3__VIRTUAL_HOST__INIT;
	ProtobufCBinaryData d;

	SET(reader_arena(r), f, Envoy__Config__Route__V3__VirtualHost__TypedPerFilterConfigEntry,
	    ENVOY__CONFIG__ROUTE__V3__VIRTUAL_HOST__TYPED_PER_FILTER_CONFIG_ENTRY, &host);
	host.n_rate_limits = f->n_limits;
	host.rate_limits = f->limits;
	d.data = reader_pack(r, &host.base, &d.len);
	return d;
}
