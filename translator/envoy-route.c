/* Routes, virtual hosts and route tables. Runs in the translator. */
#include <string.h>

#include "common/strbuf.h"
#include "translator/envoy.h"

typedef Envoy__Config__Route__V3__Route Route;
typedef Envoy__Config__Route__V3__RouteMatch RouteMatch;

#define MISDIRECTED_REQUEST 421

Envoy__Type__Matcher__V3__RegexMatcher *envoy_regex(struct arena *a, const char *pattern)
{
	Envoy__Type__Matcher__V3__RegexMatcher *m = ENVOY_NEW(
		a, Envoy__Type__Matcher__V3__RegexMatcher, ENVOY__TYPE__MATCHER__V3__REGEX_MATCHER__INIT);

	m->regex = (char *)pattern;
	return m;
}

/* Envoy's domain "*.example.com" takes any number of labels for the star, Kubernetes exactly one
 * (networking.k8s.io/v1, IngressRule.host): the rest is a match on the authority. */
static void match_one_label(struct arena *a, RouteMatch *m, const char *host)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	Envoy__Config__Route__V3__HeaderMatcher *h = ENVOY_NEW(
		a, Envoy__Config__Route__V3__HeaderMatcher, ENVOY__CONFIG__ROUTE__V3__HEADER_MATCHER__INIT);
	Envoy__Type__Matcher__V3__StringMatcher *s = ENVOY_NEW(
		a, Envoy__Type__Matcher__V3__StringMatcher, ENVOY__TYPE__MATCHER__V3__STRING_MATCHER__INIT);

	strbuf_puts(&b, "(?i)[^.:]+");
	for (const char *p = host + 1; *p; p++) {
		if (*p == '.')
			strbuf_putc(&b, '\\');
		strbuf_putc(&b, *p);
	}
	strbuf_puts(&b, "(:[0-9]+)?");
	s->match_pattern_case = ENVOY__TYPE__MATCHER__V3__STRING_MATCHER__MATCH_PATTERN_SAFE_REGEX;
	s->safe_regex = envoy_regex(a, arena_strdup(a, strbuf_str(&b)));
	h->name = (char *)":authority";
	h->header_match_specifier_case =
		ENVOY__CONFIG__ROUTE__V3__HEADER_MATCHER__HEADER_MATCH_SPECIFIER_STRING_MATCH;
	h->string_match = s;
	m->n_headers = 1;
	m->headers = arena_memdup(a, &h, sizeof(h));
}

RouteMatch *envoy_route_match(struct arena *a, const char *host, enum path_kind kind, const char *text)
{
	RouteMatch *m = ENVOY_NEW(a, RouteMatch, ENVOY__CONFIG__ROUTE__V3__ROUTE_MATCH__INIT);
	char *path = (char *)text;

	switch (kind) {
	case PATH_EXACT:
		m->path_specifier_case = ENVOY__CONFIG__ROUTE__V3__ROUTE_MATCH__PATH_SPECIFIER_PATH;
		m->path = path;
		break;
	case PATH_REGEX:
		m->path_specifier_case = ENVOY__CONFIG__ROUTE__V3__ROUTE_MATCH__PATH_SPECIFIER_SAFE_REGEX;
		m->safe_regex = envoy_regex(a, path);
		break;
	case PATH_SEGMENTS:
		m->path_specifier_case =
			ENVOY__CONFIG__ROUTE__V3__ROUTE_MATCH__PATH_SPECIFIER_PATH_SEPARATED_PREFIX;
		m->path_separated_prefix = path;
		break;
	case PATH_PREFIX:
		m->path_specifier_case = ENVOY__CONFIG__ROUTE__V3__ROUTE_MATCH__PATH_SPECIFIER_PREFIX;
		m->prefix = path;
		break;
	}
	if (host[0] == '*' && host[1] == '.')
		match_one_label(a, m, host);
	return m;
}

