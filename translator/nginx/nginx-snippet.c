/* Snippets: text for nginx. Where the settings allow it, and each directive is one that is known,
 * they are run here (nginx-program.c); others are refused as a whole, and each line is named. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "translator/nginx/nginx-config.h"
#include "translator/nginx/nginx-error.h"
#include "translator/nginx/nginx-pattern.h"
#include "translator/nginx/nginx-program.h"
#include "translator/nginx/nginx-snippet.h"
#include "translator/resolve/config.h"

#define ANNOTATION(name) "metadata.annotations[" NGINX_PREFIX name "]"

/* ---- refusals ---- */

/* A location of its own, which is for pages, closes no path of an Ingress. */
static bool is_for_pages(const struct nginx_directives *d, size_t at)
{
	if (strcmp(d->all[at].words[0], "internal") != 0)
		return false;
	while (at && d->all[at].depth)
		at--;
	return strcmp(d->all[at].words[0], "location") == 0;
}

/* Why the paths must answer 503: it restricts, and is not translated. */
static const char *restriction(struct nginx_plan *p, const struct nginx_directives *d)
{
	for (size_t i = 0; i < d->n; i++)
		if (nginx_directive_restricts(&d->all[i]) && !is_for_pages(d, i))
			return arena_printf(p->a, "\"%s\" in line %u restricts access",
					    d->all[i].words[0], d->all[i].line);
	return NULL;
}

/* The first directive that edits what Envoy writes after all edits; NULL: there is none. */
static const struct nginx_directive *server_edit(const struct nginx_directives *d)
{
	for (size_t i = 0; i < d->n; i++) {
		const struct nginx_directive *one = &d->all[i];

		if (strcmp(one->words[0], "more_set_headers") != 0 &&
		    strcmp(one->words[0], "more_clear_headers") != 0 &&
		    strcmp(one->words[0], "add_header") != 0)
			continue;
		for (size_t k = 1; k < one->n; k++) {
			size_t n = strcspn(one->words[k], ":");

			if (n == 6 && strncasecmp(one->words[k], "Server", n) == 0)
				return one;
		}
	}
	return NULL;
}

static void tell_of_server(struct nginx_plan *p, const struct nginx_source *s,
			   const struct nginx_directives *d, const char *field)
{
	const char *how = config_read(p->r)->envoy->listener->server_header_transformation;
	const struct nginx_directive *one = server_edit(d);

	if (one && (!how || strcmp(how, "pass_through") != 0))
		nginx_warning(p, s->ingress, "AnnotationDiffers", field,
			      "line %u: \"%s\" has no effect on Server: Envoy writes this header "
			      "itself, unless serverHeaderTransformation of the configuration is "
			      "pass_through",
			      one->line, one->words[0]);
}

/* g has run the snippet, or would have. */
static const char *refuse(struct nginx_program *g, const struct nginx_directives *d,
			  const char *field, const char *why)
{
	struct nginx_plan *p = g->p;
	const struct nginx_source *s = g->s;
	const char *closed = restriction(p, d);

	why = nginx_program_refusals(g, d, why);
	nginx_warning(p, s->ingress, "SnippetRefused", field, "the snippet is not served: %s%s",
		      why, closed ? "; it restricts access, so its paths answer 503" : "");
	return closed;
}

/* ---- a location's ---- */

static void close_all(struct nginx_outcomes *ret, const char *closed)
{
	ret->n = 1;
	ret->all[0] = (struct nginx_outcome *)&nginx_no_outcome;
	ret->addresses = NULL;
	ret->closed = closed;
}

/* "deny all" and nothing else: refuses all requests. */
static void refuse_all(struct nginx_program *g)
{
	for (size_t i = 0; i < g->n; i++) {
		if (g->all[i]->kind != NGINX_FORWARDED)
			continue;
		g->all[i]->kind = NGINX_ANSWERED;
		g->all[i]->status = 403;
	}
}

static bool run_text(struct nginx_program *g, const char *text, struct nginx_directives *d)
{
	const char *why;

	if (nginx_tokens_read(g->p->a, text, d, &why) < 0)
		g->why = why;
	else if (!nginx_config_translates_snippets(g->p->r))
		g->why = "ingressNginx.translateSnippets is off";
	else
		return nginx_program_run(g, d, 0, d->n, 0);
	return false;
}

static bool finish(struct nginx_program *g, struct nginx_outcomes *ret)
{
	const struct address_rules *rules;

	if (!nginx_directive_access(g, &rules)) {
		g->why = "a deny behind an allow is not translated";
		return false;
	}
	if (rules && !rules->n)
		refuse_all(g);
	else
		ret->addresses = rules;
	memcpy(ret->all, g->all, g->n * sizeof(g->all[0]));
	ret->n = g->n;
	return true;
}

