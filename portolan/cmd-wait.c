/* portolan wait: waits until all Envoys have the resources of an object, asking each stage in
 * turn. */
#include <errno.h>
#include <event2/http.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/answer/json-print.h"
#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/go-duration.h"
#include "common/base/options.h"
#include "common/daemon/control-client.h"
#include "common/decode/object-kind.h"
#include "portolan/ask-stages.h"
#include "portolan/commands.h"
#include "portolan/object-report.h"
#include "portolan/question.h"
#include "portolan/running.h"
#include "portolan/wait-report.h"

#define PAGE_USEC  (10 * USEC_PER_SEC)
#define TURN_MSEC  500 /* Envoys may come and go while they are waited for */
#define NAMES_SIZE 256

static const char *arg_runtime_dir, *arg_timeout = "30s", *arg_generation, *arg_output;
static bool arg_all;

static const struct option_row options[] = {
	{ "all", 'a', OPTION_FLAG, &arg_all, NULL, "for all objects as they are now" },
	{ "generation", 0, OPTION_STRING, &arg_generation, "N",
	  "the object's metadata.generation that is meant, or a later one (default: the present)" },
	{ "timeout", 0, OPTION_STRING, &arg_timeout, "TIME",
	  "how long to wait: 500ms, 30s, 2m; 0: not at all (default: 30s)" },
	{ "output", 'o', OPTION_STRING, &arg_output, "FORMAT", "text or json (default: text)" },
	{ "runtime-dir", 0, OPTION_STRING, &arg_runtime_dir, "DIR", RUNNING_HELP },
	{ 0 },
};

struct waiting {
	char *dir;
	int64_t deadline;
	const struct object_kind_row *kind;
	char *namespace, *name, *subject; /* "Ingress default/web", or "all objects" */
	int64_t generation;               /* asked for; 0: any */
	uint64_t world;                   /* the world that contains the object */
	struct wait_report report;
};

/* ---- asking ---- */

static int64_t left(const struct waiting *w)
{
	return MAX(w->deadline - clock_monotonic(), (int64_t)0);
}

/* The answer's JSON; NULL, with a sentence printed, if there is no answer. *ret_http: its
 * status. */
static struct json_object *ask(const struct waiting *w, const char *stage, const char *target,
			       int *ret_http)
{
	struct stage_question q = { .stage = stage, .target = target };
	struct json_object *answer = NULL;

	ask_stages(w->dir, &q, 1, left(w) + PAGE_USEC);
	*ret_http = q.status;
	if (q.error)
		(void)fprintf(stderr, "portolan wait: the %s %s (in %s)\n", stage,
			      control_error(q.error), w->dir);
	else
		answer = json_tokener_parse(strbuf_str(&q.body));
	if (!q.error && !answer)
		(void)fprintf(stderr, "portolan wait: the %s gave no answer\n", stage);
	stage_question_done(&q);
	return answer;
}

/* Until the stage has got to the world: 1; 0: not in time; negative: no answer. */
static int wait_page(struct waiting *w, const char *stage, const char *page, uint64_t world)
{
	_cleanup_free_ char *target = NULL;
	struct json_object *answer;
	int http;

	do {
		int64_t msec = MIN(left(w) / USEC_PER_MSEC, (int64_t)60000);

		free(target);
		target = xasprintf("%s?source=%" PRIu64 "&timeout_ms=%" PRId64, page, world,
				   MAX(msec, (int64_t)1));
		answer = ask(w, stage, target, &http);
		if (!answer)
			return -EIO;
		json_object_put(answer);
	} while (http != 200 && left(w) > 0);
	return http == 200;
}

static int wait_world(struct waiting *w, const char *stage, uint64_t world)
{
	return wait_page(w, stage, "/debug/wait", world);
}

/* Waits until the translator has the world and its verdicts are back at the watcher. */
static int wait_translated(struct waiting *w)
{
	int r = wait_world(w, "translator", w->world);

	return r <= 0 ? r : wait_page(w, "watcher", "/debug/statuses/wait", w->world);
}

