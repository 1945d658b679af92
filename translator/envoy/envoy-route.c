/* Routes, virtual hosts and route tables as Envoy has them. */
#include <string.h>

#include "translator/envoy/envoy-access-log.h"
#include "translator/envoy/envoy-forward.h"
#include "translator/envoy/envoy-header.h"
#include "translator/envoy/envoy-match.h"
#include "translator/envoy/envoy-rewrite.h"
#include "translator/envoy/envoy-route-filter.h"
#include "translator/envoy/envoy-route.h"

#define MISDIRECTED_REQUEST 421

/* ---- one route ---- */

static EnvoyRedirectAction *redirect(struct arena *a, const struct route_match *match,
				     const struct redirect *from)
{
	static const struct {
		uint32_t status;
		int code;
	} codes[] = {
		{ 301, EnvoyRedirectAction__REDIRECT_RESPONSE_CODE__MOVED_PERMANENTLY },
		{ 302, EnvoyRedirectAction__REDIRECT_RESPONSE_CODE__FOUND },
		{ 303, EnvoyRedirectAction__REDIRECT_RESPONSE_CODE__SEE_OTHER },
		{ 307, EnvoyRedirectAction__REDIRECT_RESPONSE_CODE__TEMPORARY_REDIRECT },
		{ 308, EnvoyRedirectAction__REDIRECT_RESPONSE_CODE__PERMANENT_REDIRECT },
	};
	EnvoyRedirectAction *r = message_new(a, EnvoyRedirectAction);
	struct envoy_rewrite path = envoy_rewrite(a, match, &from->path);

	for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
		if (codes[i].status == from->status)
			r->response_code = (unsigned)codes[i].code;
	if (from->scheme) {
		r->scheme_rewrite_specifier_case =
			EnvoyRedirectAction__SCHEME_REWRITE_SPECIFIER_SCHEME_REDIRECT;
		r->scheme_redirect = (char *)from->scheme;
	}
	if (from->host)
		r->host_redirect = (char *)from->host;
	r->port_redirect = from->port;
	r->strip_query = from->strip_query;
	if (from->path.kind == REWRITE_PATH) {
		r->path_rewrite_specifier_case =
			EnvoyRedirectAction__PATH_REWRITE_SPECIFIER_PATH_REDIRECT;
		r->path_redirect = (char *)from->path.text;
	} else if (path.prefix) {
		r->path_rewrite_specifier_case =
			EnvoyRedirectAction__PATH_REWRITE_SPECIFIER_PREFIX_REWRITE;
		r->prefix_rewrite = path.prefix;
	} else if (path.regex) {
		r->path_rewrite_specifier_case =
			EnvoyRedirectAction__PATH_REWRITE_SPECIFIER_REGEX_REWRITE;
		r->regex_rewrite = path.regex;
	}
	return r;
}

static void set_answer(struct arena *a, uint32_t status, const char *body, EnvoyRoute *ret)
{
	ret->action_case = EnvoyRoute__ACTION_DIRECT_RESPONSE;
	ret->direct_response = message_new(a, EnvoyDirectResponseAction);
	ret->direct_response->status = status;
	if (body && *body)
		ret->direct_response->body = envoy_inline_bytes(a, body, strlen(body));
}

/* Without a target the answer is fixed: no header is edited. */
static void set_forward(struct arena *a, const struct route *from, EnvoyRoute *ret)
{
	ret->route = envoy_forward(a, from);
	if (!ret->route) {
		set_answer(a, from->forward.missing_status ? from->forward.missing_status : 503,
			   NULL, ret);
		return;
	}
	ret->action_case = EnvoyRoute__ACTION_ROUTE;
	envoy_route_headers(a, &from->request, &from->response, ret);
}

/* gRPC is HTTP/2 all the way: an upstream of HTTP/1.1 cannot answer it. */
static bool carries_grpc(const struct forward *f)
{
	for (size_t i = 0; i < f->n_targets; i++)
		if (f->targets[i].http2)
			return true;
	return false;
}

static EnvoyFractionalPercent *percent(struct arena *a, uint32_t numerator)
{
	EnvoyFractionalPercent *p = message_new(a, EnvoyFractionalPercent);

	p->numerator = numerator;
	return p;
}

/* The route's settings for logs and traces. */
static void set_watching(struct arena *a, const struct route *from, EnvoyRoute *ret)
{
	uint32_t sampling = from->tracing == TRACING_ALL ? 100 : 0;

	if (from->quiet)
		ret->metadata = envoy_quiet(a);
	if (from->operation) {
		ret->decorator = message_new(a, EnvoyDecorator);
		ret->decorator->operation = (char *)from->operation;
	}
	if (from->tracing == TRACING_INHERITED)
		return;
	ret->tracing = message_new(a, EnvoyConfigRouteTracing);
	ret->tracing->client_sampling = percent(a, sampling);
	ret->tracing->random_sampling = percent(a, sampling);
	ret->tracing->overall_sampling = percent(a, sampling);
}

