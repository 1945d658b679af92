/* Mutual TLS: server certificate, key and the authority of clients from files, read again whenever
 * they have changed. */
#pragma once

#include <grpc/grpc_security.h>
#include <stdatomic.h>
#include <stdint.h>

#include "common/base/cleanup.h"

struct grpc_tls;

/* Paths of PEM files, borrowed. -errno (logged) if they cannot be read now. */
int grpc_tls_new(const char *cert, const char *key, const char *ca, struct grpc_tls **ret);
void grpc_tls_free(struct grpc_tls *t);
DEFINE_CLEANUP(struct grpc_tls *, grpc_tls_free)
/* The fleet that the certificate of the call's client names (a URI among its subjectAltNames, see
 * fleet.h); "" if it names no fleet; "?", which is no fleet's name, if that is not clear. */
void grpc_tls_fleet(grpc_call *call, char *ret, size_t size);
/* Which requires a client certificate that the authority has signed. t must live as long as the
 * server. */
grpc_server_credentials *grpc_tls_credentials(struct grpc_tls *t);
/* Handed to gRPC since the start; files that could not be read when they should have been. */
uint64_t grpc_tls_loads(const struct grpc_tls *t);
uint64_t grpc_tls_failures(const struct grpc_tls *t);