static Route *forward(struct arena *a, const char *cluster)
{
	Route *r = ENVOY_NEW(a, Route, ENVOY__CONFIG__ROUTE__V3__ROUTE__INIT);

	r->action_case = ENVOY__CONFIG__ROUTE__V3__ROUTE__ACTION_ROUTE;
	r->route = ENVOY_NEW(a, Envoy__Config__Route__V3__RouteAction,
			     ENVOY__CONFIG__ROUTE__V3__ROUTE_ACTION__INIT);
	r->route->cluster_specifier_case = ENVOY__CONFIG__ROUTE__V3__ROUTE_ACTION__CLUSTER_SPECIFIER_CLUSTER;
	r->route->cluster = (char *)cluster;
	return r;
}

bool envoy_knows_retry(const char *word, size_t len)
{
	static const char *const words[] = {
		"5xx",
		"gateway-error",
		"reset",
		"reset-before-request",
		"connect-failure",
		"envoy-ratelimited",
		"retriable-4xx",
		"refused-stream",
		"retriable-status-codes",
		"retriable-headers",
		"http3-post-connect-failure",
		"cancelled",
		"deadline-exceeded",
		"internal",
		"resource-exhausted",
		"unavailable",
	};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strlen(words[i]) == len && memcmp(word, words[i], len) == 0)
			return true;
	return false;
}

void envoy_allow_websocket(struct arena *a, Envoy__Config__Route__V3__RouteAction *ret)
{
	Envoy__Config__Route__V3__RouteAction__UpgradeConfig *u =
		ENVOY_NEW(a, Envoy__Config__Route__V3__RouteAction__UpgradeConfig,
			  ENVOY__CONFIG__ROUTE__V3__ROUTE_ACTION__UPGRADE_CONFIG__INIT);

	u->upgrade_type = (char *)"websocket";
	ret->n_upgrade_configs = 1;
	ret->upgrade_configs = arena_memdup(a, &u, sizeof(u));
}

Route *envoy_route_to_https(struct arena *a)
{
	Route *r = ENVOY_NEW(a, Route, ENVOY__CONFIG__ROUTE__V3__ROUTE__INIT);

	r->action_case = ENVOY__CONFIG__ROUTE__V3__ROUTE__ACTION_REDIRECT;
	r->redirect = ENVOY_NEW(a, Envoy__Config__Route__V3__RedirectAction,
				ENVOY__CONFIG__ROUTE__V3__REDIRECT_ACTION__INIT);
	r->redirect->scheme_rewrite_specifier_case =
		ENVOY__CONFIG__ROUTE__V3__REDIRECT_ACTION__SCHEME_REWRITE_SPECIFIER_HTTPS_REDIRECT;
	r->redirect->https_redirect = true;
	return r;
}

Route *envoy_route_answer(struct arena *a, uint32_t status, const char *body)
{
	Route *r = ENVOY_NEW(a, Route, ENVOY__CONFIG__ROUTE__V3__ROUTE__INIT);

	r->action_case = ENVOY__CONFIG__ROUTE__V3__ROUTE__ACTION_DIRECT_RESPONSE;
	r->direct_response = ENVOY_NEW(a, Envoy__Config__Route__V3__DirectResponseAction,
				       ENVOY__CONFIG__ROUTE__V3__DIRECT_RESPONSE_ACTION__INIT);
	r->direct_response->status = status;
	if (body && *body)
		r->direct_response->body = envoy_inline_bytes(a, body, strlen(body));
	return r;
}

Route *envoy_route(struct arena *a, const struct route_spec *spec)
{
	Route *r = spec->https_redirect ? envoy_route_to_https(a) :
		   spec->cluster	? forward(a, spec->cluster) :
					  envoy_route_answer(a, spec->status, spec->body);

	r->match = envoy_route_match(a, spec->host, spec->kind, spec->path);
	return r;
}

int envoy_path_compare(enum path_kind a_kind, const char *a, enum path_kind b_kind, const char *b)
{
	size_t a_len = strlen(a), b_len = strlen(b);
	bool a_prefix = a_kind >= PATH_SEGMENTS, b_prefix = b_kind >= PATH_SEGMENTS;
	int d;

	/* Exact, then regex, then both sorts of prefix together. */
	if (a_prefix != b_prefix || (!a_prefix && a_kind != b_kind))
		return a_kind < b_kind ? -1 : 1;
	if (a_kind != PATH_EXACT && a_len != b_len)
		return a_len > b_len ? -1 : 1;
	d = strcmp(b, a);
	return d ? d : (int)a_kind - (int)b_kind;
}