static char *object_query(const struct waiting *w)
{
	_cleanup_strbuf_ struct strbuf q = STRBUF_INIT;

	question_add(&q, "kind", w->kind->kind);
	if (w->kind->namespaced)
		question_add(&q, "namespace", w->namespace);
	question_add(&q, "name", w->name);
	return strbuf_take(&q);
}

/* ---- the watcher: is it seen ---- */

/* Has the watcher read all changes, and takes its world. 1: that world contains them all. */
static int take_world(struct waiting *w)
{
	struct json_object *sync;
	bool pending;
	int http;

	sync = ask(w, "watcher", "/debug/sync", &http);
	if (!sync)
		return -EIO;
	w->world = (uint64_t)json_number(sync, "source");
	pending = http != 200 || json_object_get_boolean(json_member(sync, "pending"));
	json_object_put(sync);
	return !pending;
}

static bool is_it(const struct waiting *w, struct json_object *list, int64_t *ret_generation)
{
	struct json_object *o = json_length(list) ? json_object_array_get_idx(list, 0) : NULL;

	*ret_generation = json_number(o, "generation");
	return o && (!w->generation || *ret_generation >= w->generation);
}

/* 1: the object is in world w->world. 0: not in time. */
static int wait_seen(struct waiting *w)
{
	_cleanup_free_ char *query = object_query(w);
	_cleanup_free_ char *target = xasprintf("/debug/objects?%s", query);

	for (;;) {
		struct json_object *list;
		int http, r = take_world(w), more;
		bool found;

		if (r < 0)
			return r;
		list = ask(w, "watcher", target, &http);
		if (!list)
			return -EIO;
		found = is_it(w, list, &w->report.generation);
		w->report.seen = json_length(list) > 0;
		json_object_put(list);
		/* No later version will have one. */
		if (w->report.seen && w->generation && !w->report.generation)
			return 0;
		/* It may have come after the request for the world. */
		if (found)
			r = take_world(w);
		if (r < 0 || (found && r))
			return r;
		more = wait_world(w, "watcher", w->world + 1);
		if (more < 0)
			return more;
		if (!more)
			return 0;
	}
}

static int wait_all_seen(struct waiting *w)
{
	int r;

	while ((r = take_world(w)) == 0) {
		r = wait_world(w, "watcher", w->world + 1);
		if (r <= 0)
			return r;
	}
	return r;
}

/* ---- the translator's verdict ---- */

/* The watcher's view: whether the newest version could be read. Call it when its statuses belong to
 * the world. */
static int read_noted(struct waiting *w)
{
	_cleanup_free_ char *query = object_query(w);
	_cleanup_free_ char *target = xasprintf("/debug/statuses?%s", query);
	struct json_object *list;
	int http;

	list = ask(w, "watcher", target, &http);
	if (!list)
		return -EIO;
	json_object_put(w->report.status);
	w->report.status = json_length(list) ? json_object_get(json_object_array_get_idx(list, 0))
					     : NULL;
	json_object_put(list);
	return 0;
}

/* The translator's view, with the object's resources. */
static int read_verdict(struct waiting *w)
{
	_cleanup_strbuf_ struct strbuf question = STRBUF_INIT;
	_cleanup_free_ char *name = NULL, *target = NULL;
	struct json_object *answer;
	int http;

	name = w->kind->namespaced ? xasprintf("%s/%s/%s", w->kind->kind, w->namespace, w->name)
				   : xasprintf("%s//%s", w->kind->kind, w->name);
	question_add(&question, "object", name);
	target = xasprintf("/debug/explain?%s", strbuf_str(&question));
	answer = ask(w, "translator", target, &http);
	if (!answer)
		return -EIO;
	json_object_put(w->report.status);
	json_object_put(w->report.resources);
	w->report.status = json_object_get(json_member(answer, "status"));
	w->report.resources = json_object_get(json_member(answer, "resources"));
	json_object_put(answer);
	return 0;
}

