/* HTTP as Envoy speaks it with clients: limits, timeouts, headers, compression. Runs in the translator. */
#include <string.h>

#include "envoy/config/core/v3/extension.pb-c.h"
#include "envoy/extensions/compression/brotli/compressor/v3/brotli.pb-c.h"
#include "envoy/extensions/compression/gzip/compressor/v3/gzip.pb-c.h"
#include "envoy/extensions/compression/zstd/compressor/v3/zstd.pb-c.h"
#include "envoy/extensions/filters/http/compressor/v3/compressor.pb-c.h"
#include "translator/envoy-http.h"

#define MANAGER(name) ENVOY__EXTENSIONS__FILTERS__NETWORK__HTTP_CONNECTION_MANAGER__V3__HTTP_CONNECTION_MANAGER__##name
#define COMPRESSORS "envoy.extensions.compression."

typedef Envoy__Extensions__Filters__Network__HttpConnectionManager__V3__HttpConnectionManager__CodecType Codec;
typedef Envoy__Extensions__Filters__Network__HttpConnectionManager__V3__HttpConnectionManager__ServerHeaderTransformation
	ServerHeader;
typedef Envoy__Extensions__Filters__Http__Compressor__V3__Compressor Compressor;
typedef Envoy__Extensions__Filters__Http__Compressor__V3__Compressor__ResponseDirectionConfig Response;
typedef Envoy__Extensions__Filters__Http__Compressor__V3__Compressor__CommonDirectionConfig Common;

static Google__Protobuf__Duration *timeout(struct arena *a, const struct go_duration *d)
{
	return d->set ? envoy_duration(a, d->usec) : NULL;
}

/* One version alone fixes it; both are told apart by what a connection begins with. */
static Codec codec(const K8s__ConfigEnvoy *e)
{
	bool http1 = !e->n_default_http_versions, http2 = http1;

	for (size_t i = 0; i < e->n_default_http_versions; i++) {
		http1 |= strcmp(e->default_http_versions[i], "HTTP/1.1") == 0;
		http2 |= strcmp(e->default_http_versions[i], "HTTP/2") == 0;
	}
	if (http1 && http2)
		return MANAGER(CODEC_TYPE__AUTO);
	return http2 ? MANAGER(CODEC_TYPE__HTTP2) : MANAGER(CODEC_TYPE__HTTP1);
}

