/* The table of units: one file each, unit-NAME.c. */
#pragma once

#include "translator/graph/graph.h"
#include "translator/kinds.h"

extern const struct unit_row units[UNIT_KIND_MAX_];
extern const struct fact_row units_facts[FACT_KIND_MAX_];
extern const struct index_row units_indexes[];
extern const size_t units_n_indexes;

void unit_secret(struct reader *r, const char *key, size_t key_len);
void unit_endpoints(struct reader *r, const char *key, size_t key_len);
void unit_cluster(struct reader *r, const char *key, size_t key_len);
void unit_extension(struct reader *r, const char *key, size_t key_len);
void unit_reference_grant(struct reader *r, const char *key, size_t key_len);
void unit_claim(struct reader *r, const char *key, size_t key_len);
/* ingress/ */
void unit_ingress_claim(struct reader *r, const char *key, size_t key_len);
void unit_ingress(struct reader *r, const char *key, size_t key_len);
void unit_nginx_ingress(struct reader *r, const char *key, size_t key_len);
void unit_nginx_host(struct reader *r, const char *key, size_t key_len);
void unit_nginx_config(struct reader *r, const char *key, size_t key_len);
void unit_proxy(struct reader *r, const char *key, size_t key_len);
void unit_delegation(struct reader *r, const char *key, size_t key_len);
void unit_orphan(struct reader *r, const char *key, size_t key_len);
void unit_host(struct reader *r, const char *key, size_t key_len);
void unit_server_name(struct reader *r, const char *key, size_t key_len);
void unit_virtual_host(struct reader *r, const char *key, size_t key_len);
void unit_configuration(struct reader *r, const char *key, size_t key_len);
void unit_fallback(struct reader *r, const char *key, size_t key_len);
void unit_gateway_claim(struct reader *r, const char *key, size_t key_len);
void unit_gateway_class(struct reader *r, const char *key, size_t key_len);
void unit_gateway(struct reader *r, const char *key, size_t key_len);
void unit_listener_set(struct reader *r, const char *key, size_t key_len);
void unit_http_route(struct reader *r, const char *key, size_t key_len);
void unit_grpc_route(struct reader *r, const char *key, size_t key_len);
void unit_tls_route(struct reader *r, const char *key, size_t key_len);
void unit_tcp_route(struct reader *r, const char *key, size_t key_len);
void unit_stream_state(struct reader *r, const char *key, size_t key_len);
void unit_telemetry_policy(struct reader *r, const char *key, size_t key_len);
void unit_traffic_policy(struct reader *r, const char *key, size_t key_len);
void unit_x_backend(struct reader *r, const char *key, size_t key_len);
void unit_udp_route(struct reader *r, const char *key, size_t key_len);
void unit_parent_state(struct reader *r, const char *key, size_t key_len);
void unit_tls_policy(struct reader *r, const char *key, size_t key_len);
void unit_domain(struct reader *r, const char *key, size_t key_len);
void unit_stream(struct reader *r, const char *key, size_t key_len);
void unit_route_table(struct reader *r, const char *key, size_t key_len);
void unit_socket(struct reader *r, const char *key, size_t key_len);
void unit_spread(struct reader *r, const char *key, size_t key_len);
void unit_backend(struct reader *r, const char *key, size_t key_len);
void unit_table(struct reader *r, const char *key, size_t key_len);
