/* The answers of nginx's rewrite phase: redirects to HTTPS, to a fixed place, to a slash. */
#include <string.h>
#include <strings.h>

#include "translator/nginx/nginx-config.h"
#include "translator/nginx/nginx-plan.h"

#define ACME_PATH "/.well-known/acme-challenge"

const char *nginx_scheme(const struct nginx_plan *p)
{
	return p->tls ? "https" : "http";
}

static void answer_location(struct nginx_plan *p, struct route *route, uint32_t status,
			    const char *location)
{
	route->kind = ROUTE_ANSWER;
	route->answer = (struct answer){ .status = status };
	nginx_edits_set_format(p->a, &route->response, "Location", location);
}

/* ---- app-root ---- */

/* Of several the winner is the one whose path is first in ingress-nginx's order: the longest text,
 * of equally long ones the greater. */
static bool goes_before(const char *text, const char *other)
{
	size_t x = strlen(text), y = strlen(other);

	return x != y ? x > y : strcmp(text, other) > 0;
}

static const char *app_root(struct nginx_plan *p, const struct nginx_ingress **ret)
{
	const struct nginx_source *first = NULL;

	for (size_t i = 0; i < p->n_paths; i++) {
		const struct nginx_source *s = p->paths[i].of;
		const char *root = nginx_own_text(s->ingress, "app-root");

		if (!root || nginx_is_catch_all(p, s))
			continue;
		if (*root != '/')
			nginx_warning(p, s->ingress, "AnnotationInvalid",
				      "metadata.annotations[" NGINX_PREFIX "app-root]",
				      "the value must be an absolute path; it has no effect");
		else if (!first || goes_before(s->text, first->text))
			first = s;
	}
	if (!first)
		return NULL;
	*ret = first->ingress;
	return nginx_own_text(first->ingress, "app-root");
}

void nginx_redirect_app_root(struct nginx_plan *p)
{
	const struct nginx_ingress *in = NULL;
	const char *root = app_root(p, &in);
	struct nginx_source s = { .ingress = in,
				  .text = "/",
				  .field = "metadata.annotations[" NGINX_PREFIX "app-root]" };
	struct route route = { .match = { .kind = PATH_EXACT, .path = "/" } };

	if (!root)
		return;
	answer_location(p, &route, 302,
			arena_printf(p->a, "%s://%%REQ(:authority)%%%s", nginx_scheme(p),
				     header_escape(p->a, root)));
	nginx_route_append(p, &s, &route);
}

/* ---- permanent-redirect, temporal-redirect ---- */

static uint32_t code(struct nginx_plan *p, const struct nginx_ingress *in, const char *name,
		     long otherwise, long most)
{
	long n = nginx_number(p->r, in, name, otherwise);

	return (uint32_t)(n < 300 || n > most ? otherwise : n);
}

const char *nginx_redirect_location(struct nginx_plan *p, const struct nginx_ingress *in,
				    const char *format)
{
	if (*format != '/' || nginx_flag(p->r, in, "relative-redirects", false))
		return format;
	/* nginx leaves out the port that the client named. */
	return arena_printf(p->a, "%s://%s%s", nginx_scheme(p),
			    *p->host == '*' ? "%REQ(:authority)%" : p->host, format);
}

/* to: as written. */
static const char *absolute(struct nginx_plan *p, const struct nginx_ingress *in, const char *to)
{
	return nginx_redirect_location(p, in, header_escape(p->a, to));
}

bool nginx_redirect_fixed(struct nginx_plan *p, const struct nginx_source *s,
			  const struct route *base)
{
	const struct nginx_ingress *in = s->ingress;
	const char *temporal = nginx_own_text(in, "temporal-redirect");
	const char *permanent = nginx_own_text(in, "permanent-redirect");
	struct route route = *base;
	uint32_t status;

	if ((!temporal && !permanent) || nginx_is_catch_all(p, s))
		return false;
	/* ingress-nginx drops both then. */
	if (temporal && strncasecmp(temporal, "http", 4) != 0) {
		nginx_warning(p, in, "AnnotationInvalid",
			      "metadata.annotations[" NGINX_PREFIX "temporal-redirect]",
			      "the value must begin with http; there is no redirect");
		return false;
	}
	status = temporal ? code(p, in, "temporal-redirect-code", 302, 307)
			  : code(p, in, "permanent-redirect-code", 301, 308);
	answer_location(p, &route, status, absolute(p, in, temporal ? temporal : permanent));
	nginx_route_append(p, s, &route);
	return true;
}

/* ---- HTTPS ---- */

bool nginx_redirect_is_secured(struct nginx_plan *p, const struct nginx_source *s)
{
	const char *except = nginx_config_text(p->r, "no-tls-redirect-locations");

	if ((p->tls && !nginx_config_believes(p->r)) || nginx_is_catch_all(p, s) ||
	    nginx_config_lists(s->text, except ? except : ACME_PATH))
		return false;
	if (nginx_flag(p->r, s->ingress, "force-ssl-redirect", false))
		return true;
	return p->has_tls && nginx_flag(p->r, s->ingress, "ssl-redirect", true);
}

static uint32_t secure_status(struct nginx_plan *p)
{
	const char *text = nginx_config_text(p->r, "http-redirect-code");
	static const struct {
		const char *text;
		uint32_t status;
	} codes[] = { { "301", 301 }, { "302", 302 }, { "307", 307 } };

	for (size_t i = 0; text && i < ARRAY_SIZE(codes); i++)
		if (strcmp(text, codes[i].text) == 0)
			return codes[i].status;
	return 308;
}

