/* CORS, local rate limits and filters of addresses, as HTTPProxies write them. */
#include <arpa/inet.h>
#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/clock.h"
#include "common/base/go-duration.h"
#include "common/base/strbuf.h"
#include "common/base/word.h"
#include "translator/check/regex.h"
#include "translator/httpproxy/proxy-filter.h"
#include "translator/resolve/path-unmatched.h"

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

/* Why no browser sends such an origin (RFC 6454, section 6.2), or NULL. What may be meant as a
 * regular expression is one. */
static const char *origin_never(const char *s)
{
	const char *host = strstr(s, "://");

	if (strcmp(s, "*") == 0 || strcmp(s, "null") == 0)
		return NULL;
	if (!host)
		return strpbrk(s, "\\*+?()[]{}|^$/") ? NULL : "it begins with https:// or http://";
	host += 3;
	/* A regular expression may have a slash that need not be there. */
	if (strchr(host, '/'))
		return strpbrk(host, "\\*+?()[]{}|^$")
			       ? NULL
			       : "an origin has no path, and no slash at its end";
	if (is_origin(s) && strchr(host, '*'))
		return "the * is a character like any other: write a regular expression, as "
		       "https://[^.]+\\.example\\.com";
	if ((strncmp(s, "https:", 6) == 0 && word_ends_with(host, ":443")) ||
	    (strncmp(s, "http:", 5) == 0 && word_ends_with(host, ":80")))
		return "browsers leave the scheme's own port out";
	return NULL;
}

/* The Fetch standard compares methods as they are; the others that browsers write in upper case
 * need not be allowed. */
static bool is_method_in_lower_case(const char *s)
{
	static const char *const known[] = { "delete", "options", "patch", "put" };

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (strcasecmp(s, known[i]) == 0)
			return s[strcspn(s, "abcdefghijklmnopqrstuvwxyz")] != '\0';
	return false;
}

#define CORS "spec.virtualhost.corsPolicy"

static void cors_warning(struct proxy_node *node, const char *list, size_t i, const char *text,
			 const char *why)
{
	proxy_warning(node, "CORSWarning/NeverMatches",
		      arena_printf(node->a, CORS ".%s[%zu]", list, i), "\"%s\" allows nothing: %s",
		      text, why);
}

static void look_at_cors(struct proxy_node *node, const K8s__ProxyCORS *from)
{
	const struct {
		const char *name;
		char *const *all;
		size_t n;
	} lists[] = {
		{ "allowMethods", from->allow_methods, from->n_allow_methods },
		{ "allowHeaders", from->allow_headers, from->n_allow_headers },
		{ "exposeHeaders", from->expose_headers, from->n_expose_headers },
	};

	for (size_t i = 0; i < from->n_allow_origin; i++)
		if (origin_never(from->allow_origin[i]))
			cors_warning(node, "allowOrigin", i, from->allow_origin[i],
				     origin_never(from->allow_origin[i]));
	for (size_t i = 0; i < from->n_allow_methods; i++)
		if (is_method_in_lower_case(from->allow_methods[i]))
			cors_warning(node, "allowMethods", i, from->allow_methods[i],
				     "browsers compare it with the method in upper case");
	for (size_t i = 0; i < from->n_allow_headers; i++)
		if (header_unseen(node->r, from->allow_headers[i]))
			cors_warning(node, "allowHeaders", i, from->allow_headers[i],
				     header_unseen(node->r, from->allow_headers[i]));
	for (size_t k = 0; k < ARRAY_SIZE(lists) && from->allow_credentials; k++)
		for (size_t i = 0; i < lists[k].n; i++)
			if (strcmp(lists[k].all[i], "*") == 0)
				cors_warning(node, lists[k].name, i, "*",
					     "with allowCredentials browsers take it for a name: "
					     "list them");
}

/* -EINVAL: it is neither an origin nor a regular expression. */
static int parse_origin(struct arena *a, const char *text, struct cors_origin *ret)
{
	char why[256];

	*ret = (struct cors_origin){ MATCH_EXACT, text, .ignore_case = true };
	if (is_origin(text))
		return 0;
	*ret = (struct cors_origin){ MATCH_REGEX, text, .ignore_case = false };
	return *text && regex_check(text, arena_charged(a), why, sizeof(why)) == 0 ? 0 : -EINVAL;
}

/* NULL if one of the texts cannot be in a header. */
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

static int parse_max_age(struct arena *a, const char *text, const char **ret)
{
	struct go_duration d;

	if (!*text)
		return 0;
	if (go_duration_parse(text, &d) < 0 || d.infinite)
		return -EINVAL;
	*ret = d.set ? arena_printf(a, "%lld", (long long)(d.usec / USEC_PER_SEC)) : "0";
	return 0;
}

int proxy_filter_cors(struct proxy_node *node, const K8s__ProxyCORS *from,
		      struct route_filters *ret)
{
	struct arena *a = node->a;
	struct cors *c;
	bool good;

	if (!from)
		return 0;
	c = arena_new_of(a, struct cors, 1);
	*c = (struct cors){
		.origins = arena_new_of(a, struct cors_origin, from->n_allow_origin + 1),
		.n_origins = from->n_allow_origin,
		.allow_methods = join(a, from->allow_methods, from->n_allow_methods),
		.allow_headers = join(a, from->allow_headers, from->n_allow_headers),
		.expose_headers = join(a, from->expose_headers, from->n_expose_headers),
		.allow_credentials = from->allow_credentials,
		.allow_private_network = from->allow_private_network,
	};
	good = from->n_allow_origin && from->n_allow_methods && c->allow_methods &&
	       c->allow_headers && c->expose_headers &&
	       parse_max_age(a, from->max_age, &c->max_age) == 0;
	for (size_t i = 0; good && i < from->n_allow_origin; i++)
		good = parse_origin(node->a, from->allow_origin[i], &c->origins[i]) == 0;
	if (!good) {
		proxy_error(node, "CORSError/PolicyDidNotParse", "spec.virtualhost.corsPolicy",
			    "it needs origins as *, scheme://host or a regular expression, "
			    "methods, and a "
			    "maxAge as a duration");
		return -EINVAL;
	}
	look_at_cors(node, from);
	ret->cors = c;
	return 0;
}

