/* Many TLS hosts behind one filter chain: envoy-server-name.h has the idea. */
#include <string.h>

#include "envoy/config/core/v3/extension.pb-c.h"
#include "envoy/config/route/v3/scoped_route.pb-c.h"
#include "envoy/extensions/http/early_header_mutation/header_mutation/v3/header_mutation.pb-c.h"
#include "envoy/extensions/matching/common_inputs/network/v3/network_inputs.pb-c.h"
#include "envoy/extensions/transport_sockets/tls/cert_mappers/sni/v3/config.pb-c.h"
#include "envoy/extensions/transport_sockets/tls/cert_selectors/on_demand_secret/v3/config.pb-c.h"
#include "translator/envoy/envoy-server-name.h"

#define EXTENSIONS       "envoy.extensions."
#define LISTENER_MATCHER 32          /* Listener.filter_chain_matcher */
#define NO_CHAIN         "none/none" /* no host has this name: the connection is closed */

/* Envoy compares in lower case. A name longer than DNS allows belongs to no host. */
#define HOST_NAME "[a-z0-9_]([a-z0-9_.-]{0,251}[a-z0-9_])?"

static EnvoyTypedExtensionConfig *extension(struct arena *a, const char *name, const char *type,
					    const ProtobufCMessage *m)
{
	EnvoyTypedExtensionConfig *e = message_new(a, EnvoyTypedExtensionConfig);

	e->name = (char *)name;
	e->typed_config = envoy_any(a, type, m);
	return e;
}

/* ---- routes ---- */

/* Overwrites the client's header of this name. */
static EnvoyTypedExtensionConfig *tell_server_name(struct arena *a)
{
	EnvoyEarlyHeaderMutationHeaderMutationHeaderMutation all =
		EnvoyEarlyHeaderMutationHeaderMutationHeaderMutation__INIT;
	EnvoyHeaderMutation m = EnvoyHeaderMutation__INIT;
	EnvoyHeaderMutation *one = &m;
	EnvoyHeaderValueOption option = EnvoyHeaderValueOption__INIT;
	EnvoyHeaderValue header = EnvoyHeaderValue__INIT;

	header.key = (char *)SERVER_NAME_HEADER;
	header.value = (char *)"%REQUESTED_SERVER_NAME%";
	option.header = &header;
	option.append_action =
		EnvoyHeaderValueOption__HEADER_APPEND_ACTION__OVERWRITE_IF_EXISTS_OR_ADD;
	m.action_case = EnvoyHeaderMutation__ACTION_APPEND;
	m.append = &option;
	all.n_mutations = 1;
	all.mutations = &one;
	return extension(a, "envoy.http.early_header_mutation.header_mutation",
			 EXTENSIONS "http.early_header_mutation.header_mutation.v3.HeaderMutation",
			 &all.base);
}

static EnvoyScopedRoutesScopeKeyBuilder *server_name_key(struct arena *a)
{
	EnvoyScopedRoutesScopeKeyBuilder *k = message_new(a, EnvoyScopedRoutesScopeKeyBuilder);
	EnvoyScopedRoutesScopeKeyBuilderFragmentBuilder *f =
		message_new(a, EnvoyScopedRoutesScopeKeyBuilderFragmentBuilder);
	EnvoyScopedRoutesScopeKeyBuilderFragmentBuilderHeaderValueExtractor *x =
		message_new(a, EnvoyScopedRoutesScopeKeyBuilderFragmentBuilderHeaderValueExtractor);

	x->name = (char *)SERVER_NAME_HEADER;
	/* Without a separator the whole value is the only element. */
	x->extract_type_case =
		EnvoyScopedRoutesScopeKeyBuilderFragmentBuilderHeaderValueExtractor__EXTRACT_TYPE_INDEX;
	f->type_case = EnvoyScopedRoutesScopeKeyBuilderFragmentBuilder__TYPE_HEADER_VALUE_EXTRACTOR;
	f->header_value_extractor = x;
	k->n_fragments = 1;
	k->fragments = arena_memdup(a, &f, sizeof(f));
	return k;
}