const struct nginx_outcome nginx_no_outcome;

/* Whether nginx runs more of its rewrite module behind the text: ingress-nginx writes the
 * ConfigMap's first, then the Ingress's, then the rewrite of rewrite-target. */
static bool is_followed(const struct nginx_source *s, const char *const *texts, size_t n, size_t at)
{
	for (size_t i = at + 1; i < n; i++)
		if (texts[i])
			return true;
	return nginx_own_text(s->ingress, "rewrite-target") != NULL;
}

void nginx_snippet_read(struct nginx_plan *p, const struct nginx_source *s,
			struct nginx_outcomes *ret)
{
	const char *texts[] = { nginx_config_text(p->r, "location-snippet"),
				nginx_own_text(s->ingress, "configuration-snippet") };
	struct nginx_program *g = arena_new_of(p->a, struct nginx_program, 1);
	struct nginx_directives d = { 0 };

	*ret = (struct nginx_outcomes){ .n = 1 };
	ret->all[0] = &nginx_no_outcome;
	nginx_program_start(g, p, s, false);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		const char *field = i ? ANNOTATION("configuration-snippet")
				      : "location-snippet of the ConfigMap";

		g->followed = is_followed(s, texts, ARRAY_SIZE(texts), i);
		if (texts[i] && !run_text(g, texts[i], &d)) {
			close_all(ret, refuse(g, &d, field, g->why));
			return;
		}
		if (texts[i])
			tell_of_server(p, s, &d, field);
	}
	if (!finish(g, ret))
		close_all(ret, refuse(g, &d, ANNOTATION("configuration-snippet"), g->why));
}

/* ---- routes ---- */

void nginx_snippet_match(struct nginx_plan *p, const struct nginx_outcome *o, struct route_match *m)
{
	for (size_t i = 0; i < o->n_headers; i++)
		match_add_header(p->a, m, o->headers[i]);
}

static void answer(struct nginx_plan *p, const struct nginx_outcome *o, struct route *route)
{
	route->kind = ROUTE_ANSWER;
	route->answer = (struct answer){ .status = o->status, .body = o->body };
	if (o->location)
		nginx_edits_set_format(p->a, &route->response, "Location", o->location);
	if (o->body && !header_edits_find(&route->response, "Content-Type"))
		nginx_edits_set(p->a, &route->response, "Content-Type",
				o->type ? o->type : "text/html");
}

bool nginx_snippet_answer(struct nginx_plan *p, const struct nginx_source *s,
			  const struct nginx_outcome *o, const struct route *base)
{
	struct route route = *base;

	if (o->kind == NGINX_FORWARDED)
		return false;
	if (o->kind == NGINX_REDIRECTED) {
		route.kind = ROUTE_REDIRECT;
		route.redirect = o->redirect;
	} else if (!o->body && !o->closed && nginx_error_answer(p, s, o->status, &route)) {
		p->forward = MIN(p->forward, p->routes.n);
	} else {
		answer(p, o, &route);
	}
	nginx_route_append(p, s, &route);
	return true;
}

/* ---- a server's ---- */

/* Outside of the locations the ConfigMap counts, and no Ingress's annotations. */
static bool append_answer(struct nginx_plan *p, const struct nginx_source *s,
			  const struct nginx_outcome *o, const struct route *base)
{
	struct nginx_ingress *bare = arena_memdup(p->a, s->ingress, sizeof(*bare));
	struct nginx_source own = *s;

	bare->n_values = 0;
	own.ingress = bare;
	return nginx_snippet_answer(p, &own, o, base);
}

/* A location block, and how nginx searches for it: = first, then the longest prefix if it has ^~,
 * then regular expressions in their order, then the longest prefix. */
struct place {
	size_t at; /* of its directive */
	enum { PLACE_EXACT, PLACE_FIRST, PLACE_REGEX, PLACE_PREFIX } kind;
	struct route_match match;
	struct nginx_outcomes outcomes;
};

struct places {
	struct place *all;
	size_t n;
};

