/* Listeners that give read access from outside to some pages of Envoy's own admin interface:
 * metrics, health, and others that change nothing. */
#pragma once

#include "envoy/config/listener/v3/listener.pb-c.h"
#include "envoy/extensions/transport_sockets/tls/v3/secret.pb-c.h"
#include "k8s/contour-configuration.pb-c.h"
#include "translator/envoy/envoy.h"
#include "translator/model/message.h"

#define ENVOY_ADMIN_LISTENERS_MAX 4

/* Those that the configuration asks for; returns how many. */
size_t envoy_admin_listeners(struct arena *a, const K8s__ConfigEnvoy *config,
			     EnvoyListener *ret[ENVOY_ADMIN_LISTENERS_MAX]);
/* The certificate of the listener for metrics, and the CA of its permitted clients: files on
 * Envoy's host. Returns how many of the two are wanted. */
size_t envoy_admin_secrets(struct arena *a, const K8s__ConfigEnvoy *config, EnvoySecret *ret[2]);