void server_name_routes(struct arena *a, EnvoyHttpConnectionManager *ret)
{
	EnvoyScopedRoutes *s = message_new(a, EnvoyScopedRoutes);
	EnvoyTypedExtensionConfig *tell = tell_server_name(a);

	s->name = (char *)"ingress_https";
	s->scope_key_builder = server_name_key(a);
	s->rds_config_source = envoy_ads(a);
	s->config_specifier_case = EnvoyScopedRoutes__CONFIG_SPECIFIER_SCOPED_RDS;
	s->scoped_rds = message_new(a, EnvoyScopedRds);
	s->scoped_rds->scoped_rds_config_source = envoy_ads(a);
	ret->n_early_header_mutation_extensions = 1;
	ret->early_header_mutation_extensions = arena_memdup(a, &tell, sizeof(tell));
	ret->route_specifier_case = EnvoyHttpConnectionManager__ROUTE_SPECIFIER_SCOPED_ROUTES;
	ret->scoped_routes = s;
}

EnvoyScopedRouteConfiguration *envoy_scope(struct arena *a, const char *host, const char *table)
{
	EnvoyScopedRouteConfiguration *s = message_new(a, EnvoyScopedRouteConfiguration);
	EnvoyScopedRouteConfigurationKeyFragment *f =
		message_new(a, EnvoyScopedRouteConfigurationKeyFragment);

	f->type_case = EnvoyScopedRouteConfigurationKeyFragment__TYPE_STRING_KEY;
	f->string_key = (char *)host;
	s->name = (char *)host;
	s->route_configuration_name = (char *)table;
	s->key = message_new(a, EnvoyScopedRouteConfigurationKey);
	s->key->n_fragments = 1;
	s->key->fragments = arena_memdup(a, &f, sizeof(f));
	return s;
}

/* ---- certificates ---- */

void server_name_certificate(struct arena *a, EnvoyDownstreamTlsContext *ret)
{
	EnvoySNI mapper = EnvoySNI__INIT;
	EnvoyConfig selector = EnvoyConfig__INIT;

	mapper.default_value =
		(char *)NO_CHAIN; /* unreachable: the matcher requires a server name */
	selector.config_source = envoy_ads(a);
	selector.certificate_mapper =
		extension(a, "envoy.tls.certificate_mappers.sni",
			  EXTENSIONS "transport_sockets.tls.cert_mappers.sni.v3.SNI", &mapper.base);
	ret->common_tls_context->custom_tls_certificate_selector = extension(
		a, "envoy.tls.certificate_selectors.on_demand_secret",
		EXTENSIONS "transport_sockets.tls.cert_selectors.on_demand_secret.v3.Config",
		&selector.base);
	ret->session_ticket_keys_type_case =
		EnvoyDownstreamTlsContext__SESSION_TICKET_KEYS_TYPE_DISABLE_STATELESS_SESSION_RESUMPTION;
	ret->disable_stateless_session_resumption = true;
	ret->disable_stateful_session_resumption = true;
}

/* ---- which connections ---- */

static XdsTypedExtensionConfig *xds_extension(struct arena *a, const char *name, const char *type,
					      const ProtobufCMessage *m)
{
	XdsTypedExtensionConfig *e = message_new(a, XdsTypedExtensionConfig);

	e->name = (char *)name;
	e->typed_config = envoy_any(a, type, m);
	return e;
}

static XdsTypedExtensionConfig *server_name(struct arena *a)
{
	EnvoyServerNameInput input = EnvoyServerNameInput__INIT;

	return xds_extension(a, "envoy.matching.inputs.server_name",
			     EXTENSIONS "matching.common_inputs.network.v3.ServerNameInput",
			     &input.base);
}

static XdsMatcherOnMatch *go_to(struct arena *a, const char *chain)
{
	XdsMatcherOnMatch *m = message_new(a, XdsMatcherOnMatch);
	GoogleStringValue name = GoogleStringValue__INIT;

	name.value = (char *)chain;
	m->on_match_case = XdsMatcherOnMatch__ON_MATCH_ACTION;
	m->action =
		xds_extension(a, "filter-chain-name", "google.protobuf.StringValue", &name.base);
	return m;
}

static XdsMatcherOnMatch *ask(struct arena *a, XdsMatcher *next)
{
	XdsMatcherOnMatch *m = message_new(a, XdsMatcherOnMatch);

	m->on_match_case = XdsMatcherOnMatch__ON_MATCH_MATCHER;
	m->matcher = next;
	return m;
}

