/* Host names as users write them. */
#include <ctype.h>
#include <string.h>

#include "translator/model/host-name.h"

#define NAME_MAX_LENGTH  253
#define LABEL_MAX_LENGTH 63

static int is_label(const char *s, size_t n)
{
	if (n == 0 || n > LABEL_MAX_LENGTH || s[0] == '-' || s[n - 1] == '-')
		return 0;
	for (size_t i = 0; i < n; i++)
		if (!islower((unsigned char)s[i]) && !isdigit((unsigned char)s[i]) && s[i] != '-')
			return 0;
	return 1;
}

static int is_dns_name(const char *name)
{
	for (const char *p = name;; p++) {
		size_t n = strcspn(p, ".");

		if (!is_label(p, n))
			return 0;
		p += n;
		if (!*p)
			return 1;
	}
}

static int is_ipv4(const char *name)
{
	return strspn(name, "0123456789.") == strlen(name);
}

const char *host_name_normal(struct arena *a, const char *host, const char **ret_why)
{
	const char *name;
	char *copy;

	if (!*host)
		return "*";
	if (strlen(host) > NAME_MAX_LENGTH) {
		*ret_why = "it is longer than 253 characters";
		return NULL;
	}
	copy = arena_strdup(a, host);
	for (char *p = copy; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	name = strncmp(copy, "*.", 2) == 0 ? copy + 2 : copy;
	if (is_ipv4(name)) {
		*ret_why = "an IP address is not a host name";
		return NULL;
	}
	if (!is_dns_name(name)) {
		*ret_why = "it must be a DNS name, or \"*.\" and a DNS name, without a port";
		return NULL;
	}
	return copy;
}

int host_name_covers(const char *wildcard, const char *host)
{
	const char *dot = strchr(host, '.');

	return wildcard[0] == '*' && wildcard[1] == '.' && dot && dot != host &&
	       strcmp(dot, wildcard + 1) == 0;
}

bool host_name_is_within(const char *name, const char *pattern)
{
	size_t n = strlen(name), m = strlen(pattern);

	if (strcmp(pattern, "*") == 0 || strcmp(name, pattern) == 0)
		return true;
	if (*pattern != '*' || n < m)
		return false;
	/* ".x" must be the end, with at least one character before it. */
	return n > m - 1 && strcmp(name + n - (m - 1), pattern + 1) == 0;
}

const char *host_name_intersect(const char *a, const char *b)
{
	if (host_name_is_within(a, b))
		return a;
	return host_name_is_within(b, a) ? b : NULL;
}

const char *host_name_above(struct arena *a, const char *name)
{
	const char *dot = strchr(*name == '*' && name[1] == '.' ? name + 2 : name, '.');

	if (strcmp(name, "*") == 0)
		return NULL;
	return dot ? arena_printf(a, "*%s", dot) : "*";
}
