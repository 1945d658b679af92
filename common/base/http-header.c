/* The form and the length of a header's name and value. */
#include "common/base/http-header.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

bool http_header_is_token(const char *s)
{
	const char *p = s;

	while (isalnum((unsigned char)*p) || (*p && strchr("!#$%&'*+-.^_`|~", *p)))
		p++;
	return p > s && !*p;
}

bool http_header_is_framing(const char *name)
{
	return strcasecmp(name, "content-length") == 0 ||
	       strcasecmp(name, "transfer-encoding") == 0;
}

bool http_header_name_fits(const char *name)
{
	return strlen(name) <= HTTP_HEADER_BYTES_MAX;
}

bool http_header_value_fits(const char *value)
{
	size_t n = strlen(value);

	for (const char *p = value; (p = strchr(p, '%')); p++)
		n++;
	return n <= HTTP_HEADER_BYTES_MAX;
}
