/* Small pieces that all Envoy messages are made of. Runs in the translator. */
#include <string.h>

#include "common/clock.h"
#include "translator/envoy.h"

Google__Protobuf__Any *envoy_any(struct arena *a, const char *url, const ProtobufCMessage *m)
{
	Google__Protobuf__Any *any = ENVOY_NEW(a, Google__Protobuf__Any, GOOGLE__PROTOBUF__ANY__INIT);

	any->type_url = arena_printf(a, "type.googleapis.com/%s", url);
	any->value.len = protobuf_c_message_get_packed_size(m);
	any->value.data = arena_alloc(a, any->value.len);
	(void)protobuf_c_message_pack(m, any->value.data);
	return any;
}

Google__Protobuf__BoolValue *envoy_bool(struct arena *a, bool value)
{
	Google__Protobuf__BoolValue *v =
		ENVOY_NEW(a, Google__Protobuf__BoolValue, GOOGLE__PROTOBUF__BOOL_VALUE__INIT);

	v->value = value;
	return v;
}

Google__Protobuf__UInt32Value *envoy_uint32(struct arena *a, uint32_t value)
{
	Google__Protobuf__UInt32Value *v =
		ENVOY_NEW(a, Google__Protobuf__UInt32Value, GOOGLE__PROTOBUF__UINT32_VALUE__INIT);

	v->value = value;
	return v;
}

Google__Protobuf__Duration *envoy_duration(struct arena *a, int64_t usec)
{
	Google__Protobuf__Duration *d =
		ENVOY_NEW(a, Google__Protobuf__Duration, GOOGLE__PROTOBUF__DURATION__INIT);

	d->seconds = usec / USEC_PER_SEC;
	d->nanos = (int32_t)(usec % USEC_PER_SEC * 1000);
	return d;
}

Envoy__Config__Core__V3__ConfigSource *envoy_ads(struct arena *a)
{
	Envoy__Config__Core__V3__ConfigSource *s = ENVOY_NEW(
		a, Envoy__Config__Core__V3__ConfigSource, ENVOY__CONFIG__CORE__V3__CONFIG_SOURCE__INIT);

	s->config_source_specifier_case =
		ENVOY__CONFIG__CORE__V3__CONFIG_SOURCE__CONFIG_SOURCE_SPECIFIER_ADS;
	s->ads = ENVOY_NEW(a, Envoy__Config__Core__V3__AggregatedConfigSource,
			   ENVOY__CONFIG__CORE__V3__AGGREGATED_CONFIG_SOURCE__INIT);
	s->resource_api_version = ENVOY__CONFIG__CORE__V3__API_VERSION__V3;
	return s;
}

Envoy__Config__Core__V3__Address *envoy_address(struct arena *a, const char *host, uint32_t port)
{
	Envoy__Config__Core__V3__SocketAddress *socket =
		ENVOY_NEW(a, Envoy__Config__Core__V3__SocketAddress,
			  ENVOY__CONFIG__CORE__V3__SOCKET_ADDRESS__INIT);
	Envoy__Config__Core__V3__Address *address =
		ENVOY_NEW(a, Envoy__Config__Core__V3__Address, ENVOY__CONFIG__CORE__V3__ADDRESS__INIT);

	socket->address = (char *)host;
	socket->port_specifier_case =
		ENVOY__CONFIG__CORE__V3__SOCKET_ADDRESS__PORT_SPECIFIER_PORT_VALUE;
	socket->port_value = port;
	/* "::" is meant for both families, as everywhere else. */
	socket->ipv4_compat = strcmp(host, "::") == 0;
	address->address_case = ENVOY__CONFIG__CORE__V3__ADDRESS__ADDRESS_SOCKET_ADDRESS;
	address->socket_address = socket;
	return address;
}

Envoy__Config__Core__V3__DataSource *envoy_inline_bytes(struct arena *a, const void *data, size_t len)
{
	Envoy__Config__Core__V3__DataSource *s = ENVOY_NEW(
		a, Envoy__Config__Core__V3__DataSource, ENVOY__CONFIG__CORE__V3__DATA_SOURCE__INIT);

	s->specifier_case = ENVOY__CONFIG__CORE__V3__DATA_SOURCE__SPECIFIER_INLINE_BYTES;
	s->inline_bytes = (ProtobufCBinaryData){ len, (uint8_t *)data };
	return s;
}

Envoy__Config__Core__V3__GrpcService *envoy_grpc_service(struct arena *a, const char *cluster, const char *authority)
{
	Envoy__Config__Core__V3__GrpcService *s = ENVOY_NEW(a, Envoy__Config__Core__V3__GrpcService,
							    ENVOY__CONFIG__CORE__V3__GRPC_SERVICE__INIT);

	s->target_specifier_case = ENVOY__CONFIG__CORE__V3__GRPC_SERVICE__TARGET_SPECIFIER_ENVOY_GRPC;
	s->envoy_grpc = ENVOY_NEW(a, Envoy__Config__Core__V3__GrpcService__EnvoyGrpc,
				  ENVOY__CONFIG__CORE__V3__GRPC_SERVICE__ENVOY_GRPC__INIT);
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
