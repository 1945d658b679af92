/* The configuration object. Used by the watcher, the translator and the portolan command. */
#include <stdbool.h>

#include "common/configuration.h"

static const ProtobufCMessageDescriptor *const sections[] = {
	&k8s__config_ingress__descriptor,	 &k8s__config_httpproxy__descriptor,
	&k8s__config_policy__descriptor,	 &k8s__config_headers__descriptor,
	&k8s__config_envoy__descriptor,		 &k8s__config_listener__descriptor,
	&k8s__config_compression__descriptor,	 &k8s__config_tls__descriptor,
	&k8s__config_fingerprint__descriptor,	 &k8s__config_socket_options__descriptor,
	&k8s__config_envoy_listener__descriptor, &k8s__config_logging__descriptor,
	&k8s__config_timeouts__descriptor,	 &k8s__config_cluster__descriptor,
	&k8s__circuit_breaker_policy__descriptor, &k8s__config_network__descriptor,
	&k8s__config_portolan__descriptor,	 &k8s__config_portolan_tls__descriptor,
};

static bool is_section(const ProtobufCFieldDescriptor *f)
{
	for (size_t i = 0; i < ARRAY_SIZE(sections); i++)
		if (f->descriptor == sections[i])
			return true;
	return false;
}

static void fill(struct arena *arena, ProtobufCMessage *m)
{
	for (unsigned i = 0; i < m->descriptor->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &m->descriptor->fields[i];
		ProtobufCMessage **at = (ProtobufCMessage **)((char *)m + f->offset);

		if (f->type != PROTOBUF_C_TYPE_MESSAGE || !is_section(f))
			continue;
		if (!*at) {
			const ProtobufCMessageDescriptor *type = f->descriptor;

			*at = arena_alloc(arena, type->sizeof_message);
			protobuf_c_message_init(type, *at);
		}
		fill(arena, *at);
	}
}

void configuration_fill(struct arena *arena, K8s__ContourConfigurationSpec *spec)
{
	fill(arena, &spec->base);
}
