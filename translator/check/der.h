/* The strictness of DER that BoringSSL has and OpenSSL has not (X.690, RFC 5280). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Exactly one element, in definite lengths of the shortest form. */
bool der_is_strict(const uint8_t *der, size_t len);

/* The same for a certificate; BoringSSL must also accept its version, its times and the characters
 * in its names. trusted: OpenSSL's trust settings may follow. */
bool der_certificate_is_strict(const uint8_t *der, size_t len, bool trusted);

/* Whether it begins like PKCS #8's PrivateKeyInfo: a version, then an algorithm (RFC 5208). */
bool der_is_private_key_info(const uint8_t *der, size_t len);
