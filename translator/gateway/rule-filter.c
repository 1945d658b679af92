/* Filters of rules and backends. */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "common/base/http-header.h"
#include "common/base/strbuf.h"
#include "translator/gateway/route-work.h"
#include "translator/model/path.h"

/* ---- headers ---- */

static bool is_removed(const K8s__HTTPHeaderFilter *f, const char *name)
{
	for (size_t i = 0; i < f->n_remove; i++)
		if (strcasecmp(f->remove[i], name) == 0)
			return true;
	return false;
}

static int check_name(struct arena *a, const char *name, const char **ret_why)
{
	if (!http_header_is_token(name)) {
		*ret_why = arena_printf(a, "\"%s\" is not a header's name", name);
		return -EINVAL;
	}
	if (strcasecmp(name, "host") == 0) {
		*ret_why = "Host is not a header to edit: use the filter URLRewrite";
		return -EINVAL;
	}
	return 0;
}

/* The first entry for a name counts; the API has set, add and remove in this order, and Envoy
 * removes first: a removed header is not set (V-3). */
static int add_edits(struct arena *a, const K8s__HTTPHeaderFilter *f, K8s__HTTPHeader *const *all,
		     size_t n, enum header_action action, struct header_edits *ret,
		     const char **ret_why)
{
	size_t from = ret->n;

	for (size_t i = 0; i < n; i++) {
		bool repeated = false;

		if (check_name(a, all[i]->name, ret_why) < 0)
			return -EINVAL;
		if (http_header_is_framing(all[i]->name)) {
			*ret_why = arena_printf(
				a, "%s says where a message ends: only Envoy writes it",
				all[i]->name);
			return -EINVAL;
		}
		if (!header_is_value(all[i]->value)) {
			*ret_why = arena_printf(a, "the value of header %s has a line break",
						all[i]->name);
			return -EINVAL;
		}
		for (size_t k = from; k < ret->n; k++)
			repeated |= strcasecmp(ret->all[k].name, all[i]->name) == 0;
		if (repeated || is_removed(f, all[i]->name))
			continue;
		ret->all[ret->n++] = (struct header_edit){ action, all[i]->name,
							   header_escape(a, all[i]->value) };
	}
	return 0;
}

static int edit_headers(struct arena *a, const K8s__HTTPHeaderFilter *f, struct header_edits *ret,
			const char **ret_why)
{
	const char *host = ret->host;

	if (!f)
		return 0;
	*ret = (struct header_edits){ .host = host };
	ret->all = arena_new_of(a, struct header_edit, f->n_set + f->n_add + 1);
	ret->remove = arena_new_of(a, const char *, f->n_remove + 1);
	if (add_edits(a, f, f->set, f->n_set, HEADER_SET, ret, ret_why) < 0 ||
	    add_edits(a, f, f->add, f->n_add, HEADER_ADD, ret, ret_why) < 0)
		return -EINVAL;
	for (size_t i = 0; i < f->n_remove; i++) {
		if (check_name(a, f->remove[i], ret_why) < 0)
			return -EINVAL;
		ret->remove[ret->n_remove++] = f->remove[i];
	}
	return 0;
}

/* ---- paths ---- */

static int modify_path(struct arena *a, const K8s__HTTPPathModifier *p, const char *prefix,
		       struct rewrite *ret, const char **ret_why)
{
	const char *text;

	if (!p)
		return 0;
	if (strcmp(p->type, "ReplaceFullPath") == 0) {
		text = p->replace_full_path ? p->replace_full_path : "/";
		*ret = (struct rewrite){ .kind = REWRITE_PATH };
	} else if (strcmp(p->type, "ReplacePrefixMatch") == 0 && prefix) {
		text = p->replace_prefix_match ? p->replace_prefix_match : "/";
		*ret = (struct rewrite){ .kind = REWRITE_ELEMENTS };
	} else {
		*ret_why = prefix ? "path.type is neither ReplaceFullPath nor ReplacePrefixMatch"
				  : "ReplacePrefixMatch takes matches of type PathPrefix";
		return -EINVAL;
	}
	if (strpbrk(text, "?#") || !header_is_value(text)) {
		*ret_why = "a path has no \"?\", no \"#\" and no line break";
		return -EINVAL;
	}
	ret->text = path_to_send(a, text);
	return 0;
}

