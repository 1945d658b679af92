/* The hosts to which users may make Envoy connect. One guard for every host that an object names:
 * ExternalName, the servers of key sets, and others. */
#pragma once

#include <stdbool.h>

#include "common/base/arena.h"

/* Why Envoy must not be sent to this host, as a clause ("means this host"), or NULL. Refused are
 * names and addresses of the host itself, of the link, and of clouds' metadata services, in each
 * notation that a resolver accepts, and any text that is neither a name nor an address. A name that
 * DNS resolves to such an address cannot be detected here: docs/understand/threat-model.md. */
const char *destination_refused(const char *host);

/* The end of a message: it names the setting. */
extern const char destination_hint[];

/* The server name that a TLS client sends for this host (RFC 6066, section 3): without port and
 * final dot, at most 255 bytes (Envoy's limit). "" for an address, which has no such name. In the
 * arena. host: may be NULL. */
char *destination_server_name(struct arena *a, const char *host);