static int read_verdicts(struct waiting *w)
{
	struct json_object *list;
	int http;

	list = ask(w, "watcher", "/debug/statuses?problems=1", &http);
	if (!list)
		return -EIO;
	json_object_put(w->report.bad);
	w->report.bad = json_object_new_array();
	for (size_t i = 0; i < json_length(list); i++) {
		struct json_object *s = json_object_array_get_idx(list, i);

		if (object_report_is_bad(s))
			(void)json_object_array_add(w->report.bad, json_object_get(s));
	}
	json_object_put(list);
	return 0;
}

/* ---- Envoys ---- */

/* The streams of Envoys whose fleet needs the object's resources; NULL: all are concerned. */
static int read_concerned(struct waiting *w, struct json_object **ret)
{
	_cleanup_strbuf_ struct strbuf question = STRBUF_INIT;
	_cleanup_free_ char *target = NULL;
	struct json_object *list;
	int http;

	*ret = NULL;
	for (size_t i = 0; i < json_length(w->report.resources) && question.len < QUESTION_MAX / 2;
	     i++) {
		struct json_object *o = json_object_array_get_idx(w->report.resources, i);
		_cleanup_free_ char *text =
			xasprintf("%s %s", json_text(o, "kind"), json_text(o, "name"));

		question_add(&question, "resource", text);
	}
	if (!question.len)
		return 0;
	target = xasprintf("/debug/accepted?%s", strbuf_str(&question));
	list = ask(w, "xds-server", target, &http);
	if (!list)
		return -EIO;
	*ret = json_object_new_object();
	for (size_t i = 0; i < json_length(list); i++) {
		struct json_object *e = json_object_array_get_idx(list, i);
		_cleanup_free_ char *stream = xasprintf("%" PRId64, json_number(e, "stream"));

		if (json_object_get_boolean(json_member(e, "concerned")))
			(void)json_object_object_add(*ret, stream, json_object_new_boolean(true));
	}
	json_object_put(list);
	return 0;
}

static bool counts(struct json_object *envoy, struct json_object *concerned)
{
	_cleanup_free_ char *stream = xasprintf("%" PRId64, json_number(envoy, "stream"));

	/* Without a fleet the Envoy gets no resources. */
	return *json_text(envoy, "node_id") &&
	       json_object_get_boolean(json_member(envoy, "fleet_exists")) &&
	       (!concerned || json_member(concerned, stream));
}

/* The number of Envoys that have named themselves and whose fleet is concerned. */
static int read_envoys(struct waiting *w)
{
	struct json_object *concerned, *list;
	int http, r = read_concerned(w, &concerned);

	if (r < 0)
		return r;
	list = ask(w, "xds-server", "/debug/envoys", &http);
	if (!list) {
		json_object_put(concerned);
		return -EIO;
	}
	json_object_put(w->report.envoys);
	w->report.envoys = json_object_new_array();
	for (size_t i = 0; i < json_length(list); i++) {
		struct json_object *e = json_object_array_get_idx(list, i);

		if (counts(e, concerned))
			(void)json_object_array_add(w->report.envoys, json_object_get(e));
	}
	json_object_put(list);
	json_object_put(concerned);
	return (int)json_length(w->report.envoys);
}

/* 1: all that are connected have answered the world. */
static int wait_envoys(struct waiting *w)
{
	for (;;) {
		int64_t msec = MIN(left(w) / USEC_PER_MSEC, (int64_t)TURN_MSEC);
		_cleanup_free_ char *target = NULL;
		struct json_object *answer;
		int http, n = read_envoys(w);

		if (n < 0)
			return n;
		if (n && !wait_report_lagging(&w->report, w->world))
			return 1;
		if (left(w) <= 0)
			return 0;
		target = xasprintf("/debug/answered?source=%" PRIu64
				   "&count=%d&timeout_ms=%" PRId64,
				   w->world, MAX(n, 1), MAX(msec, (int64_t)1));
		answer = ask(w, "xds-server", target, &http);
		if (!answer)
			return -EIO;
		json_object_put(answer);
	}
}

