/* Why a TLS handshake with the API server failed, in words that say what to do: the messages of
 * OpenSSL and libcurl do not name the certificate. */
#pragma once

#include <stdbool.h>

#include "watcher/kube/kubeconfig.h"

struct certificate_error;

struct certificate_error *certificate_error_new(void);
void certificate_error_free(struct certificate_error *e);
/* Looks on while an SSL_CTX verifies; verification itself is as strict as before. */
void certificate_error_attach(struct certificate_error *e, void *ssl_ctx, bool insecure);
/* Returns a sentence that the caller frees, or NULL if the error was not about certificates. text:
 * libcurl's message. Forgets the errors seen. */
char *certificate_error_explain(struct certificate_error *e, const struct kube_access *access,
				const char *text);
