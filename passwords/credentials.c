/* Authorization headers and files of users. Runs in portolan-passwords. */
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/alloc.h"
#include "common/base/cleanup.h"
#include "passwords/credentials.h"

#define HEADER_MAX 4096

/* Base64 of exactly so many bytes, NUL-terminated; NULL if it is not that. */
static char *decode(const char *text, size_t len, size_t *ret_len)
{
	uint8_t *bytes;
	size_t pad = 0;
	int n;

	if (!len || len % 4 || len > HEADER_MAX)
		return NULL;
	bytes = xnew(uint8_t, len + 1);
	n = EVP_DecodeBlock(bytes, (const unsigned char *)text, (int)len);
	while (pad < 2 && text[len - 1 - pad] == '=')
		pad++;
	if (n < (int)pad || memchr(bytes, 0, (size_t)n - pad)) {
		OPENSSL_cleanse(bytes, len + 1);
		free(bytes);
		return NULL;
	}
	*ret_len = (size_t)n - pad;
	bytes[*ret_len] = '\0';
	return (char *)bytes;
}

bool credentials_read(const char *header, struct credentials *ret)
{
	size_t len, text_len;
	char *text, *colon;

	if (strncasecmp(header, "Basic ", 6) != 0)
		return false;
	header += 6 + strspn(header + 6, " ");
	len = strcspn(header, " ");
	text = decode(header, len, &text_len);
	if (!text)
		return false;
	colon = strchr(text, ':');
	if (colon) {
		ret->user = xstrndup(text, (size_t)(colon - text));
		ret->password = xstrdup(colon + 1);
	}
	OPENSSL_cleanse(text, text_len);
	free(text);
	return colon != NULL;
}

void credentials_done(struct credentials *c)
{
	if (c->password)
		OPENSSL_cleanse(c->password, strlen(c->password));
	free(c->user);
	free(c->password);
	*c = (struct credentials){ 0 };
}

char *credentials_hash(const char *file, size_t len, const char *user)
{
	size_t user_len = strlen(user);

	while (len) {
		const char *newline = memchr(file, '\n', len);
		size_t n = newline ? (size_t)(newline - file) : len;

		if (user_len && n > user_len && file[user_len] == ':' && *file != '#' &&
		    memcmp(file, user, user_len) == 0) {
			const char *hash = file + user_len + 1;
			size_t hash_len = n - user_len - 1;
			const char *end = memchr(hash, ':', hash_len);

			if (end)
				hash_len = (size_t)(end - hash);
			while (hash_len &&
			       (hash[hash_len - 1] == '\r' || hash[hash_len - 1] == ' '))
				hash_len--;
			return xstrndup(hash, hash_len);
		}
		n += newline != NULL;
		file += n;
		len -= n;
	}
	return NULL;
}
