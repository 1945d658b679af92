/* Takes key material out of messages before they are logged, shown or reported. Used by
 * xds-server. Removing a word too many does no harm. */
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "common/base/cleanup.h"
#include "xds-server/scrub.h"

/* Hosts and type URLs are broken up by '.', '-' and ':', which base64 does not have, and long names
 * of Kubernetes objects have no capitals, which long base64 does not lack. */
#define WORD_MAX 40

static const char *const secret_fields[] = {
	"inline_string", "inline_bytes", "inlineString", "inlineBytes", "private_key",
	"privateKey",    "password",     "token",        "hmac_secret",
};

struct out {
	char *s;
	size_t len, size;
};

static void put(struct out *o, const char *s, size_t n)
{
	for (size_t i = 0; i < n && o->len + 1 < o->size; i++)
		o->s[o->len++] = (unsigned char)s[i] < 0x20 || s[i] == 0x7f ? ' ' : s[i];
}

static bool is_base64(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
	       c == '+' || c == '/' || c == '=' || c == '_';
}

/* The end of a quoted text (quotes of either kind, perhaps escaped), or of an unquoted word. */
static const char *end_of_value(const char *p)
{
	bool escaped = *p == '\\';
	char quote;

	if (escaped)
		p++;
	quote = *p;
	if (quote != '"' && quote != '\'') {
		while (*p && !strchr(" \t\r\n,}", *p))
			p++;
		return p;
	}
	for (p++; *p; p++) {
		if (!escaped && *p == '\\' && p[1])
			p++;
		else if (escaped && *p == '\\' && p[1] == quote)
			return p + 2;
		else if (!escaped && *p == quote)
			return p + 1;
	}
	return p;
}

/* If a secret's field begins here: where its value begins. */
static const char *secret_value(const char *p)
{
	for (size_t i = 0; i < ARRAY_SIZE(secret_fields); i++) {
		size_t n = strlen(secret_fields[i]);
		const char *v = p + n;

		if (strncasecmp(p, secret_fields[i], n) != 0)
			continue;
		while (*v == '"' || *v == '\'' || *v == '\\' || *v == ' ')
			v++;
		if (*v != ':' && *v != '=')
			continue;
		v++;
		while (*v == ' ')
			v++;
		return v;
	}
	return NULL;
}

static const char *skip_pem(const char *p)
{
	const char *end = strstr(p, "-----END");

	if (!end)
		return p + strlen(p);
	end = strstr(end + strlen("-----END"), "-----");
	return end ? end + strlen("-----") : p + strlen(p);
}

static const char removed[] = "[removed]";

static const char *step(const char *p, struct out *o)
{
	const char *end = secret_value(p);
	bool capitals = false;

	if (end) {
		put(o, p, (size_t)(end - p));
		put(o, removed, sizeof(removed) - 1);
		return end_of_value(end);
	}
	if (strncmp(p, "-----BEGIN", 10) == 0) {
		put(o, removed, sizeof(removed) - 1);
		return skip_pem(p);
	}
	for (end = p; is_base64(*end); end++) {
		if (end > p && secret_value(end))
			break;
		capitals |= *end >= 'A' && *end <= 'Z';
	}
	if (end == p)
		end++;
	if (end - p > WORD_MAX && capitals)
		put(o, removed, sizeof(removed) - 1);
	else
		put(o, p, (size_t)(end - p));
	return end;
}

/* Length without a UTF-8 sequence that was cut off at the end. */
static size_t whole_characters(const char *s, size_t len)
{
	size_t lead = len;
	unsigned char c;

	while (lead && len - lead < 3 && ((unsigned char)s[lead - 1] & 0xc0) == 0x80)
		lead--;
	if (!lead)
		return len;
	c = (unsigned char)s[lead - 1];
	if (c < 0xc0)
		return len;
	return len - lead + 1 < (c >= 0xf0 ? 4u : c >= 0xe0 ? 3u : 2u) ? lead - 1 : len;
}

void scrub(const char *message, char *ret, size_t size)
{
	struct out o = { ret, 0, size };

	while (*message && o.len + 1 < size)
		message = step(message, &o);
	ret[whole_characters(ret, o.len)] = '\0';
}
