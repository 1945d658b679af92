/* CORS as ingress-nginx has it: its headers are on every answer to a matching Origin, and OPTIONS
 * is answered before anything else is asked. */
#include <ctype.h>
#include <string.h>

#include "common/base/strbuf.h"
#include "translator/nginx/nginx-plan.h"

#define METHODS "GET, PUT, POST, DELETE, PATCH, OPTIONS"
#define HEADERS                                                                                    \
	"DNT,Keep-Alive,User-Agent,X-Requested-With,If-Modified-Since,Cache-Control,Content-Type," \
	"Range,Authorization"
#define MAX_AGE 1728000
#define FIELD   "metadata.annotations[nginx.ingress.kubernetes.io/cors-allow-origin]"

static void put_quoted(struct strbuf *b, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (strchr(".+*?()[]{}|^$\\", text[i]))
			strbuf_putc(b, '\\');
		strbuf_putc(b, text[i]);
	}
}

/* scheme://host[:port], with "*." for one label, or null; others are passed over. */
static bool put_origin(struct strbuf *b, const char *item, size_t len)
{
	const char *rest = memmem(item, len, "://", 3);
	size_t head;

	if (len == 4 && strncmp(item, "null", 4) == 0) {
		strbuf_puts(b, "null");
		return true;
	}
	if (!rest || rest == item || rest + 3 == item + len || memchr(item, ' ', len))
		return false;
	rest += 3;
	head = (size_t)(rest - item);
	put_quoted(b, item, head);
	len -= head;
	if (len > 2 && rest[0] == '*' && rest[1] == '.') {
		strbuf_puts(b, "[A-Za-z0-9-]+\\.");
		rest += 2;
		len -= 2;
	}
	put_quoted(b, rest, len);
	return true;
}

/* NULL: all origins. Matches no Origin at all if no item is an origin. */
static const char *origins(struct nginx_plan *p, const struct nginx_ingress *in, const char *list)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	size_t n = 0;

	strbuf_puts(&b, "(?i)(?:");
	for (const char *item = list + strspn(list, ", "); *item;) {
		size_t all = strcspn(item, ","), len = all, before = b.len;

		while (item[len - 1] == ' ')
			len--;

		if (len == 1 && *item == '*')
			return NULL;
		if (n)
			strbuf_putc(&b, '|');
		if (put_origin(&b, item, len)) {
			n++;
		} else {
			b.len = before;
			nginx_warning(
				p, in, "AnnotationIgnored", FIELD,
				"\"%.*s\" is not an origin, such as https://example.com%s: no "
				"page matches it",
				(int)MIN(len, (size_t)64), item,
				memchr(item, ' ', len) ? " (commas separate them)" : "");
		}
		item += all;
		item += strspn(item, ", ");
	}
	b.s[b.len] = '\0';
	strbuf_putc(&b, ')');
	return n ? arena_strdup(p->a, strbuf_str(&b)) : "[^\\s\\S]";
}

void nginx_cors_read(struct nginx_plan *p, const struct nginx_source *s, struct nginx_cors *ret)
{
	const struct nginx_ingress *in = s->ingress;
	const char *list = nginx_text(p->r, in, "cors-allow-origin");
	const char *expose = nginx_text(p->r, in, "cors-expose-headers");
	const char *methods = nginx_text(p->r, in, "cors-allow-methods");
	const char *headers = nginx_text(p->r, in, "cors-allow-headers");
	long age = nginx_number(p->r, in, "cors-max-age", MAX_AGE);

	*ret = (struct nginx_cors){ .enabled = nginx_flag(p->r, in, "enable-cors", false) };
	if (!ret->enabled)
		return;
	ret->origins = list ? origins(p, in, list) : NULL;
	if (ret->origins)
		nginx_edits_set_format(p->a, &ret->response, "Access-Control-Allow-Origin",
				       "%REQ(origin)%");
	else
		nginx_edits_set(p->a, &ret->response, "Access-Control-Allow-Origin", "*");
	if (nginx_flag(p->r, in, "cors-allow-credentials", true))
		nginx_edits_set(p->a, &ret->response, "Access-Control-Allow-Credentials", "true");
	nginx_edits_set(p->a, &ret->response, "Access-Control-Allow-Methods",
			methods ? methods : METHODS);
	nginx_edits_set(p->a, &ret->response, "Access-Control-Allow-Headers",
			headers ? headers : HEADERS);
	if (expose)
		nginx_edits_set(p->a, &ret->response, "Access-Control-Expose-Headers", expose);
	nginx_edits_set(p->a, &ret->response, "Access-Control-Max-Age",
			arena_printf(p->a, "%ld", age));
}

void nginx_cors_match(struct nginx_plan *p, const struct nginx_cors *cors, struct route_match *m)
{
	if (cors->origins)
		match_add_header(p->a, m,
				 (struct value_match){ .name = "origin",
						       .op = MATCH_REGEX,
						       .value = cors->origins });
}

void nginx_cors_preflight(struct nginx_plan *p, const struct nginx_source *s,
			  const struct nginx_cors *cors, const struct route *base)
{
	struct route route = *base;

	route.match.method = "OPTIONS";
	nginx_cors_match(p, cors, &route.match);
	route.kind = ROUTE_ANSWER;
	route.answer = (struct answer){ .status = 204 };
	nginx_edits_join(p->a, &route.response, &cors->response);
	nginx_edits_set(p->a, &route.response, "Content-Type", "text/plain charset=UTF-8");
	nginx_route_append(p, s, &route);
}
