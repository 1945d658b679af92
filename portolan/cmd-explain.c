/* portolan explain: asks a translator how a request is answered, or what an object has made. The
 * translator is a running one, or one started for this on files or on a recording. */
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/answer/json-print.h"
#include "common/base/alloc.h"
#include "common/base/options.h"
#include "portolan/commands.h"
#include "portolan/explain-report.h"
#include "portolan/object-report.h"
#include "portolan/question.h"
#include "portolan/running.h"
#include "portolan/stage-options.h"

static const char *arg_method, *arg_sni, *arg_client, *arg_http;
static struct question_world world = { .log_level = "warning" };
static struct option_list arg_headers;
static bool arg_json;

static const struct option_row own_options[] = {
	{ "method", 0, OPTION_STRING, &arg_method, "METHOD",
	  "the request's method (default: GET)" },
	{ "header", 0, OPTION_LIST, &arg_headers, "'NAME: VALUE'",
	  "a header of the request; may be repeated. Host replaces the URL's" },
	{ "sni", 0, OPTION_STRING, &arg_sni, "NAME",
	  "the name in the TLS handshake (default: the URL's host); \"\" for none" },
	{ "http-version", 0, OPTION_STRING, &arg_http, "VERSION",
	  "the version of HTTP: 1.0, 1.1 (default) or 2" },
	{ "client", 0, OPTION_STRING, &arg_client, "ADDRESS",
	  "the client's address, for filters of addresses" },
	{ "json", 0, OPTION_FLAG, &arg_json, NULL, "print JSON" },
	QUESTION_OPTIONS(world),
};

/* ---- the question ---- */

static bool is_url(const char *subject)
{
	return strstr(subject, "://") != NULL;
}

static void write_question(struct strbuf *b, const char *subject)
{
	if (!is_url(subject)) {
		question_add(b, "object", subject);
		return;
	}
	question_add(b, "url", subject);
	if (arg_method)
		question_add(b, "method", arg_method);
	if (arg_sni)
		question_add(b, "sni", arg_sni);
	if (arg_http)
		question_add(b, "http", arg_http);
	if (arg_client)
		question_add(b, "client", arg_client);
	for (unsigned i = 0; i < arg_headers.n; i++)
		question_add(b, "header", arg_headers.words[i]);
}

/* ---- asking stages that run ---- */

/* The watcher knows more of an object than the translator: whether its newest version could be
 * read, and its status in Kubernetes. */
static void ask_status(const char *dir, struct json_object *answer)
{
	_cleanup_strbuf_ struct strbuf question = STRBUF_INIT, body = STRBUF_INIT;
	static const char *const keys[] = { "kind", "namespace", "name" };
	struct json_object *object, *v, *list;

	if (!json_object_object_get_ex(answer, "object", &object))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (json_object_object_get_ex(object, keys[i], &v))
			question_add(&question, keys[i], json_object_get_string(v));
	if (question_ask_stage("explain", dir, "watcher", "/debug/statuses", strbuf_str(&question),
			       &body) < 0)
		return;
	list = json_tokener_parse(strbuf_str(&body));
	if (json_object_is_type(list, json_type_array) && json_object_array_length(list))
		(void)json_object_object_add(answer, "status",
					     json_object_get(json_object_array_get_idx(list, 0)));
	json_object_put(list);
}

/* Which Envoys have the resources, as far as they fit into one question. */
static struct json_object *ask_envoys(const char *dir, struct json_object *answer)
{
	_cleanup_strbuf_ struct strbuf question = STRBUF_INIT, body = STRBUF_INIT;
	struct json_object *list, *o;

	if (!json_object_object_get_ex(answer, "resources", &list))
		return NULL;
	for (size_t i = 0; i < json_object_array_length(list) && question.len < QUESTION_MAX / 2;
	     i++) {
		struct json_object *r = json_object_array_get_idx(list, i), *kind, *name;
		_cleanup_free_ char *text = NULL;

		if (!json_object_object_get_ex(r, "kind", &kind) ||
		    !json_object_object_get_ex(r, "name", &name))
			continue;
		text = xasprintf("%s %s", json_object_get_string(kind),
				 json_object_get_string(name));
		question_add(&question, "resource", text);
	}
	if (question_ask_stage("explain", dir, "xds-server", "/debug/accepted",
			       strbuf_str(&question), &body) < 0)
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

/* Frees envoys, which may be NULL. */
static int show(struct json_object *answer, struct json_object *envoys, const char *subject)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	struct json_object *error, *bad;
	int r;

	if (json_object_object_get_ex(answer, "error", &error)) {
		(void)fprintf(stderr, "portolan explain: %s: %s\n", subject,
			      json_object_get_string(error));
		return json_object_object_get_ex(answer, "bad_question", &bad) &&
				       json_object_get_boolean(bad)
			       ? EXIT_USAGE
			       : EXIT_FAILURE;
	}
	r = is_good(answer) ? EXIT_SUCCESS : EXIT_FAILURE;
	if (arg_json) {
		if (envoys)
			(void)json_object_object_add(answer, "envoys", envoys);
		json_print(answer, DOCUMENT_JSON, &out);
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
	bool live = question_is_live(&world);
	_cleanup_free_ char *dir = NULL;
	struct json_object *answer;
	int r;

	write_question(&question, subject);
	if (question.len > QUESTION_MAX) {
		(void)fprintf(stderr, "portolan explain: the question is too long\n");
		return EXIT_USAGE;
	}
	if (live && !(dir = running_find("explain", world.runtime_dir)))
		return EXIT_FAILURE;
	r = question_ask("explain", &world, dir, &question, &body);
	if (r < 0)
		return EXIT_FAILURE;
	answer = json_tokener_parse(strbuf_str(&body));
	if (!json_object_is_type(answer, json_type_object)) {
		(void)fprintf(stderr, "portolan explain: the translator gave no answer; is it "
				      "older than this command?\n");
		r = EXIT_FAILURE;
	} else {
		if (live && !is_url(subject))
			ask_status(dir, answer);
		r = show(answer, live && !is_url(subject) ? ask_envoys(dir, answer) : NULL,
			 subject);
	}
	json_object_put(answer);
	return r;
}

static const char *misuse(const char *subject)
{
	const char *why = question_misuse(&world);

	if (why)
		return why;
	if (!is_url(subject) && (arg_method || arg_sni || arg_headers.n || arg_http || arg_client))
		return "--method, --header, --sni, --http-version and --client go with a URL, "
		       "which begins with http:// or https://";
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
			   "Says what a request to URL meets, by which object, and what lost "
			   "against it; or what "
			   "an object\nhas made. Answers by Envoy's rules from what Envoy is sent: "
			   "of what runs, of "
			   "files, or of a recording.\nExits 0 if the request is served or the "
			   "object accepted, 1 if "
			   "not (404, 421, no endpoint,\na handshake that fails, no such object), "
			   "2 on bad usage.",
			   1, &exit_code);
	if (at < 0)
		return exit_code;
	if (at == argc)
		return command_misused(c, "say which URL or which object (KIND/NAMESPACE/NAME)");
	why = misuse(argv[at]);
	if (why)
		return command_misused(c, why);
	if (!is_url(argv[at]) && !object_name_check("explain", argv[at]))
		return EXIT_USAGE;
	return explain(argv[at]);
}
