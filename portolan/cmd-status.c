/* portolan status: what the stages do, and what became of objects. */
#include <event2/http.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/alloc.h"
#include "common/clock.h"
#include "common/control-client.h"
#include "common/object-kind.h"
#include "common/options.h"
#include "common/runtime-dir.h"
#include "common/stage.h"
#include "portolan/ask-stages.h"
#include "portolan/commands.h"
#include "portolan/object-report.h"
#include "portolan/stage-report.h"

#define TIMEOUT_USEC (5 * USEC_PER_SEC)

static const char *arg_runtime_dir;
static bool arg_json, arg_problems;

static const struct option_row options[] = {
	{ "json", 0, OPTION_FLAG, &arg_json, NULL, "print JSON, all that the stages say" },
	{ "problems", 0, OPTION_FLAG, &arg_problems, NULL,
	  "list the objects of which not everything is served, and why" },
	{ "runtime-dir", 0, OPTION_STRING, &arg_runtime_dir, "DIR",
	  "Portolan's directory of sockets (default: $RUNTIME_DIRECTORY, $XDG_RUNTIME_DIR/portolan or "
	  "/tmp/portolan-UID)" },
	{ 0 },
};

static struct json_object *answer_json(const struct stage_question *q)
{
	struct json_object *o = NULL;

	if (q->error == 0 && q->status == 200)
		o = json_tokener_parse(strbuf_str(&q->body));
	return o;
}

static void print(const struct strbuf *b)
{
	(void)fwrite(strbuf_str(b), 1, b->len, stdout);
}

static int show_stages(const char *dir)
{
	struct stage_question questions[2 * STAGES + 1] = { 0 };
	struct stage_report report = { .runtime_dir = dir };
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
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
	if (arg_json)
		stage_report_json(&report, &out);
	else
		stage_report_text(&report, &out);
	print(&out);
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
	const char *slash = name ? strchr(name, '/') : NULL, *last = slash ? strrchr(name, '/') : NULL;
	_cleanup_free_ char *kind = slash ? xstrndup(name, (size_t)(slash - name)) : NULL;
	char *escaped, *page;

	if (!kind || !object_kind_named(kind))
		return xstrdup("/debug/statuses");
	escaped = evhttp_uriencode(last + 1, -1, 0);
	page = xasprintf("/debug/statuses?kind=%s&name=%s", kind, escaped);
	free(escaped);
	return page;
}

/* name: KIND/NAMESPACE/NAME, or NULL for all with problems. */
static int show_objects(const char *dir, const char *name)
{
	_cleanup_free_ char *page = page_of(name);
	struct stage_question q = { .stage = "watcher", .target = page };
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	struct json_object *statuses;
	int r = EXIT_FAILURE;

	ask_stages(dir, &q, 1, TIMEOUT_USEC);
	statuses = answer_json(&q);
	if (!json_object_is_type(statuses, json_type_array))
		(void)fprintf(stderr, "portolan status: the watcher %s (in %s)\n",
			      control_error(q.error), dir);
	else if (name)
		r = object_report_one(statuses, name, arg_json, &out);
	else
		r = object_report_problems(statuses, arg_json, &out);
	print(&out);
	json_object_put(statuses);
	stage_question_done(&q);
	return r;
}

int cmd_status(const struct command *c, int argc, char **argv)
{
	_cleanup_free_ char *dir = NULL;
	int at, r, exit_code;

	at = command_parse(c, argc, argv, options,
			   "Shows each stage and each connected Envoy. With an object's name: what became of "
			   "it.\nExits 0 if all is well: the stages are ready, the object is accepted.",
			   1, &exit_code);
	if (at < 0)
		return exit_code;
	r = runtime_dir_find(arg_runtime_dir, &dir);
	if (r < 0) {
		(void)fprintf(stderr, "portolan status: nothing runs in %s (--runtime-dir, if it is "
				      "elsewhere)\n", dir);
		return EXIT_FAILURE;
	}
	if (at < argc)
		return show_objects(dir, argv[at]);
	return arg_problems ? show_objects(dir, NULL) : show_stages(dir);
}
