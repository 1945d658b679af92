/* Values that ingress-nginx accepts and that do less than they seem to. */
#include <string.h>
#include <strings.h>

#include "common/base/cleanup.h"
#include "translator/nginx/nginx-doubt.h"
#include "translator/resolve/object.h"

#define FIELD(name) "metadata.annotations[" NGINX_PREFIX name "]"

static void warn(struct reader *r, const struct nginx_ingress *in, const char *reason,
		 const char *name, const char *text)
{
	object_warning(r, OBJECT_INGRESS, in->key, reason,
		       arena_printf(reader_arena(r), FIELD("%s"), name), "%s", text);
}

/* ---- numbers ---- */

static const struct {
	const char *name;
	long least, most;
	const char *outcome;
} numbers[] = {
	{ "permanent-redirect-code", 300, 308, "the value must be 300 to 308; 301 is used" },
	{ "temporal-redirect-code", 300, 307, "the value must be 300 to 307; 302 is used" },
	{ "limit-burst-multiplier", 1, INT32_MAX, "the value must be above 0; 5 is used" },
	{ "session-cookie-max-age", 1, INT32_MAX,
	  "the value must be above 0; the cookie has no Max-Age" },
	{ "session-cookie-expires", 1, INT32_MAX,
	  "the value must be above 0; the cookie has no Max-Age" },
};

static void check_numbers(struct reader *r, const struct nginx_ingress *in)
{
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		long n = nginx_number(r, in, numbers[i].name, numbers[i].least - 1);

		if (nginx_own_text(in, numbers[i].name) &&
		    (n < numbers[i].least || n > numbers[i].most))
			warn(r, in, "AnnotationInvalid", numbers[i].name, numbers[i].outcome);
	}
}

/* ingress-nginx takes the unit b, nginx does not. */
static void check_size(struct reader *r, const struct nginx_ingress *in)
{
	const char *text = nginx_own_text(in, "proxy-body-size");

	if (text && strpbrk(text, "bB"))
		warn(r, in, "AnnotationInvalid", "proxy-body-size",
		     "nginx has no unit b: write the number alone; 1m is used");
}

/* ---- redirects ---- */

/* What a redirect of all requests goes before. */
static const struct {
	const char *name, *lost;
} behind[] = {
	{ "auth-type", "nobody is asked for a password" },
	{ "auth-url", "the service is not asked" },
	{ "allowlist-source-range", "no address is refused" },
	{ "whitelist-source-range", "no address is refused" },
	{ "denylist-source-range", "no address is refused" },
	{ "limit-rps", "requests are not counted" },
	{ "limit-rpm", "requests are not counted" },
	{ "rewrite-target", "no path is rewritten" },
	{ "mirror-target", "no copies are sent" },
};

/* The redirect that answers all requests of the Ingress, or NULL. */
static const char *redirect_of(const struct nginx_ingress *in)
{
	const char *temporal = nginx_own_text(in, "temporal-redirect");

	if (!in->object->spec || !in->object->spec->n_rules)
		return NULL;
	if (temporal)
		return strncasecmp(temporal, "http", 4) == 0 ? "temporal-redirect" : NULL;
	return nginx_own_text(in, "permanent-redirect") ? "permanent-redirect" : NULL;
}

static bool has(const struct nginx_ingress *in, const char *name)
{
	for (size_t i = 0; i < in->n_values; i++)
		if (strcmp(in->values[i].row->name, name) == 0)
			return true;
	return false;
}

static void check_redirect(struct reader *r, const struct nginx_ingress *in)
{
	const char *redirect = redirect_of(in);

	for (size_t i = 0; redirect && i < ARRAY_SIZE(behind); i++)
		if (has(in, behind[i].name))
			warn(r, in, "AnnotationWithoutEffect", behind[i].name,
			     arena_printf(reader_arena(r),
					  "%s answers every request before it, as with "
					  "ingress-nginx: %s",
					  redirect, behind[i].lost));
}

/* ---- access ---- */

static void check_satisfy(struct reader *r, const struct nginx_ingress *in)
{
	static const char *const checks[] = { "auth-type", "auth-url", "global-auth-url",
					      "whitelist-source-range", "denylist-source-range" };
	const char *text = nginx_own_text(in, "satisfy");

	if (!text || strcmp(text, "any") != 0)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(checks); i++)
		if (nginx_text(r, in, checks[i]))
			return;
	warn(r, in, "AnnotationWithoutEffect", "satisfy",
	     "it has no effect without auth-type, auth-url or a list of addresses");
}

/* ---- balancing ---- */

static void check_word(struct reader *r, const struct nginx_ingress *in)
{
	const char *word = nginx_own_text(in, "load-balance");
	static const struct {
		const char *prefix, *needs;
	} words[] = { { "chash", "upstream-hash-by" }, { "sticky_", "affinity" } };

	for (size_t i = 0; word && i < ARRAY_SIZE(words); i++)
		if (strncmp(word, words[i].prefix, strlen(words[i].prefix)) == 0 &&
		    !nginx_own_text(in, words[i].needs))
			warn(r, in, "AnnotationWithoutEffect", "load-balance",
			     arena_printf(reader_arena(r),
					  "%s has no effect without %s: round_robin is used", word,
					  words[i].needs));
}

static void check_balancing(struct reader *r, const struct nginx_ingress *in)
{
	const char *hash = nginx_own_text(in, "upstream-hash-by");
	bool sticky = nginx_own_text(in, "affinity") != NULL;

	check_word(r, in);
	if (hash && !strchr(hash, '$'))
		warn(r, in, "AnnotationWithoutEffect", "upstream-hash-by",
		     "it has no variable, so all requests have the same key: any endpoint is used");
	if (hash && sticky)
		warn(r, in, "AnnotationWithoutEffect", "upstream-hash-by",
		     "beside affinity it chooses only for requests without the session's cookie");
	if (sticky && nginx_flag(r, in, "service-upstream", false))
		warn(r, in, "AnnotationWithoutEffect", "affinity",
		     "with service-upstream Kubernetes chooses the endpoint, whatever the cookie "
		     "says");
}

/* ---- the whole ---- */

void nginx_doubt_check(struct reader *r, const struct nginx_ingress *in)
{
	if (in->canary)
		return;
	check_numbers(r, in);
	check_size(r, in);
	check_redirect(r, in);
	check_satisfy(r, in);
	check_balancing(r, in);
}
