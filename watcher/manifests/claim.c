/* Decides which file defines an object, and keeps the notes on it. Used by the watcher's
 * manifests source. */
#include <assert.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/hashmap.h"
#include "common/base/log.h"
#include "common/base/small.h"
#include "common/base/text.h"
#include "common/decode/object-kind.h"
#include "watcher/manifests/claim.h"

#define NOTE_PROBLEMS_MAX 32

struct claims {
	struct store *store;
	struct status_log *log;
	struct hashmap lines[OBJECT_KIND_MAX_]; /* of the first claim of each object, by key */
	struct arena *arena;
	size_t conflicts;
	bool settled;
};

static const void *claim_key(const void *entry, size_t *ret_len)
{
	const struct claim *c = entry;

	*ret_len = c->item->key_len;
	return item_key(c->item);
}

struct claims *claims_new(struct store *store, struct status_log *log)
{
	struct claims *c = xnew(struct claims, 1);

	c->store = store;
	c->log = log;
	c->arena = arena_new(4096);
	for (size_t k = 0; k < ARRAY_SIZE(c->lines); k++)
		c->lines[k] = HASHMAP_INIT_SMALL(claim_key);
	return c;
}

static void claim_free(struct claim *c)
{
	claim_clear_problems(c);
	item_unref(c->item);
	small_free(c, sizeof(*c));
}

void claims_free(struct claims *c)
{
	struct claim *first, *next;

	if (!c)
		return;
	for (size_t k = 0; k < ARRAY_SIZE(c->lines); k++) {
		HASHMAP_FOREACH (&c->lines[k], first) {
			for (struct claim *claim = first; claim; claim = next) {
				next = claim->next;
				claim_free(claim);
			}
		}
		hashmap_done(&c->lines[k]);
	}
	arena_free(c->arena);
	free(c);
}

void claims_settled(struct claims *c)
{
	c->settled = true;
}

size_t claims_conflicts(const struct claims *c)
{
	return c->conflicts;
}

/* ---- problems ---- */

void claim_clear_problems(struct claim *c)
{
	struct claim_problem *next;

	for (struct claim_problem *p = TAKE_PTR(c->problems); p; p = next) {
		next = p->next;
		free(p->reason);
		free(p->field);
		free(p->message);
		free(p);
	}
}

void claim_add_problem(struct claim *c, bool error, const char *reason, const char *field,
		       char *message, uint32_t line)
{
	struct claim_problem **end = &c->problems, *p = xnew(struct claim_problem, 1);

	*p = (struct claim_problem){ NULL, error, xstrdup(reason), text_of(field), text_of(message),
				     line };
	while (*end)
		end = &(*end)->next;
	*end = p;
	free(message);
}

/* ---- the order of claims ---- */

/* 0: can be served; larger: only if no better claim exists. */
static int rank(const struct claim *c)
{
	return !c->served ? 2 : c->gone ? 1 : 0;
}

static bool before(const struct claims *all, const struct claim *first, const struct claim *a,
		   const struct claim *b)
{
	int r;

	if (rank(a) != rank(b))
		return rank(a) < rank(b);
	if (all->settled && rank(a) < 2 && (a == first || b == first))
		return a == first;
	r = strcmp(a->path, b->path);
	return r != 0 ? r < 0 : a->place < b->place;
}

static struct claim *sort(const struct claims *all, struct claim *line)
{
	struct claim *sorted = NULL, *first = line, *next;

	for (struct claim *c = line; c; c = next) {
		struct claim **at = &sorted;

		next = c->next;
		while (*at && before(all, first, *at, c))
			at = &(*at)->next;
		c->next = *at;
		*at = c;
	}
	return sorted;
}

/* ---- notes ---- */

struct note {
	Portolan__Ipc__ObjectStatus status;
	Portolan__Ipc__Problem *problems[NOTE_PROBLEMS_MAX];
	struct arena *arena;
};

static void note_add(struct note *n, Portolan__Ipc__Severity severity, const char *reason,
		     const char *field, const char *message)
{
	Portolan__Ipc__Problem *p;

	if (n->status.n_problems == NOTE_PROBLEMS_MAX)
		return;
	p = arena_new_of(n->arena, Portolan__Ipc__Problem, 1);
	portolan__ipc__problem__init(p);
	p->has_severity = 1;
	p->severity = severity;
	p->reason = (char *)reason;
	p->field = *field ? (char *)field : NULL;
	p->message = (char *)message;
	n->problems[n->status.n_problems++] = p;
}

static bool is_conflict(const struct claim *first, const struct claim *c)
{
	return c != first && rank(first) == 0 && rank(c) == 0;
}

static void note_claim(struct note *n, const struct claim *first, const struct claim *c)
{
	for (const struct claim_problem *p = c->problems; p; p = p->next)
		note_add(n,
			 p->error ? PORTOLAN__IPC__SEVERITY__SEVERITY_ERROR
				  : PORTOLAN__IPC__SEVERITY__SEVERITY_WARNING,
			 p->reason, p->field, p->message);
	if (c->kept)
		note_add(n, PORTOLAN__IPC__SEVERITY__SEVERITY_ERROR, "Kept", "",
			 arena_printf(n->arena,
				      "the last good version stays in use until %s can be read",
				      c->path));
	if (is_conflict(first, c))
		note_add(n, PORTOLAN__IPC__SEVERITY__SEVERITY_ERROR, "Conflict", "",
			 arena_printf(n->arena,
				      "defined twice, in %s:%u and in %s:%u: the first is used, "
				      "remove one of them",
				      first->path, first->line, c->path, c->line));
}

