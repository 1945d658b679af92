/* The certificate of hosts without one of their own, where Ingresses of ingress-nginx are served:
 * ingress-nginx makes one, too. It is signed by its own key, so no client trusts it. The key is
 * made here, is in one file (mode 0600) and in the objects as a Secret, and outlives a restart of
 * the watcher. */
#pragma once

#include "watcher/store.h"

/* Pins the Secret OWN_CERTIFICATE_KEY (common/configuration/configuration.h). path: the file, which
 * is made if it is missing or its certificate ends soon. -errno, logged: then there is no such
 * Secret. */
int own_certificate_pin(struct store *store, const char *path);
/* The same with a certificate that is kept nowhere. */
int own_certificate_stand_in(struct store *store);
