/* Certificates and keys, as PEM: ECDSA on P-256, keys as PKCS#8, serial numbers of 127 random bits
 * (RFC 5280). Strings that are returned are the caller's. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/cleanup.h"

/* A certificate with its key, in PEM; a missing part is NULL. Owned. */
struct secret {
	char *cert; /* tls.crt */
	char *key;  /* tls.key */
	char *ca;   /* ca.crt: one or more authorities */
};

static inline void secret_done(struct secret *s)
{
	free(s->cert);
	if (s->key)
		free_wiped(s->key, strlen(s->key));
	free(s->ca);
	*s = (struct secret){ 0 };
}

struct certificate_request {
	const char *common_name;
	const char *const *names; /* DNS names, NULL-terminated; NULL for an authority */
	const char *uri;          /* of DNS characters, colons and slashes; or NULL */
	const char *purpose;      /* "serverAuth" or "clientAuth"; NULL for an authority */
	unsigned days;
};

/* signer: NULL for one that signs itself. -EINVAL if the signer or a name cannot be used. */
int certificate_make(const struct certificate_request *request, const struct secret *signer,
		     struct secret *ret);

/* The first certificate and the key of a text that has both. -EBADMSG if one cannot be read. */
int certificate_split(const char *pem, struct secret *ret);

/* Whether pem's first certificate can be read, belongs to the key, and is good for more than
 * `seconds`. */
bool certificate_lasts(const char *pem, const char *key, int64_t seconds);
/* Whether the authority (its first certificate) has signed it. */
bool certificate_is_signed_by(const char *pem, const char *authority);
/* The share of its time that is over, in percent; 100 if it cannot be read. */
unsigned certificate_age(const char *pem);
bool certificate_has_uri(const char *pem, const char *uri);
/* Whether it has all of these DNS names. */
bool certificate_has_names(const char *pem, const char *const *names);
/* Whether the bundle has exactly that certificate in it. */
bool certificate_is_in(const char *pem, const char *bundle);
/* The end of its time as "2027-01-31 12:00:00 UTC". */
char *certificate_end(const char *pem);
/* first, then those of the bundle that differ from it and have not expired. bundle may be NULL. */
char *certificate_join(const char *first, const char *bundle);
