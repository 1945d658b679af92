/* Rewriting of cookies in HTTPProxy: checked against RFC 6265, since accepted values become part
 * of a header. */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "translator/httpproxy/proxy-cookie.h"
#include "translator/model/host-name.h"

#define COOKIES_MAX 256 /* of one route: more than a browser keeps of a host */
#define TEXT_MAX    4096

/* RFC 6265, 4.1.1: cookie-name is a token of RFC 9110, 5.6.2. */
static bool is_token(const char *s)
{
	size_t n = strlen(s);

	for (const char *p = s; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr("!#$%&'*+-.^_`|~", *p))
			return false;
	return n >= 1 && n <= TEXT_MAX;
}

/* RFC 6265, 4.1.1: path-value is any character but controls and the semicolon; without the
 * blanks at its ends, which clients strip. */
static bool is_path(const char *s)
{
	size_t n = strlen(s);

	for (const char *p = s; *p; p++)
		if (*p < 0x20 || *p > 0x7e || *p == ';')
			return false;
	return n >= 1 && n <= TEXT_MAX && s[0] != ' ' && s[n - 1] != ' ';
}

static const char *check_attributes(struct arena *a, const K8s__ProxyCookieRewrite *desired,
				    struct cookie_rule *ret)
{
	static const char *const sites[] = { "Strict", "Lax", "None" };
	const char *why = NULL;

	if (desired->path_rewrite) {
		if (!is_path(desired->path_rewrite->value))
			return "pathRewrite.value has 1 to 4096 printable characters and no "
			       "semicolon";
		ret->path = desired->path_rewrite->value;
	}
	if (desired->domain_rewrite) {
		ret->domain = *desired->domain_rewrite->value
				      ? host_name_normal(a, desired->domain_rewrite->value, &why)
				      : NULL;
		if (!ret->domain || *ret->domain == '*')
			return "domainRewrite.value is a DNS name";
	}
	if (desired->has_secure)
		ret->secure = desired->secure ? COOKIE_SECURE_YES : COOKIE_SECURE_NO;
	for (size_t i = 0; desired->same_site && i < ARRAY_SIZE(sites); i++)
		if (strcmp(desired->same_site, sites[i]) == 0)
			ret->same_site = sites[i];
	if (desired->same_site && !ret->same_site)
		return "sameSite is one of Strict, Lax and None";
	if (!ret->path && !ret->domain && !ret->same_site && ret->secure == COOKIE_SECURE_AS_IT_IS)
		return "it needs at least one of pathRewrite, domainRewrite, secure and sameSite";
	return NULL;
}

static struct cookie_rule *find(const struct cookie_rules *l, const char *name)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->all[i].name, name) == 0)
			return &l->all[i];
	return NULL;
}

static const char *check(struct arena *a, const K8s__ProxyCookieRewrite *desired,
			 const struct cookie_rules *before, struct cookie_rule *ret)
{
	*ret = (struct cookie_rule){ .name = desired->name };
	if (!is_token(desired->name))
		return "name is that of a cookie: letters, digits and !#$%&'*+-.^_`|~ only";
	if (find(before, desired->name))
		return "an earlier policy is for the same cookie";
	return check_attributes(a, desired, ret);
}

int proxy_cookie_parse(struct proxy_node *node, K8s__ProxyCookieRewrite *const *specs, size_t n,
		       const char *field, struct cookie_rules *ret)
{
	const char *why = n > COOKIES_MAX ? "there may be 256 policies at most" : NULL;
	size_t i;

	*ret = (struct cookie_rules){
		arena_new_of(node->a, struct cookie_rule, MIN(n, (size_t)COOKIES_MAX) + 1), 0
	};
	for (i = 0; i < n && !why; i++) {
		why = check(node->a, specs[i], ret, &ret->all[ret->n]);
		ret->n += !why;
	}
	if (!why)
		return 0;
	proxy_error(node, "RouteError/CookieRewritePoliciesInvalid",
		    i ? arena_printf(node->a, "%s.cookieRewritePolicies[%zu]", field, i - 1)
		      : arena_printf(node->a, "%s.cookieRewritePolicies", field),
		    "%s", why);
	return -EINVAL;
}

void proxy_cookie_merge(struct arena *a, const struct cookie_rules *outer,
			const struct cookie_rules *inner, struct cookie_rules *ret)
{
	*ret = (struct cookie_rules){ arena_new_of(a, struct cookie_rule, outer->n + inner->n + 1),
				      outer->n };
	if (outer->n)
		memcpy(ret->all, outer->all, outer->n * sizeof(*ret->all));
	for (size_t i = 0; i < inner->n; i++) {
		const struct cookie_rule *in = &inner->all[i];
		struct cookie_rule *to = find(ret, in->name);

		if (!to) {
			ret->all[ret->n++] = *in;
			continue;
		}
		to->path = in->path ? in->path : to->path;
		to->domain = in->domain ? in->domain : to->domain;
		to->same_site = in->same_site ? in->same_site : to->same_site;
		to->secure = in->secure != COOKIE_SECURE_AS_IT_IS ? in->secure : to->secure;
	}
}