/* ---- external authorization (GEP-1494) ---- */

int rule_filter_ask(struct route_work *w, const K8s__HTTPExternalAuthFilter *f, const char *field,
		    const struct ask **ret, const char **ret_why)
{
	const K8s__BackendObjectReference *b = f->backend_ref;
	struct ask *ask = arena_new_of(w->a, struct ask, 1);
	struct backend_ref ref;

	*ask = (struct ask){ .http = strcmp(f->protocol, "HTTP") == 0 };
	if (!b || (!ask->http && strcmp(f->protocol, "GRPC") != 0)) {
		*ret_why = arena_printf(w->a, "%s.externalAuth: protocol \"%s\" is not supported",
					field, f->protocol);
		return -EINVAL;
	}
	ref = (struct backend_ref){
		b->group, b->kind,   b->namespace_, b->name, b->has_port ? (uint32_t)b->port : 0,
		false,    !ask->http
	};
	ask->cluster = rule_backend_find(
		w, &ref, arena_printf(w->a, "%s.externalAuth.backendRef", field), NULL);
	if (!ask->cluster) {
		*ret_why = arena_printf(w->a, "%s.externalAuth: %s %s cannot be asked", field,
					*b->kind ? b->kind : "Service", b->name);
		return -ENOENT;
	}
	ask->authority = arena_printf(w->a, "%s.%s", b->name,
				      b->namespace_ ? b->namespace_ : w->head.namespace);
	if (ask->http && f->http) {
		ask->path_prefix = f->http->path;
		ask->reported = (const char *const *)f->http->allowed_headers;
		ask->n_reported = f->http->n_allowed_headers;
		ask->upstream = (const char *const *)f->http->allowed_response_headers;
		ask->n_upstream = f->http->n_allowed_response_headers;
	} else if (!ask->http && f->grpc) {
		ask->reported = (const char *const *)f->grpc->allowed_headers;
		ask->n_reported = f->grpc->n_allowed_headers;
	}
	if (f->forward_body && f->forward_body->max_size > 0)
		ask->body_max = (uint32_t)f->forward_body->max_size;
	*ret = ask;
	return 0;
}

/* ---- one filter ---- */

static int apply(struct route_work *w, const K8s__HTTPRouteFilter *f, const char *field,
		 const char *prefix, struct rule_filters *ret, const char **ret_why)
{
	const char *type = f->type;
	struct rewrite ignored = { 0 };

	if (strcmp(type, "RequestHeaderModifier") == 0)
		return edit_headers(w->a, f->request_header_modifier, &ret->request, ret_why);
	if (strcmp(type, "ResponseHeaderModifier") == 0)
		return edit_headers(w->a, f->response_header_modifier, &ret->response, ret_why);
	ret->has_more_than_headers = true;
	if (strcmp(type, "RequestMirror") == 0 && f->request_mirror) {
		ret->mirror_fields[ret->n_mirrors] = field;
		ret->mirrors[ret->n_mirrors++] = f->request_mirror;
		return 0;
	}
	if (strcmp(type, "RequestRedirect") == 0 && f->request_redirect) {
		ret->redirect = f->request_redirect;
		return modify_path(w->a, f->request_redirect->path, prefix, &ignored, ret_why);
	}
	if (strcmp(type, "URLRewrite") == 0 && f->url_rewrite) {
		ret->request.host = f->url_rewrite->hostname && *f->url_rewrite->hostname
					    ? f->url_rewrite->hostname
					    : NULL;
		return modify_path(w->a, f->url_rewrite->path, prefix, &ret->rewrite, ret_why);
	}
	if (strcmp(type, "CORS") == 0 && f->cors) {
		ret->cors = f->cors;
		return 0;
	}
	if (strcmp(type, "ExternalAuth") == 0 && f->external_auth)
		return rule_filter_ask(w, f->external_auth, field, &ret->ask, ret_why);
	if (strcmp(type, "ExtensionRef") == 0 && f->extension_ref) {
		rule_reference_fails(w, "InvalidKind", field,
				     arena_printf(w->a, "a %s is not a filter",
						  f->extension_ref->kind));
		*ret_why = arena_printf(w->a, "%s: filters of kind %s are not known", field,
					f->extension_ref->kind);
		return -ENOENT;
	}
	*ret_why = arena_printf(w->a, "%s: a filter of type %s is not supported", field, type);
	return -EINVAL;
}

