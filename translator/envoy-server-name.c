/* Many TLS hosts behind one filter chain. Runs in the translator; envoy-server-name.h has the idea. */
#include <string.h>

#include "envoy/config/core/v3/extension.pb-c.h"
#include "envoy/extensions/http/early_header_mutation/header_mutation/v3/header_mutation.pb-c.h"
#include "envoy/extensions/matching/common_inputs/network/v3/network_inputs.pb-c.h"
#include "envoy/extensions/transport_sockets/tls/cert_mappers/sni/v3/config.pb-c.h"
#include "envoy/extensions/transport_sockets/tls/cert_selectors/on_demand_secret/v3/config.pb-c.h"
#include "envoy/config/route/v3/scoped_route.pb-c.h"
#include "translator/envoy-server-name.h"

#define EXTENSIONS "envoy.extensions."
#define LISTENER_MATCHER 32 /* Listener.filter_chain_matcher */
#define NO_CHAIN "none/none" /* there is none of this name: the connection is closed */

/* As Envoy compares it: in lower case. Longer than DNS allows is no host's. */
#define HOST_NAME "[a-z0-9_]([a-z0-9_.-]{0,251}[a-z0-9_])?"

typedef Envoy__Config__Core__V3__TypedExtensionConfig Extension;
typedef Envoy__Extensions__Filters__Network__HttpConnectionManager__V3__ScopedRoutes ScopedRoutes;
typedef Envoy__Extensions__Filters__Network__HttpConnectionManager__V3__ScopedRoutes__ScopeKeyBuilder KeyBuilder;
typedef Envoy__Extensions__Filters__Network__HttpConnectionManager__V3__ScopedRoutes__ScopeKeyBuilder__FragmentBuilder
	FragmentBuilder;
typedef Envoy__Extensions__Filters__Network__HttpConnectionManager__V3__ScopedRoutes__ScopeKeyBuilder__FragmentBuilder__HeaderValueExtractor
	Extractor;
typedef Envoy__Config__Common__MutationRules__V3__HeaderMutation HeaderMutation;
typedef Envoy__Extensions__TransportSockets__Tls__CertSelectors__OnDemandSecret__V3__Config Selector;
typedef Xds__Type__Matcher__V3__Matcher Matcher;
typedef Xds__Type__Matcher__V3__Matcher__OnMatch OnMatch;
typedef Xds__Type__Matcher__V3__Matcher__MatcherList__FieldMatcher FieldMatcher;
typedef Xds__Type__Matcher__V3__Matcher__MatcherList__Predicate Predicate;
typedef Xds__Type__Matcher__V3__Matcher__MatcherTree__MatchMap__MapEntry MapEntry;

static Extension *extension(struct arena *a, const char *name, const char *type, const ProtobufCMessage *m)
{
	Extension *e = ENVOY_NEW(a, Extension, ENVOY__CONFIG__CORE__V3__TYPED_EXTENSION_CONFIG__INIT);

	e->name = (char *)name;
	e->typed_config = envoy_any(a, type, m);
	return e;
}

/* ---- routes ---- */

/* Whatever the client sent under this name is overwritten. */
static Extension *tell_server_name(struct arena *a)
{
	Envoy__Extensions__Http__EarlyHeaderMutation__HeaderMutation__V3__HeaderMutation all =
		ENVOY__EXTENSIONS__HTTP__EARLY_HEADER_MUTATION__HEADER_MUTATION__V3__HEADER_MUTATION__INIT;
	HeaderMutation m = ENVOY__CONFIG__COMMON__MUTATION_RULES__V3__HEADER_MUTATION__INIT;
	HeaderMutation *one = &m;
	Envoy__Config__Core__V3__HeaderValueOption option = ENVOY__CONFIG__CORE__V3__HEADER_VALUE_OPTION__INIT;
	Envoy__Config__Core__V3__HeaderValue header = ENVOY__CONFIG__CORE__V3__HEADER_VALUE__INIT;

	header.key = (char *)SERVER_NAME_HEADER;
	header.value = (char *)"%REQUESTED_SERVER_NAME%";
	option.header = &header;
	option.append_action =
		ENVOY__CONFIG__CORE__V3__HEADER_VALUE_OPTION__HEADER_APPEND_ACTION__OVERWRITE_IF_EXISTS_OR_ADD;
	m.action_case = ENVOY__CONFIG__COMMON__MUTATION_RULES__V3__HEADER_MUTATION__ACTION_APPEND;
	m.append = &option;
	all.n_mutations = 1;
	all.mutations = &one;
	return extension(a, "envoy.http.early_header_mutation.header_mutation",
			 EXTENSIONS "http.early_header_mutation.header_mutation.v3.HeaderMutation", &all.base);
}