static void write_note(struct claims *all, const struct claim *line)
{
	struct note n = { .status = PORTOLAN__IPC__OBJECT_STATUS__INIT, .arena = all->arena };
	const struct item *i = line->item;

	/* Most objects: one claim, no message. */
	if (!line->next && !line->problems && !line->kept) {
		store_note(all->store, i->kind, item_key(i), i->key_len, NULL);
		return;
	}
	arena_reset(all->arena);
	n.status.problems = n.problems;
	for (const struct claim *c = line; c; c = c->next)
		note_claim(&n, line, c);
	n.status.has_verdict = 1;
	n.status.verdict = !line->served ? PORTOLAN__IPC__VERDICT__VERDICT_REJECTED
			   : line->kept  ? PORTOLAN__IPC__VERDICT__VERDICT_PARTIAL
					 : PORTOLAN__IPC__VERDICT__VERDICT_ACCEPTED;
	n.status.origin = arena_printf(all->arena, "%s:%u", line->path, line->line);
	store_note(all->store, i->kind, item_key(i), i->key_len, &n.status);
}

static void say_conflict(struct status_log *log, const struct claim *first, const struct claim *c)
{
	_cleanup_free_ char *origin = xasprintf("%s:%u", c->path, c->line);

	if (!status_log_pass(log))
		return;
	log_with(
		LOG_WARNING,
		FIELDS({ "kind", object_kind(c->item->kind)->kind },
		       { "object", item_key(c->item) }, { "origin", origin }),
		"%s %s is defined twice, in %s:%u and in %s: the first is used, remove one of them",
		object_kind(c->item->kind)->kind, item_key(c->item), first->path, first->line,
		origin);
}

static void count_conflicts(struct claims *all, struct claim *line)
{
	for (struct claim *c = line; c; c = c->next) {
		bool now = is_conflict(line, c);

		if (now && !c->conflict)
			say_conflict(all->log, line, c);
		all->conflicts += (size_t)now - (size_t)c->conflict;
		c->conflict = now;
	}
}

/* ---- settling ---- */

/* "web.yaml:14: spec.ports[0].port: must be a number" */
static char *refusal_text(const struct claim *c, const struct claim_problem *p)
{
	_cleanup_free_ char *place = xasprintf(" (%s, document ", c->path),
			    *path = text_of(c->path);
	const char *end = strstr(p->message, place);
	size_t n = end ? (size_t)(end - p->message) : strlen(p->message);

	return xasprintf("%s:%u: %s%s%.*s", path, p->line ? p->line : c->line, p->field,
			 *p->field ? ": " : "", (int)n, p->message);
}

/* An object that refers to an unreadable one gets that message, not that it is missing. */
static void settle_refusal(struct claims *all, const struct claim *c)
{
	const struct item *i = c->item;
	_cleanup_free_ char *key = xasprintf("%u %s", i->kind, item_key(i)), *text = NULL;

	for (const struct claim_problem *p = c->problems; p && !c->served && !text; p = p->next)
		if (p->error)
			text = refusal_text(c, p);
	if (text)
		store_put(all->store, item_new(OBJECT_REFUSED, key, strlen(key), item_meta(i),
					       i->meta_len, text, strlen(text)));
	else
		store_remove(all->store, OBJECT_REFUSED, key, strlen(key));
}

static void forget_refusal(struct claims *all, const struct item *i)
{
	_cleanup_free_ char *key = xasprintf("%u %s", i->kind, item_key(i));

	store_remove(all->store, OBJECT_REFUSED, key, strlen(key));
}

/* line: the object's claims after a change, or NULL if no claim is left. */
static void settle(struct claims *all, struct claim *line)
{
	const struct item *i;

	/* The table holds the first claim as its entry: a new first takes its place. */
	line = sort(all, line);
	i = line->item;
	(void)hashmap_put(&all->lines[i->kind], line);
	if (line->served)
		store_put(all->store, item_ref(line->item));
	else
		store_remove(all->store, i->kind, item_key(i), i->key_len);
	settle_refusal(all, line);
	count_conflicts(all, line);
	write_note(all, line);
}

static struct claim *line_of(struct claims *all, const struct item *i)
{
	return hashmap_get(&all->lines[i->kind], item_key(i), i->key_len);
}

struct claim *claims_find(struct claims *all, const char *path, unsigned kind, const char *key,
			  size_t key_len)
{
	struct claim *c;

	assert(kind < OBJECT_KIND_MAX_);
	c = hashmap_get(&all->lines[kind], key, key_len);
	while (c && c->path != path)
		c = c->next;
	return c;
}

void claims_add(struct claims *all, struct claim *claim)
{
	struct claim *line = line_of(all, claim->item), **end = &line;

	claim->next = NULL;
	while (*end)
		end = &(*end)->next;
	*end = claim;
	settle(all, line);
}

void claims_update(struct claims *all, struct claim *claim)
{
	settle(all, line_of(all, claim->item));
}

void claims_remove(struct claims *all, struct claim *claim)
{
	struct item *i = claim->item;
	struct claim *line = hashmap_remove(&all->lines[i->kind], item_key(i), i->key_len);
	struct claim **at = &line;

	while (*at != claim)
		at = &(*at)->next;
	*at = claim->next;
	all->conflicts -= claim->conflict;
	if (line) {
		settle(all, line);
	} else {
		forget_refusal(all, i);
		store_remove(all->store, i->kind, item_key(i), i->key_len);
		store_note(all->store, i->kind, item_key(i), i->key_len, NULL);
	}
	claim_free(claim);
}
