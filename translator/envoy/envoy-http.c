/* HTTP as Envoy speaks it with clients: limits, timeouts, headers, compression. */
#include <string.h>

#include "envoy/config/core/v3/extension.pb-c.h"
#include "envoy/extensions/compression/brotli/compressor/v3/brotli.pb-c.h"
#include "envoy/extensions/compression/gzip/compressor/v3/gzip.pb-c.h"
#include "envoy/extensions/compression/zstd/compressor/v3/zstd.pb-c.h"
#include "envoy/extensions/filters/http/compressor/v3/compressor.pb-c.h"
#include "translator/envoy/envoy-http.h"
#include "translator/envoy/envoy-route-filter.h"

#define MANAGER(name) \
	ENVOY__EXTENSIONS__FILTERS__NETWORK__HTTP_CONNECTION_MANAGER__V3__HTTP_CONNECTION_MANAGER__##name
#define COMPRESSORS "envoy.extensions.compression."

typedef Envoy__Extensions__Filters__Network__HttpConnectionManager__V3__HttpConnectionManager__CodecType
	Codec;
typedef Envoy__Extensions__Filters__Network__HttpConnectionManager__V3__HttpConnectionManager__ServerHeaderTransformation
	ServerHeader;
typedef Envoy__Extensions__Filters__Network__HttpConnectionManager__V3__HttpConnectionManager__PathWithEscapedSlashesAction
	EscapedSlashes;
typedef Envoy__Config__Core__V3__HttpProtocolOptions__HeadersWithUnderscoresAction Underscores;

/* configuration/best_practices/edge */
#define HTTP2_STREAMS           100
#define HTTP2_STREAM_WINDOW     (64 * 1024)
#define HTTP2_CONNECTION_WINDOW (1024 * 1024)

static GoogleDuration *timeout(struct arena *a, const struct go_duration *d)
{
	return d->set ? envoy_duration(a, d->usec) : NULL;
}

/* A single version fixes the codec; with both, the first bytes of a connection decide. */
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

static EscapedSlashes escaped_slashes(const char *word)
{
	static const struct {
		const char *word;
		EscapedSlashes value;
	} rows[] = {
		{ "reject", MANAGER(PATH_WITH_ESCAPED_SLASHES_ACTION__REJECT_REQUEST) },
		{ "unescape-and-redirect",
		  MANAGER(PATH_WITH_ESCAPED_SLASHES_ACTION__UNESCAPE_AND_REDIRECT) },
		{ "unescape-and-forward",
		  MANAGER(PATH_WITH_ESCAPED_SLASHES_ACTION__UNESCAPE_AND_FORWARD) },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (strcmp(rows[i].word, word) == 0)
			return rows[i].value;
	return MANAGER(PATH_WITH_ESCAPED_SLASHES_ACTION__KEEP_UNCHANGED);
}

static Underscores underscores(const char *word)
{
	if (strcmp(word, "drop") == 0)
		return EnvoyHttpProtocolOptions__HEADERS_WITH_UNDERSCORES_ACTION__DROP_HEADER;
	return strcmp(word, "reject") == 0
		       ? EnvoyHttpProtocolOptions__HEADERS_WITH_UNDERSCORES_ACTION__REJECT_REQUEST
		       : EnvoyHttpProtocolOptions__HEADERS_WITH_UNDERSCORES_ACTION__ALLOW;
}

/* RFC 9110, section 7.8: a server may ignore an offer to upgrade. Apache's client offers TLS/1.2
 * with each request, Java's h2c; Envoy would answer 403 instead. */
static void ignore_upgrades(struct arena *a, EnvoyHttp1ProtocolOptions *ret)
{
	static const struct {
		const char *word;
		bool prefix;
	} rows[] = { { "TLS/", true }, { "HTTP/", true }, { "h2c", false }, { "h2", false } };

	ret->n_ignore_http_11_upgrade = ARRAY_SIZE(rows);
	ret->ignore_http_11_upgrade = arena_new_of(a, EnvoyStringMatcher *, ARRAY_SIZE(rows));
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		EnvoyStringMatcher *m = message_new(a, EnvoyStringMatcher);

		m->ignore_case = true;
		m->match_pattern_case = rows[i].prefix ? EnvoyStringMatcher__MATCH_PATTERN_PREFIX
						       : EnvoyStringMatcher__MATCH_PATTERN_EXACT;
		if (rows[i].prefix)
			m->prefix = (char *)rows[i].word;
		else
			m->exact = (char *)rows[i].word;
		ret->ignore_http_11_upgrade[i] = m;
	}
}

/* Follows Envoy's guide for edge proxies: by its defaults a client can make it keep hundreds of
 * megabytes. */
