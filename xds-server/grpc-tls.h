/* Mutual TLS: server certificate, key and the authority of clients from files, read again whenever
 * they have changed. */
#pragma once

#include <grpc/grpc_security.h>
#include <stdatomic.h>
#include <stdint.h>

#include "common/cleanup.h"

struct grpc_tls;

/* Paths of PEM files, borrowed. -errno (logged) if they cannot be read now. */
int grpc_tls_new(const char *cert, const char *key, const char *ca, struct grpc_tls **ret);
void grpc_tls_free(struct grpc_tls *t);
DEFINE_CLEANUP(struct grpc_tls *, grpc_tls_free)
/* Which requires a client certificate that the authority has signed. t must live as long as the server. */
grpc_server_credentials *grpc_tls_credentials(struct grpc_tls *t);
/* Handed to gRPC since the start; files that could not be read when they should have been. */
uint64_t grpc_tls_loads(const struct grpc_tls *t);
uint64_t grpc_tls_failures(const struct grpc_tls *t);
