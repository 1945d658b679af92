/* Stand-ins for private keys and for the certificates that belong to them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/strbuf.h"

#define FAKE_SEED_SIZE 32

/* Whether data holds only PEM certificates (or revocation lists): these are public. */
bool fake_key_is_public(const uint8_t *data, size_t n);
/* Appends, as PEM, a P-256 key that depends on the seed only, if data is a PEM private key that
 * Envoy would take. False if it is not. */
bool fake_key_make(const uint8_t *data, size_t n, const uint8_t seed[FAKE_SEED_SIZE],
		   struct strbuf *ret);
/* Appends the chain with its first certificate made anew for the fake key, if it belongs to the
 * real one: the same in all but public key, signature and key usage. False if it does not. */
bool fake_key_certify(const uint8_t *chain, size_t n, const uint8_t *real_key, size_t real_n,
		      const struct strbuf *fake_key, const uint8_t issuer_seed[FAKE_SEED_SIZE],
		      struct strbuf *ret);
