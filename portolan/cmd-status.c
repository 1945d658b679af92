/* portolan status: the state of the stages, and the verdicts on objects. */
#include <event2/http.h>
#include <json-c/json.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/answer/json-print.h"
#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/options.h"
#include "common/base/text-stream.h"
#include "common/daemon/control-client.h"
#include "common/daemon/stage.h"
#include "common/decode/object-kind.h"
#include "portolan/ask-stages.h"
#include "portolan/commands.h"
#include "portolan/object-report.h"
#include "portolan/output-format.h"
#include "portolan/running.h"
#include "portolan/stage-report.h"
#include "portolan/terminal.h"

#define TIMEOUT_USEC (5 * USEC_PER_SEC)
#define WATCH_MSEC   1000

static const char *arg_runtime_dir, *arg_output, *arg_namespace;
static bool arg_json, arg_problems, arg_all, arg_watch;
static enum output_format format;

static const struct option_row options[] = {
	{ "problems", 0, OPTION_FLAG, &arg_problems, NULL,
	  "list the objects that have a warning or are not served as they say, and why" },
	{ "all", 'a', OPTION_FLAG, &arg_all, NULL, "list all objects with their verdicts" },
	{ "namespace", 'n', OPTION_STRING, &arg_namespace, "NAMESPACE",
	  "with --all or --problems: only objects of this namespace" },
	{ "output", 'o', OPTION_STRING, &arg_output, "FORMAT", OUTPUT_FORMAT_HELP },
	{ "json", 0, OPTION_FLAG, &arg_json, NULL, "the same as -o json" },
	{ "watch", 'w', OPTION_FLAG, &arg_watch, NULL, "show it again whenever it has changed" },
	{ "runtime-dir", 0, OPTION_STRING, &arg_runtime_dir, "DIR", RUNNING_HELP },
	{ 0 },
};

static struct json_object *answer_json(const struct stage_question *q)
{
	struct json_object *o = NULL;

	if (q->error == 0 && q->status == 200)
		o = json_tokener_parse(strbuf_str(&q->body));
	return o;
}

