/* Small pieces that all Envoy messages are made of. */
#include <string.h>

#include "common/base/clock.h"
#include "translator/envoy/envoy.h"

GoogleAny *envoy_any(struct arena *a, const char *url, const ProtobufCMessage *m)
{
	GoogleAny *any = message_new(a, GoogleAny);

	any->type_url = arena_printf(a, "type.googleapis.com/%s", url);
	any->value.len = protobuf_c_message_get_packed_size(m);
	any->value.data = arena_alloc(a, any->value.len);
	(void)protobuf_c_message_pack(m, any->value.data);
	return any;
}

GoogleBoolValue *envoy_bool(struct arena *a, bool value)
{
	GoogleBoolValue *v = message_new(a, GoogleBoolValue);

	v->value = value;
	return v;
}

GoogleUInt32Value *envoy_uint32(struct arena *a, uint32_t value)
{
	GoogleUInt32Value *v = message_new(a, GoogleUInt32Value);

	v->value = value;
	return v;
}

/* Envoy counts in milliseconds and cuts off the rest: 500us would be 0, which means no limit. */
GoogleDuration *envoy_duration(struct arena *a, int64_t usec)
{
	GoogleDuration *d = message_new(a, GoogleDuration);

	if (usec > 0 && usec < USEC_PER_MSEC)
		usec = USEC_PER_MSEC;
	d->seconds = usec / USEC_PER_SEC;
	d->nanos = (int32_t)(usec % USEC_PER_SEC * 1000);
	return d;
}

EnvoyConfigSource *envoy_ads(struct arena *a)
{
	EnvoyConfigSource *s = message_new(a, EnvoyConfigSource);

	s->config_source_specifier_case = EnvoyConfigSource__CONFIG_SOURCE_SPECIFIER_ADS;
	s->ads = message_new(a, EnvoyAggregatedConfigSource);
	s->resource_api_version = EnvoyApiVersion__V3;
	return s;
}

EnvoyAddress *envoy_address(struct arena *a, const char *host, uint32_t port)
{
	EnvoySocketAddress *socket = message_new(a, EnvoySocketAddress);
	EnvoyAddress *address = message_new(a, EnvoyAddress);

	socket->address = (char *)host;
	socket->port_specifier_case = EnvoySocketAddress__PORT_SPECIFIER_PORT_VALUE;
	socket->port_value = port;
	/* "::" is meant for both families, as everywhere else. */
	socket->ipv4_compat = strcmp(host, "::") == 0;
	address->address_case = EnvoyAddress__ADDRESS_SOCKET_ADDRESS;
	address->socket_address = socket;
	return address;
}

EnvoyDataSource *envoy_inline_bytes(struct arena *a, const void *data, size_t len)
{
	EnvoyDataSource *s = message_new(a, EnvoyDataSource);

	s->specifier_case = EnvoyDataSource__SPECIFIER_INLINE_BYTES;
	s->inline_bytes = (ProtobufCBinaryData){ len, (uint8_t *)data };
	return s;
}

EnvoyGrpcService *envoy_grpc_service(struct arena *a, const char *cluster, const char *authority)
{
	EnvoyGrpcService *s = message_new(a, EnvoyGrpcService);

	s->target_specifier_case = EnvoyGrpcService__TARGET_SPECIFIER_ENVOY_GRPC;
	s->envoy_grpc = message_new(a, EnvoyGrpcServiceEnvoyGrpc);
	s->envoy_grpc->cluster_name = (char *)cluster;
	s->envoy_grpc->authority = (char *)(authority ? authority : "");
	return s;
}

static size_t put_varint(uint8_t *p, uint64_t v)
{
	size_t n = 0;

	for (; v >= 0x80; v >>= 7)
		p[n++] = (uint8_t)(v | 0x80);
	p[n++] = (uint8_t)v;
	return n;
}

void envoy_element(struct arena *a, uint32_t field, const void *bytes, size_t len, uint8_t **ret,
		   size_t *ret_len)
{
	uint8_t *p = arena_alloc(a, len + 20);
	size_t n = put_varint(p, (uint64_t)field << 3 | 2); /* wire type 2: length-delimited */

	n += put_varint(p + n, len);
	if (len)
		memcpy(p + n, bytes, len);
	*ret = p;
	*ret_len = n + len;
}

EnvoyRuntimeFractionalPercent *envoy_fraction(struct arena *a, uint32_t numerator,
					      uint32_t denominator)
{
	EnvoyRuntimeFractionalPercent *f = message_new(a, EnvoyRuntimeFractionalPercent);

	f->default_value = message_new(a, EnvoyFractionalPercent);
	f->default_value->numerator = numerator;
	f->default_value->denominator =
		denominator == 1000000 ? EnvoyFractionalPercent__DENOMINATOR_TYPE__MILLION
		: denominator == 10000 ? EnvoyFractionalPercent__DENOMINATOR_TYPE__TEN_THOUSAND
				       : EnvoyFractionalPercent__DENOMINATOR_TYPE__HUNDRED;
	return f;
}
