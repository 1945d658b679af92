/* Paths of Ingress rules (networking.k8s.io/v1, HTTPIngressPath). */
#include <errno.h>
#include <string.h>

#include "translator/check/regex.h"
#include "translator/ingress/ingress-path.h"

#define PATH_MAX_LENGTH  2048
#define REGEX_CHARACTERS "^+*[]%"

/* Characters that the API server refuses in Exact and Prefix paths, and those that Envoy refuses in
 * any path. */
static const char *check_plain(const char *path)
{
	static const char *const never[] = { "//", "/./", "/../", "%2f", "%2F" };
	size_t len = strlen(path);

	for (size_t i = 0; i < ARRAY_SIZE(never); i++)
		if (strstr(path, never[i]))
			return "it must not have \"//\", \"/./\", \"/../\" or \"%2f\"";
	if (strpbrk(path, "?#"))
		return "it must not have a query (\"?\") or a fragment (\"#\")";
	if ((len >= 2 && strcmp(path + len - 2, "/.") == 0) ||
	    (len >= 3 && strcmp(path + len - 3, "/..") == 0))
		return "it must not end with \"/.\" or \"/..\"";
	return NULL;
}

static int parse_exact(struct arena *a _unused_, const char *path, struct ingress_path *ret,
		       const char **ret_why)
{
	*ret_why = check_plain(path);
	*ret = (struct ingress_path){ PATH_EXACT, path };
	return *ret_why ? -EINVAL : 0;
}

/* Compares path elements; a final slash does not count: "/foo/" matches "/foo" and "/foo/bar". */
static int parse_prefix(struct arena *a, const char *path, struct ingress_path *ret,
			const char **ret_why)
{
	size_t len = strlen(path);

	*ret_why = check_plain(path);
	while (len > 1 && path[len - 1] == '/')
		len--;
	if (len <= 1)
		*ret = (struct ingress_path){ PATH_PREFIX, "/" };
	else
		*ret = (struct ingress_path){ PATH_SEGMENTS, arena_strndup(a, path, len) };
	return *ret_why ? -EINVAL : 0;
}

/* As Contour: a regular expression if it looks like one, else a plain string prefix. */
static int parse_specific(struct arena *a, const char *path, struct ingress_path *ret,
			  const char **ret_why)
{
	char why[256];

	if (!strpbrk(path, REGEX_CHARACTERS)) {
		*ret = (struct ingress_path){ PATH_PREFIX, path };
		*ret_why = check_plain(path);
		return *ret_why ? -EINVAL : 0;
	}
	if (regex_check(path, arena_charged(a), why, sizeof(why)) < 0) {
		*ret_why =
			arena_printf(a, "it is not a regular expression that RE2 takes: %s", why);
		return -EINVAL;
	}
	*ret = (struct ingress_path){ PATH_REGEX, path };
	return 0;
}

static const struct {
	const char *type;
	int (*parse)(struct arena *a, const char *path, struct ingress_path *ret,
		     const char **ret_why);
} types[] = {
	{ "Exact", parse_exact },
	{ "Prefix", parse_prefix },
	{ "ImplementationSpecific", parse_specific },
};

int ingress_path_parse(struct arena *a, const char *type, const char *path,
		       struct ingress_path *ret, const char **ret_why)
{
	if (!type || !*type)
		type = "ImplementationSpecific";
	if (!*path)
		path = "/";
	*ret_why = NULL;
	if (path[0] != '/')
		*ret_why = "it must begin with a slash";
	else if (strlen(path) > PATH_MAX_LENGTH)
		*ret_why = "it is longer than 2048 characters";
	for (const char *p = path; *p && !*ret_why; p++)
		if ((unsigned char)*p <= ' ' || *p == 0x7f)
			*ret_why = "it must not have spaces or control characters";
	if (*ret_why)
		return -EINVAL;
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (strcmp(types[i].type, type) == 0)
			return types[i].parse(a, path, ret, ret_why);
	*ret_why = arena_printf(
		a, "pathType \"%s\" is not one of Exact, Prefix, ImplementationSpecific", type);
	return -EINVAL;
}
