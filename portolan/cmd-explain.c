/* portolan explain: asks a translator what a request meets, or what an object has made: one that runs, or one
 * that is started for it, on files or on a recording. */
#include <errno.h>
#include <event2/http.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/alloc.h"
#include "common/clock.h"
#include "common/control-client.h"
#include "common/frame.h"
#include "common/options.h"
#include "common/runtime-dir.h"
#include "portolan/ask-stages.h"
#include "portolan/commands.h"
#include "portolan/explain-report.h"
#include "portolan/object-report.h"
#include "portolan/once.h"
#include "portolan/recorded-world.h"

#define TIMEOUT_USEC (20 * USEC_PER_SEC)
#define QUESTION_MAX 15000 /* what a stage's page takes */

static const char *arg_method, *arg_sni, *arg_runtime_dir, *arg_at, *arg_config, *arg_log_level = "warning";
static struct option_list arg_headers, arg_manifests, arg_recordings;
static bool arg_json;

static const struct option_row own_options[] = {
	{ "method", 0, OPTION_STRING, &arg_method, "METHOD", "the request's method (default: GET)" },
	{ "header", 0, OPTION_LIST, &arg_headers, "'NAME: VALUE'",
	  "a header of the request; may be repeated. Host replaces the URL's" },
	{ "sni", 0, OPTION_STRING, &arg_sni, "NAME",
	  "the name in the TLS handshake (default: the URL's host); \"\" for none" },
	{ "manifests", 0, OPTION_LIST, &arg_manifests, "PATH",
	  "answer for the objects in a file or directory, without anything running; may be repeated" },
	{ "config", 0, OPTION_STRING, &arg_config, "FILE", "with --manifests: Portolan's configuration" },
	{ "recording", 0, OPTION_LIST, &arg_recordings, "FILE",
	  "answer for what portolan record wrote; may be repeated, the oldest first" },
	{ "at", 0, OPTION_STRING, &arg_at, "MOMENT",
	  "with --recording: start, end, a time, an offset (+90s) or a world's number (default: end)" },
	{ "json", 0, OPTION_FLAG, &arg_json, NULL, "print JSON" },
	{ "runtime-dir", 0, OPTION_STRING, &arg_runtime_dir, "DIR",
	  "Portolan's directory of sockets (default: $RUNTIME_DIRECTORY, $XDG_RUNTIME_DIR/portolan or "
	  "/tmp/portolan-UID)" },
	{ "log-level", 0, OPTION_STRING, &arg_log_level, "LEVEL",
	  "debug, info, warning or error (default: warning)" },
};

/* ---- the question ---- */

static void add(struct strbuf *b, const char *key, const char *value)
{
	char *escaped = evhttp_uriencode(value, -1, 0);

	strbuf_printf(b, "%s%s=%s", b->len ? "&" : "", key, escaped);
	free(escaped);
}

static bool is_url(const char *subject)
{
	return strstr(subject, "://") != NULL;
}

static void write_question(struct strbuf *b, const char *subject)
{
	if (!is_url(subject)) {
		add(b, "object", subject);
		return;
	}
	add(b, "url", subject);
	if (arg_method)
		add(b, "method", arg_method);
	if (arg_sni)
		add(b, "sni", arg_sni);
	for (unsigned i = 0; i < arg_headers.n; i++)
		add(b, "header", arg_headers.words[i]);
}

/* ---- asking a translator that is started for it ---- */

static int fail(int r, const char *doing)
{
	(void)fprintf(stderr, "portolan explain: %s: %s\n", doing,
		      r == -ENODATA ? "it holds no complete world" : strerror(-r));
	return r;
}

static int start_translator(const char *question, int in, int out, pid_t *ret)
{
	struct words w = { 0 };

	if (once_words("portolan-translator", arg_log_level, &w) < 0)
		return -ENOENT;
	words_add(&w, "--read-stream=-");
	words_take(&w, xasprintf("--explain=%s", question));
	stage_options_pass(&w, FOR_TRANSLATOR);
	return once_start("explain", &w, in, out, -1, ret);
}

static int start_watcher(int out, pid_t *ret)
{
	struct words w = { 0 };

	if (once_words("portolan-watcher", arg_log_level, &w) < 0)
		return -ENOENT;
	words_add(&w, "--write-stream=-");
	if (arg_config)
		words_take(&w, xasprintf("--config=%s", arg_config));
	for (unsigned i = 0; i < arg_manifests.n; i++)
		words_take(&w, xasprintf("--manifests=%s", arg_manifests.words[i]));
	return once_start("explain", &w, -1, out, -1, ret);
}