/* ---- rate limits ---- */

static int64_t unit_seconds(const char *unit)
{
	return strcmp(unit, "second") == 0   ? 1
	       : strcmp(unit, "minute") == 0 ? 60
	       : strcmp(unit, "hour") == 0   ? 3600
					     : 0;
}

static int check_limit(const K8s__ProxyLocalRateLimit *l, const char **ret_why)
{
	uint32_t status = l->response_status_code;

	if (!l->requests || !unit_seconds(l->unit) || (status && (status < 400 || status > 599)))
		*ret_why = "it needs requests of at least 1, a unit of second, minute or hour, and "
			   "a responseStatusCode between 400 and 599 if any";
	else if (l->burst > UINT32_MAX - l->requests)
		*ret_why = "requests and burst are at most 4294967295 together";
	else
		return 0;
	return -EINVAL;
}

int proxy_filter_limit(struct proxy_node *node, const K8s__ProxyRateLimit *from, const char *host,
		       const char *reason, const char *field, struct route_filters *ret)
{
	const struct header_context c = { node->namespace, NULL, NULL };
	const K8s__ProxyLocalRateLimit *local = from ? from->local : NULL;
	K8s__ProxyHeaders headers = K8S__PROXY_HEADERS__INIT;
	struct local_limit *limit;
	const char *why;

	if (!local)
		return 0;
	limit = arena_new_of(node->a, struct local_limit, 1);
	headers.n_set = local->n_response_headers_to_add;
	headers.set = local->response_headers_to_add;
	if (check_limit(local, &why) < 0 ||
	    header_policy_parse(node->a, &c, &headers, true, &limit->response, &why) < 0) {
		proxy_error(node, reason, arena_printf(node->a, "%s.local", field), "%s", why);
		return -EINVAL;
	}
	limit->max_tokens = local->requests + local->burst;
	limit->tokens_per_fill = local->requests;
	limit->fill_usec = unit_seconds(local->unit) * USEC_PER_SEC;
	limit->status = local->response_status_code;
	limit->stat_prefix = arena_printf(node->a, "vhost.%s", host);
	ret->local_limit = limit;
	return 0;
}

/* ---- addresses ---- */

/* "192.0.2.0/24", "192.0.2.1", and the same for IPv6. */
static int parse_range(struct arena *a, const char *text, struct address_range *ret)
{
	const char *slash = strchr(text, '/');
	char *address = arena_strndup(a, text, strcspn(text, "/")), *end;
	struct in6_addr ip;
	unsigned long bits, max;

	if (inet_pton(AF_INET, address, &ip) == 1)
		max = 32;
	else if (inet_pton(AF_INET6, address, &ip) == 1)
		max = 128;
	else
		return -EINVAL;
	bits = max;
	if (slash) {
		if (!isdigit((unsigned char)slash[1]))
			return -EINVAL;
		bits = strtoul(slash + 1, &end, 10);
		if (*end || bits > max)
			return -EINVAL;
	}
	ret->address = address;
	ret->bits = (uint32_t)bits;
	return 0;
}

static int parse_filter(struct proxy_node *node, const K8s__ProxyIPFilter *f, const char *field,
			struct address_range *ret)
{
	if (parse_range(node->a, f->cidr, ret) < 0) {
		proxy_error(node, "IPFilterError/InvalidCIDR", field,
			    "\"%s\" is neither an address nor a range", f->cidr);
		return -EINVAL;
	}
	ret->peer = strcmp(f->source, "Peer") == 0;
	if (ret->peer || strcmp(f->source, "Remote") == 0)
		return 0;
	proxy_error(node, "IPFilterError/IPFilterPolicyNotValid", field,
		    "source \"%s\" is neither Peer nor Remote", f->source);
	return -EINVAL;
}

/* One wrong entry refuses all: a filter with a hole is worse than none. */
int proxy_filter_addresses(struct proxy_node *node, K8s__ProxyIPFilter *const *allow,
			   size_t n_allow, K8s__ProxyIPFilter *const *deny, size_t n_deny,
			   const char *field, struct route_filters *ret)
{
	K8s__ProxyIPFilter *const *all = n_deny ? deny : allow;
	size_t n = n_deny ? n_deny : n_allow;
	struct address_rules *rules;

	if (!n)
		return 0;
	if (n_allow && n_deny) {
		proxy_error(node, "IPFilterError/IncompatibleIPAddressFilters", field,
			    "there may be one of ipAllowPolicy and ipDenyPolicy only");
		return -EINVAL;
	}
	rules = arena_new_of(node->a, struct address_rules, 1);
	*rules = (struct address_rules){ .deny = n_deny != 0,
					 .all = arena_new_of(node->a, struct address_range, n) };
	for (size_t i = 0; i < n; i++)
		rules->n += parse_filter(node, all[i],
					 arena_printf(node->a, "%s.%s[%zu]", field,
						      n_deny ? "ipDenyPolicy" : "ipAllowPolicy", i),
					 &rules->all[rules->n]) == 0;
	if (rules->n < n)
		return -EINVAL;
	ret->addresses = rules;
	return 0;
}
