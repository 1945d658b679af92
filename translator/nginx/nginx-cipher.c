/* Lists of ciphers as OpenSSL writes them, as the names that Envoy takes. */
#include <string.h>

#include "common/base/strbuf.h"
#include "common/configuration/configuration-check.h"
#include "translator/nginx/nginx-plan.h"

#define CIPHERS_MAX 32

/* Words that choose groups, or order them: with them alone the configuration's list counts. Names
 * of TLS 1.3 are not chosen by a list. */
static bool says_nothing(const char *word, size_t n)
{
	static const char *const words[] = { "ALL",    "DEFAULT", "HIGH",  "COMPLEMENTOFALL",
					     "SECURE", "ECDHE",   "EECDH", "kEECDH",
					     "AESGCM", "CHACHA20" };

	if (strchr("!-+@", *word) || (n > 4 && strncmp(word, "TLS_", 4) == 0))
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strlen(words[i]) == n && strncmp(words[i], word, n) == 0)
			return true;
	return false;
}

void nginx_ciphers_read(struct nginx_plan *p, const struct nginx_ingress *in, const char *list,
			const char *annotation, char ***ret, size_t *ret_n)
{
	_cleanup_strbuf_ struct strbuf others = STRBUF_INIT;

	*ret = arena_new_of(p->a, char *, CIPHERS_MAX);
	*ret_n = 0;
	for (const char *q = list + strspn(list, ":, "); *q; q += strspn(q, ":, ")) {
		size_t n = strcspn(q, ":, ");

		if (configuration_is_cipher(q, n) && *ret_n < CIPHERS_MAX)
			(*ret)[(*ret_n)++] = arena_strndup(p->a, q, n);
		else if (!says_nothing(q, n))
			strbuf_printf(&others, "%s%.*s", others.len ? ", " : "", (int)n, q);
		q += n;
	}
	if (others.len)
		nginx_warning(p, in, "CipherUnknown",
			      annotation ? arena_printf(p->a,
							"metadata.annotations[" NGINX_PREFIX "%s]",
							annotation)
					 : "ssl-ciphers of the ConfigMap",
			      "Envoy does not have %s; %s", strbuf_str(&others),
			      *ret_n ? "the others are offered"
				     : "the ciphers of the configuration are offered");
}
