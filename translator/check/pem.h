/* Blocks of PEM, read as BoringSSL reads them: Envoy's library is stricter than OpenSSL in some
 * places (byte order marks, empty lines) and laxer in others. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"

struct pem_block {
	const char *label;   /* "CERTIFICATE"; in the arena */
	const uint8_t *data; /* decoded; in the arena */
	size_t len;
	bool has_headers; /* of RFC 1421: "Proc-Type: 4,ENCRYPTED" */
	bool is_encrypted;
	unsigned line; /* of its BEGIN, from 1 */
};

struct pem_reader {
	struct arena *arena;
	const uint8_t *text;
	size_t len, at;
	unsigned line;
	unsigned marked; /* the last line where a byte order mark hid a BEGIN; 0: none */
};

struct pem_reader pem_reader(struct arena *a, const void *text, size_t len);

/* The next block: 1; at the end: 0. -EINVAL with a sentence if a block is begun that cannot be
 * read. Text between blocks is passed over. */
int pem_next(struct pem_reader *r, struct pem_block *ret, const char **ret_why);

/* Why a file may have no block that can be found, as a clause ("it begins with a UTF-8 byte order
 * mark, …"), or NULL. */
const char *pem_hint(const void *text, size_t len);