static ServerHeader server_header(const char *word)
{
	static const struct {
		const char *word;
		ServerHeader value;
	} rows[] = {
		{ "append_if_absent", MANAGER(SERVER_HEADER_TRANSFORMATION__APPEND_IF_ABSENT) },
		{ "pass_through", MANAGER(SERVER_HEADER_TRANSFORMATION__PASS_THROUGH) },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (strcmp(rows[i].word, word) == 0)
			return rows[i].value;
	return MANAGER(SERVER_HEADER_TRANSFORMATION__OVERWRITE);
}

static void limit_time(struct arena *a, const struct settings *s, HttpManager *ret)
{
	const struct settings_timeouts *t = &s->timeouts;
	const K8s__ConfigListener *l = s->config->envoy->listener;
	Envoy__Config__Core__V3__HttpProtocolOptions *common =
		ENVOY_NEW(a, Envoy__Config__Core__V3__HttpProtocolOptions,
			  ENVOY__CONFIG__CORE__V3__HTTP_PROTOCOL_OPTIONS__INIT);

	common->idle_timeout = timeout(a, &t->connection_idle);
	/* Zero is no limit to Envoy, as is nothing. */
	common->max_connection_duration = t->connection_max.usec ? timeout(a, &t->connection_max) : NULL;
	if (l->has_max_requests_per_connection)
		common->max_requests_per_connection = envoy_uint32(a, l->max_requests_per_connection);
	if (common->idle_timeout || common->max_connection_duration || common->max_requests_per_connection)
		ret->common_http_protocol_options = common;
	ret->request_timeout = timeout(a, &t->request);
	ret->stream_idle_timeout = timeout(a, &t->stream_idle);
	ret->delayed_close_timeout = timeout(a, &t->delayed_close);
	ret->drain_timeout = timeout(a, &t->drain);
}

void envoy_http_options(struct arena *a, const struct settings *s, HttpManager *ret)
{
	const K8s__ConfigEnvoy *e = s->config->envoy;
	const K8s__ConfigListener *l = e->listener;

	limit_time(a, s, ret);
	ret->codec_type = codec(e);
	ret->use_remote_address = envoy_bool(a, true);
	ret->xff_num_trusted_hops = e->network->num_trusted_hops;
	ret->normalize_path = envoy_bool(a, true);
	ret->merge_slashes = !l->disable_merge_slashes;
	ret->preserve_external_request_id = true;
	ret->strip_trailing_host_dot = e->network->strip_trailing_host_dot;
	ret->server_header_transformation = server_header(l->server_header_transformation);
	ret->http_protocol_options = ENVOY_NEW(a, Envoy__Config__Core__V3__Http1ProtocolOptions,
					       ENVOY__CONFIG__CORE__V3__HTTP1_PROTOCOL_OPTIONS__INIT);
	ret->http_protocol_options->accept_http_10 = true;
	ret->http_protocol_options->allow_chunked_length = !l->disable_allow_chunked_length;
	if (!l->has_http_max_concurrent_streams)
		return;
	ret->http2_protocol_options = ENVOY_NEW(a, Envoy__Config__Core__V3__Http2ProtocolOptions,
						ENVOY__CONFIG__CORE__V3__HTTP2_PROTOCOL_OPTIONS__INIT);
	ret->http2_protocol_options->max_concurrent_streams = envoy_uint32(a, l->http_max_concurrent_streams);
}

/* ---- compression ---- */

/* Envoy's own list, and gRPC-Web's types (its protocol, "Protocol differences vs gRPC over HTTP2"). */
static const char *const compressible[] = {
	"application/javascript",
	"application/json",
	"application/xhtml+xml",
	"image/svg+xml",
	"text/css",
	"text/html",
	"text/plain",
	"text/xml",
	"application/grpc-web",
	"application/grpc-web+proto",
	"application/grpc-web+json",
	"application/grpc-web+thrift",
	"application/grpc-web-text",
	"application/grpc-web-text+proto",
	"application/grpc-web-text+thrift",
};

static Google__Protobuf__Any *algorithm(struct arena *a, const char *word)
{
	Envoy__Extensions__Compression__Brotli__Compressor__V3__Brotli brotli =
		ENVOY__EXTENSIONS__COMPRESSION__BROTLI__COMPRESSOR__V3__BROTLI__INIT;
	Envoy__Extensions__Compression__Zstd__Compressor__V3__Zstd zstd =
		ENVOY__EXTENSIONS__COMPRESSION__ZSTD__COMPRESSOR__V3__ZSTD__INIT;
	Envoy__Extensions__Compression__Gzip__Compressor__V3__Gzip gzip =
		ENVOY__EXTENSIONS__COMPRESSION__GZIP__COMPRESSOR__V3__GZIP__INIT;

	if (strcmp(word, "brotli") == 0)
		return envoy_any(a, COMPRESSORS "brotli.compressor.v3.Brotli", &brotli.base);
	if (strcmp(word, "zstd") == 0)
		return envoy_any(a, COMPRESSORS "zstd.compressor.v3.Zstd", &zstd.base);
	return envoy_any(a, COMPRESSORS "gzip.compressor.v3.Gzip", &gzip.base);
}

const ProtobufCMessage *envoy_compressor(struct arena *a, const struct http_spec *spec)
{
	const char *word = spec->settings->config->envoy->listener->compression->algorithm;
	Compressor *c;
	Response *response;
	Common *common;

	if (strcmp(word, "disabled") == 0)
		return NULL;
	c = ENVOY_NEW(a, Compressor, ENVOY__EXTENSIONS__FILTERS__HTTP__COMPRESSOR__V3__COMPRESSOR__INIT);
	response = ENVOY_NEW(
		a, Response,
		ENVOY__EXTENSIONS__FILTERS__HTTP__COMPRESSOR__V3__COMPRESSOR__RESPONSE_DIRECTION_CONFIG__INIT);
	common = ENVOY_NEW(
		a, Common,
		ENVOY__EXTENSIONS__FILTERS__HTTP__COMPRESSOR__V3__COMPRESSOR__COMMON_DIRECTION_CONFIG__INIT);
	common->n_content_type = ARRAY_SIZE(compressible);
	common->content_type = (char **)(uintptr_t)compressible;
	response->common_config = common;
	c->response_direction_config = response;
	c->compressor_library = ENVOY_NEW(a, Envoy__Config__Core__V3__TypedExtensionConfig,
					  ENVOY__CONFIG__CORE__V3__TYPED_EXTENSION_CONFIG__INIT);
	c->compressor_library->name = (char *)word;
	c->compressor_library->typed_config = algorithm(a, word);
	return &c->base;
}
