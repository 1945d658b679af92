/* The run of a snippet: outcomes that split at each condition. */
#include <string.h>

#include "common/base/strbuf.h"
#include "translator/nginx/nginx-config.h"
#include "translator/nginx/nginx-program.h"
#include "translator/nginx/nginx-variable.h"

void nginx_program_start(struct nginx_program *g, struct nginx_plan *p,
			 const struct nginx_source *s, bool server)
{
	*g = (struct nginx_program){ .p = p, .s = s, .server = server };
	g->all[g->n] = arena_new_of(p->a, struct nginx_outcome, 1);
	g->all[g->n++]->type = p->server.type;
}

bool nginx_program_refuse(struct nginx_program *g, const struct nginx_directive *d, const char *why)
{
	if (!g->why)
		g->why = arena_printf(g->p->a, "line %u: \"%s\" %s", d->line, d->words[0], why);
	return false;
}

/* ---- texts ---- */

static const char *value_of(const struct nginx_outcome *o, const char *name)
{
	for (size_t i = 0; i < o->n_sets; i++)
		if (strcmp(o->sets[i].name, name) == 0)
			return o->sets[i].text;
	return NULL;
}

const char *nginx_program_substitute(struct nginx_program *g, const struct nginx_outcome *o,
				     const char *text)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;

	while (*text) {
		const char *name = NULL, *value = NULL;
		const char *rest = *text == '$' ? nginx_variable_scan(g->p->a, text, &name) : NULL;

		value = rest ? value_of(o, name) : NULL;
		if (value) {
			strbuf_puts(&b, value);
			text = rest;
		} else {
			strbuf_putc(&b, *text++);
		}
	}
	return arena_strdup(g->p->a, strbuf_str(&b));
}

const char *nginx_program_format(struct nginx_program *g, const struct nginx_outcome *o,
				 const char *text)
{
	return nginx_variable_format(g->p, g->s, nginx_program_substitute(g, o, text));
}

const char *nginx_program_plain(struct nginx_program *g, const struct nginx_outcome *o,
				const char *text)
{
	return nginx_variable_plain(g->p, g->s, nginx_program_substitute(g, o, text));
}

/* ---- outcomes ---- */

uint32_t nginx_outcome_status(const struct nginx_outcome *o)
{
	if (o->kind == NGINX_REDIRECTED)
		return o->redirect.status;
	return o->kind == NGINX_ANSWERED ? o->status : 0;
}

static struct value_match *with(struct arena *a, const struct value_match *all, size_t n,
				const struct value_match *one)
{
	struct value_match *more = arena_new_of(a, struct value_match, n + 1);

	if (n)
		memcpy(more, all, n * sizeof(*more));
	more[n] = *one;
	return more;
}

struct nginx_outcome *nginx_program_split(struct nginx_program *g, struct nginx_outcome *o,
					  const struct value_match *m)
{
	struct nginx_outcome *copy;
	size_t at = 0;

	if (g->n == NGINX_OUTCOMES_MAX)
		return NULL;
	copy = arena_memdup(g->p->a, o, sizeof(*o));
	copy->headers = with(g->p->a, o->headers, copy->n_headers++, m);
	while (g->all[at] != o)
		at++;
	memmove(g->all + at + 1, g->all + at, (g->n - at) * sizeof(g->all[0]));
	g->all[at] = copy;
	g->n++;
	return copy;
}

/* ---- set ---- */

static bool names(const char *text, const char *name)
{
	return text && strstr(text, name);
}

/* Whether another text, which nginx runs before this one, may give the variable a value. */
static bool is_set_elsewhere(struct nginx_plan *p, bool server, const char *name)
{
	/* Of nginx, and of what ingress-nginx writes. */
	static const char *const others[] = { "args",      "limit_rate", "proxy_",  "auth",
					      "balancer_", "cookie",     "global_", "cors",
					      "pass",      "redirect_",  "target" };

	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		if (strncmp(name, others[i], strlen(others[i])) == 0)
			return true;
	for (size_t i = 0; !server && i < p->n_mains; i++)
		if (names(nginx_own_text(p->mains[i], "server-snippet"), name))
			return true;
	return names(nginx_config_text(p->r, "http-snippet"), name) ||
	       names(nginx_config_text(p->r, "server-snippet"), name);
}

/* To nginx a variable is empty until its set is run. */
static void clear_variables(struct nginx_program *g, const struct nginx_directives *d, size_t from,
			    size_t to)
{
	for (size_t i = from; i < to; i++) {
		const char *name = d->all[i].n == 3 ? d->all[i].words[1] : "";

		if (strcmp(d->all[i].words[0], "set") != 0 || *name != '$' || !name[1] ||
		    is_set_elsewhere(g->p, g->server, name + 1))
			continue;
		for (size_t k = 0; k < g->n; k++) {
			struct nginx_outcome *o = g->all[k];

			if (o->n_sets < NGINX_SET_MAX && !nginx_program_format(g, o, name))
				o->sets[o->n_sets++] = (struct nginx_set){ name + 1, "" };
		}
	}
}

