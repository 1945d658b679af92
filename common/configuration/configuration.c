/* The configuration object. Used by the watcher, the translator and the portolan command. */
#include <assert.h>
#include <ctype.h>
#include <string.h>

#include "common/configuration/configuration.h"

static const ProtobufCMessageDescriptor *const sections[] = {
	&k8s__config_ingress__descriptor,
	&k8s__config_httpproxy__descriptor,
	&k8s__config_policy__descriptor,
	&k8s__config_headers__descriptor,
	&k8s__config_envoy__descriptor,
	&k8s__config_listener__descriptor,
	&k8s__config_compression__descriptor,
	&k8s__config_tls__descriptor,
	&k8s__config_fingerprint__descriptor,
	&k8s__config_socket_options__descriptor,
	&k8s__config_envoy_listener__descriptor,
	&k8s__config_logging__descriptor,
	&k8s__config_timeouts__descriptor,
	&k8s__config_cluster__descriptor,
	&k8s__circuit_breaker_policy__descriptor,
	&k8s__config_network__descriptor,
	&k8s__config_portolan__descriptor,
	&k8s__config_portolan_tls__descriptor,
	&k8s__config_portolan_gateway__descriptor,
	&k8s__config_portolan_destinations__descriptor,
	&k8s__config_portolan_hosts__descriptor,
	&k8s__config_portolan_edge__descriptor,
	&k8s__config_portolan_http3__descriptor,
	&k8s__config_portolan_status__descriptor,
	&k8s__config_ingress_nginx__descriptor,
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

/* ---- one setting ---- */

/* JSON's camelCase, or dashes, and the schema's underscores are one. */
static bool same_name(const char *json, size_t n, const char *name)
{
	const char *end = json + n;

	for (; json < end; json++) {
		if (*json == '-')
			continue;
		while (*name == '_')
			name++;
		if (tolower((unsigned char)*json) != tolower((unsigned char)*name))
			return false;
		name++;
	}
	return *name == '\0';
}

static const ProtobufCFieldDescriptor *field_named(const ProtobufCMessageDescriptor *type,
						   const char *json, size_t n)
{
	for (unsigned i = 0; i < type->n_fields; i++)
		if (same_name(json, n, type->fields[i].name))
			return &type->fields[i];
	return NULL;
}

bool configuration_find(K8s__ContourConfigurationSpec *spec, const char *path,
			struct configuration_setting *ret)
{
	ProtobufCMessage *m = &spec->base;

	for (;;) {
		size_t n = strcspn(path, ".");
		const ProtobufCFieldDescriptor *f = field_named(m->descriptor, path, n);
		void *at;

		assert(f);
		at = (char *)m + f->offset;
		if (!path[n]) {
			*ret = (struct configuration_setting){ m, f, at };
			return true;
		}
		assert(f->type == PROTOBUF_C_TYPE_MESSAGE && f->label != PROTOBUF_C_LABEL_REPEATED);
		m = *(ProtobufCMessage **)at;
		if (!m)
			return false;
		path += n + 1;
	}
}

const ProtobufCFieldDescriptor *configuration_field(const char *path)
{
	const ProtobufCMessageDescriptor *type = &k8s__contour_configuration_spec__descriptor;
	const ProtobufCFieldDescriptor *f;
	size_t n;

	for (;; path += n + 1) {
		n = strcspn(path, ".");
		f = field_named(type, path, n);
		assert(f);
		if (!path[n])
			return f;
		type = f->descriptor;
	}
}

bool configuration_is_set(const struct configuration_setting *s)
{
	const char *base = (const char *)s->in;

	if (s->field->label == PROTOBUF_C_LABEL_REPEATED)
		return *(const size_t *)(base + s->field->quantifier_offset) > 0;
	if (s->field->type == PROTOBUF_C_TYPE_MESSAGE)
		return *(void *const *)s->at != NULL;
	if (s->field->type == PROTOBUF_C_TYPE_STRING)
		return *(char *const *)s->at && **(char *const *)s->at;
	return *(const protobuf_c_boolean *)(base + s->field->quantifier_offset);
}

void configuration_unset(const struct configuration_setting *s)
{
	char *base = (char *)s->in;

	if (s->field->label == PROTOBUF_C_LABEL_REPEATED)
		*(size_t *)(base + s->field->quantifier_offset) = 0;
	else if (s->field->type == PROTOBUF_C_TYPE_MESSAGE)
		*(void **)s->at = NULL;
	else if (s->field->type == PROTOBUF_C_TYPE_STRING)
		*(const char **)s->at = s->field->default_value;
	else
		*(protobuf_c_boolean *)(base + s->field->quantifier_offset) = 0;
}

/* ---- defaults ---- */

static const struct {
	const char *path;
	const char *value;
} text_defaults[] = {
	{ "envoy.http.address", "0.0.0.0" },
	{ "envoy.http.accessLog", "off" },
	{ "envoy.https.address", "0.0.0.0" },
	{ "envoy.https.accessLog", "off" },
	{ "envoy.metrics.address", CONFIGURATION_PAGES_ADDRESS },
	{ "envoy.health.address", CONFIGURATION_PAGES_ADDRESS },
	{ "envoy.omEnforcedHealth.address", CONFIGURATION_PAGES_ADDRESS },
	{ "envoy.listener.compression.algorithm", "gzip" },
	{ "envoy.listener.serverHeaderTransformation", "overwrite" },
	{ "envoy.listener.tls.minimumProtocolVersion", "1.2" },
	{ "envoy.listener.tls.maximumProtocolVersion", "1.3" },
	{ "envoy.cluster.upstreamTLS.minimumProtocolVersion", "1.2" },
	{ "envoy.cluster.upstreamTLS.maximumProtocolVersion", "1.3" },
	{ "envoy.timeouts.connectionIdleTimeout", "60s" },
	{ "envoy.timeouts.connectTimeout", "2s" },
	{ "envoy.logging.accessLogFormat", "envoy" },
	{ "envoy.logging.accessLogLevel", "info" },
	{ "rateLimitService.domain", "contour" },
	{ "portolan.tls.hosts", "chains" },
	{ "portolan.gateway.envoyUpgrades", "one-at-a-time" },
	{ "portolan.hosts.ownership", "owner" },
	{ "portolan.ingressNginx.passwords", "checker" },
	{ "portolan.edge.requestHeadersTimeout", "10s" },
	{ "portolan.edge.escapedSlashes", "unescape-and-redirect" },
	{ "portolan.edge.headersWithUnderscores", "drop" },
};

static const struct {
	const char *path;
	int32_t value;
} number_defaults[] = {
	{ "envoy.http.port", CONFIGURATION_HTTP_PORT },
	{ "envoy.https.port", CONFIGURATION_HTTPS_PORT },
	{ "envoy.metrics.port", CONFIGURATION_PAGES_PORT },
	{ "envoy.health.port", CONFIGURATION_PAGES_PORT },
	{ "portolan.http3.port", 443 },
};

void configuration_default(K8s__ContourConfigurationSpec *spec)
{
	struct configuration_setting s;

	for (size_t i = 0; i < ARRAY_SIZE(text_defaults); i++)
		if (configuration_find(spec, text_defaults[i].path, &s) &&
		    !configuration_is_set(&s))
			*(const char **)s.at = text_defaults[i].value;
	for (size_t i = 0; i < ARRAY_SIZE(number_defaults); i++)
		if (configuration_find(spec, number_defaults[i].path, &s) &&
		    !configuration_is_set(&s)) {
			assert(s.field->type == PROTOBUF_C_TYPE_INT32);
			*(int32_t *)s.at = number_defaults[i].value;
			*(protobuf_c_boolean *)((char *)s.in + s.field->quantifier_offset) = 1;
		}
}