static EnvoyHttp2ProtocolOptions *limit_http2(struct arena *a, const K8s__ConfigListener *l)
{
	EnvoyHttp2ProtocolOptions *o = message_new(a, EnvoyHttp2ProtocolOptions);

	o->max_concurrent_streams = envoy_uint32(a, l->has_http_max_concurrent_streams
							    ? l->http_max_concurrent_streams
							    : HTTP2_STREAMS);
	o->initial_stream_window_size = envoy_uint32(a, HTTP2_STREAM_WINDOW);
	o->initial_connection_window_size = envoy_uint32(a, HTTP2_CONNECTION_WINDOW);
	return o;
}

static void limit_time(struct arena *a, const struct settings *s, EnvoyHttpConnectionManager *ret)
{
	const struct settings_timeouts *t = &s->timeouts;
	const K8s__ConfigListener *l = s->config->envoy->listener;
	EnvoyHttpProtocolOptions *common = message_new(a, EnvoyHttpProtocolOptions);

	common->idle_timeout = timeout(a, &t->connection_idle);
	/* To Envoy zero means no limit, as does an absent field. */
	common->max_connection_duration = t->connection_max.usec ? timeout(a, &t->connection_max)
								 : NULL;
	if (l->has_max_requests_per_connection)
		common->max_requests_per_connection =
			envoy_uint32(a, l->max_requests_per_connection);
	common->headers_with_underscores_action =
		underscores(s->config->portolan->edge->headers_with_underscores);
	if (common->idle_timeout || common->max_connection_duration ||
	    common->max_requests_per_connection || common->headers_with_underscores_action)
		ret->common_http_protocol_options = common;
	ret->request_headers_timeout = timeout(a, &t->request_headers);
	ret->request_timeout = timeout(a, &t->request);
	ret->stream_idle_timeout = timeout(a, &t->stream_idle);
	ret->delayed_close_timeout = timeout(a, &t->delayed_close);
	ret->drain_timeout = timeout(a, &t->drain);
}

void envoy_http_options(struct arena *a, const struct settings *s, EnvoyHttpConnectionManager *ret)
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
	ret->strip_trailing_host_dot = e->network->strip_trailing_host_dot ||
				       s->config->portolan->ingress_nginx->enabled;
	ret->server_header_transformation = server_header(l->server_header_transformation);
	ret->http_protocol_options = message_new(a, EnvoyHttp1ProtocolOptions);
	ret->http_protocol_options->accept_http_10 = true;
	ret->http_protocol_options->allow_chunked_length = !l->disable_allow_chunked_length;
	ignore_upgrades(a, ret->http_protocol_options);
	ret->http2_protocol_options = limit_http2(a, l);
	ret->path_with_escaped_slashes_action =
		escaped_slashes(s->config->portolan->edge->escaped_slashes);
}

/* ---- compression ---- */

/* Envoy's own list, and gRPC-Web's types (its protocol, "Protocol differences vs gRPC over HTTP2").
 */
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

static GoogleAny *algorithm(struct arena *a, const char *word)
{
	EnvoyBrotli brotli = EnvoyBrotli__INIT;
	EnvoyZstd zstd = EnvoyZstd__INIT;
	EnvoyGzip gzip = EnvoyGzip__INIT;

	if (strcmp(word, "brotli") == 0)
		return envoy_any(a, COMPRESSORS "brotli.compressor.v3.Brotli", &brotli.base);
	if (strcmp(word, "zstd") == 0)
		return envoy_any(a, COMPRESSORS "zstd.compressor.v3.Zstd", &zstd.base);
	return envoy_any(a, COMPRESSORS "gzip.compressor.v3.Gzip", &gzip.base);
}

GoogleAny *envoy_uncompressed(struct arena *a)
{
	EnvoyCompressorPerRoute m = EnvoyCompressorPerRoute__INIT;

	m.override_case = EnvoyCompressorPerRoute__OVERRIDE_DISABLED;
	m.disabled = true;
	return envoy_any(a, "envoy.extensions.filters.http.compressor.v3.CompressorPerRoute",
			 &m.base);
}

const ProtobufCMessage *envoy_compressor(struct arena *a, const struct http_spec *spec)
{
	const char *word = spec->settings->config->envoy->listener->compression->algorithm;
	EnvoyCompressor *c;
	EnvoyCompressorResponseDirectionConfig *response;
	EnvoyCompressorCommonDirectionConfig *common;

	if (strcmp(word, "disabled") == 0)
		return NULL;
	c = message_new(a, EnvoyCompressor);
	response = message_new(a, EnvoyCompressorResponseDirectionConfig);
	common = message_new(a, EnvoyCompressorCommonDirectionConfig);
	common->n_content_type = ARRAY_SIZE(compressible);
	common->content_type = (char **)(uintptr_t)compressible;
	response->common_config = common;
	c->response_direction_config = response;
	c->compressor_library = message_new(a, EnvoyTypedExtensionConfig);
	c->compressor_library->name = (char *)word;
	c->compressor_library->typed_config = algorithm(a, word);
	return &c->base;
}