static int write_world(int fd)
{
	_cleanup_(frame_writer_freep) struct frame_writer *writer = NULL;
	struct recorded_world world;
	struct recording_moment moment;
	char why[FRAME_REASON_MAX];
	int r;

	(void)recording_moment_parse(arg_at ? arg_at : "end", &moment);
	r = recorded_world_open(&world, arg_recordings.words, arg_recordings.n, why);
	if (r < 0) {
		(void)fprintf(stderr, "portolan explain: %s\n", why);
	} else {
		r = recorded_world_go_to(&world, &moment);
		if (r < 0)
			(void)fail(r, "cannot read the recording");
	}
	if (r >= 0) {
		recorded_world_say(&world);
		r = frame_writer_new(fd, "watcher", world.mirror, &writer);
		r = r < 0 ? r : frame_writer_write(writer);
	}
	frame_writer_free(TAKE_PTR(writer));
	recorded_world_close(&world);
	return r;
}

static void read_all(int fd, struct strbuf *ret)
{
	ssize_t n;

	while ((n = read(fd, strbuf_room(ret, 65536), 65536)) > 0 || (n < 0 && errno == EINTR))
		if (n > 0) {
			ret->len += (size_t)n;
			ret->s[ret->len] = '\0';
		}
}

/* The translator reads all objects before it writes anything. Pipes' ends are closed on exec, but for those
 * that it is given. Returns how it ended. */
static int ask_once(const char *question, struct strbuf *ret)
{
	int objects[2], answer[2], r = 0;
	pid_t translator = 0, watcher = 0;

	if (pipe2(objects, O_CLOEXEC) < 0 || pipe2(answer, O_CLOEXEC) < 0) {
		(void)fprintf(stderr, "portolan explain: no pipe: %m\n");
		return EXIT_FAILURE;
	}
	(void)signal(SIGPIPE, SIG_IGN);
	if (start_translator(question, objects[0], answer[1], &translator) == 0)
		r = arg_recordings.n ? write_world(objects[1]) : start_watcher(objects[1], &watcher);
	(void)close(objects[0]);
	(void)close(objects[1]);
	(void)close(answer[1]);
	read_all(answer[0], ret);
	(void)close(answer[0]);
	/* What the watcher could not read it has said; the others count. */
	if (watcher > 0)
		(void)once_wait(watcher);
	return once_wait(translator) == 0 || ret->len ? r : -EIO;
}

/* ---- asking stages that run ---- */

static int ask_stage(const char *dir, const char *stage, const char *page, const char *question,
		     struct strbuf *ret)
{
	_cleanup_free_ char *target = xasprintf("%s?%s", page, question);
	struct stage_question q = { .stage = stage, .target = target };
	int r;

	ask_stages(dir, &q, 1, TIMEOUT_USEC);
	r = q.error;
	if (r)
		(void)fprintf(stderr, "portolan explain: the %s %s (in %s)\n", stage, control_error(r), dir);
	else
		*ret = q.body;
	if (r)
		stage_question_done(&q);
	return r;
}

/* The watcher knows more of an object than the translator: whether its newest version could be read, and what
 * its status says in Kubernetes. */
static void ask_status(const char *dir, struct json_object *answer)
{
	_cleanup_strbuf_ struct strbuf question = STRBUF_INIT, body = STRBUF_INIT;
	static const char *const keys[] = { "kind", "namespace", "name" };
	struct json_object *object, *v, *list;

	if (!json_object_object_get_ex(answer, "object", &object))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (json_object_object_get_ex(object, keys[i], &v))
			add(&question, keys[i], json_object_get_string(v));
	if (ask_stage(dir, "watcher", "/debug/statuses", strbuf_str(&question), &body) < 0)
		return;
	list = json_tokener_parse(strbuf_str(&body));
	if (json_object_is_type(list, json_type_array) && json_object_array_length(list))
		(void)json_object_object_add(answer, "status", json_object_get(json_object_array_get_idx(list, 0)));
	json_object_put(list);
}

/* Which Envoys have the resources, as far as they fit into one question. */
static struct json_object *ask_envoys(const char *dir, struct json_object *answer)
{
	_cleanup_strbuf_ struct strbuf question = STRBUF_INIT, body = STRBUF_INIT;
	struct json_object *list, *o;

	if (!json_object_object_get_ex(answer, "resources", &list))
		return NULL;
	for (size_t i = 0; i < json_object_array_length(list) && question.len < QUESTION_MAX / 2; i++) {
		struct json_object *r = json_object_array_get_idx(list, i), *kind, *name;
		_cleanup_free_ char *text = NULL;

		if (!json_object_object_get_ex(r, "kind", &kind) || !json_object_object_get_ex(r, "name", &name))
			continue;
		text = xasprintf("%s %s", json_object_get_string(kind), json_object_get_string(name));
		add(&question, "resource", text);
	}
	if (ask_stage(dir, "xds-server", "/debug/accepted", strbuf_str(&question), &body) < 0)
		return NULL;
	o = json_tokener_parse(strbuf_str(&body));
	return o;
}

/* ---- the answer ---- */

static void print(const struct strbuf *b)
{
	(void)fwrite(strbuf_str(b), 1, b->len, stdout);
}

static bool is_good(struct json_object *answer)
{
	struct json_object *v;

	if (json_object_object_get_ex(answer, "served", &v))
		return json_object_get_boolean(v);
	return !json_object_object_get_ex(answer, "status", &v) || !object_report_is_bad(v);
}