/* Where a request is sent, at the same address. */
struct place {
	const char *scheme;
	const char *host; /* NULL: as in the request, with its port */
	uint32_t port;    /* 0: not written */
	bool keep;        /* the slash at the end of the address */
};

static const char *origin(struct nginx_plan *p, const struct place *to)
{
	if (to->port)
		return arena_printf(p->a, "%s://%s:%u", to->scheme, to->host, to->port);
	return arena_printf(p->a, "%s://%s", to->scheme, to->host ? to->host : "%REQ(:authority)%");
}

/* nginx cuts one slash off the end of the address, so that "/" gives "https://host". A path without
 * such an end has these routes as well: then all paths of a host have the same, and they are made
 * once (nginx-hoist.h). */
static void redirect_to(struct nginx_plan *p, const struct nginx_source *s,
			const struct route *base, const struct place *to)
{
	bool cut_slash = !to->keep;
	struct route route = *base;

	if (cut_slash) {
		match_add_header(
			p->a, &route.match,
			(struct value_match){ .name = ":path", .op = MATCH_EXACT, .value = "/" });
		answer_location(p, &route, secure_status(p), origin(p, to));
		nginx_route_append(p, s, &route);
		route = *base;
	}
	route.kind = ROUTE_REDIRECT;
	route.redirect = (struct redirect){
		.status = secure_status(p), .scheme = to->scheme, .host = to->host, .port = to->port
	};
	if (cut_slash) {
		struct route cut = route;

		match_add_header(p->a, &cut.match,
				 (struct value_match){
					 .name = ":path", .op = MATCH_REGEX, .value = "[^?]*/" });
		cut.redirect.path = (struct rewrite){ .kind = REWRITE_REGEX,
						      .pattern = "^(.*)/$",
						      .text = "\\1" };
		nginx_route_append(p, s, &cut);
	}
	nginx_route_append(p, s, &route);
}

/* To the name that the client asked the proxy before Envoy for. */
static void redirect_forwarded(struct nginx_plan *p, const struct nginx_source *s,
			       const struct route *base, const struct place *to)
{
	struct route route = *base;

	match_add_header(p->a, &route.match,
			 (struct value_match){ .name = "x-forwarded-host", .op = MATCH_PRESENT });
	answer_location(p, &route, secure_status(p),
			arena_printf(p->a, "https://%s%s%s", NGINX_FORWARDED("name"),
				     to->port ? ":443" : "",
				     to->keep ? "%REQ(:path)%" : NGINX_FORWARDED("uri")));
	nginx_route_append(p, s, &route);
}

void nginx_redirect_secure(struct nginx_plan *p, const struct nginx_source *s,
			   const struct route *base)
{
	bool port = nginx_flag(p->r, s->ingress, "use-port-in-redirects", false);
	struct place to = {
		.scheme = "https",
		.host = *p->host == '*' ? NULL : p->host,
		.port = port && *p->host != '*' ? 443 : 0,
		.keep = nginx_flag(p->r, s->ingress, "preserve-trailing-slash", false),
	};
	struct route plain = *base;

	/* Envoy has given each request this header; what the client's proxy wrote is any text. */
	if (nginx_config_believes(p->r)) {
		match_add_header(p->a, &plain.match,
				 (struct value_match){ .name = "x-forwarded-proto",
						       .op = MATCH_EXACT,
						       .value = "http" });
		redirect_forwarded(p, s, &plain, &to);
	}
	redirect_to(p, s, &plain, &to);
}

/* Always writes the port. Behind a balancer that ends TLS, the client's scheme and port are the
 * balancer's word. */
void nginx_redirect_name(struct nginx_plan *p, const struct nginx_source *s,
			 const struct route *base, const char *host)
{
	struct place to = { .scheme = nginx_scheme(p), .host = host, .port = p->tls ? 443 : 80 };
	struct route route = *base;

	if (!nginx_config_believes(p->r)) {
		redirect_to(p, s, base, &to);
		return;
	}
	answer_location(p, &route, secure_status(p),
			arena_printf(p->a, "%s://%s:%s%s", NGINX_FORWARDED("scheme"),
				     header_escape(p->a, host), NGINX_FORWARDED("port"),
				     NGINX_FORWARDED("uri")));
	nginx_route_append(p, s, &route);
}

/* ---- slash ---- */

void nginx_redirect_slash(struct nginx_plan *p, const struct nginx_source *s,
			  const struct route *base)
{
	const char *to = arena_printf(p->a, "%s/", base->match.path);
	struct route route = *base;

	/* Envoy's redirects are whole addresses, and its formats have no query. */
	if (nginx_flag(p->r, s->ingress, "relative-redirects", false)) {
		match_add_header(p->a, &route.match,
				 (struct value_match){ .name = ":path",
						       .op = MATCH_EXACT,
						       .value = base->match.path });
		answer_location(p, &route, 301, header_escape(p->a, to));
		nginx_route_append(p, s, &route);
		route = *base;
	}
	route.kind = ROUTE_REDIRECT;
	route.redirect = (struct redirect){
		.status = 301,
		.scheme = nginx_scheme(p),
		.host = *p->host == '*' ? NULL : p->host,
		.path = { .kind = REWRITE_PATH, .text = to },
	};
	nginx_route_append(p, s, &route);
}