/* ---- if ---- */

/* "(", "$a", "=", "b)" or any other way to write them, without the parentheses. */
static size_t strip(struct arena *a, const struct nginx_directive *d, const char **ret)
{
	size_t n = 0;

	for (size_t i = 1; i < d->n; i++) {
		const char *word = d->words[i];
		size_t len = strlen(word);

		if (i == 1 && *word == '(') {
			word++;
			len--;
		}
		if (i == d->n - 1 && len && word[len - 1] == ')')
			len--;
		/* An empty text in quotes is a word, too. */
		if (len || (i > 1 && i < d->n - 1))
			ret[n++] = arena_strndup(a, word, len);
	}
	return n;
}

static bool is_access(const struct nginx_directive *d)
{
	return strcmp(d->words[0], "allow") == 0 || strcmp(d->words[0], "deny") == 0;
}

/* Its other directives count if it is the last that is entered. */
static bool run_body(struct nginx_program *g, struct nginx_outcome *o,
		     const struct nginx_directives *d, size_t from, size_t to)
{
	o->inner = &d->all[from];
	o->n_inner = to - from;
	for (size_t i = from; i < to; i++) {
		if (d->all[i].block || is_access(&d->all[i]) ||
		    nginx_directive_phase(&d->all[i]) == NGINX_FIND)
			return nginx_program_refuse(g, &d->all[i], "in an if is not translated");
		if (nginx_directive_phase(&d->all[i]) == NGINX_REWRITE &&
		    !nginx_directive_run(g, o, &d->all[i]))
			return false;
	}
	return true;
}

static bool run_if_in(struct nginx_program *g, struct nginx_outcome *o,
		      const struct nginx_directives *d, size_t at, size_t end)
{
	const char *words[NGINX_WORDS_MAX];
	size_t n = strip(g->p->a, &d->all[at], words);
	struct value_match m = { 0 };
	struct nginx_outcome *copy;
	bool swap = false;

	switch (nginx_condition_read(g, o, words, n, &m, &swap)) {
	case NGINX_FALSE:
		return true;
	case NGINX_TRUE:
		return run_body(g, o, d, at + 1, end);
	case NGINX_DEPENDS:
		/* No route of a server's forwards: what is not met must not need one. */
		if (swap && g->server) {
			m.invert = true;
			swap = false;
		}
		copy = nginx_program_split(g, o, &m);
		if (!copy)
			return nginx_program_refuse(g, &d->all[at], "is one condition too many");
		return run_body(g, swap ? o : copy, d, at + 1, end);
	default:
		return nginx_program_refuse(g, &d->all[at],
					    "has a condition that is not translated");
	}
}

static bool run_if(struct nginx_program *g, const struct nginx_directives *d, size_t at, size_t end)
{
	struct nginx_outcome *before[NGINX_OUTCOMES_MAX];
	size_t n = g->n;

	memcpy(before, g->all, n * sizeof(before[0]));
	for (size_t i = 0; i < n; i++)
		if (before[i]->kind == NGINX_FORWARDED && !before[i]->stopped &&
		    !run_if_in(g, before[i], d, at, end))
			return false;
	return true;
}

/* ---- all ---- */

size_t nginx_program_end(const struct nginx_directives *d, size_t at)
{
	size_t end = at + 1;

	while (end < d->n && d->all[end].depth > d->all[at].depth)
		end++;
	return end;
}

/* An if, too, is one of the rewrite module. */
static bool is_last(const struct nginx_directives *d, size_t at, size_t to)
{
	for (size_t i = at + 1; i < to; i++)
		if (d->all[i].block || nginx_directive_phase(&d->all[i]) == NGINX_REWRITE)
			return false;
	return true;
}

static bool run_find(struct nginx_program *g, const struct nginx_directives *d, size_t from,
		     size_t to)
{
	for (size_t i = from; i < to; i = nginx_program_end(d, i))
		for (size_t k = 0; k < g->n; k++)
			if (!d->all[i].block && nginx_directive_phase(&d->all[i]) == NGINX_FIND &&
			    !nginx_directive_run(g, g->all[k], &d->all[i]))
				return false;
	return true;
}

static bool run_rewrite(struct nginx_program *g, const struct nginx_directives *d, size_t from,
			size_t to, unsigned depth)
{
	for (size_t i = from; i < to; i = nginx_program_end(d, i)) {
		const struct nginx_directive *one = &d->all[i];
		struct nginx_outcome *before[NGINX_OUTCOMES_MAX];
		size_t n = g->n;

		if (one->depth != depth)
			return nginx_program_refuse(g, one, "is not translated here");
		if (one->block && strcmp(one->words[0], "if") != 0)
			return nginx_program_refuse(g, one, "is not translated");
		if (one->block && !run_if(g, d, i, nginx_program_end(d, i)))
			return false;
		if (one->block || nginx_directive_phase(one) != NGINX_REWRITE)
			continue;
		memcpy(before, g->all, n * sizeof(before[0]));
		g->last = !g->followed && is_last(d, i, to);
		for (size_t k = 0; k < n; k++)
			if (before[k]->kind == NGINX_FORWARDED &&
			    !nginx_directive_run(g, before[k], one))
				return false;
		g->last = false;
	}
	return true;
}

