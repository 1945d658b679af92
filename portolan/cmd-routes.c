/* portolan routes: the table of hosts and routes, with where each goes and how much of that is
 * ready. */
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/answer/json-print.h"
#include "common/answer/refusal.h"
#include "common/base/alloc.h"
#include "common/base/text-stream.h"
#include "portolan/commands.h"
#include "portolan/output-format.h"
#include "portolan/question.h"
#include "portolan/running.h"
#include "portolan/stage-options.h"
#include "portolan/terminal.h"
#include "portolan/text-table.h"

static const char *arg_host, *arg_output;
static struct question_world world = { .log_level = "warning" };

static const struct option_row own_options[] = {
	{ "host", 0, OPTION_STRING, &arg_host, "NAME", "only this host (as *.example.com, too)" },
	{ "output", 'o', OPTION_STRING, &arg_output, "FORMAT", OUTPUT_FORMAT_HELP },
	QUESTION_OPTIONS(world),
};

/* The action of a route that goes to no cluster. */
static char *action_of(struct json_object *route)
{
	if (strcmp(json_text(route, "action"), "direct-response") == 0)
		return xasprintf("answer %lld", (long long)json_number(route, "status"));
	return xstrdup(json_text(route, "action"));
}

static void put_backend(struct json_object *cluster, struct strbuf *out)
{
	const char *service = json_text(cluster, "service");

	strbuf_puts(out, out->len ? ", " : "");
	strbuf_puts(out, *service ? service : json_text(cluster, "name"));
	if (json_member(cluster, "weight"))
		strbuf_printf(out, " (%lld)", (long long)json_number(cluster, "weight"));
}

static void add_backends(struct text_table *t, struct json_object *host, struct json_object *route)
{
	_cleanup_strbuf_ struct strbuf names = STRBUF_INIT;
	struct json_object *clusters = json_member(route, "clusters");
	int64_t ready = 0, all = 0;
	bool counted = false;

	for (size_t i = 0; i < json_length(clusters); i++) {
		struct json_object *c = json_object_array_get_idx(clusters, i);

		put_backend(c, &names);
		counted |= json_member(c, "all") != NULL;
		ready += json_number(c, "ready");
		all += json_number(c, "all");
	}
	if (!names.len) {
		_cleanup_free_ char *action = action_of(route);

		text_table_add(t, "%s", action);
	} else {
		text_table_add(t, "%s", names.s);
	}
	if (*refusal_of_route(host, route))
		text_table_add_coloured(t, COLOUR_BAD, "refused");
	else if (!counted)
		text_table_add(t, "-");
	else
		text_table_add_coloured(t,
					!ready        ? COLOUR_BAD
					: ready < all ? COLOUR_SOSO
						      : COLOUR_GOOD,
					"%lld/%lld", (long long)ready, (long long)all);
}

static void add_route(struct text_table *t, struct json_object *host, struct json_object *route,
		      bool wide)
{
	struct json_object *by = json_member(route, "made_by");
	const char *certificate = json_text(host, "certificate"),
		   *scheme = json_text(route, "scheme"), *ns = json_text(by, "namespace");

	text_table_add(t, "%s", json_text(host, "host"));
	text_table_add(t, "%s",
		       strstr(scheme, "https")      ? certificate
		       : strcmp(scheme, "tls") != 0 ? "-"
		       : *certificate               ? certificate
						    : "passthrough");
	text_table_add(t, "%s", json_text(route, "match"));
	add_backends(t, host, route);
	text_table_add(t, "%s %s%s%s", json_text(by, "kind"), ns, *ns ? "/" : "",
		       json_text(by, "name"));
	if (!wide)
		return;
	text_table_add(t, "%s", *json_text(by, "field") ? json_text(by, "field") : "-");
	text_table_add(t, "%s", *json_text(by, "origin") ? json_text(by, "origin") : "-");
}

static void write_table(struct json_object *hosts, bool wide, struct strbuf *out)
{
	static const char *const head[] = { "HOST",  "TLS",    "PATH",  "BACKEND",
					    "READY", "OBJECT", "FIELD", "ORIGIN" };
	size_t columns = wide ? ARRAY_SIZE(head) : ARRAY_SIZE(head) - 2;
	struct text_table t;

	text_table_init(&t, columns);
	for (size_t i = 0; i < columns; i++)
		text_table_add(&t, "%s", head[i]);
	for (size_t i = 0; i < json_length(hosts); i++) {
		struct json_object *h = json_object_array_get_idx(hosts, i),
				   *routes = json_member(h, "routes");

		for (size_t k = 0; k < json_length(routes); k++)
			add_route(&t, h, json_object_array_get_idx(routes, k), wide);
	}
	text_table_write(&t, out);
	text_table_done(&t);
}

static int show(struct json_object *answer, enum output_format format)
{
	struct json_object *hosts = json_member(answer, "hosts");
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;

	if (json_member(answer, "error")) {
		(void)fprintf(stderr, "portolan routes: %s\n", json_text(answer, "error"));
		return EXIT_FAILURE;
	}
	if (arg_host && !json_length(hosts)) {
		(void)fprintf(stderr,
			      "portolan routes: no route has the host %s by this name; portolan "
			      "explain http://%s/ says what answers there, and why; without "
			      "--host all are listed\n",
			      arg_host, arg_host);
		return EXIT_FAILURE;
	}
	if (format >= OUTPUT_JSON)
		json_print(hosts, output_format_document(format), &out);
	else
		write_table(hosts, format == OUTPUT_WIDE, &out);
	(void)fwrite(strbuf_str(&out), 1, out.len, stdout);
	return EXIT_SUCCESS;
}

static int routes(enum output_format format)
{
	_cleanup_strbuf_ struct strbuf question = STRBUF_INIT, body = STRBUF_INIT;
	_cleanup_free_ char *dir = NULL;
	struct json_object *answer;
	int r;

	question_add(&question, "routes", "1");
	if (arg_host)
		question_add(&question, "host", arg_host);
	if (question_is_live(&world) && !(dir = running_find("routes", world.runtime_dir)))
		return EXIT_FAILURE;
	if (question_ask("routes", &world, dir, &question, &body) < 0)
		return EXIT_FAILURE;
	text_streams_allow_colours(terminal_colours());
	answer = json_tokener_parse(strbuf_str(&body));
	r = show(answer, format);
	json_object_put(answer);
	return r;
}

int cmd_routes(const struct command *c, int argc, char **argv)
{
	struct option_row options[ARRAY_SIZE(own_options) + STAGE_OPTIONS_MAX + 1] = { 0 };
	enum output_format format;
	const char *why;
	int exit_code;

	memcpy(options, own_options, sizeof(own_options));
	(void)stage_options_rows(FOR_TRANSLATOR, options + ARRAY_SIZE(own_options));
	if (command_parse(
		    c, argc, argv, options,
		    "Lists every route of every host, in the order in which Envoy tries them: "
		    "the Secret of its\ncertificate, where it goes, how many of the endpoints "
		    "there are ready, and the object that\nasked for it. Exits 0, or 1 if there "
		    "is no answer or no such host, 2 on bad usage.",
		    0, &exit_code) < 0)
		return exit_code;
	if (!output_format_read(arg_output, &format))
		return command_misused(c, "-o: the format is " OUTPUT_FORMAT_HELP);
	why = question_misuse(&world);
	return why ? command_misused(c, why) : routes(format);
}
