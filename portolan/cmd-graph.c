/* portolan graph: the picture of a host or an object, as SVG or for Graphviz. */
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/answer/json-print.h"
#include "common/answer/picture.h"
#include "portolan/commands.h"
#include "portolan/object-report.h"
#include "portolan/question.h"
#include "portolan/running.h"
#include "portolan/stage-options.h"

static bool arg_svg, arg_dot;
static struct question_world world = { .log_level = "warning" };

static const struct option_row own_options[] = {
	{ "svg", 0, OPTION_FLAG, &arg_svg, NULL, "write SVG, for browsers (the default)" },
	{ "dot", 0, OPTION_FLAG, &arg_dot, NULL, "write Graphviz's language" },
	QUESTION_OPTIONS(world),
};

static int graph(const char *subject)
{
	_cleanup_strbuf_ struct strbuf question = STRBUF_INIT, body = STRBUF_INIT,
				       out = STRBUF_INIT;
	_cleanup_free_ char *dir = NULL;
	struct json_object *answer, *hosts;
	int r = EXIT_FAILURE;

	question_add(&question, "routes", "1");
	question_add(&question, strchr(subject, '/') ? "object" : "host", subject);
	if (question_is_live(&world) && !(dir = running_find("graph", world.runtime_dir)))
		return EXIT_FAILURE;
	if (question_ask("graph", &world, dir, &question, &body) < 0)
		return EXIT_FAILURE;
	answer = json_tokener_parse(strbuf_str(&body));
	hosts = json_member(answer, "hosts");
	if (json_member(answer, "error")) {
		(void)fprintf(stderr, "portolan graph: %s\n", json_text(answer, "error"));
	} else if (!json_length(hosts)) {
		bool object = strchr(subject, '/') != NULL;

		(void)fprintf(stderr,
			      "portolan graph: %s has no route%s; portolan explain %s%s says why; "
			      "portolan routes lists all\n",
			      subject, object ? "" : " by this name", object ? "" : "http://",
			      subject);
	} else {
		if (arg_dot)
			picture_dot(hosts, &out);
		else
			picture_svg(hosts, &out);
		(void)fwrite(strbuf_str(&out), 1, out.len, stdout);
		r = EXIT_SUCCESS;
	}
	json_object_put(answer);
	return r;
}

int cmd_graph(const struct command *c, int argc, char **argv)
{
	struct option_row options[ARRAY_SIZE(own_options) + STAGE_OPTIONS_MAX + 1] = { 0 };
	const char *why;
	int at, exit_code;

	memcpy(options, own_options, sizeof(own_options));
	(void)stage_options_rows(FOR_TRANSLATOR, options + ARRAY_SIZE(own_options));
	at = command_parse(
		c, argc, argv, options,
		"Draws what a host is made of and where it leads: objects, routes, "
		"upstreams and how many of\ntheir endpoints are ready; or what an object "
		"makes. Exits 0, or 1 if there is no such host or\nobject, 2 on bad usage.",
		1, &exit_code);
	if (at < 0)
		return exit_code;
	if (at == argc)
		return command_misused(c, "say which host, or which object (KIND/NAMESPACE/NAME)");
	if (arg_svg && arg_dot)
		return command_misused(c, "--svg and --dot are two different things: give one");
	if (!object_name_check("graph", argv[at]))
		return EXIT_USAGE;
	why = question_misuse(&world);
	return why ? command_misused(c, why) : graph(argv[at]);
}