static XdsMatcherMatcherListPredicate *matches(struct arena *a, const char *regex)
{
	XdsMatcherMatcherListPredicate *p = message_new(a, XdsMatcherMatcherListPredicate);
	XdsStringMatcher *s = message_new(a, XdsStringMatcher);

	s->match_pattern_case = XdsStringMatcher__MATCH_PATTERN_SAFE_REGEX;
	s->safe_regex = message_new(a, XdsRegexMatcher);
	s->safe_regex->regex = (char *)regex;
	s->safe_regex->engine_type_case = XdsRegexMatcher__ENGINE_TYPE_GOOGLE_RE2;
	s->safe_regex->google_re2 = message_new(a, XdsRegexMatcherGoogleRE2);
	p->match_type_case = XdsMatcherMatcherListPredicate__MATCH_TYPE_SINGLE_PREDICATE;
	p->single_predicate = message_new(a, XdsMatcherMatcherListPredicateSinglePredicate);
	p->single_predicate->input = server_name(a);
	p->single_predicate->matcher_case =
		XdsMatcherMatcherListPredicateSinglePredicate__MATCHER_VALUE_MATCH;
	p->single_predicate->value_match = s;
	return p;
}

static XdsMatcherMatcherListPredicate *not(struct arena *a, XdsMatcherMatcherListPredicate *what)
{
	XdsMatcherMatcherListPredicate *p = message_new(a, XdsMatcherMatcherListPredicate);

	p->match_type_case = XdsMatcherMatcherListPredicate__MATCH_TYPE_NOT_MATCHER;
	p->not_matcher = what;
	return p;
}

static XdsMatcherMatcherListFieldMatcher *field(struct arena *a,
						XdsMatcherMatcherListPredicate *when,
						const char *chain)
{
	XdsMatcherMatcherListFieldMatcher *f = message_new(a, XdsMatcherMatcherListFieldMatcher);

	f->predicate = when;
	f->on_match = go_to(a, chain);
	return f;
}

/* A list with this one step. */
static XdsMatcher *step(struct arena *a, XdsMatcherMatcherListPredicate *when, const char *chain)
{
	XdsMatcher *m = message_new(a, XdsMatcher);
	XdsMatcherMatcherListFieldMatcher *f = field(a, when, chain);

	m->matcher_type_case = XdsMatcher__MATCHER_TYPE_MATCHER_LIST;
	m->matcher_list = message_new(a, XdsMatcherMatcherList);
	m->matcher_list->n_matchers = 1;
	m->matcher_list->matchers = arena_memdup(a, &f, sizeof(f));
	return m;
}

/* A tree with this one name. */
static XdsMatcher *name(struct arena *a, const char *host, const char *chain)
{
	XdsMatcher *m = message_new(a, XdsMatcher);
	XdsMatcherMatcherTreeMatchMapMapEntry *e =
		message_new(a, XdsMatcherMatcherTreeMatchMapMapEntry);

	e->key = (char *)host;
	e->value = go_to(a, chain);
	m->matcher_type_case = XdsMatcher__MATCHER_TYPE_MATCHER_TREE;
	m->matcher_tree = message_new(a, XdsMatcherMatcherTree);
	m->matcher_tree->tree_type_case = XdsMatcherMatcherTree__TREE_TYPE_EXACT_MATCH_MAP;
	m->matcher_tree->exact_match_map = message_new(a, XdsMatcherMatcherTreeMatchMap);
	m->matcher_tree->exact_match_map->n_map = 1;
	m->matcher_tree->exact_match_map->map = arena_memdup(a, &e, sizeof(e));
	return m;
}

/* First exact names, then absent or invalid names, then wildcards; the rest goes to the shared
 * chain. Envoy refuses empty maps and lists, so each begins with a name that is refused in any
 * case. */
XdsMatcher *server_name_matcher(struct arena *a)
{
	XdsMatcher *names = name(a, "*", NO_CHAIN), *list = step(a, NULL, NO_CHAIN);
	XdsMatcherMatcherListFieldMatcher *steps[] = {
		field(a, not(a, matches(a, ".+")), SERVER_NAME_NONE),
		field(a, not(a, matches(a, HOST_NAME)), NO_CHAIN)
	};

	list->matcher_list->n_matchers = ARRAY_SIZE(steps);
	list->matcher_list->matchers = arena_memdup(a, steps, sizeof(steps));
	names->matcher_tree->input = server_name(a);
	names->on_no_match = ask(a, list);
	list->on_no_match = go_to(a, SERVER_NAME_CHAIN);
	return names;
}

/* "*.example.com" covers one label, as in certificates. */
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

/* Protobuf merges consecutive messages: the names of a tree, and the steps of a list. */
void envoy_server_name_match(struct arena *a, const char *host, bool own, uint8_t **ret,
			     size_t *ret_len)
{
	XdsMatcher wildcards = XdsMatcher__INIT, *m = &wildcards;
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