static int show_stages(const char *dir, struct strbuf *out)
{
	struct stage_question questions[2 * STAGES + 1] = { 0 };
	struct stage_report report = { .runtime_dir = dir };
	bool ready;

	for (size_t i = 0; i < STAGES; i++) {
		questions[i].stage = stages[i].name;
		questions[i].target = "/debug/status";
		questions[STAGES + i].stage = stages[i].name;
		questions[STAGES + i].target = "/debug/incidents";
	}
	questions[2 * STAGES].stage = "xds-server";
	questions[2 * STAGES].target = "/debug/envoys";
	ask_stages(dir, questions, ARRAY_SIZE(questions), TIMEOUT_USEC);
	for (size_t i = 0; i < STAGES; i++) {
		report.stages[i] = answer_json(&questions[i]);
		report.incidents[i] = answer_json(&questions[STAGES + i]);
		report.errors[i] = report.stages[i] ? NULL : control_error(questions[i].error);
	}
	report.envoys = answer_json(&questions[2 * STAGES]);
	ready = stage_report_ready(&report);
	if (format >= OUTPUT_JSON)
		stage_report_document(&report, output_format_document(format), out);
	else
		stage_report_text(&report, out);
	for (size_t i = 0; i < STAGES; i++) {
		json_object_put(report.stages[i]);
		json_object_put(report.incidents[i]);
	}
	json_object_put(report.envoys);
	for (size_t i = 0; i < ARRAY_SIZE(questions); i++)
		stage_question_done(&questions[i]);
	return ready ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* The page that has the object, in full where it is one of a kind of Kubernetes'. */
static char *page_of(const char *name)
{
	const char *slash = name ? strchr(name, '/') : NULL,
		   *last = slash ? strrchr(name, '/') : NULL;
	_cleanup_free_ char *kind = slash ? xstrndup(name, (size_t)(slash - name)) : NULL;
	char *escaped, *page;

	if (!kind || !object_kind_named(kind))
		return xstrdup("/debug/statuses");
	escaped = evhttp_uriencode(last + 1, -1, 0);
	page = xasprintf("/debug/statuses?kind=%s&name=%s", kind, escaped);
	free(escaped);
	return page;
}

static void put_list(struct json_object *list, struct strbuf *out)
{
	if (format >= OUTPUT_JSON) {
		json_print(list, output_format_document(format), out);
	} else if (arg_all) {
		object_report_table(list, format == OUTPUT_WIDE, out);
	} else {
		for (size_t i = 0; i < json_length(list); i++)
			object_report_text(json_object_array_get_idx(list, i), out);
	}
}

/* A list of statuses; NULL, after a sentence on stderr, if there is no answer. */
static struct json_object *ask_statuses(const char *dir, const char *page)
{
	struct stage_question q = { .stage = "watcher", .target = page };
	struct json_object *statuses;

	ask_stages(dir, &q, 1, TIMEOUT_USEC);
	statuses = answer_json(&q);
	if (!json_object_is_type(statuses, json_type_array)) {
		(void)fprintf(stderr, "portolan status: the watcher %s (in %s)\n",
			      control_error(q.error), dir);
		json_object_put(statuses);
		statuses = NULL;
	}
	stage_question_done(&q);
	return statuses;
}

static void say_missing(const char *dir, const char *name)
{
	struct json_object *all = ask_statuses(dir, "/debug/statuses");

	if (all)
		object_report_missing(all, name);
	json_object_put(all);
}

/* What an Envoy does that refuses n resources of a kind. */
static void put_instead(struct json_object *state, long long n, struct strbuf *out)
{
	struct json_object *member = json_member(state, "lacking");
	long long lacking = (long long)json_object_get_int64(member);
	const char *them = n == 1 ? "it" : "them";

	if (!member)
		strbuf_printf(out, "with what it accepted before, or without %s", them);
	else if (lacking == 0)
		strbuf_puts(out, "with what it accepted before");
	else if (lacking == n)
		strbuf_printf(out, "without %s", them);
	else
		strbuf_printf(out,
			      "with what it accepted before in place of %lld of them, and without "
			      "%lld of them",
			      n - lacking, lacking);
}

static void put_refusal(struct json_object *envoy, struct strbuf *out)
{
	struct json_object *types = json_member(envoy, "types");

	json_object_object_foreach (types, type, state) {
		long long n = (long long)json_number(state, "rejected");

		if (n <= 0)
			continue;
		strbuf_printf(out, "Envoy %s refuses %lld resource%s of kind %s, and goes on ",
			      json_text(envoy, "node_id"), n, n == 1 ? "" : "s", type);
		put_instead(state, n, out);
		strbuf_printf(out, "; it said last: %s\n", json_text(envoy, "last_reject"));
	}
}

/* Also those that no object is known for, as after a restart. */
static void put_refusals(const char *dir, struct strbuf *out)
{
	struct stage_question q = { .stage = "xds-server", .target = "/debug/envoys" };
	struct json_object *envoys;

	ask_stages(dir, &q, 1, TIMEOUT_USEC);
	envoys = answer_json(&q);
	for (size_t i = 0; i < json_length(envoys); i++)
		put_refusal(json_object_array_get_idx(envoys, i), out);
	json_object_put(envoys);
	stage_question_done(&q);
}

/* name: KIND/NAMESPACE/NAME, or NULL for the objects that the options select. */
static int show_objects(const char *dir, const char *name, struct strbuf *out)
{
	const struct object_filter filter = { arg_namespace, arg_problems };
	_cleanup_free_ char *page = page_of(name);
	struct json_object *statuses = ask_statuses(dir, page), *list = NULL;
	int r;

	if (!statuses)
		return EXIT_FAILURE;
	r = name ? object_report_one(statuses, name, &list)
		 : object_report_select(statuses, &filter, &list);
	if (name && !json_length(list))
		say_missing(dir, name);
	else
		put_list(list, out);
	if (arg_problems && format < OUTPUT_JSON)
		put_refusals(dir, out);
	json_object_put(list);
	json_object_put(statuses);
	return r;
}

static int show(const char *dir, const char *name, struct strbuf *out)
{
	if (name || arg_problems || arg_all)
		return show_objects(dir, name, out);
	return show_stages(dir, out);
}

/* On a terminal the screen is cleared first; elsewhere each change follows the earlier output. */
static int watch(const char *dir, const char *name)
{
	_cleanup_strbuf_ struct strbuf before = STRBUF_INIT;
	static const char clear[] = "\033[H\033[2J";
	bool terminal = isatty(STDOUT_FILENO);

	for (;;) {
		_cleanup_strbuf_ struct strbuf now = STRBUF_INIT;

		(void)show(dir, name, &now);
		if (strcmp(strbuf_str(&now), strbuf_str(&before)) != 0) {
			if (terminal && write(STDOUT_FILENO, clear, strlen(clear)) < 0)
				return EXIT_FAILURE;
			(void)fwrite(strbuf_str(&now), 1, now.len, stdout);
			if (fflush(stdout) != 0)
				return EXIT_FAILURE;
			strbuf_clear(&before);
			strbuf_puts(&before, strbuf_str(&now));
		}
		(void)poll(NULL, 0, WATCH_MSEC);
	}
}

static const char *misuse(const char *name)
{
	if (!output_format_read(arg_output, &format))
		return "-o: the format is " OUTPUT_FORMAT_HELP;
	if (arg_json)
		format = OUTPUT_JSON;
	if (arg_all && arg_problems)
		return "--all and --problems are two different things: give one";
	if (name && (arg_all || arg_problems))
		return "--all and --problems are about all objects, not about one";
	if (arg_namespace && !arg_all && !arg_problems)
		return "-n goes with --all or --problems";
	return NULL;
}

int cmd_status(const struct command *c, int argc, char **argv)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	_cleanup_free_ char *dir = NULL;
	const char *why, *name;
	int at, r, exit_code;

	at = command_parse(
		c, argc, argv, options,
		"Shows each stage and each connected Envoy. With an object's name: what became of "
		"it.\nExits 0 if all is well (the stages are ready, the objects are accepted), 1 "
		"if "
		"not, 2 on bad usage.",
		1, &exit_code);
	if (at < 0)
		return exit_code;
	name = at < argc ? argv[at] : NULL;
	why = misuse(name);
	if (why)
		return command_misused(c, why);
	if (name && !object_name_check("status", name))
		return EXIT_USAGE;
	dir = running_find("status", arg_runtime_dir);
	if (!dir)
		return EXIT_FAILURE;
	text_streams_allow_colours(terminal_colours());
	if (arg_watch)
		return watch(dir, name);
	r = show(dir, name, &out);
	(void)fwrite(strbuf_str(&out), 1, out.len, stdout);
	return r;
}