/* Adds the resources that an Envoy refuses: as many as fit into a question. */
static int ask_refused(struct waiting *w, const struct strbuf *question)
{
	_cleanup_free_ char *target = xasprintf("/debug/accepted?%s", strbuf_str(question));
	struct json_object *list;
	int http;

	list = ask(w, "xds-server", target, &http);
	if (!list)
		return -EIO;
	for (size_t i = 0; i < json_length(list); i++) {
		struct json_object *e = json_object_array_get_idx(list, i);

		if (json_length(json_member(e, "refused")))
			(void)json_object_array_add(w->report.refused, json_object_get(e));
	}
	json_object_put(list);
	return 0;
}

static int read_refused(struct waiting *w)
{
	_cleanup_strbuf_ struct strbuf question = STRBUF_INIT;
	size_t n = json_length(w->report.resources);
	int r = 0;

	for (size_t i = 0; i < n && r >= 0; i++) {
		struct json_object *o = json_object_array_get_idx(w->report.resources, i);
		_cleanup_free_ char *text =
			xasprintf("%s %s", json_text(o, "kind"), json_text(o, "name"));

		question_add(&question, "resource", text);
		if (question.len < QUESTION_MAX / 2 && i + 1 < n)
			continue;
		r = ask_refused(w, &question);
		strbuf_clear(&question);
	}
	return r;
}

/* ---- one after the other ---- */

static enum wait_state after(int r, enum wait_state late)
{
	return r < 0 ? WAIT_NO_ANSWER : late;
}

static enum wait_state wait_for_envoys(struct waiting *w)
{
	int r = wait_world(w, "xds-server", w->world);

	if (r <= 0)
		return after(r, WAIT_NOT_SERVED);
	r = wait_envoys(w);
	if (r < 0)
		return WAIT_NO_ANSWER;
	if (!json_length(w->report.envoys))
		return WAIT_NO_ENVOY;
	return r ? WAIT_ACCEPTED : WAIT_LAGGING;
}

static enum wait_state wait_all(struct waiting *w)
{
	enum wait_state state;
	int r = wait_all_seen(w);

	if (r <= 0)
		return after(r, WAIT_UNSEEN);
	r = wait_translated(w);
	if (r <= 0)
		return after(r, WAIT_NOT_TRANSLATED);
	state = wait_for_envoys(w);
	if (state != WAIT_ACCEPTED)
		return state;
	if (read_verdicts(w) < 0)
		return WAIT_NO_ANSWER;
	if (wait_report_refusers(&w->report))
		return WAIT_REFUSED;
	return json_length(w->report.bad) ? WAIT_REJECTED : WAIT_ACCEPTED;
}

/* The verdict may change with the answers of Envoys. */
static enum wait_state settle(struct waiting *w)
{
	if (read_verdict(w) < 0 || read_refused(w) < 0 || read_verdict(w) < 0)
		return WAIT_NO_ANSWER;
	if (json_length(w->report.refused))
		return WAIT_REFUSED;
	return wait_report_verdict(&w->report);
}

static enum wait_state wait_object(struct waiting *w)
{
	enum wait_state state;
	int r = wait_seen(w);

	if (r <= 0)
		return after(r, WAIT_UNSEEN);
	r = wait_translated(w);
	if (r <= 0)
		return after(r, WAIT_NOT_TRANSLATED);
	if (read_noted(w) < 0)
		return WAIT_NO_ANSWER;
	state = wait_report_verdict(&w->report);
	if (state == WAIT_REJECTED || state == WAIT_IGNORED)
		return state;
	if (read_verdict(w) < 0)
		return WAIT_NO_ANSWER;
	state = wait_for_envoys(w);
	return state == WAIT_ACCEPTED ? settle(w) : state;
}

