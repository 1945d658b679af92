/* The configuration's settings (reader_settings(): model/settings.h) about hosts and namespaces. */
#pragma once

#include "translator/graph/graph.h"
#include "translator/model/settings.h"

const K8s__ContourConfigurationSpec *config_read(struct reader *r);
/* Whether hosts with ordinary TLS settings share one filter chain (tls.hosts: shared). */
bool config_hosts_are_shared(struct reader *r);
/* Why a host cannot have these TLS versions (2 for TLS 1.2, 3 for 1.3; 0: not given), and which it
 * has instead; NULL if it can. */
const char *config_tls_bound(struct reader *r, uint32_t min, uint32_t max);
/* By the settings themselves, for the table of units: ingress-nginx's Ingresses are served, and a
 * host belongs to only one namespace. */
bool config_serves_nginx(const void *settings);
bool config_is_strict(const void *settings);
/* Whether a namespace may hold root HTTPProxies. */
bool config_may_hold_roots(struct reader *r, const char *namespace);