static KeyBuilder *server_name_key(struct arena *a)
{
	KeyBuilder *k = ENVOY_NEW(
		a, KeyBuilder,
		ENVOY__EXTENSIONS__FILTERS__NETWORK__HTTP_CONNECTION_MANAGER__V3__SCOPED_ROUTES__SCOPE_KEY_BUILDER__INIT);
	FragmentBuilder *f = ENVOY_NEW(
		a, FragmentBuilder,
		ENVOY__EXTENSIONS__FILTERS__NETWORK__HTTP_CONNECTION_MANAGER__V3__SCOPED_ROUTES__SCOPE_KEY_BUILDER__FRAGMENT_BUILDER__INIT);
	Extractor *x = ENVOY_NEW(
		a, Extractor,
		ENVOY__EXTENSIONS__FILTERS__NETWORK__HTTP_CONNECTION_MANAGER__V3__SCOPED_ROUTES__SCOPE_KEY_BUILDER__FRAGMENT_BUILDER__HEADER_VALUE_EXTRACTOR__INIT);

	x->name = (char *)SERVER_NAME_HEADER;
	/* Without a separator the only element is the whole. */
	x->extract_type_case =
		ENVOY__EXTENSIONS__FILTERS__NETWORK__HTTP_CONNECTION_MANAGER__V3__SCOPED_ROUTES__SCOPE_KEY_BUILDER__FRAGMENT_BUILDER__HEADER_VALUE_EXTRACTOR__EXTRACT_TYPE_INDEX;
	f->type_case =
		ENVOY__EXTENSIONS__FILTERS__NETWORK__HTTP_CONNECTION_MANAGER__V3__SCOPED_ROUTES__SCOPE_KEY_BUILDER__FRAGMENT_BUILDER__TYPE_HEADER_VALUE_EXTRACTOR;
	f->header_value_extractor = x;
	k->n_fragments = 1;
	k->fragments = arena_memdup(a, &f, sizeof(f));
	return k;
}

void server_name_routes(struct arena *a, HttpManager *ret)
{
	ScopedRoutes *s = ENVOY_NEW(
		a, ScopedRoutes,
		ENVOY__EXTENSIONS__FILTERS__NETWORK__HTTP_CONNECTION_MANAGER__V3__SCOPED_ROUTES__INIT);
	Extension *tell = tell_server_name(a);

	s->name = (char *)"ingress_https";
	s->scope_key_builder = server_name_key(a);
	s->rds_config_source = envoy_ads(a);
	s->config_specifier_case =
		ENVOY__EXTENSIONS__FILTERS__NETWORK__HTTP_CONNECTION_MANAGER__V3__SCOPED_ROUTES__CONFIG_SPECIFIER_SCOPED_RDS;
	s->scoped_rds = ENVOY_NEW(
		a, Envoy__Extensions__Filters__Network__HttpConnectionManager__V3__ScopedRds,
		ENVOY__EXTENSIONS__FILTERS__NETWORK__HTTP_CONNECTION_MANAGER__V3__SCOPED_RDS__INIT);
	s->scoped_rds->scoped_rds_config_source = envoy_ads(a);
	ret->n_early_header_mutation_extensions = 1;
	ret->early_header_mutation_extensions = arena_memdup(a, &tell, sizeof(tell));
	ret->route_specifier_case =
		ENVOY__EXTENSIONS__FILTERS__NETWORK__HTTP_CONNECTION_MANAGER__V3__HTTP_CONNECTION_MANAGER__ROUTE_SPECIFIER_SCOPED_ROUTES;
	ret->scoped_routes = s;
}