static bool adds(const struct nginx_directive *d)
{
	return strcmp(d->words[0], "add_header") == 0;
}

/* An if with a line of add_header has none of those around it. */
static bool is_cut(const struct nginx_outcome *o, const struct nginx_directive *d)
{
	for (size_t i = 0; adds(d) && i < o->n_inner; i++)
		if (adds(&o->inner[i]))
			return true;
	return false;
}

/* Known now; Envoy would say 0 of what it answers by itself. */
static void set_status(struct nginx_program *g, struct nginx_outcome *o)
{
	uint32_t status = nginx_outcome_status(o);

	if (status && o->n_sets < NGINX_SET_MAX)
		o->sets[o->n_sets++] =
			(struct nginx_set){ "status", arena_printf(g->p->a, "%u", status) };
}

static bool run_later(struct nginx_program *g, struct nginx_outcome *o,
		      const struct nginx_directive *d)
{
	enum nginx_phase phase = nginx_directive_phase(d);

	/* An answer of nginx's own passes nothing but the filters of answers. */
	return phase < NGINX_PROXY || (o->kind != NGINX_FORWARDED && phase != NGINX_FILTER) ||
	       nginx_directive_run(g, o, d);
}

/* Where a directive is between those of the rewrite module does not matter to nginx. */
static bool run_others(struct nginx_program *g, const struct nginx_directives *d, size_t from,
		       size_t to)
{
	for (size_t k = 0; k < g->n; k++)
		set_status(g, g->all[k]);
	for (size_t i = from; i < to; i = nginx_program_end(d, i))
		for (size_t k = 0; !d->all[i].block && k < g->n; k++)
			if (!is_cut(g->all[k], &d->all[i]) && !run_later(g, g->all[k], &d->all[i]))
				return false;
	for (size_t k = 0; k < g->n; k++)
		for (size_t i = 0; i < g->all[k]->n_inner; i++)
			if (!run_later(g, g->all[k], &g->all[k]->inner[i]))
				return false;
	return true;
}

bool nginx_program_run(struct nginx_program *g, const struct nginx_directives *d, size_t from,
		       size_t to, unsigned depth)
{
	g->depth = depth;
	clear_variables(g, d, from, to);
	for (size_t k = 0; k < g->n; k++)
		g->all[k]->n_inner = 0;
	return run_find(g, d, from, to) && run_rewrite(g, d, from, to, depth) &&
	       run_others(g, d, from, to);
}

/* ---- what is refused ---- */

#define REFUSALS_MAX 12 /* lines that a message names */

/* An if, or a directive by itself; what came before has set its variables. */
static bool examine(struct nginx_program *g, struct nginx_outcome *o,
		    const struct nginx_directives *d, size_t at, bool in_if)
{
	const struct nginx_directive *one = &d->all[at];

	g->why = NULL;
	g->n = 1;
	g->all[0] = o;
	o->kind = NGINX_FORWARDED;
	o->stopped = false;
	g->depth = one->depth - in_if;
	if (!one->block)
		return nginx_directive_run(g, o, one);
	if (strcmp(one->words[0], "if") == 0 && !in_if)
		return run_if(g, d, at, at + 1);
	return (g->server && one->depth == 0 && strcmp(one->words[0], "location") == 0) ||
	       nginx_program_refuse(g, one,
				    in_if ? "in an if is not translated" : "is not translated");
}

const char *nginx_program_refusals(struct nginx_program *g, const struct nginx_directives *d,
				   const char *first)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	struct nginx_outcome *o = arena_new_of(g->p->a, struct nginx_outcome, 1);
	size_t n = 0, block = 0; /* one behind the if that a directive is in */

	strbuf_puts(&b, first);
	g->n_access = 0;
	g->n = 1;
	g->all[0] = o;
	clear_variables(g, d, 0, d->n);
	for (size_t i = 0; i < d->n; i++) {
		bool in_if = block && d->all[i].depth > d->all[block - 1].depth;

		block = in_if ? block : 0;
		if (!examine(g, o, d, i, in_if) && g->why && !strstr(first, g->why) &&
		    ++n <= REFUSALS_MAX)
			strbuf_printf(&b, "; %s", g->why);
		if (d->all[i].block && !block && strcmp(d->all[i].words[0], "if") == 0)
			block = i + 1;
	}
	if (n > REFUSALS_MAX)
		strbuf_printf(&b, "; and %zu more", n - REFUSALS_MAX);
	return arena_strdup(g->p->a, strbuf_str(&b));
}