void envoy_virtual_host(struct arena *a, const char *name, const char *const *domains, size_t n,
			const void *routes, size_t routes_len, uint8_t **ret, size_t *ret_len)
{
	Envoy__Config__Route__V3__VirtualHost v = ENVOY__CONFIG__ROUTE__V3__VIRTUAL_HOST__INIT;
	size_t len;

	v.name = (char *)name;
	v.n_domains = n;
	v.domains = (char **)domains;
	len = protobuf_c_message_get_packed_size(&v.base);
	*ret = arena_alloc(a, len + routes_len);
	(void)protobuf_c_message_pack(&v.base, *ret);
	if (routes_len)
		memcpy(*ret + len, routes, routes_len);
	*ret_len = len + routes_len;
}

Envoy__Config__Route__V3__RouteConfiguration *envoy_routes(struct arena *a, const char *name)
{
	Envoy__Config__Route__V3__RouteConfiguration *c =
		ENVOY_NEW(a, Envoy__Config__Route__V3__RouteConfiguration,
			  ENVOY__CONFIG__ROUTE__V3__ROUTE_CONFIGURATION__INIT);
	Envoy__Config__Core__V3__HeaderValueOption *option =
		ENVOY_NEW(a, Envoy__Config__Core__V3__HeaderValueOption,
			  ENVOY__CONFIG__CORE__V3__HEADER_VALUE_OPTION__INIT);

	option->header = ENVOY_NEW(a, Envoy__Config__Core__V3__HeaderValue,
				   ENVOY__CONFIG__CORE__V3__HEADER_VALUE__INIT);
	option->header->key = (char *)"x-request-start";
	option->header->value = (char *)"t=%START_TIME(%s.%3f)%";
	c->name = (char *)name;
	c->n_request_headers_to_add = 1;
	c->request_headers_to_add = arena_memdup(a, &option, sizeof(option));
	c->ignore_port_in_host_matching = true;
	return c;
}

void envoy_route_filter(struct arena *a, const char *filter, Google__Protobuf__Any *config, Route *ret)
{
	typedef Envoy__Config__Route__V3__Route__TypedPerFilterConfigEntry Entry;
	Entry **all = arena_new_of(a, Entry *, ret->n_typed_per_filter_config + 1);
	Entry *e = ENVOY_NEW(a, Entry, ENVOY__CONFIG__ROUTE__V3__ROUTE__TYPED_PER_FILTER_CONFIG_ENTRY__INIT);

	e->key = (char *)filter;
	e->value = config;
	for (size_t i = 0; i < ret->n_typed_per_filter_config; i++)
		all[i] = ret->typed_per_filter_config[i];
	all[ret->n_typed_per_filter_config++] = e;
	ret->typed_per_filter_config = all;
}

void envoy_misdirected(struct arena *a, bool authorized, const char *const *domains, size_t n, uint8_t **ret,
		       size_t *ret_len)
{
	struct route_spec spec = { .host = "*",
				   .kind = PATH_PREFIX,
				   .path = "/",
				   .status = MISDIRECTED_REQUEST };
	Route *route = envoy_route(a, &spec);
	uint8_t *packed, *element, *host;
	size_t len;

	if (authorized)
		envoy_route_filter(a, ENVOY_AUTHORIZATION, envoy_authorization_off(a), route);
	len = protobuf_c_message_get_packed_size(&route->base);
	packed = arena_alloc(a, len);
	(void)protobuf_c_message_pack(&route->base, packed);
	envoy_element(a, ENVOY_HOST_ROUTES, packed, len, &element, &len);
	envoy_virtual_host(a, "misdirected", domains, n, element, len, &host, &len);
	envoy_element(a, ENVOY_ROUTES_HOSTS, host, len, ret, ret_len);
}