/* location [= | ~ | ~* | ^~] text */
static bool read_place(struct nginx_plan *p, const struct nginx_directive *d, struct place *ret)
{
	const char *mark = d->n == 3 ? d->words[1] : "", *text = d->n > 1 ? d->words[d->n - 1] : "";

	if (d->n < 2 || d->n > 3 || !*text)
		return false;
	if (*mark == '~') {
		ret->kind = PLACE_REGEX;
		ret->match = (struct route_match){
			.kind = PATH_REGEX,
			.path = arena_printf(p->a, "%s.*?(?:%s).*", mark[1] ? "(?i)" : "", text),
		};
		return nginx_pattern_is_regex(ret->match.path);
	}
	ret->kind = *mark == '=' ? PLACE_EXACT : *mark ? PLACE_FIRST : PLACE_PREFIX;
	ret->match = (struct route_match){ .kind = *mark == '=' ? PATH_EXACT : PATH_PREFIX,
					   .path = text };
	return *text == '/' && (!*mark || strcmp(mark, "=") == 0 || strcmp(mark, "^~") == 0);
}

/* nginx would choose a longer path of the Ingress before this prefix. */
static bool hides_a_path(const struct nginx_plan *p, const struct route_match *m)
{
	size_t n = strlen(m->path);

	for (size_t i = 0; m->kind == PATH_PREFIX && i < p->n_paths; i++)
		if (strncmp(p->paths[i].text, m->path, n) == 0)
			return true;
	return false;
}

static bool run_place(struct nginx_plan *p, const struct nginx_source *s,
		      const struct nginx_directives *d, struct place *place, const char **ret_why)
{
	struct nginx_program *g = arena_new_of(p->a, struct nginx_program, 1);
	const struct nginx_directive *one = &d->all[place->at];
	bool good;

	nginx_program_start(g, p, s, false);
	if (!read_place(p, one, place) || hides_a_path(p, &place->match))
		good = nginx_program_refuse(g, one, "is not translated in this form");
	else
		good = nginx_program_run(g, d, place->at + 1, nginx_program_end(d, place->at),
					 one->depth + 1) &&
		       finish(g, &place->outcomes);
	for (size_t i = 0; good && i < place->outcomes.n; i++)
		if (place->outcomes.all[i]->kind == NGINX_FORWARDED)
			good = nginx_program_refuse(g, one, "neither returns nor denies all");
	*ret_why = g->why;
	return good;
}

static void append_place(struct nginx_plan *p, const struct nginx_source *s,
			 const struct place *place, const struct route_match *match)
{
	for (size_t i = 0; i < place->outcomes.n; i++) {
		const struct nginx_outcome *o = place->outcomes.all[i];
		struct route one = { .match = *match };

		nginx_snippet_match(p, o, &one.match);
		nginx_response_headers(p, s, &one.response);
		nginx_edits_join(p->a, &one.response, &o->response);
		(void)append_answer(p, s, o, &one);
	}
}

/* Prefixes last, the longer first. */
static int compare_places(const void *x, const void *y)
{
	const struct place *a = x, *b = y;
	bool a_prefix = a->match.kind == PATH_PREFIX, b_prefix = b->match.kind == PATH_PREFIX;
	size_t a_len = a_prefix ? strlen(a->match.path) : 0;
	size_t b_len = b_prefix ? strlen(b->match.path) : 0;

	if (a_prefix != b_prefix)
		return a_prefix ? 1 : -1;
	if (a_len != b_len)
		return a_len > b_len ? -1 : 1;
	return (a->at > b->at) - (a->at < b->at);
}

/* Whether a shorter prefix, which has ^~, would take its requests. */
static bool is_within_first(const struct places *l, const struct place *place)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->all[i].kind == PLACE_FIRST && l->all[i].at != place->at &&
		    strncmp(l->all[i].match.path, place->match.path,
			    strlen(l->all[i].match.path)) == 0)
			return true;
	return false;
}

static void append_kind(struct nginx_plan *p, const struct nginx_source *s, const struct places *l,
			int kind)
{
	for (size_t i = 0; i < l->n; i++)
		if ((int)l->all[i].kind == kind &&
		    !(kind == PLACE_PREFIX && is_within_first(l, &l->all[i])))
			append_place(p, s, &l->all[i], &l->all[i].match);
}

/* Prefixes with ^~, and those within them, where regular expressions count nevertheless. */
static void append_first(struct nginx_plan *p, const struct nginx_source *s, const struct places *l)
{
	for (size_t i = 0; i < l->n; i++) {
		const struct place *place = &l->all[i];
		bool within = place->kind == PLACE_PREFIX && is_within_first(l, place);

		if (!within && place->kind != PLACE_FIRST)
			continue;
		for (size_t k = 0; within && k < l->n; k++) {
			struct route_match match = l->all[k].match;

			if (l->all[k].kind != PLACE_REGEX)
				continue;
			match_add_header(p->a, &match,
					 (struct value_match){ .name = ":path",
							       .op = MATCH_PREFIX,
							       .value = place->match.path });
			append_place(p, s, &l->all[k], &match);
		}
		append_place(p, s, place, &place->match);
	}
}

