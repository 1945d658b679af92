/* The credentials in a client's Authorization header, and in a file of users. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* "Basic …" (RFC 7617): user and password, which the caller clears and frees by credentials_done().
 */
struct credentials {
	char *user, *password;
};

bool credentials_read(const char *header, struct credentials *ret);
void credentials_done(struct credentials *c);

/* The hash in the user's first line, "" if it has none; NULL: no such line. The caller frees it. */
char *credentials_hash(const char *file, size_t len, const char *user);
