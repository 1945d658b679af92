/* Directives of configuration-snippet that are equivalent to annotations, read as these. */
#include <stdlib.h>
#include <string.h>

#include "translator/nginx/nginx-config.h"
#include "translator/nginx/nginx-snippet.h"

enum form {
	FORM_SECONDS,
	FORM_WORDS, /* unchanged, with a space between them */
	FORM_FIRST, /* the first word */
	FORM_SECOND,
	FORM_LOG,
};

static const struct {
	const char *directive, *annotation;
	enum form form;
} rows[] = {
	{ "proxy_read_timeout", "proxy-read-timeout", FORM_SECONDS },
	{ "proxy_send_timeout", "proxy-send-timeout", FORM_SECONDS },
	{ "proxy_connect_timeout", "proxy-connect-timeout", FORM_SECONDS },
	{ "client_max_body_size", "proxy-body-size", FORM_WORDS },
	{ "proxy_buffering", "proxy-buffering", FORM_WORDS },
	{ "proxy_request_buffering", "proxy-request-buffering", FORM_WORDS },
	{ "proxy_cookie_path", "proxy-cookie-path", FORM_WORDS },
	{ "proxy_cookie_domain", "proxy-cookie-domain", FORM_WORDS },
	{ "proxy_redirect", "proxy-redirect-from", FORM_FIRST },
	{ "proxy_redirect", "proxy-redirect-to", FORM_SECOND },
	{ "proxy_ssl_name", "proxy-ssl-name", FORM_WORDS },
	{ "proxy_ssl_server_name", "proxy-ssl-server-name", FORM_WORDS },
	{ "access_log", "enable-access-log", FORM_LOG },
};

/* nginx: 300, 300s, 5m, 1h30m, 500ms. */
static const char *seconds(struct arena *a, const char *text)
{
	static const struct {
		const char *unit;
		double seconds;
	} units[] = { { "ms", 0.001 }, { "s", 1 },     { "m", 60 },
		      { "h", 3600 },   { "d", 86400 }, { "", 1 } };
	double all = 0;

	if (!*text)
		return NULL;
	while (*text) {
		size_t i = 0, n;
		char *end;
		unsigned long number = strtoul(text, &end, 10);

		if (end == text)
			return NULL;
		while (i < ARRAY_SIZE(units) &&
		       strncmp(end, units[i].unit, strlen(units[i].unit)) != 0)
			i++;
		n = strlen(units[i].unit);
		if (!n && *end)
			return NULL;
		all += (double)number * units[i].seconds;
		text = end + n;
	}
	return all > 0 && all < 1e6 ? arena_printf(a, "%.0f", all < 1 ? 1 : all) : NULL;
}

static const char *joined(struct arena *a, const struct nginx_directive *d)
{
	const char *all = "";

	for (size_t i = 1; i < d->n; i++)
		all = arena_printf(a, "%s%s%s", all, i > 1 ? " " : "", d->words[i]);
	return all;
}

static const char *value(struct arena *a, const struct nginx_directive *d, enum form form)
{
	switch (form) {
	case FORM_SECONDS:
		return d->n == 2 ? seconds(a, d->words[1]) : NULL;
	case FORM_WORDS:
		return d->n > 1 ? joined(a, d) : NULL;
	case FORM_FIRST:
		return d->n == 3 ? d->words[1] : NULL;
	case FORM_SECOND:
		return d->n == 3 ? d->words[2] : NULL;
	case FORM_LOG:
		return d->n == 2 && strcmp(d->words[1], "off") == 0 ? "false" : NULL;
	}
	return NULL;
}

static void add(struct arena *a, struct nginx_ingress *in, const struct nginx_directive *d)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct nginx_annotation *row;
		const char *text;

		if (strcmp(rows[i].directive, d->words[0]) != 0 ||
		    nginx_own_text(in, rows[i].annotation))
			continue;
		row = nginx_annotation_find(rows[i].annotation);
		text = value(a, d, rows[i].form);
		if (!row || !text)
			continue;
		in->values = memcpy(arena_new_of(a, struct nginx_value, in->n_values + 1),
				    in->values, in->n_values * sizeof(*in->values));
		in->values[in->n_values++] = (struct nginx_value){ row, text };
		in->tls_without_secret |= strncmp(rows[i].annotation, "proxy-ssl", 9) == 0;
	}
}

void nginx_snippet_values(struct reader *r, struct nginx_ingress *in)
{
	const char *text = nginx_own_text(in, "configuration-snippet"), *why;
	struct arena *a = reader_arena(r);
	struct nginx_directives d;

	if (!text || !nginx_config_translates_snippets(r) ||
	    nginx_tokens_read(a, text, &d, &why) < 0)
		return;
	for (size_t i = 0; i < d.n; i++)
		if (!d.all[i].depth && !d.all[i].block)
			add(a, in, &d.all[i]);
}
