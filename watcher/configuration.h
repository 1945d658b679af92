/* --config FILE: the file becomes the ContourConfiguration in force, whatever the sources have. A
 * refused file leaves the configuration unchanged. */
#pragma once

#include <stdbool.h>

#include "watcher/store.h"

/* Whether the configuration in the store turns Ingresses of ingress-nginx on
 * (ingressNginx.enabled). */
bool configuration_serves_nginx(const struct store *store);
/* Whether it names a certificate for their hosts without one (ingressNginx.defaultSslCertificate).
 */
bool configuration_names_certificate(const struct store *store);

/* Whether it gives Gateways Envoys of their own (portolan.gateway.provisioning). */
bool configuration_provisions(const struct store *store);

/* Reads the file, puts its object into the store, and logs doubtful values. -errno, after logging
 * it, if the file cannot be read or is refused. */
int configuration_load(struct store *store, const char *path);

/* A source that reads the file again on SIGHUP. certificate: the file of the certificate made for
 * ingress-nginx's Ingresses (own-certificate.h). */
int configuration_new(struct store *store, const char *path, const char *certificate,
		      struct source **ret);
