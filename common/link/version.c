/* Content hashes for resource versions and for names made from content. */
#include <assert.h>
#include <openssl/evp.h>
#include <string.h>

#include "common/link/version.h"

static EVP_MD_CTX *context;
static EVP_MD *sha256;

void version_begin(void)
{
	int ok;

	if (!context) {
		context = EVP_MD_CTX_new();
		/* EVP_sha256() would be looked up each time, under locks. */
		sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	}
	assert(context && sha256);
	ok = EVP_DigestInit_ex2(context, sha256, NULL);
	assert(ok);
}

void version_add(const void *data, size_t len)
{
	int ok = EVP_DigestUpdate(context, data, len);

	assert(ok);
}

void version_end(uint8_t ret[VERSION_SIZE])
{
	unsigned char full[EVP_MAX_MD_SIZE];
	int ok = EVP_DigestFinal_ex(context, full, NULL);

	assert(ok);
	memcpy(ret, full, VERSION_SIZE);
}

void version_of(const void *data, size_t len, uint8_t ret[VERSION_SIZE])
{
	version_begin();
	version_add(data, len);
	version_end(ret);
}

void version_of_parts(const void *head, size_t len, const struct item *const *parts, size_t n,
		      uint8_t ret[VERSION_SIZE])
{
	version_begin();
	version_add(head, len);
	for (size_t i = 0; i < n; i++) {
		/* A resource may have ten thousand parts all over memory: prefetch the next
		 * ones. */
		if (i + 8 < n) {
			__builtin_prefetch(parts[i + 8]);
			__builtin_prefetch((const char *)parts[i + 8] + 64);
		}
		/* The key, its NUL and the meta follow each other. */
		version_add(parts[i]->data, (size_t)parts[i]->key_len + 1 + parts[i]->meta_len);
	}
	version_end(ret);
}

void version_to_hex(const uint8_t version[VERSION_SIZE], char ret[VERSION_HEX + 1])
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < VERSION_SIZE; i++) {
		ret[2 * i] = digits[version[i] >> 4];
		ret[2 * i + 1] = digits[version[i] & 15];
	}
	ret[VERSION_HEX] = '\0';
}
