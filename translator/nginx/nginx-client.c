/* Client certificates: auth-tls-*. They hold for the whole host, by the first of its Ingresses that
 * has a usable authority. The handshake asks for certificates and routes judge them, so that a
 * client without a good one gets an answer, as with nginx. */
#include <errno.h>
#include <string.h>

#include "translator/check/certificate.h"
#include "translator/check/regex.h"
#include "translator/nginx/nginx-config.h"
#include "translator/nginx/nginx-plan.h"
#include "translator/nginx/nginx-upstream.h"
#include "translator/resolve/secret.h"
#include "translator/resolve/upstream.h"

#define ANNOTATION(name) "metadata.annotations[" NGINX_PREFIX name "]"

/* ---- the demands ---- */

static int read_authority(struct nginx_plan *p, const struct nginx_ingress *in, const char *text,
			  struct client_validation *ret, const char **ret_why)
{
	const char *key = nginx_reference(p, in, text, ret_why);
	ProtobufCBinaryData ca, revoked;

	if (!key || upstream_read_authority(p->r, key, &ca, ret_why) < 0)
		return -EACCES;
	revoked = secret_data(read_message(p->r, OBJECT_SECRET, key), "ca.crl");
	if (revoked.len &&
	    certificate_check_revoked(p->a, revoked.data, revoked.len, ret_why) < 0) {
		*ret_why = arena_printf(p->a, "Secret %s, key ca.crl: %s", key, *ret_why);
		return -EACCES;
	}
	ret->authority = ca.data;
	ret->authority_len = ca.len;
	ret->revoked = revoked.len ? revoked.data : NULL;
	ret->revoked_len = revoked.len;
	return 0;
}

static void close_host(struct nginx_plan *p, const struct nginx_ingress *in, const char *field,
		       const char *why)
{
	p->client.closed = in;
	nginx_error(p, in, "AccessClosed", field,
		    "%s; all paths of host %s answer 403, since they would be open otherwise", why,
		    p->host);
	emit_verdict(p->r, OBJECT_INGRESS, in->key, PORTOLAN__IPC__VERDICT__VERDICT_PARTIAL);
}

static void take(struct nginx_plan *p, const struct nginx_ingress *in,
		 const struct client_validation *v)
{
	const char *word = nginx_own_text(in, "auth-tls-verify-client");
	long depth = nginx_number(p->r, in, "auth-tls-verify-depth", 1);
	struct client_validation *own = arena_memdup(p->a, v, sizeof(*v));

	word = word ? word : "on";
	p->client.in = in;
	p->client.may_be_absent = *word == 'o' && strncmp(word, "optional", 8) == 0;
	p->client.may_be_unverified = strcmp(word, "optional_no_ca") == 0;
	own->may_be_absent = own->untrusted = own->by_routes = true;
	own->max_depth = (uint32_t)MAX(depth, 1);
	/* For auth-tls-match-cn: routes can match the subject. */
	own->forward = own->subject = true;
	p->client.validation = strcmp(word, "off") == 0 ? NULL : own;
}

/* ---- auth-tls-match-cn ---- */

/* nginx looks for the expression in the subject. Envoy writes that, in quotes and escaped, into a
 * header of its own before it looks for a route. */
static const char *match_of(struct nginx_plan *p, const struct nginx_ingress *in, const char *text)
{
	size_t len = strlen(text), charged = 0;
	bool end = len && text[len - 1] == '$' && !(len > 1 && text[len - 2] == '\\');
	const char *pattern = arena_printf(p->a, ".*;?Subject=\"[^\"]*?(?:%.*s)%s\".*",
					   (int)(len - end), text, end ? "" : "[^\"]*");
	char why[256] = "it must begin with CN=";

	if (strncmp(text, "CN=", 3) == 0 && regex_check(text, &charged, why, sizeof(why)) == 0 &&
	    regex_check(pattern, &charged, why, sizeof(why)) == 0)
		return pattern;
	close_host(p, in, ANNOTATION("auth-tls-match-cn"), arena_strdup(p->a, why));
	return NULL;
}

/* ---- the host ---- */

static void read_match(struct nginx_plan *p, const struct nginx_ingress *in)
{
	const char *text = nginx_own_text(in, "auth-tls-match-cn");

	if (!text || p->client.closed)
		return;
	if (in == p->client.in)
		p->client.match = match_of(p, in, text);
	else if (p->client.in)
		nginx_warning(p, in, "AnnotationInvalid", ANNOTATION("auth-tls-match-cn"),
			      "host %s: the auth-tls annotations of Ingress %s count, not this one",
			      p->host, p->client.in->key);
	else
		close_host(p, in, ANNOTATION("auth-tls-match-cn"), "it needs auth-tls-secret");
}

