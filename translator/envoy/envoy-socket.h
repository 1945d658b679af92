/* Sockets of the model (model/listener.h) as Envoy's listeners. */
#pragma once

#include "translator/envoy/envoy.h"
#include "translator/model/listener.h"

/* The listener with the chains of HTTP and HTTPS; append the output of envoy_socket_stream().
 * services: all that are told of its requests, or NULL. */
EnvoyListener *envoy_socket(struct arena *a, const struct settings *s,
			    const ModelListenerSpec *socket, const ModelHostServices *services);
/* A chain for connections that are passed on, or for UDP a listener filter, as an element of the
 * listener. */
void envoy_socket_stream(struct arena *a, const struct settings *s, const ModelListenerSpec *socket,
			 const ModelListenerChain *chain, const char *domain,
			 const ModelStreamTargets *targets, uint8_t **ret, size_t *ret_len);
/* The head of a chain's route table: its only virtual host is the one that answers 421. */
void envoy_socket_table(struct arena *a, const ModelListenerChain *chain, uint8_t **ret,
			size_t *ret_len);