Envoy__Config__Route__V3__ScopedRouteConfiguration *envoy_scope(struct arena *a, const char *host,
								const char *table)
{
	Envoy__Config__Route__V3__ScopedRouteConfiguration *s =
		ENVOY_NEW(a, Envoy__Config__Route__V3__ScopedRouteConfiguration,
			  ENVOY__CONFIG__ROUTE__V3__SCOPED_ROUTE_CONFIGURATION__INIT);
	Envoy__Config__Route__V3__ScopedRouteConfiguration__Key__Fragment *f =
		ENVOY_NEW(a, Envoy__Config__Route__V3__ScopedRouteConfiguration__Key__Fragment,
			  ENVOY__CONFIG__ROUTE__V3__SCOPED_ROUTE_CONFIGURATION__KEY__FRAGMENT__INIT);

	f->type_case = ENVOY__CONFIG__ROUTE__V3__SCOPED_ROUTE_CONFIGURATION__KEY__FRAGMENT__TYPE_STRING_KEY;
	f->string_key = (char *)host;
	s->name = (char *)host;
	s->route_configuration_name = (char *)table;
	s->key = ENVOY_NEW(a, Envoy__Config__Route__V3__ScopedRouteConfiguration__Key,
			   ENVOY__CONFIG__ROUTE__V3__SCOPED_ROUTE_CONFIGURATION__KEY__INIT);
	s->key->n_fragments = 1;
	s->key->fragments = arena_memdup(a, &f, sizeof(f));
	return s;
}

/* ---- certificates ---- */

void server_name_certificate(struct arena *a,
			     Envoy__Extensions__TransportSockets__Tls__V3__DownstreamTlsContext *ret)
{
	Envoy__Extensions__TransportSockets__Tls__CertMappers__Sni__V3__SNI mapper =
		ENVOY__EXTENSIONS__TRANSPORT_SOCKETS__TLS__CERT_MAPPERS__SNI__V3__SNI__INIT;
	Selector selector = ENVOY__EXTENSIONS__TRANSPORT_SOCKETS__TLS__CERT_SELECTORS__ON_DEMAND_SECRET__V3__CONFIG__INIT;

	mapper.default_value = (char *)NO_CHAIN; /* the matcher lets nobody come so far without a server name */
	selector.config_source = envoy_ads(a);
	selector.certificate_mapper =
		extension(a, "envoy.tls.certificate_mappers.sni",
			  EXTENSIONS "transport_sockets.tls.cert_mappers.sni.v3.SNI", &mapper.base);
	ret->common_tls_context->custom_tls_certificate_selector = extension(
		a, "envoy.tls.certificate_selectors.on_demand_secret",
		EXTENSIONS "transport_sockets.tls.cert_selectors.on_demand_secret.v3.Config", &selector.base);
	ret->session_ticket_keys_type_case =
		ENVOY__EXTENSIONS__TRANSPORT_SOCKETS__TLS__V3__DOWNSTREAM_TLS_CONTEXT__SESSION_TICKET_KEYS_TYPE_DISABLE_STATELESS_SESSION_RESUMPTION;
	ret->disable_stateless_session_resumption = true;
	ret->disable_stateful_session_resumption = true;
}

/* ---- which connections ---- */

static Xds__Core__V3__TypedExtensionConfig *xds_extension(struct arena *a, const char *name, const char *type,
							  const ProtobufCMessage *m)
{
	Xds__Core__V3__TypedExtensionConfig *e = ENVOY_NEW(a, Xds__Core__V3__TypedExtensionConfig,
							   XDS__CORE__V3__TYPED_EXTENSION_CONFIG__INIT);

	e->name = (char *)name;
	e->typed_config = envoy_any(a, type, m);
	return e;
}

static Xds__Core__V3__TypedExtensionConfig *server_name(struct arena *a)
{
	Envoy__Extensions__Matching__CommonInputs__Network__V3__ServerNameInput input =
		ENVOY__EXTENSIONS__MATCHING__COMMON_INPUTS__NETWORK__V3__SERVER_NAME_INPUT__INIT;

	return xds_extension(a, "envoy.matching.inputs.server_name",
			     EXTENSIONS "matching.common_inputs.network.v3.ServerNameInput", &input.base);
}

