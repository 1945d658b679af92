/* Prefix rewriting of HTTPProxy routes. */
#include <errno.h>
#include <string.h>

#include "translator/httpproxy/proxy.h"
#include "translator/model/path.h"

int proxy_rewrite_choose(struct proxy_node *node, const K8s__ProxyRoute *route,
			 const struct route_match *match, const char *field, struct rewrite *ret)
{
	const K8s__ProxyPathRewrite *p = route->path_rewrite_policy;
	const char *any = NULL, *exact = NULL, *why = NULL;
	const char *text = "each prefix may be replaced once, by a path that begins with a slash";

	if (!p || !p->n_replace_prefix)
		return 0;
	for (size_t i = 0; i < p->n_replace_prefix; i++) {
		const K8s__ProxyReplacePrefix *one = p->replace_prefix[i];
		const char *prefix = path_escaped(node->a, one->prefix); /* as in the match */

		if (!*prefix && any)
			why = "PrefixReplaceError/AmbiguousReplacement";
		for (size_t k = 0; k < i && *prefix; k++)
			if (strcmp(path_escaped(node->a, p->replace_prefix[k]->prefix), prefix) ==
			    0)
				why = "PrefixReplaceError/DuplicateReplacement";
		if (!*prefix)
			any = one->replacement;
		else if (strcmp(prefix, match->path) == 0)
			exact = one->replacement;
		if (*one->replacement != '/' || strpbrk(one->replacement, "?#\r\n"))
			why = "PrefixReplaceError/ReplacementNotValid";
	}
	if (match->kind != PATH_PREFIX) {
		why = "PrefixReplaceError/MustHavePrefix";
		text = "a prefix can be replaced only where the route matches by prefix";
	}
	if (why) {
		proxy_error(node, why,
			    arena_printf(node->a, "%s.pathRewritePolicy.replacePrefix", field),
			    "%s", text);
		return -EINVAL;
	}
	if (exact || any)
		*ret = (struct rewrite){ REWRITE_PREFIX,
					 .text = path_to_send(node->a, exact ? exact : any) };
	return 0;
}

static size_t trimmed(const char *path)
{
	size_t n = strlen(path);

	while (n && path[n - 1] == '/')
		n--;
	return n;
}

/* How many prefix routes have this prefix, apart from final slashes. */
static size_t group_size(const struct routes *l, const char *path)
{
	size_t n = trimmed(path), count = 0;

	for (size_t i = 0; i < l->n; i++)
		if (l->all[i].match.kind == PATH_PREFIX && trimmed(l->all[i].match.path) == n &&
		    memcmp(l->all[i].match.path, path, n) == 0)
			count++;
	return count;
}

/* "/foo" to "/bar" must make "/foo/x" "/bar/x" and "/foo" "/bar", and "/foo" to "/" neither "" nor
 * "//x": two routes, one with a slash at the end and one without, each with its own replacement. */
void proxy_rewrite_expand(struct arena *a, struct routes *l)
{
	size_t n = l->n;

	for (size_t i = 0; i < n; i++) {
		struct route *r = &l->all[i], with_slash;
		struct rewrite *rewrite = &r->forward.rewrite;
		size_t path = trimmed(r->match.path), replacement;

		if (r->kind != ROUTE_FORWARD || rewrite->kind == REWRITE_NONE ||
		    r->match.kind != PATH_PREFIX || path == 0 || group_size(l, r->match.path) != 1)
			continue;
		replacement = trimmed(rewrite->text);
		with_slash = *r;
		with_slash.match.path = arena_printf(a, "%.*s/", (int)path, r->match.path);
		with_slash.forward.rewrite.text =
			arena_printf(a, "%.*s/", (int)replacement, rewrite->text);
		r->match.path = arena_strndup(a, r->match.path, path);
		rewrite->text = replacement ? arena_strndup(a, rewrite->text, replacement) : "/";
		routes_add(a, l, &with_slash);
	}
}