static bool add_places(struct nginx_plan *p, const struct nginx_source *s,
		       const struct nginx_directives *d, const char **ret_why)
{
	struct places l = { .all = arena_new_of(p->a, struct place, d->n + 1) };

	for (size_t i = 0; i < d->n; i++) {
		if (d->all[i].depth || !d->all[i].block ||
		    strcmp(d->all[i].words[0], "location") != 0)
			continue;
		l.all[l.n] = (struct place){ .at = i };
		if (!run_place(p, s, d, &l.all[l.n++], ret_why))
			return false;
	}
	if (l.n)
		qsort(l.all, l.n, sizeof(*l.all), compare_places);
	append_kind(p, s, &l, PLACE_EXACT);
	append_first(p, s, &l);
	append_kind(p, s, &l, PLACE_REGEX);
	append_kind(p, s, &l, PLACE_PREFIX);
	return true;
}

/* The directives outside the locations. */
static void without_places(struct nginx_plan *p, const struct nginx_directives *d,
			   struct nginx_directives *ret)
{
	ret->all = arena_new_of(p->a, struct nginx_directive, d->n + 1);
	for (size_t i = 0; i < d->n;) {
		size_t end = nginx_program_end(d, i);

		if (!d->all[i].block || strcmp(d->all[i].words[0], "location") != 0)
			for (size_t k = i; k < end; k++)
				ret->all[ret->n++] = d->all[k];
		i = end;
	}
}

static const char server_field[] = ANNOTATION("server-snippet");

/* A condition that only edits headers is refused: nginx has no such thing for a server. */
static bool add_outcomes(struct nginx_plan *p, const struct nginx_source *s,
			 struct nginx_program *g, struct nginx_outcomes *found)
{
	const char *type = found->all[found->n - 1]->type;

	for (size_t i = 0; i < found->n; i++) {
		const struct nginx_outcome *o = found->all[i];
		struct route base = { .match = { .kind = PATH_PREFIX, .path = "/" } };

		if (o->kind == NGINX_FORWARDED && o->n_headers) {
			g->why = "a condition neither returns nor redirects";
			return false;
		}
		nginx_snippet_match(p, o, &base.match);
		nginx_response_headers(p, s, &base.response);
		nginx_edits_join(p->a, &base.response, &o->response);
		if (!append_answer(p, s, o, &base))
			nginx_edits_join(p->a, &p->server.response, &o->response);
	}
	p->server.addresses = found->addresses;
	/* Its locations have been made before. */
	if (type != p->server.type && s->field == server_field &&
	    nginx_config_text(p->r, "server-snippet")) {
		g->why = "default_type beside the server-snippet of the ConfigMap is not "
			 "translated";
		return false;
	}
	p->server.type = type;
	return true;
}

static void add_server(struct nginx_plan *p, const struct nginx_source *s, const char *text)
{
	struct nginx_program *g = arena_new_of(p->a, struct nginx_program, 1);
	struct nginx_outcomes found = { 0 };
	struct nginx_directives d = { 0 }, rest = { 0 };
	size_t before = p->routes.n;
	const char *why = NULL;

	nginx_program_start(g, p, s, true);
	if (nginx_tokens_read(p->a, text, &d, &why) == 0 && !nginx_config_translates_snippets(p->r))
		why = "ingressNginx.translateSnippets is off";
	without_places(p, &d, &rest);
	if (!why && nginx_program_run(g, &rest, 0, rest.n, 0) && finish(g, &found) &&
	    add_outcomes(p, s, g, &found) && add_places(p, s, &d, &why)) {
		tell_of_server(p, s, &d, s->field);
		return;
	}
	p->routes.n = before;
	p->server = (struct nginx_server){ 0 };
	p->server.closed = refuse(g, &d, s->field, why ? why : g->why);
}

void nginx_snippet_server(struct nginx_plan *p)
{
	const char *all = nginx_config_text(p->r, "server-snippet");
	struct nginx_source s = { .ingress = p->mains[0],
				  .text = "/",
				  .field = "server-snippet of the ConfigMap" };
	bool done = false;

	p->server = (struct nginx_server){ 0 };
	if (all)
		add_server(p, &s, all);
	s.field = server_field;
	for (size_t i = 0; i < p->n_mains; i++) {
		const char *text = nginx_own_text(p->mains[i], "server-snippet");

		if (!text)
			continue;
		s.ingress = p->mains[i];
		if (done)
			nginx_warning(p, s.ingress, "AnnotationOverruled", s.field,
				      "an older Ingress of host %s has a server-snippet; this one "
				      "is not served",
				      p->host);
		else if (!p->server.closed)
			add_server(p, &s, text);
		done = true;
	}
}
