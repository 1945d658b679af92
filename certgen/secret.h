/* The store holds three pairs of certificate and key, as Secrets of type kubernetes.io/tls or as
 * folders of files, with the same names inside. */
#pragma once

#include <stdbool.h>

#include "common/certificate/certificate.h"

enum secret_role {
	SECRET_CA,     /* the authority with its key; ca.crt is not used */
	SECRET_SERVER, /* of xds-server */
	SECRET_CLIENT, /* of the Envoys */
	SECRET_ROLES,
};

/* Where secrets are kept. Both functions log why they fail and return -errno. */
struct secret_store {
	/* A missing secret: 0, and *ret is empty. */
	int (*read)(void *ctx, enum secret_role role, struct secret *ret);
	/* All of the secret, at once. */
	int (*write)(void *ctx, enum secret_role role, const struct secret *s);
	void *ctx;
};
