/* Canaries: a second Ingress with the host and path of a main one takes a part of its requests, by
 * a header, a cookie or a share. */
#include <string.h>

#include "common/base/clock.h"
#include "common/base/strbuf.h"
#include "translator/check/regex.h"
#include "translator/nginx/nginx-canary.h"
#include "translator/nginx/nginx-upstream.h"

/* The canary of a path's Service: it acts wherever the host has that Service as a backend. */
static const struct nginx_canary *find(const struct nginx_plan *p, const struct nginx_source *s)
{
	const char *key;

	if (!s->backend || !s->backend->service)
		return NULL;
	key = nginx_upstream_key(p->a, s->ingress->namespace, s->backend->service);
	for (size_t i = 0; i < p->n_canaries; i++)
		if (strcmp(p->canaries[i].main, key) == 0)
			return &p->canaries[i];
	return NULL;
}

/* Requests with this value of a header go to the canary, or to the main. */
static void append_by_header(struct nginx_plan *p, const struct nginx_source *s,
			     const struct route *base, const char *name, enum match_operator op,
			     const char *value, struct target *to)
{
	struct route route = *base;

	match_add_header(
		p->a, &route.match,
		(struct value_match){ .name = match_lower(p->a, name), .op = op, .value = value });
	route.forward.targets = to;
	route.forward.n_targets = 1;
	nginx_route_append(p, s, &route);
}

static const char *cookie_regex(struct arena *a, const char *name, const char *value)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;

	for (const char *q = name; *q; q++) {
		if (strchr(".~+*?()[]{}|^$\\", *q))
			strbuf_putc(&b, '\\');
		strbuf_putc(&b, *q);
	}
	return arena_printf(a, "(?:.*;\\s*)?(?i:%s)=%s(?:\\s*;.*)?", strbuf_str(&b), value);
}

/* canary-by-header-pattern as Envoy matches a whole value; NULL if Envoy does not accept it. */
static const char *read_pattern(struct nginx_plan *p, const struct nginx_ingress *in)
{
	const char *text = nginx_own_text(in, "canary-by-header-pattern"), *pattern;
	char why[128];

	if (!text)
		return NULL;
	pattern = arena_printf(p->a, ".*(?:%s).*", text);
	if (regex_check(pattern, arena_charged(p->a), why, sizeof(why)) == 0)
		return pattern;
	nginx_warning(p, in, "InvalidRegex",
		      "metadata.annotations[" NGINX_PREFIX "canary-by-header-pattern]",
		      "it is not a regular expression that Envoy accepts (RE2), so requests with "
		      "the header go to the main Ingress: %s",
		      why);
	return NULL;
}

static void append_rules(struct nginx_plan *p, const struct nginx_source *s,
			 const struct nginx_ingress *in, const char *pattern,
			 const struct route *route, struct target *canary)
{
	const char *header = nginx_own_text(in, "canary-by-header");
	const char *value = nginx_own_text(in, "canary-by-header-value");
	bool by_pattern = nginx_own_text(in, "canary-by-header-pattern") != NULL;
	const char *cookie = nginx_own_text(in, "canary-by-cookie");
	struct target *main = route->forward.targets;

	if (header && value)
		append_by_header(p, s, route, header, MATCH_EXACT, value, canary);
	else if (header && pattern)
		append_by_header(p, s, route, header, MATCH_REGEX, pattern, canary);
	else if (header && by_pattern)
		append_by_header(p, s, route, header, MATCH_PRESENT, NULL, main);
	else if (header) {
		append_by_header(p, s, route, header, MATCH_EXACT, "always", canary);
		append_by_header(p, s, route, header, MATCH_EXACT, "never", main);
	}
	if (!cookie)
		return;
	append_by_header(p, s, route, "cookie", MATCH_REGEX, cookie_regex(p->a, cookie, "always"),
			 canary);
	append_by_header(p, s, route, "cookie", MATCH_REGEX, cookie_regex(p->a, cookie, "never"),
			 main);
}

/* ---- affinity ---- */

#define ENDPOINT "__endpoint" /* after the name of the session's cookie */

/* Who was served by one side stays there (affinity-canary-behavior: sticky). Envoy's cookie names
 * an endpoint, so the session's own cookie is the one that names the side. */
static bool is_sticky(const struct nginx_ingress *in, const struct route *route)
{
	const char *word = nginx_own_text(in, "affinity-canary-behavior");

	return route->filters.session && (!word || strcmp(word, "legacy") != 0);
}

static void set_side(struct nginx_plan *p, const struct session_cookie *s, const char *side,
		     struct target *to)
{
	const char *text = arena_printf(p->a, "%s=%s; Path=%s", s->name, side, s->path);

	if (s->ttl_usec)
		text = arena_printf(p->a, "%s; Max-Age=%lld", text,
				    (long long)(s->ttl_usec / USEC_PER_SEC));
	if (s->domain)
		text = arena_printf(p->a, "%s; Domain=%s", text, s->domain);
	text = arena_printf(p->a, "%s%s; HttpOnly%s%s", text, s->secure ? "; Secure" : "",
			    s->same_site ? "; SameSite=" : "", s->same_site ? s->same_site : "");
	nginx_edits_add_format(p->a, &to->response, "Set-Cookie", header_escape(p->a, text));
}