static OnMatch *go_to(struct arena *a, const char *chain)
{
	OnMatch *m = ENVOY_NEW(a, OnMatch, XDS__TYPE__MATCHER__V3__MATCHER__ON_MATCH__INIT);
	Google__Protobuf__StringValue name = GOOGLE__PROTOBUF__STRING_VALUE__INIT;

	name.value = (char *)chain;
	m->on_match_case = XDS__TYPE__MATCHER__V3__MATCHER__ON_MATCH__ON_MATCH_ACTION;
	m->action = xds_extension(a, "filter-chain-name", "google.protobuf.StringValue", &name.base);
	return m;
}

static OnMatch *ask(struct arena *a, Matcher *next)
{
	OnMatch *m = ENVOY_NEW(a, OnMatch, XDS__TYPE__MATCHER__V3__MATCHER__ON_MATCH__INIT);

	m->on_match_case = XDS__TYPE__MATCHER__V3__MATCHER__ON_MATCH__ON_MATCH_MATCHER;
	m->matcher = next;
	return m;
}

static Predicate *matches(struct arena *a, const char *regex)
{
	Predicate *p = ENVOY_NEW(a, Predicate, XDS__TYPE__MATCHER__V3__MATCHER__MATCHER_LIST__PREDICATE__INIT);
	Xds__Type__Matcher__V3__StringMatcher *s = ENVOY_NEW(
		a, Xds__Type__Matcher__V3__StringMatcher, XDS__TYPE__MATCHER__V3__STRING_MATCHER__INIT);

	s->match_pattern_case = XDS__TYPE__MATCHER__V3__STRING_MATCHER__MATCH_PATTERN_SAFE_REGEX;
	s->safe_regex = ENVOY_NEW(a, Xds__Type__Matcher__V3__RegexMatcher,
				  XDS__TYPE__MATCHER__V3__REGEX_MATCHER__INIT);
	s->safe_regex->regex = (char *)regex;
	s->safe_regex->engine_type_case = XDS__TYPE__MATCHER__V3__REGEX_MATCHER__ENGINE_TYPE_GOOGLE_RE2;
	s->safe_regex->google_re2 = ENVOY_NEW(a, Xds__Type__Matcher__V3__RegexMatcher__GoogleRE2,
					      XDS__TYPE__MATCHER__V3__REGEX_MATCHER__GOOGLE_RE2__INIT);
	p->match_type_case = XDS__TYPE__MATCHER__V3__MATCHER__MATCHER_LIST__PREDICATE__MATCH_TYPE_SINGLE_PREDICATE;
	p->single_predicate = ENVOY_NEW(
		a, Xds__Type__Matcher__V3__Matcher__MatcherList__Predicate__SinglePredicate,
		XDS__TYPE__MATCHER__V3__MATCHER__MATCHER_LIST__PREDICATE__SINGLE_PREDICATE__INIT);
	p->single_predicate->input = server_name(a);
	p->single_predicate->matcher_case =
		XDS__TYPE__MATCHER__V3__MATCHER__MATCHER_LIST__PREDICATE__SINGLE_PREDICATE__MATCHER_VALUE_MATCH;
	p->single_predicate->value_match = s;
	return p;
}

static Predicate *not(struct arena *a, Predicate *what)
{
	Predicate *p = ENVOY_NEW(a, Predicate, XDS__TYPE__MATCHER__V3__MATCHER__MATCHER_LIST__PREDICATE__INIT);

	p->match_type_case = XDS__TYPE__MATCHER__V3__MATCHER__MATCHER_LIST__PREDICATE__MATCH_TYPE_NOT_MATCHER;
	p->not_matcher = what;
	return p;
}

static FieldMatcher *field(struct arena *a, Predicate *when, const char *chain)
{
	FieldMatcher *f = ENVOY_NEW(a, FieldMatcher, XDS__TYPE__MATCHER__V3__MATCHER__MATCHER_LIST__FIELD_MATCHER__INIT);

	f->predicate = when;
	f->on_match = go_to(a, chain);
	return f;
}

