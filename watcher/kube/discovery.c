/* Which optional kinds the API serves. Used by the watcher. */
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/decode/object-kind.h"
#include "watcher/kube/discovery.h"
#include "watcher/kube/kube-message.h"

#define REQUEST_USEC   (15 * USEC_PER_SEC)
#define SOON_USEC      (USEC_PER_SEC)
#define RETRY_MIN_USEC (200 * USEC_PER_MSEC)
#define RETRY_MAX_USEC (30 * USEC_PER_SEC)
/* A version is asked about if a kind of ours has it, so these are enough. */
#define VERSIONS_MAX 8

/* The groups of optional kinds, and how often we ask about them while one is missing. A custom
 * resource can appear at any time; a built-in kind appears only with another API server. */
static const struct group_row {
	const char *name;
	int64_t again_usec;
} rows[] = {
	{ "gateway.networking.k8s.io", 10 * USEC_PER_SEC },
	{ "gateway.networking.x-k8s.io", 10 * USEC_PER_SEC },
	{ "projectcontour.io", 10 * USEC_PER_SEC },
	{ "certificates.k8s.io", 300 * USEC_PER_SEC },
};

struct group {
	const struct group_row *row;
	struct discovery *discovery;
	struct http_call *call;
	struct event *timer;
	const char *versions[VERSIONS_MAX]; /* served ones that we can use; static */
	size_t n_versions, asked;           /* the number asked about so far */
	int64_t backoff_usec;
	char problem[512];
};

struct discovery {
	struct http *http;
	discovery_fn fn;
	void *ctx;
	struct arena *arena;
	struct group groups[ARRAY_SIZE(rows)];
	struct known {
		bool said;
		const char *version; /* the version logged last */
		const char *found;   /* in the answers so far */
	} known[OBJECT_KIND_MAX_];
};

static bool is_in(const struct group *g, unsigned kind)
{
	const struct object_kind_row *row = object_kind(kind);

	return row && row->optional && strcmp(row->group, g->row->name) == 0;
}

static void ask(struct group *g);

static void ask_after(struct group *g, int64_t usec)
{
	event_loop_arm(g->timer, usec);
}

/* ---- the result ---- */

static void say(struct group *g, unsigned kind, const char *version)
{
	struct discovery *d = g->discovery;
	struct known *k = &d->known[kind];

	if (k->said && k->version == version)
		return;
	if (k->said)
		log_info("%s: the API server has %s%s", object_kind(kind)->kind,
			 version ? "it now, at version " : "it no more", version ? version : "");
	k->said = true;
	k->version = version;
	d->fn(d->ctx, kind, version);
}

static void conclude(struct group *g)
{
	bool missing = false;

	g->problem[0] = '\0';
	g->backoff_usec = 0;
	for (unsigned k = 1; k < OBJECT_KIND_MAX_; k++)
		if (is_in(g, k)) {
			missing |= !g->discovery->known[k].found;
			say(g, k, g->discovery->known[k].found);
		}
	if (missing)
		ask_after(g, g->row->again_usec);
}

/* Without permission the server does not list its versions. Tries the newest one; the reflector
 * finds out if it is absent. */
static void assume(struct group *g)
{
	g->backoff_usec = 0;
	for (unsigned k = 1; k < OBJECT_KIND_MAX_; k++)
		if (is_in(g, k))
			say(g, k, object_kind(k)->version);
}

/* ---- answers ---- */

static struct json_object *list_of(struct json_object *o, const char *key)
{
	struct json_object *list;

	return o && json_object_object_get_ex(o, key, &list) &&
			       json_object_is_type(list, json_type_array)
		       ? list
		       : NULL;
}

static const char *text_of(struct json_object *o, const char *key)
{
	struct json_object *text;

	return json_object_is_type(o, json_type_object) &&
			       json_object_object_get_ex(o, key, &text) &&
			       json_object_is_type(text, json_type_string)
		       ? json_object_get_string(text)
		       : "";
}

/* The version as our tables have it, if one of our kinds can be read at it. */
static const char *use_of(const struct group *g, const char *version)
{
	for (unsigned k = 1; k < OBJECT_KIND_MAX_; k++)
		if (is_in(g, k) && object_kind_has_version(object_kind(k), version))
			return object_kind_version(object_kind(k), version);
	return NULL;
}

static void take_versions(struct group *g, struct json_object *answer)
{
	struct json_object *list = list_of(answer, "versions");

	g->n_versions = g->asked = 0;
	for (size_t i = 0; list && i < json_object_array_length(list); i++) {
		const char *version =
			use_of(g, text_of(json_object_array_get_idx(list, i), "version"));

		if (version && g->n_versions < VERSIONS_MAX)
			g->versions[g->n_versions++] = version;
	}
}

