/* nginx's variables (https://nginx.org/en/docs/varindex.html) that a request can fill in, and those
 * of ingress-nginx that the Ingress defines. */
#include <string.h>

#include "common/base/strbuf.h"
#include "translator/model/access.h"
#include "translator/nginx/nginx-config.h"
#include "translator/nginx/nginx-variables.h"

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"

/* Names of the same. */
static const struct {
	const char *name, *is;
} equal[] = {
	{ "best_http_host", "http_host" },       { "binary_remote_addr", "remote_addr" },
	{ "realip_remote_addr", "remote_addr" }, { "req_id", "http_x_request_id" },
	{ "request_id", "http_x_request_id" },   { "the_real_ip", "remote_addr" },
};

static const char *const open_ended[] = { "http_", "cookie_", "arg_" };

static bool has_word(const char *words, const char *name)
{
	size_t len = strlen(name);

	for (const char *w = words; *w; w += strspn(w, " ")) {
		size_t n = strcspn(w, " ");

		if (n == len && strncmp(w, name, n) == 0)
			return true;
		w += n;
	}
	return false;
}

/* The Ingress's value; NULL: none. */
static const char *fixed(struct nginx_plan *p, const struct nginx_source *s, const char *name)
{
	const K8s__IngressServiceBackend *b = s->backend ? s->backend->service : NULL;

	if (strcmp(name, "namespace") == 0)
		return s->ingress->namespace;
	if (strcmp(name, "ingress_name") == 0)
		return s->ingress->key + strlen(s->ingress->namespace) + 1;
	if (strcmp(name, "server_name") == 0)
		return nginx_server_name(p);
	if (strcmp(name, "location_path") == 0)
		return s->text;
	if (strcmp(name, "service_name") == 0)
		return b ? b->name : "";
	return NULL;
}

static bool is_known(const char *name)
{
	if (has_word(ACCESS_VARIABLES, name))
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(open_ended); i++) {
		size_t n = strlen(open_ended[i]);

		if (strncmp(name, open_ended[i], n) == 0 && name[n])
			return true;
	}
	return false;
}

static bool put(struct nginx_plan *p, const struct nginx_source *s, const char *name,
		struct strbuf *b)
{
	const char *text = fixed(p, s, name);

	if (text) {
		strbuf_puts(b, text);
		return true;
	}
	/* Envoy has given each request this header. */
	if (strcmp(name, "pass_access_scheme") == 0)
		name = nginx_config_believes(p->r) ? "http_x_forwarded_proto" : "scheme";
	for (size_t i = 0; i < ARRAY_SIZE(equal); i++)
		if (strcmp(name, equal[i].name) == 0)
			name = equal[i].is;
	strbuf_printf(b, "${%s}", name);
	return is_known(name);
}

const char *nginx_variables_read(struct nginx_plan *p, const struct nginx_source *s,
				 const char *text, const char **ret_why)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;

	for (const char *q = text; *q;) {
		bool braces = q[0] == '$' && q[1] == '{';
		const char *begin = q + 1 + braces, *name;
		size_t n = *q == '$' ? strspn(begin, LETTERS) : 0;

		if (*q != '$') {
			strbuf_putc(&b, *q++);
			continue;
		}
		if (!n || (braces && begin[n] != '}')) {
			*ret_why = "a $ in it begins no variable";
			return NULL;
		}
		name = arena_strndup(p->a, begin, n);
		if (!put(p, s, name, &b)) {
			*ret_why = arena_printf(p->a, "the variable $%s is not served", name);
			return NULL;
		}
		q = begin + n + braces;
	}
	return arena_strdup(p->a, strbuf_str(&b));
}