/* Requests that have been at a side, before any other rule; the others learn theirs. */
static void stick(struct nginx_plan *p, const struct nginx_source *s, struct route *route,
		  struct target *canary)
{
	const struct session_cookie *side = route->filters.session;
	struct session_cookie *endpoint = arena_memdup(p->a, side, sizeof(*side));
	struct target *main = route->forward.targets;

	endpoint->name = arena_printf(p->a, "%s" ENDPOINT, side->name);
	route->filters.session = endpoint;
	append_by_header(p, s, route, "cookie", MATCH_REGEX,
			 cookie_regex(p->a, side->name, "canary"),
			 arena_memdup(p->a, canary, sizeof(*canary)));
	append_by_header(p, s, route, "cookie", MATCH_REGEX, cookie_regex(p->a, side->name, "main"),
			 main);
	route->forward.targets = arena_memdup(p->a, main, sizeof(*main));
	set_side(p, side, "main", route->forward.targets);
	set_side(p, side, "canary", canary);
}

static void split(struct nginx_plan *p, const struct nginx_ingress *in, struct route *route,
		  const struct target *canary)
{
	long total = MAX(100, nginx_number(p->r, in, "canary-weight-total", 100));
	long weight = nginx_number(p->r, in, "canary-weight", 0);
	struct target *both;

	if (weight <= 0)
		return;
	both = arena_new_of(p->a, struct target, 2);
	both[0] = route->forward.targets[0];
	both[1] = *canary;
	both[1].weight = (uint32_t)MIN(weight, total);
	both[0].weight = (uint32_t)(total - both[1].weight);
	route->forward.targets = both;
	route->forward.n_targets = 2;
}

void nginx_canary_append(struct nginx_plan *p, const struct nginx_source *s,
			 const struct route *route)
{
	const struct nginx_canary *c = find(p, s);
	struct nginx_source to = *s, shared = *s;
	struct route rest = *route;
	struct target *target;
	const char *pattern;

	if (!c) {
		nginx_route_append(p, s, &rest);
		return;
	}
	to.backend = c->backend;
	to.field = c->field;
	to.canary = c->ingress;
	shared.canary = c->ingress;
	target = arena_new_of(p->a, struct target, 1);
	*target = (struct target){ .weight = 1 };
	nginx_upstream_find(p, &to, target);
	pattern = read_pattern(p, c->ingress);
	/* One without endpoints gets no requests, whatever its rules say. */
	if (target->cluster && !target->empty) {
		if (is_sticky(c->ingress, route))
			stick(p, &shared, &rest, target);
		append_rules(p, &shared, c->ingress, pattern, &rest, target);
		split(p, c->ingress, &rest, target);
	}
	nginx_route_append(p, &shared, &rest);
}

/* ---- which canary belongs to which Service ---- */

static bool has_service(const struct nginx_source *s)
{
	return s->backend && s->backend->service;
}

/* A canary's default backend is for all paths of the hosts that no Ingress names. */
static bool is_main_of(const struct nginx_path *main, const struct nginx_path *canary)
{
	const struct nginx_source *m = main->of, *c = canary->of;

	if (!has_service(m))
		return false;
	return c->implicit || (!m->implicit && main->exact == canary->exact &&
			       strcmp(main->text, canary->text) == 0);
}

static void report_alone(struct nginx_plan *p, const struct nginx_path *path)
{
	const struct nginx_source *s = path->of;

	if (s->implicit)
		nginx_warning(p, s->ingress, "CanaryWithoutMain", s->field,
			      "a canary's default backend is for hosts that no Ingress names, as "
			      "with ingress-nginx, and no main Ingress has a backend there: give "
			      "one spec.defaultBackend without rules, or a rule without a host; "
			      "the canary's default backend is not served");
	else
		nginx_warning(p, s->ingress, "CanaryWithoutMain", s->field,
			      "host %s has no main Ingress with path %s, so the canary is not "
			      "served",
			      p->host, path->text);
}

static void attach(struct nginx_plan *p, const struct nginx_source *s,
		   const struct nginx_source *main)
{
	const char *key =
		nginx_upstream_key(p->a, main->ingress->namespace, main->backend->service);
	const char *own = nginx_upstream_key(p->a, s->ingress->namespace, s->backend->service);

	for (size_t i = 0; i < p->n_canaries; i++) {
		if (strcmp(p->canaries[i].main, key) != 0)
			continue;
		if (p->canaries[i].ingress != s->ingress)
			nginx_warning(p, s->ingress, "CanaryConflict", s->field,
				      "the older canary %s is served instead",
				      p->canaries[i].ingress->key);
		return;
	}
	if (strcmp(key, own) == 0)
		return;
	p->canaries[p->n_canaries++] =
		(struct nginx_canary){ s->ingress, s->backend, s->field, key };
}

void nginx_canary_add(struct nginx_plan *p, const struct nginx_path *path)
{
	const struct nginx_source *s = path->of;
	bool found = false;

	for (size_t i = 0; has_service(s) && i < p->n_paths; i++) {
		if (!is_main_of(&p->paths[i], path))
			continue;
		attach(p, s, p->paths[i].of);
		found = true;
		if (!s->implicit)
			break;
	}
	if (!found)
		report_alone(p, path);
}
