/* The layer of Envoy's runtime that comes from the configuration. */
#include <string.h>

#include "translator/envoy/envoy-runtime.h"
#include "translator/envoy/envoy-struct.h"

/* A number of the configuration, under a key of Envoy's. */
struct row {
	const char *key;
	const protobuf_c_boolean *set;
	const uint32_t *value;
};

#define ROWS 3

static void rows(const K8s__ConfigListener *l, struct row ret[ROWS])
{
	ret[0] = (struct row){ "http.max_requests_per_io_cycle", &l->has_max_requests_per_io_cycle,
			       &l->max_requests_per_io_cycle };
	ret[1] = (struct row){ "envoy.resource_limits.listener.ingress_http.connection_limit",
			       &l->has_max_connections_per_listener,
			       &l->max_connections_per_listener };
	ret[2] = (struct row){ "envoy.resource_limits.listener.ingress_https.connection_limit",
			       &l->has_max_connections_per_listener,
			       &l->max_connections_per_listener };
}

bool envoy_runtime_is_ours(const K8s__ConfigEnvoy *config, const char *key)
{
	struct row all[ROWS];

	rows(config->listener, all);
	for (size_t i = 0; i < ROWS; i++)
		if (*all[i].set && strcmp(all[i].key, key) == 0)
			return true;
	/* Envoy must hold a regex to the same limit as our check (regex.h). */
	return strncmp(key, "re2.max_program_size.", strlen("re2.max_program_size.")) == 0;
}

EnvoyRuntime *envoy_runtime(struct arena *a, const K8s__ConfigEnvoy *config)
{
	EnvoyRuntime *r = message_new(a, EnvoyRuntime);
	struct row all[ROWS];

	r->name = (char *)ENVOY_RUNTIME_LAYER;
	r->layer = envoy_struct(a, config->n_runtime_settings + ROWS);
	for (size_t i = 0; i < config->n_runtime_settings; i++)
		if (!envoy_runtime_is_ours(config, config->runtime_settings[i]->key))
			envoy_struct_text(a, r->layer, config->runtime_settings[i]->key,
					  config->runtime_settings[i]->value);
	rows(config->listener, all);
	for (size_t i = 0; i < ROWS; i++)
		if (*all[i].set)
			envoy_struct_number(a, r->layer, all[i].key, *all[i].value);
	return r;
}