static bool is_listed(struct json_object *list, const char *plural)
{
	for (size_t i = 0; list && i < json_object_array_length(list); i++)
		if (strcmp(text_of(json_object_array_get_idx(list, i), "name"), plural) == 0)
			return true;
	return false;
}

static void take_resources(struct group *g, const char *version, struct json_object *answer)
{
	struct json_object *list = list_of(answer, "resources");

	for (unsigned k = 1; k < OBJECT_KIND_MAX_; k++) {
		const struct object_kind_row *row = object_kind(k);
		const char **found = &g->discovery->known[k].found, *ours;

		if (!is_in(g, k) || !object_kind_has_version(row, version) ||
		    !is_listed(list, row->plural))
			continue;
		ours = object_kind_version(row, version);
		if (!*found || object_kind_prefers(row, ours, *found))
			*found = ours;
	}
}

static void fail(struct group *g, const char *why, int64_t at_least)
{
	(void)snprintf(g->problem, sizeof(g->problem), "%s", why);
	g->backoff_usec = g->backoff_usec ? MIN(g->backoff_usec * 2, RETRY_MAX_USEC)
					  : RETRY_MIN_USEC;
	ask_after(g, MAX(g->backoff_usec, at_least));
}

static void on_refusal(struct group *g, const struct http_result *r)
{
	struct kube_status s;

	arena_reset(g->discovery->arena);
	kube_result_status(g->discovery->arena, r, &s);
	if (s.code == 404) /* the group, or a version that has just gone */
		conclude(g);
	else if (s.code == 403)
		assume(g);
	else
		fail(g, s.message, s.retry_after_usec);
}

static void on_done(void *ctx, const struct http_result *r)
{
	struct group *g = ctx;
	struct json_object *answer;

	g->call = NULL;
	if (r->error < 0) {
		fail(g, r->message, 0);
		return;
	}
	if (r->status >= 300) {
		on_refusal(g, r);
		return;
	}
	if (kube_json_parse((const uint8_t *)r->body, r->body_len, &answer) < 0) {
		fail(g, "the API server's list of versions cannot be read", 0);
		return;
	}
	if (!g->n_versions)
		take_versions(g, answer);
	else
		take_resources(g, g->versions[g->asked++], answer);
	json_object_put(answer);
	if (g->asked < g->n_versions)
		ask(g);
	else
		conclude(g);
}

/* ---- questions ---- */

static void ask(struct group *g)
{
	_cleanup_free_ char *path =
		g->n_versions ? xasprintf("/apis/%s/%s", g->row->name, g->versions[g->asked])
			      : xasprintf("/apis/%s", g->row->name);
	struct http_request request = { .method = "GET",
					.path = path,
					.accept = "application/json",
					.total_usec = REQUEST_USEC,
					.done = on_done,
					.ctx = g };

	g->call = http_send(g->discovery->http, &request);
}

static void on_timer(evutil_socket_t fd _unused_, short what _unused_, void *ctx)
{
	struct group *g = ctx;

	if (g->call)
		return;
	g->n_versions = g->asked = 0;
	for (unsigned k = 1; k < OBJECT_KIND_MAX_; k++)
		if (is_in(g, k))
			g->discovery->known[k].found = NULL;
	ask(g);
}

static struct group *group_of(const struct discovery *d, unsigned kind)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (is_in(&d->groups[i], kind))
			return (struct group *)&d->groups[i];
	return NULL;
}

void discovery_ask(struct discovery *d, unsigned kind)
{
	struct group *g = group_of(d, kind);

	if (g && !g->call)
		ask_after(g, SOON_USEC);
}

void discovery_hurry(struct discovery *d)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (d->groups[i].problem[0] && !d->groups[i].call)
			ask_after(&d->groups[i], 0);
}

const char *discovery_problem(const struct discovery *d, unsigned kind)
{
	const struct group *g = group_of(d, kind);

	if (!g || d->known[kind].said)
		return NULL;
	return g->problem[0] ? g->problem : "asking whether the API server has it";
}

struct discovery *discovery_new(struct event_loop *loop, struct http *http, discovery_fn fn,
				void *ctx)
{
	struct discovery *d = xnew(struct discovery, 1);

	d->http = http;
	d->fn = fn;
	d->ctx = ctx;
	d->arena = arena_new(4096);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct group *g = &d->groups[i];

		g->row = &rows[i];
		g->discovery = d;
		g->timer = event_loop_timer(loop, on_timer, g);
		ask_after(g, 0);
	}
	return d;
}

void discovery_free(struct discovery *d)
{
	if (!d)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (d->groups[i].call)
			http_cancel(d->groups[i].call);
		event_free(d->groups[i].timer);
	}
	arena_free(d->arena);
	free(d);
}