EnvoyRoute *envoy_route(struct arena *a, const char *host, bool one_label, const struct route *from)
{
	EnvoyRoute *r = message_new(a, EnvoyRoute);
	struct route_filters filters = from->filters;

	switch (from->kind) {
	case ROUTE_FORWARD:
		set_forward(a, from, r);
		break;
	case ROUTE_REDIRECT:
		r->action_case = EnvoyRoute__ACTION_REDIRECT;
		r->redirect = redirect(a, &from->match, &from->redirect);
		envoy_route_headers(a, &from->request, &from->response, r);
		break;
	case ROUTE_ANSWER:
		set_answer(a, from->answer.status, from->answer.body, r);
		envoy_route_headers(a, &from->request, &from->response, r);
		break;
	}
	if (from->name)
		r->name = (char *)from->name;
	set_watching(a, from, r);
	filters.grpc = r->action_case == EnvoyRoute__ACTION_ROUTE && carries_grpc(&from->forward);
	envoy_route_filters(a, &filters, r);
	r->match = envoy_route_match(a, host, one_label, &from->match);
	return r;
}

/* ---- as bytes ---- */

static ProtobufCBinaryData encode(struct arena *a, const EnvoyRoute *route)
{
	size_t len = protobuf_c_message_get_packed_size(&route->base);
	uint8_t *packed = arena_alloc(a, len + 1);
	ProtobufCBinaryData ret;

	(void)protobuf_c_message_pack(&route->base, packed);
	envoy_element(a, ENVOY_HOST_ROUTES, packed, len, &ret.data, &ret.len);
	return ret;
}

ProtobufCBinaryData envoy_route_encode(struct arena *a, const char *host, bool one_label,
				       const struct route *from)
{
	return encode(a, envoy_route(a, host, one_label, from));
}

ProtobufCBinaryData envoy_route_encode_https(struct arena *a, const char *host, bool one_label,
					     const struct route *from, bool authorized)
{
	EnvoyRoute *r = message_new(a, EnvoyRoute);
	struct route_filters filters = { 0 };

	r->action_case = EnvoyRoute__ACTION_REDIRECT;
	r->redirect = message_new(a, EnvoyRedirectAction);
	r->redirect->scheme_rewrite_specifier_case =
		EnvoyRedirectAction__SCHEME_REWRITE_SPECIFIER_HTTPS_REDIRECT;
	r->redirect->https_redirect = true;
	if (authorized)
		filters.authorization.kind = AUTHORIZATION_OFF;
	envoy_route_filters(a, &filters, r);
	r->match = envoy_route_match(a, host, one_label, &from->match);
	return encode(a, r);
}

/* ---- virtual hosts and tables ---- */

void envoy_virtual_host(struct arena *a, const char *name, const char *const *domains, size_t n,
			const void *routes, size_t routes_len, uint8_t **ret, size_t *ret_len)
{
	EnvoyVirtualHost v = EnvoyVirtualHost__INIT;
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

EnvoyRouteConfiguration *envoy_routes(struct arena *a, const char *name)
{
	EnvoyRouteConfiguration *c = message_new(a, EnvoyRouteConfiguration);
	EnvoyHeaderValueOption *option = message_new(a, EnvoyHeaderValueOption);

	option->header = message_new(a, EnvoyHeaderValue);
	option->header->key = (char *)"x-request-start";
	option->header->value = (char *)"t=%START_TIME(%s.%3f)%";
	c->name = (char *)name;
	c->n_request_headers_to_add = 1;
	c->request_headers_to_add = arena_memdup(a, &option, sizeof(option));
	c->ignore_port_in_host_matching = true;
	return c;
}

void envoy_misdirected(struct arena *a, bool authorized, const char *const *domains, size_t n,
		       uint8_t **ret, size_t *ret_len)
{
	struct route route = { .kind = ROUTE_ANSWER,
			       .match = { .kind = PATH_PREFIX, .path = "/" },
			       .answer = { .status = MISDIRECTED_REQUEST } };
	ProtobufCBinaryData element;
	uint8_t *host;
	size_t len;

	if (authorized)
		route.filters.authorization.kind = AUTHORIZATION_OFF;
	element = envoy_route_encode(a, "*", false, &route);
	envoy_virtual_host(a, "misdirected", domains, n, element.data, element.len, &host, &len);
	envoy_element(a, ENVOY_ROUTES_HOSTS, host, len, ret, ret_len);
}
