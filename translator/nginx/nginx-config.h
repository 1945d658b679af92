/* The configuration's section about ingress-nginx (ingressNginx), and the keys of the
 * controller's ConfigMap. */
#pragma once

#include <stdbool.h>

#include "translator/graph/graph.h"

/* Whether ingress-nginx's Ingresses are served at all. */
bool nginx_config_enabled(struct reader *r);
/* A key of the ConfigMap, or NULL; in the arena. */
const char *nginx_config_text(struct reader *r, const char *key);
bool nginx_config_flag(struct reader *r, const char *key, bool otherwise);
/* "namespace/name" of Secrets and Services that settings name; NULL: not set. */
const char *nginx_config_default_certificate(struct reader *r);
const char *nginx_config_default_backend(struct reader *r);
/* An Ingress may refer to Secrets and ConfigMaps of other namespaces. */
bool nginx_config_crosses_namespaces(struct reader *r);
/* portolan-passwords runs beside Envoy. */
bool nginx_config_has_checker(struct reader *r);
/* ssl-passthrough has an effect. */
bool nginx_config_passes_tls(struct reader *r);
/* The ConfigMaps: the controller's, those of TCP and UDP ports; "namespace/name" or NULL. */
const char *nginx_config_map(struct reader *r);
const char *nginx_config_tcp_services(struct reader *r);
const char *nginx_config_udp_services(struct reader *r);
/* Idioms of snippets are translated, not only reported. */
bool nginx_config_translates_snippets(struct reader *r);
/* What clients say in X-Forwarded-Proto, -Host and -Port counts. */
bool nginx_config_believes(struct reader *r);
/* Backends see what came in X-Forwarded-For, and the peer behind it. */
bool nginx_config_continues(struct reader *r);
/* Answers are compressed only where use-gzip or enable-brotli asks for it. */
bool nginx_config_is_uncompressed(struct reader *r);
/* Whether the text begins with an item of a list with commas (no-auth-locations). */
bool nginx_config_lists(const char *text, const char *list);
