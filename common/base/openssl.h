/* OpenSSL's objects, freed at the end of their block: _cleanup_(free_x509) X509 *x. Only for files
 * whose program links libcrypto. */
#pragma once

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#define FREE_BY(name, type, function)     \
	static inline void name(type **p) \
	{                                 \
		function(*p);             \
	}
FREE_BY(free_bio, BIO, BIO_free)
FREE_BY(free_x509, X509, X509_free)
FREE_BY(free_key, EVP_PKEY, EVP_PKEY_free)
FREE_BY(free_number, BIGNUM, BN_clear_free)
FREE_BY(free_extension, X509_EXTENSION, X509_EXTENSION_free)