int rule_filters_parse(struct route_work *w, K8s__HTTPRouteFilter *const *all, size_t n,
		       const char *field, const char *prefix, struct rule_filters *ret,
		       const char **ret_why)
{
	*ret = (struct rule_filters){
		.mirrors = arena_new_of(w->a, K8s__HTTPRequestMirrorFilter *, n + 1),
		.mirror_fields = arena_new_of(w->a, const char *, n + 1),
	};
	for (size_t i = 0; i < n; i++) {
		int e = apply(w, all[i], arena_printf(w->a, "%s.filters[%zu]", field, i), prefix,
			      ret, ret_why);

		if (e < 0)
			return e;
	}
	if (ret->redirect && (ret->rewrite.kind != REWRITE_NONE || ret->request.host)) {
		*ret_why = "RequestRedirect and URLRewrite exclude each other";
		return -EINVAL;
	}
	return 0;
}

/* ---- CORS ---- */

static const char *join(struct arena *a, char *const *all, size_t n)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;

	for (size_t i = 0; i < n; i++)
		strbuf_printf(&b, "%s%s", i ? ", " : "", all[i]);
	return n ? arena_strdup(a, strbuf_str(&b)) : NULL;
}

/* With credentials a star would be the name of a header, and the API forbids it. */
static const char *exposed(struct arena *a, const K8s__HTTPCORSFilter *f)
{
	char **names = arena_new_of(a, char *, f->n_expose_headers + 1);
	size_t n = 0;

	for (size_t i = 0; i < f->n_expose_headers; i++)
		if (!f->allow_credentials || strcmp(f->expose_headers[i], "*") != 0)
			names[n++] = f->expose_headers[i];
	return join(a, names, n);
}

/* Browsers leave out the scheme's own port. */
static const char *without_default_port(struct arena *a, const char *origin)
{
	size_t n = strlen(origin);

	if (strncmp(origin, "https://", 8) == 0 && n > 4 && strcmp(origin + n - 4, ":443") == 0)
		return arena_strndup(a, origin, n - 4);
	if (strncmp(origin, "http://", 7) == 0 && n > 3 && strcmp(origin + n - 3, ":80") == 0)
		return arena_strndup(a, origin, n - 3);
	return origin;
}

/* A star covers any number of labels (E-CO-1). */
static const char *origin_regex(struct arena *a, const char *origin)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;

	strbuf_puts(&b, "(?i)");
	for (const char *p = origin; *p; p++) {
		if (*p == '*')
			strbuf_puts(&b, "[^/:]+");
		else if (strchr(".+?()[]{}|^$\\", *p))
			strbuf_printf(&b, "\\%c", *p);
		else
			strbuf_putc(&b, *p);
	}
	return arena_strdup(a, strbuf_str(&b));
}

struct cors *rule_filter_cors(struct arena *a, const K8s__HTTPCORSFilter *f)
{
	struct cors *c = arena_new_of(a, struct cors, 1);

	*c = (struct cors){
		.allow_methods = join(a, f->allow_methods, f->n_allow_methods),
		.allow_headers = join(a, f->allow_headers, f->n_allow_headers),
		.expose_headers = exposed(a, f),
		.max_age = arena_printf(a, "%d", f->max_age ? f->max_age : 5),
		.allow_credentials = f->allow_credentials,
		.refuse_other_preflights = true,
	};
	c->origins = arena_new_of(a, struct cors_origin, f->n_allow_origins + 1);
	for (size_t i = 0; i < f->n_allow_origins; i++) {
		const char *origin = without_default_port(a, f->allow_origins[i]);

		if (strchr(origin, '*') && strcmp(origin, "*") != 0)
			c->origins[c->n_origins++] =
				(struct cors_origin){ MATCH_REGEX, origin_regex(a, origin), false };
		else
			c->origins[c->n_origins++] =
				(struct cors_origin){ MATCH_EXACT, origin, true };
	}
	return c;
}
