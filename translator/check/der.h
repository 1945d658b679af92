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

/* The same for a revocation list; bytes after it do not matter. */
bool der_list_is_strict(const uint8_t *der, size_t len);

/* PKCS #8's PrivateKeyInfo with version 0; the RSA or EC key in it is strict, too (RFC 5208). */
bool der_is_private_key_info(const uint8_t *der, size_t len);
/* RSAPrivateKey (RFC 8017) or ECPrivateKey (RFC 5915). */
bool der_key_is_strict(const uint8_t *der, size_t len, bool is_rsa);

/* SubjectPublicKeyInfo of an RSA or an EC key. */
bool der_public_key_is_strict(const uint8_t *der, size_t len, bool is_rsa);

/* The value of a key usage that has digitalSignature. */
bool der_usage_signs(const uint8_t *der, size_t len);
