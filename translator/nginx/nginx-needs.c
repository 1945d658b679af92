/* Annotations that have an effect only beside another one, or not on a canary. */
#include <string.h>

#include "common/base/cleanup.h"
#include "translator/nginx/nginx-needs.h"
#include "translator/resolve/object.h"

/* name: the beginning of the names. needs: one of these words. */
static const struct {
	const char *name, *needs;
} rows[] = {
	{ "affinity-mode", "affinity" },
	{ "affinity-canary-behavior", "canary" },
	{ "auth-always-set-cookie", "auth-url" },
	{ "auth-cache-", "auth-url" },
	{ "auth-method", "auth-url" },
	{ "auth-proxy-set-headers", "auth-url" },
	{ "auth-realm", "auth-type" },
	{ "auth-request-redirect", "auth-url" },
	{ "auth-response-headers", "auth-url" },
	{ "auth-secret", "auth-type" },
	{ "auth-signin", "auth-url" },
	{ "auth-tls-error-page", "auth-tls-secret" },
	{ "auth-tls-pass-certificate-to-upstream", "auth-tls-secret" },
	{ "auth-tls-verify-", "auth-tls-secret" },
	{ "canary-", "canary" },
	{ "canary-by-header-", "canary-by-header" },
	{ "canary-weight-total", "canary-weight" },
	{ "cors-", "enable-cors" },
	{ "limit-allowlist", "limit-rps limit-rpm limit-connections" },
	{ "limit-burst-multiplier", "limit-rps limit-rpm" },
	{ "limit-whitelist", "limit-rps limit-rpm limit-connections" },
	{ "mirror-", "mirror-target" },
	{ "permanent-redirect-code", "permanent-redirect" },
	{ "proxy-redirect-from", "proxy-redirect-to" },
	{ "proxy-redirect-to", "proxy-redirect-from" },
	{ "proxy-ssl-", "proxy-ssl-secret" },
	{ "session-cookie-", "affinity" },
	{ "temporal-redirect-code", "temporal-redirect" },
	{ "upstream-hash-by-", "upstream-hash-by" },
	{ "x-forwarded-prefix", "rewrite-target" },
};

static bool has_one(struct reader *r, const struct nginx_ingress *in, const char *words)
{
	for (const char *q = words; *q; q += strspn(q, " ")) {
		size_t n = strcspn(q, " ");

		if (nginx_text(r, in, arena_strndup(reader_arena(r), q, n)))
			return true;
		q += n;
	}
	return false;
}

static void warn(struct reader *r, const struct nginx_ingress *in, const char *name,
		 const char *without)
{
	object_warning(r, OBJECT_INGRESS, in->key, "AnnotationWithoutEffect",
		       arena_printf(reader_arena(r), "metadata.annotations[" NGINX_PREFIX "%s]",
				    name),
		       "it has no effect without %s", without);
}

static void check(struct reader *r, const struct nginx_ingress *in, const char *name,
		  const char *needs)
{
	if (!has_one(r, in, needs))
		warn(r, in, name,
		     arena_printf(reader_arena(r), "%s%s", strchr(needs, ' ') ? "one of " : "",
				  needs));
}

/* Annotations that say nothing about a default backend. */
static const char *const of_rules[] = {
	"app-root",           "force-ssl-redirect", "from-to-www-redirect",
	"permanent-redirect", "rewrite-target",     "server-alias",
	"ssl-passthrough",    "temporal-redirect",  "use-regex",
};

static void check_rules(struct reader *r, const struct nginx_ingress *in)
{
	const K8s__IngressSpec *s = in->object->spec;

	for (size_t i = 0; s && !s->n_rules && i < ARRAY_SIZE(of_rules); i++)
		if (nginx_own_text(in, of_rules[i]))
			warn(r, in, of_rules[i], "spec.rules");
}

static bool counts_on_canary(const char *name)
{
	static const char *const words[] = { "canary", "affinity-canary-behavior", "load-balance",
					     "service-upstream", "upstream-hash-by" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strncmp(name, words[i], strlen(words[i])) == 0)
			return true;
	return false;
}

/* Tools that make canaries copy all annotations, so this is no warning. */
static void tell_canary(struct reader *r, const struct nginx_ingress *in, const char *name)
{
	emit_problem(r, OBJECT_INGRESS, in->key, PORTOLAN__IPC__SEVERITY__SEVERITY_INFO,
		     "AnnotationWithoutEffect",
		     arena_printf(reader_arena(r), "metadata.annotations[" NGINX_PREFIX "%s]",
				  name),
		     "it has no effect on a canary: that of the main Ingress counts");
}

void nginx_needs_check(struct reader *r, const struct nginx_ingress *in)
{
	check_rules(r, in);
	for (size_t i = 0; i < in->n_values; i++) {
		const char *name = in->values[i].row->name;

		if (in->canary && !counts_on_canary(name)) {
			tell_canary(r, in, name);
			continue;
		}
		for (size_t k = 0; k < ARRAY_SIZE(rows); k++)
			if (strncmp(name, rows[k].name, strlen(rows[k].name)) == 0 &&
			    strcmp(name, rows[k].needs) != 0)
				check(r, in, name, rows[k].needs);
	}
}
