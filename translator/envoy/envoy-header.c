/* Edits of headers as Envoy has them. */
#include "translator/envoy/envoy-header.h"

static EnvoyHeaderValueOption *option(struct arena *a, const struct header_edit *e)
{
	static const int actions[] = {
		[HEADER_SET] =
			EnvoyHeaderValueOption__HEADER_APPEND_ACTION__OVERWRITE_IF_EXISTS_OR_ADD,
		[HEADER_ADD] =
			EnvoyHeaderValueOption__HEADER_APPEND_ACTION__APPEND_IF_EXISTS_OR_ADD,
		[HEADER_ADD_IF_ABSENT] =
			EnvoyHeaderValueOption__HEADER_APPEND_ACTION__ADD_IF_ABSENT,
	};
	EnvoyHeaderValueOption *o = message_new(a, EnvoyHeaderValueOption);

	o->header = message_new(a, EnvoyHeaderValue);
	o->header->key = (char *)e->name;
	o->header->value = (char *)e->value;
	o->append_action = (unsigned)actions[e->action];
	return o;
}

EnvoyHeaderValueOption **envoy_header_options(struct arena *a, const struct header_edits *e)
{
	EnvoyHeaderValueOption **all = arena_new_of(a, EnvoyHeaderValueOption *, e->n + 1);

	for (size_t i = 0; i < e->n; i++)
		all[i] = option(a, &e->all[i]);
	return all;
}

void envoy_route_headers(struct arena *a, const struct header_edits *request,
			 const struct header_edits *response, EnvoyRoute *ret)
{
	ret->n_request_headers_to_add = request->n;
	ret->request_headers_to_add = envoy_header_options(a, request);
	ret->n_request_headers_to_remove = request->n_remove;
	ret->request_headers_to_remove = (char **)request->remove;
	ret->n_response_headers_to_add = response->n;
	ret->response_headers_to_add = envoy_header_options(a, response);
	ret->n_response_headers_to_remove = response->n_remove;
	ret->response_headers_to_remove = (char **)response->remove;
}

void envoy_target_headers(struct arena *a, const struct header_edits *request,
			  const struct header_edits *response,
			  EnvoyWeightedClusterClusterWeight *ret)
{
	ret->n_request_headers_to_add = request->n;
	ret->request_headers_to_add = envoy_header_options(a, request);
	ret->n_request_headers_to_remove = request->n_remove;
	ret->request_headers_to_remove = (char **)request->remove;
	ret->n_response_headers_to_add = response->n;
	ret->response_headers_to_add = envoy_header_options(a, response);
	ret->n_response_headers_to_remove = response->n_remove;
	ret->response_headers_to_remove = (char **)response->remove;
	if (!request->host)
		return;
	ret->host_rewrite_specifier_case =
		EnvoyWeightedClusterClusterWeight__HOST_REWRITE_SPECIFIER_HOST_REWRITE_LITERAL;
	ret->host_rewrite_literal = (char *)request->host;
}