/* Takes envoys, which may be NULL. */
static int show(struct json_object *answer, struct json_object *envoys, const char *subject)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	struct json_object *error, *bad;
	int r;

	if (json_object_object_get_ex(answer, "error", &error)) {
		(void)fprintf(stderr, "portolan explain: %s: %s\n", subject, json_object_get_string(error));
		return json_object_object_get_ex(answer, "bad_question", &bad) && json_object_get_boolean(bad) ?
			       EXIT_USAGE :
			       EXIT_FAILURE;
	}
	r = is_good(answer) ? EXIT_SUCCESS : EXIT_FAILURE;
	if (arg_json) {
		if (envoys)
			(void)json_object_object_add(answer, "envoys", envoys);
		strbuf_printf(&out, "%s\n",
			      json_object_to_json_string_ext(answer, JSON_C_TO_STRING_PRETTY |
									     JSON_C_TO_STRING_NOSLASHESCAPE));
	} else {
		explain_report_clean(answer);
		explain_report_clean(envoys);
		if (is_url(subject))
			explain_report_request(answer, &out);
		else
			explain_report_object(answer, envoys, &out);
		json_object_put(envoys);
	}
	print(&out);
	return r;
}

static int explain(const char *subject)
{
	_cleanup_strbuf_ struct strbuf question = STRBUF_INIT, body = STRBUF_INIT;
	bool live = !arg_manifests.n && !arg_recordings.n;
	_cleanup_free_ char *dir = NULL;
	struct json_object *answer;
	int r;

	write_question(&question, subject);
	if (question.len > QUESTION_MAX) {
		(void)fprintf(stderr, "portolan explain: the question is too long\n");
		return EXIT_USAGE;
	}
	if (live && runtime_dir_find(arg_runtime_dir, &dir) < 0) {
		(void)fprintf(stderr, "portolan explain: nothing runs in %s (--runtime-dir, if it is elsewhere; "
				      "--manifests or --recording to ask about files)\n", dir);
		return EXIT_FAILURE;
	}
	r = live ? ask_stage(dir, "translator", "/debug/explain", strbuf_str(&question), &body) :
		   ask_once(strbuf_str(&question), &body);
	if (r < 0)
		return EXIT_FAILURE;
	answer = json_tokener_parse(strbuf_str(&body));
	if (!json_object_is_type(answer, json_type_object)) {
		(void)fprintf(stderr, "portolan explain: the translator gave no answer; is it older than this command?\n");
		r = EXIT_FAILURE;
	} else {
		if (live && !is_url(subject))
			ask_status(dir, answer);
		r = show(answer, live && !is_url(subject) ? ask_envoys(dir, answer) : NULL, subject);
	}
	json_object_put(answer);
	return r;
}

static const char *misuse(const char *subject)
{
	struct recording_moment moment;
	struct words given = { 0 };
	bool options;

	stage_options_pass(&given, FOR_TRANSLATOR);
	options = given.n > 0;
	words_done(&given);
	if (arg_manifests.n && arg_recordings.n)
		return "--manifests and --recording are two different things: give one";
	if (arg_at && !arg_recordings.n)
		return "--at goes with --recording";
	if (arg_at && recording_moment_parse(arg_at, &moment) < 0)
		return "--at: a moment is start, end, a time (2026-01-31T12:00:00Z), an offset (+90s) or a world's "
		       "number";
	if (arg_config && !arg_manifests.n)
		return "--config goes with --manifests";
	if (options && !arg_manifests.n && !arg_recordings.n)
		return "the translator's options go with --manifests or --recording: what runs has its own";
	if (!is_url(subject) && (arg_method || arg_sni || arg_headers.n))
		return "--method, --header and --sni go with a URL, which begins with http:// or https://";
	return NULL;
}

int cmd_explain(const struct command *c, int argc, char **argv)
{
	struct option_row options[ARRAY_SIZE(own_options) + STAGE_OPTIONS_MAX + 1] = { 0 };
	const char *why;
	int at, exit_code;

	memcpy(options, own_options, sizeof(own_options));
	(void)stage_options_rows(FOR_TRANSLATOR, options + ARRAY_SIZE(own_options));
	at = command_parse(c, argc, argv, options,
			   "Says what a request to URL meets, by which object, and what lost against it; or what "
			   "an object\nhas made. Answers by Envoy's rules from what Envoy is sent: of what runs, of "
			   "files, or of a recording.\nExits 0 if the request is served or the object accepted, 1 if "
			   "not (404, 421, no endpoint,\na handshake that fails, no such object), 2 on bad usage.",
			   1, &exit_code);
	if (at < 0)
		return exit_code;
	if (at == argc)
		return command_misused(c, "say which URL or which object (KIND/NAMESPACE/NAME)");
	why = misuse(argv[at]);
	return why ? command_misused(c, why) : explain(argv[at]);
}