/* A list with this one step. */
static Matcher *step(struct arena *a, Predicate *when, const char *chain)
{
	Matcher *m = ENVOY_NEW(a, Matcher, XDS__TYPE__MATCHER__V3__MATCHER__INIT);
	FieldMatcher *f = field(a, when, chain);

	m->matcher_type_case = XDS__TYPE__MATCHER__V3__MATCHER__MATCHER_TYPE_MATCHER_LIST;
	m->matcher_list = ENVOY_NEW(a, Xds__Type__Matcher__V3__Matcher__MatcherList,
				    XDS__TYPE__MATCHER__V3__MATCHER__MATCHER_LIST__INIT);
	m->matcher_list->n_matchers = 1;
	m->matcher_list->matchers = arena_memdup(a, &f, sizeof(f));
	return m;
}

/* A tree with this one name. */
static Matcher *name(struct arena *a, const char *host, const char *chain)
{
	Matcher *m = ENVOY_NEW(a, Matcher, XDS__TYPE__MATCHER__V3__MATCHER__INIT);
	MapEntry *e = ENVOY_NEW(a, MapEntry, XDS__TYPE__MATCHER__V3__MATCHER__MATCHER_TREE__MATCH_MAP__MAP_ENTRY__INIT);

	e->key = (char *)host;
	e->value = go_to(a, chain);
	m->matcher_type_case = XDS__TYPE__MATCHER__V3__MATCHER__MATCHER_TYPE_MATCHER_TREE;
	m->matcher_tree = ENVOY_NEW(a, Xds__Type__Matcher__V3__Matcher__MatcherTree,
				    XDS__TYPE__MATCHER__V3__MATCHER__MATCHER_TREE__INIT);
	m->matcher_tree->tree_type_case = XDS__TYPE__MATCHER__V3__MATCHER__MATCHER_TREE__TREE_TYPE_EXACT_MATCH_MAP;
	m->matcher_tree->exact_match_map = ENVOY_NEW(a, Xds__Type__Matcher__V3__Matcher__MatcherTree__MatchMap,
						     XDS__TYPE__MATCHER__V3__MATCHER__MATCHER_TREE__MATCH_MAP__INIT);
	m->matcher_tree->exact_match_map->n_map = 1;
	m->matcher_tree->exact_match_map->map = arena_memdup(a, &e, sizeof(e));
	return m;
}

/* First names, then what has none or is none, then wildcards; the rest goes to the shared chain. Envoy refuses empty
 * maps and lists, so each begins with something that is refused in any case. */
Matcher *server_name_matcher(struct arena *a)
{
	Matcher *names = name(a, "*", NO_CHAIN), *list = step(a, NULL, NO_CHAIN);
	FieldMatcher *steps[] = { field(a, not(a, matches(a, ".+")), SERVER_NAME_NONE),
				  field(a, not(a, matches(a, HOST_NAME)), NO_CHAIN) };

	list->matcher_list->n_matchers = ARRAY_SIZE(steps);
	list->matcher_list->matchers = arena_memdup(a, steps, sizeof(steps));
	names->matcher_tree->input = server_name(a);
	names->on_no_match = ask(a, list);
	list->on_no_match = go_to(a, SERVER_NAME_CHAIN);
	return names;
}

/* "*.example.com" stands for one label, as in certificates. */
static const char *wildcard_regex(struct arena *a, const char *host)
{
	char *regex = arena_alloc(a, 2 * strlen(host) + sizeof("[^.]+")), *p = regex;

	p = stpcpy(p, "[^.]+");
	for (const char *c = host + 1; *c; c++) {
		if (*c == '.')
			*p++ = '\\';
		*p++ = *c;
	}
	*p = '\0';
	return regex;
}

/* Protobuf merges what is written one after another: a tree's names, and a list's steps. */
void envoy_server_name_match(struct arena *a, const char *host, bool own, uint8_t **ret, size_t *ret_len)
{
	Matcher wildcards = XDS__TYPE__MATCHER__V3__MATCHER__INIT, *m = &wildcards;
	uint8_t *packed;
	size_t len;

	if (strncmp(host, "*.", 2) == 0)
		wildcards.on_no_match = ask(a, step(a, matches(a, wildcard_regex(a, host)), host));
	else
		m = name(a, host, own ? host : SERVER_NAME_CHAIN);
	len = protobuf_c_message_get_packed_size(&m->base);
	packed = arena_alloc(a, len);
	(void)protobuf_c_message_pack(&m->base, packed);
	envoy_element(a, LISTENER_MATCHER, packed, len, ret, ret_len);
}
