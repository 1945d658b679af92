/* A snippet, run before there are requests: computes the outcome for requests that meet its
 * conditions. */
#pragma once

#include "translator/nginx/nginx-plan.h"
#include "translator/nginx/nginx-tokens.h"

#define NGINX_OUTCOMES_MAX 24
#define NGINX_SET_MAX      16
#define NGINX_ACCESS_MAX   64

struct nginx_set {
	const char *name, *text;
};

enum nginx_outcome_kind {
	NGINX_FORWARDED,
	NGINX_ANSWERED, /* by status, body and location */
	NGINX_REDIRECTED,
};

/* The requests that meet the conditions, and have no earlier outcome. */
struct nginx_outcome {
	struct value_match *headers;
	size_t n_headers;
	struct header_edits request, response;
	struct rewrite rewrite;
	enum nginx_outcome_kind kind;
	uint32_t status;
	bool closed;          /* nginx would close the connection: no page */
	const char *body;     /* or NULL */
	const char *type;     /* of the body; NULL: text/html */
	const char *location; /* a format, or NULL */
	struct redirect redirect;
	struct nginx_set sets[NGINX_SET_MAX];
	size_t n_sets;
	bool stopped; /* by break: directives of the rewrite module are passed over */
	const struct nginx_directive *inner; /* of the last if that was entered */
	size_t n_inner;
};

struct nginx_program {
	struct nginx_plan *p;
	const struct nginx_source *s;
	bool server;    /* it is outside the locations */
	unsigned depth; /* of its directives */
	bool followed;  /* nginx runs more of its rewrite module behind this text */
	bool last;      /* no directive of the rewrite module follows the one that is run */
	struct nginx_outcome *all[NGINX_OUTCOMES_MAX];
	size_t n;
	struct {
		bool allow;
		const char *who;
		const struct nginx_directive *of;
	} access[NGINX_ACCESS_MAX];
	size_t n_access;
	const char *why; /* a sentence, where it was refused */
};

/* ---- nginx-program.c ---- */

void nginx_program_start(struct nginx_program *g, struct nginx_plan *p,
			 const struct nginx_source *s, bool server);
/* Runs the directives from..to of this depth. False with g->why. */
bool nginx_program_run(struct nginx_program *g, const struct nginx_directives *d, size_t from,
		       size_t to, unsigned depth);
/* The first reason and all others, line by line. */
const char *nginx_program_refusals(struct nginx_program *g, const struct nginx_directives *d,
				   const char *first);
/* The place after a block's directives. */
size_t nginx_program_end(const struct nginx_directives *d, size_t at);
/* The text with the variables of `set` filled in, as a format or, if it is the same for all
 * requests, as it is; NULL. */
const char *nginx_program_format(struct nginx_program *g, const struct nginx_outcome *o,
				 const char *text);
const char *nginx_program_plain(struct nginx_program *g, const struct nginx_outcome *o,
				const char *text);
const char *nginx_program_substitute(struct nginx_program *g, const struct nginx_outcome *o,
				     const char *text);
bool nginx_program_refuse(struct nginx_program *g, const struct nginx_directive *d,
			  const char *why);
/* 0: it is forwarded. */
uint32_t nginx_outcome_status(const struct nginx_outcome *o);
/* Inserts before o a copy of it for requests that meet one more condition; NULL: there are too
 * many. */
struct nginx_outcome *nginx_program_split(struct nginx_program *g, struct nginx_outcome *o,
					  const struct value_match *m);

/* ---- nginx-condition.c ---- */

enum nginx_truth {
	NGINX_REFUSED = -1,
	NGINX_FALSE,
	NGINX_TRUE,
	NGINX_DEPENDS, /* on the request */
};

/* words: of an if, without the parentheses. NGINX_DEPENDS: *ret is the condition on a header;
 * it is not inverted. *ret_swap: it holds where the words do not. */
enum nginx_truth nginx_condition_read(struct nginx_program *g, const struct nginx_outcome *o,
				      const char *const *words, size_t n, struct value_match *ret,
				      bool *ret_swap);
/* Whether the path is found by a regular expression (rewrite). */
enum nginx_truth nginx_condition_path(struct nginx_program *g, const char *regex,
				      struct value_match *ret);

/* ---- nginx-directive.c ---- */

enum nginx_phase {
	NGINX_FIND,    /* where nginx chooses the location, before all others */
	NGINX_REWRITE, /* run in their order, until one of them answers */
	NGINX_PROXY,   /* of what is forwarded, where nothing has answered */
	NGINX_FILTER,  /* of every answer, of nginx's own, too */
};

enum nginx_phase nginx_directive_phase(const struct nginx_directive *d);
/* A directive that is not a block. */
bool nginx_directive_run(struct nginx_program *g, struct nginx_outcome *o,
			 const struct nginx_directive *d);
/* Whether it restricts access, so that a path without it must be closed. */
bool nginx_directive_restricts(const struct nginx_directive *d);
/* allow and deny as the model has them; all of the path's outcomes that forward. False: refused. */
bool nginx_directive_access(struct nginx_program *g, const struct address_rules **ret);
