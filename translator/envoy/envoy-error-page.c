/* Answers that are replaced, and answers that are slowed down. */
#include "translator/envoy/envoy-error-page.h"

#include "envoy/extensions/filters/http/bandwidth_limit/v3/bandwidth_limit.pb-c.h"
#include "envoy/extensions/filters/http/custom_response/v3/custom_response.pb-c.h"
#include "envoy/extensions/http/custom_response/redirect_policy/v3/redirect_policy.pb-c.h"
#include "envoy/type/matcher/v3/status_code_input.pb-c.h"
#include "translator/envoy/envoy-header.h"
#include "xds/type/matcher/v3/matcher.pb-c.h"

static XdsTypedExtensionConfig *extension(struct arena *a, const char *name, const char *type,
					  const ProtobufCMessage *m)
{
	XdsTypedExtensionConfig *e = message_new(a, XdsTypedExtensionConfig);

	e->name = (char *)name;
	e->typed_config = envoy_any(a, type, m);
	return e;
}

static EnvoyHeaderValueOption *code_header(struct arena *a, const char *code)
{
	EnvoyHeaderValueOption *o = message_new(a, EnvoyHeaderValueOption);

	o->header = message_new(a, EnvoyHeaderValue);
	o->header->key = (char *)"X-Code";
	o->header->value = (char *)code;
	o->append_action = EnvoyHeaderValueOption__HEADER_APPEND_ACTION__OVERWRITE_IF_EXISTS_OR_ADD;
	return o;
}

/* Tries the request again, with another path. Its Host stays. */
static XdsMatcherOnMatch *ask(struct arena *a, const struct error_pages *pages, const char *code)
{
	XdsMatcherOnMatch *m = message_new(a, XdsMatcherOnMatch);
	EnvoyRedirectPolicy *policy = message_new(a, EnvoyRedirectPolicy);
	EnvoyHeaderValueOption **all =
		arena_new_of(a, EnvoyHeaderValueOption *, pages->request.n + 1);
	EnvoyHeaderValueOption **edits = envoy_header_options(a, &pages->request);

	policy->redirect_action_specifier_case =
		EnvoyRedirectPolicy__REDIRECT_ACTION_SPECIFIER_REDIRECT_ACTION;
	policy->redirect_action = message_new(a, EnvoyRedirectAction);
	policy->redirect_action->path_rewrite_specifier_case =
		EnvoyRedirectAction__PATH_REWRITE_SPECIFIER_PATH_REDIRECT;
	policy->redirect_action->path_redirect = (char *)pages->path;
	all[policy->n_request_headers_to_add++] = code_header(a, code);
	for (size_t i = 0; i < pages->request.n; i++)
		all[policy->n_request_headers_to_add++] = edits[i];
	policy->request_headers_to_add = all;
	m->on_match_case = XdsMatcherOnMatch__ON_MATCH_ACTION;
	m->action = extension(a, "redirect",
			      "envoy.extensions.http.custom_response.redirect_policy.v3."
			      "RedirectPolicy",
			      &policy->base);
	return m;
}

GoogleAny *envoy_error_pages(struct arena *a, const struct error_pages *pages)
{
	EnvoyCustomResponse m = EnvoyCustomResponse__INIT;
	EnvoyHttpResponseStatusCodeMatchInput input = EnvoyHttpResponseStatusCodeMatchInput__INIT;
	XdsMatcherMatcherTree *tree = message_new(a, XdsMatcherMatcherTree);
	XdsMatcherMatcherTreeMatchMap *map = message_new(a, XdsMatcherMatcherTreeMatchMap);

	map->map = arena_new_of(a, XdsMatcherMatcherTreeMatchMapMapEntry *, pages->n_codes + 1);
	for (size_t i = 0; i < pages->n_codes; i++) {
		XdsMatcherMatcherTreeMatchMapMapEntry *e =
			message_new(a, XdsMatcherMatcherTreeMatchMapMapEntry);

		e->key = arena_printf(a, "%u", pages->codes[i]);
		e->value = ask(a, pages, e->key);
		map->map[map->n_map++] = e;
	}
	tree->input = extension(
		a, "status", "envoy.type.matcher.v3.HttpResponseStatusCodeMatchInput", &input.base);
	tree->tree_type_case = XdsMatcherMatcherTree__TREE_TYPE_EXACT_MATCH_MAP;
	tree->exact_match_map = map;
	m.custom_response_matcher = message_new(a, XdsMatcher);
	m.custom_response_matcher->matcher_type_case = XdsMatcher__MATCHER_TYPE_MATCHER_TREE;
	m.custom_response_matcher->matcher_tree = tree;
	return envoy_any(a, "envoy.extensions.filters.http.custom_response.v3.CustomResponse",
			 &m.base);
}

GoogleAny *envoy_bandwidth(struct arena *a, uint32_t kib)
{
	EnvoyBandwidthLimit m = EnvoyBandwidthLimit__INIT;
	GoogleUInt64Value limit = GoogleUInt64Value__INIT;

	limit.value = kib;
	m.stat_prefix = (char *)"nginx";
	m.enable_mode = EnvoyBandwidthLimit__ENABLE_MODE__RESPONSE;
	m.limit_kbps = &limit;
	return envoy_any(a, "envoy.extensions.filters.http.bandwidth_limit.v3.BandwidthLimit",
			 &m.base);
}