void nginx_client_read(struct nginx_plan *p)
{
	for (size_t i = 0; i < p->n_mains; i++) {
		const struct nginx_ingress *in = p->mains[i];
		const char *text = nginx_own_text(in, "auth-tls-secret"), *why;
		struct client_validation v = { 0 };

		if (p->client.in || p->client.closed || !text)
			continue;
		if (read_authority(p, in, text, &v, &why) < 0)
			close_host(p, in, ANNOTATION("auth-tls-secret"), why);
		else
			take(p, in, &v);
	}
	for (size_t i = 0; i < p->n_mains; i++)
		read_match(p, p->mains[i]);
}

/* ---- the first routes of the host ---- */

static void answer(struct nginx_plan *p, const struct nginx_ingress *in, struct route *route,
		   uint32_t status, const char *body)
{
	struct nginx_source s = { .ingress = in, .text = "/", .field = "metadata.annotations" };

	route->match.kind = PATH_PREFIX;
	route->match.path = "/";
	route->kind = ROUTE_ANSWER;
	route->answer = (struct answer){ .status = status, .body = body };
	nginx_route_append(p, &s, route);
}

/* 400, or with auth-tls-error-page a redirect. */
static void refuse(struct nginx_plan *p, enum client_certificate which, const char *body)
{
	const struct nginx_ingress *in = p->client.in;
	const char *page = nginx_own_text(in, "auth-tls-error-page");
	struct route route = { .match.client = which };

	if (page && strstr(page, "://") && header_is_value(page)) {
		nginx_edits_set(p->a, &route.response, "Location", page);
		answer(p, in, &route, 302, NULL);
		return;
	}
	if (page)
		nginx_warning(p, in, "AnnotationUnsupported", ANNOTATION("auth-tls-error-page"),
			      "only a URL is served; clients without a good certificate get 400");
	answer(p, in, &route, 400, body);
}

void nginx_client_append(struct nginx_plan *p)
{
	const struct nginx_client *c = &p->client;
	struct route closed = { 0 }, stranger = { 0 };

	if (c->closed) {
		answer(p, c->closed, &closed, 403, NULL);
		return;
	}
	if (p->tls && c->validation && !c->may_be_absent)
		refuse(p, CLIENT_ABSENT, "No required SSL certificate was sent\n");
	if (p->tls && c->validation && !c->may_be_unverified)
		refuse(p, CLIENT_UNVERIFIED, "The SSL certificate error\n");
	if (!c->match)
		return;
	/* Without TLS there is no subject. */
	if (p->tls && c->validation)
		match_add_header(p->a, &stranger.match,
				 (struct value_match){ .name = "x-forwarded-client-cert",
						       .op = MATCH_REGEX,
						       .value = c->match,
						       .invert = true,
						       .missing_as_empty = true });
	answer(p, c->in, &stranger, 403, "client certificate unauthorized\n");
}

/* ---- headers for backends ---- */

static void set_or_remove(struct nginx_plan *p, struct header_edits *e, const char *name,
			  const char *format)
{
	nginx_edits_remove(p->a, e, name);
	if (format)
		nginx_edits_set_format(p->a, e, name, format);
}

void nginx_client_headers(struct nginx_plan *p, enum client_certificate which,
			  struct header_edits *ret)
{
	static const char *const words[] = { [CLIENT_ANY] = "SUCCESS",
					     [CLIENT_ABSENT] = "NONE",
					     [CLIENT_UNVERIFIED] = "FAILED" };
	const struct nginx_client *c = &p->client;
	bool there = p->tls && c->validation && which != CLIENT_ABSENT;
	bool whole = c->in &&
		     nginx_flag(p->r, c->in, "auth-tls-pass-certificate-to-upstream", false);

	if (!c->in)
		return;
	set_or_remove(p, ret, "ssl-client-verify",
		      !p->tls         ? NULL
		      : c->validation ? words[which]
				      : "NONE");
	set_or_remove(p, ret, "ssl-client-subject-dn", there ? "%DOWNSTREAM_PEER_SUBJECT%" : NULL);
	set_or_remove(p, ret, "ssl-client-issuer-dn", there ? "%DOWNSTREAM_PEER_ISSUER%" : NULL);
	set_or_remove(p, ret, "ssl-client-cert", there && whole ? "%DOWNSTREAM_PEER_CERT%" : NULL);
	nginx_edits_remove(p->a, ret, "x-forwarded-client-cert");
}