static int run(struct waiting *w)
{
	int64_t began = clock_monotonic();
	enum wait_state state;

	w->report.refused = json_object_new_array();
	state = arg_all ? wait_all(w) : wait_object(w);
	w->report.usec = clock_monotonic() - began;
	w->report.world = w->world;
	w->report.wanted = w->generation;
	wait_report_write(&w->report, state, w->subject,
			  arg_output && strcmp(arg_output, "json") == 0);
	wait_report_done(&w->report);
	return wait_state_exit(state);
}

/* ---- the command line ---- */

static const char *read_object(const char *word, struct waiting *w)
{
	const char *slash = strchr(word, '/'), *rest = slash ? slash + 1 : "";
	_cleanup_free_ char *kind = slash ? xstrndup(word, (size_t)(slash - word)) : NULL;
	const char *second = strchr(rest, '/');

	if (!kind || !*rest || (second && (!second[1] || strchr(second + 1, '/'))))
		return "an object is KIND/NAMESPACE/NAME, as ingress/default/web";
	if (!object_kind_named(kind))
		return "no such kind is read: a kind is ingress, httpproxy, httproute, service or "
		       "another one that portolan status names";
	w->kind = object_kind(object_kind_named(kind));
	w->namespace = !w->kind->namespaced ? xstrdup("")
		       : second             ? xstrndup(rest, (size_t)(second - rest))
					    : xstrdup("default");
	w->name = xstrdup(second ? second + 1 : rest);
	w->subject = xasprintf("%s %s%s%s", w->kind->kind, w->namespace, *w->namespace ? "/" : "",
			       w->name);
	return NULL;
}

static const char *read_words(struct waiting *w, const char *object)
{
	struct go_duration timeout;
	char *end;

	if (!arg_all == !object)
		return "say which object (KIND/NAMESPACE/NAME), or --all";
	if (go_duration_parse(arg_timeout, &timeout) < 0 || timeout.infinite)
		return "--timeout: a time is 500ms, 30s or 2m";
	w->deadline = clock_monotonic() + timeout.usec;
	if (arg_output && strcmp(arg_output, "text") != 0 && strcmp(arg_output, "json") != 0)
		return "-o: the format is text or json";
	if (arg_generation) {
		errno = 0;
		w->generation = strtoll(arg_generation, &end, 10);
		if (errno || *end || end == arg_generation || w->generation <= 0)
			return "--generation: a number from 1 on";
		if (arg_all)
			return "--generation goes with an object";
	}
	if (object)
		return read_object(object, w);
	w->subject = xstrdup("all objects");
	return NULL;
}

int cmd_wait(const struct command *c, int argc, char **argv)
{
	struct waiting w = { 0 };
	const char *why;
	int at, exit_code;

	at = command_parse(
		c, argc, argv, options,
		"Waits until all connected Envoys have accepted what the object, as it is now, "
		"makes; or says what\nholds it: it is not seen yet, it is rejected and why, Envoys "
		"refuse it, none is connected, one lags.\nExits 0 when they have, 1 if it will "
		"not come (rejected, ignored, refused), 2 on bad usage,\n3 if it did not come in "
		"time, 4 if a stage gave no answer.",
		1, &exit_code);
	if (at < 0)
		return exit_code;
	why = read_words(&w, at < argc ? argv[at] : NULL);
	if (why)
		exit_code = command_misused(c, why);
	else if (!object_name_check("wait", at < argc ? argv[at] : ""))
		exit_code = EXIT_USAGE;
	else if (!(w.dir = running_find("wait", arg_runtime_dir)))
		exit_code = wait_state_exit(WAIT_NO_ANSWER);
	else
		exit_code = run(&w);
	free(w.dir);
	free(w.namespace);
	free(w.name);
	free(w.subject);
	return exit_code;
}
