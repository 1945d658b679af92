/* Password files. Envoy's basic_auth filter takes {SHA} only
 * (envoy.extensions.filters.http.basic_auth.v3). */
#include <stdbool.h>
#include <string.h>

#include "common/base/cleanup.h"
#include "common/base/password-hash.h"
#include "common/base/strbuf.h"
#include "translator/check/htpasswd.h"

#define SHA      "{SHA}"
#define SHA_LEN  5
#define HASH_LEN 28 /* of SHA-1 in base64 */

static const struct {
	const char *prefix, *name;
} kinds[] = {
	{ "$2", "bcrypt" },          { "$apr1$", "MD5 (apr1)" }, { "$1$", "MD5" },
	{ "$5$", "SHA-256" },        { "$6$", "SHA-512" },       { "{SSHA}", "salted SHA" },
	{ "{PLAIN}", "plain text" },
};

static const char *kind_of(const char *hash)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (strncmp(hash, kinds[i].prefix, strlen(kinds[i].prefix)) == 0)
			return kinds[i].name;
	return "crypt";
}

static bool is_sha(const char *hash, size_t len)
{
	static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				     "0123456789+/=";

	return len == SHA_LEN + HASH_LEN && strncmp(hash, SHA, SHA_LEN) == 0 &&
	       strspn(hash + SHA_LEN, base64) >= HASH_LEN;
}

const char *htpasswd_usable(struct arena *a, const char *text, const char **ret_why)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	unsigned line = 0;

	for (const char *p = text; *p; p += strspn(p, "\n")) {
		size_t len = strcspn(p, "\r\n"), user = strcspn(p, ":\r\n");
		const char *hash = p + user + 1;

		line++;
		if (user && user < len && user + 1 < len && *p != '#') {
			if (!is_sha(hash, len - user - 1)) {
				*ret_why = arena_printf(a,
							"line %u has a %s hash, which Envoy cannot "
							"check: make it with htpasswd -s",
							line, kind_of(hash));
				return NULL;
			}
			strbuf_printf(&out, "%.*s\n", (int)len, p);
		}
		p += strcspn(p, "\n");
	}
	return arena_strdup(a, strbuf_str(&out));
}

const char *htpasswd_checkable(struct arena *a, const char *text, const char **ret_why,
			       const char **ret_warning)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	unsigned line = 0;

	*ret_warning = NULL;
	for (const char *p = text; *p; p += strspn(p, "\n")) {
		size_t len = strcspn(p, "\r\n"), user = strcspn(p, ":\r\n"), hash;
		const char *why;

		line++;
		if (user && user < len && *p != '#') {
			hash = strcspn(p + user + 1, ":\r\n ");
			if (!*ret_warning && hash &&
			    password_hash_kind(p + user + 1, hash, &why) == PASSWORD_HASH_REFUSED)
				*ret_warning = arena_printf(
					a, "line %u: the hash %s; its user cannot log in", line,
					why);
			strbuf_printf(&out, "%.*s\n", (int)len, p);
		}
		p += strcspn(p, "\n");
	}
	if (out.len)
		return arena_strdup(a, strbuf_str(&out));
	*ret_why = "it has no line \"user:hash\"";
	return NULL;
}
