/* portolan migrate: the objects of Contour or ingress-nginx, and how Portolan would treat them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/answer/json-print.h"
#include "common/base/alloc.h"
#include "common/base/options.h"
#include "common/recording/recording-moment.h"
#include "portolan/commands.h"
#include "portolan/conversion.h"
#include "portolan/migration.h"
#include "portolan/stage-options.h"

enum { EXIT_DIFFERENT = 1, EXIT_NOT_SERVED = 2, EXIT_NO_ANSWER = 3 };

static struct world_options world = { .log_level = "error" };
static struct option_list arg_classes;
static const char *arg_from, *arg_output, *arg_write, *arg_config, *arg_to;
static bool arg_with_differences;

static const struct option_row own_options[] = {
	{ "from", 0, OPTION_STRING, &arg_from, "WHOSE",
	  "contour, ingress-nginx or auto: by classes and annotations (default: auto)" },
	{ "class", 0, OPTION_LIST, &arg_classes, "NAME",
	  "a class of theirs that no IngressClass in SOURCE names, or that of another "
	  "ingress-nginx, to judge its objects; may be repeated" },
	{ "output", 'o', OPTION_STRING, &arg_output, "FORMAT",
	  "text, markdown or json (default: text)" },
	{ "write", 0, OPTION_STRING, &arg_write, "DIR",
	  "write there what has to be applied, and Portolan's configuration; of a cluster that "
	  "cannot be read only the rights to read it" },
	{ "to", 0, OPTION_STRING, &arg_to, "API",
	  "gateway-api or httpproxy: write equivalent objects on standard output, in place of the "
	  "report; with --write into converted.yaml" },
	{ "with-differences", 0, OPTION_FLAG, &arg_with_differences, NULL,
	  "with --to: write hosts, too, of which some setting cannot be said; each is named" },
	{ "config", 0, OPTION_STRING, &arg_config, "FILE",
	  "Portolan's configuration (default: made of what configures the old controller)" },
	{ "at", 0, OPTION_STRING, &world.at, "MOMENT",
	  "of a recording: start, end, a time, an offset (+90s) or a world's number (default: "
	  "end)" },
	WORLD_LIVE_OPTIONS(world),
	{ "runtime-dir", 0, OPTION_STRING, &world.runtime_dir, "DIR",
	  "of the Portolan that runs here, if that is what is live" },
	{ "log-level", 0, OPTION_STRING, &world.log_level, "LEVEL",
	  "debug, info, warning or error (default: error)" },
};

static int report(const struct migration *m)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	struct json_object *o;

	if (arg_output && strcmp(arg_output, "json") == 0) {
		o = migration_report_json(m);
		json_print(o, DOCUMENT_JSON, &out);
		json_object_put(o);
	} else if (arg_output && strcmp(arg_output, "markdown") == 0) {
		migration_report_markdown(m, &out);
	} else {
		migration_report_text(m, &out);
	}
	(void)fwrite(strbuf_str(&out), 1, out.len, stdout);
	return m->counts[MIGRATION_NOT_SERVED]  ? EXIT_NOT_SERVED
	       : m->counts[MIGRATION_DIFFERENT] ? EXIT_DIFFERENT
						: EXIT_SUCCESS;
}

static enum conversion_target target(void)
{
	return !arg_to                              ? CONVERT_NOT
	       : strcmp(arg_to, "gateway-api") == 0 ? CONVERT_GATEWAY
						    : CONVERT_PROXY;
}

/* Objects for standard output are all that is written there. */
static int convert(const struct migration *m)
{
	struct conversion c = { .target = target(), .with_differences = arg_with_differences };
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	int r = conversion_make(&c, m, &world), exit_code = EXIT_NO_ANSWER;

	if (r >= 0) {
		conversion_write(&c, &out);
		exit_code = c.n_equal == json_length(c.hosts)     ? EXIT_SUCCESS
			    : c.n_written == json_length(c.hosts) ? EXIT_DIFFERENT
								  : EXIT_NOT_SERVED;
		if (!arg_write)
			(void)fwrite(strbuf_str(&out), 1, out.len, stdout);
		else if (migration_write_file(arg_write, "converted.yaml", &out) < 0)
			exit_code = EXIT_NO_ANSWER;
	}
	conversion_done(&c);
	return exit_code;
}

static int finish(const struct migration *m)
{
	int reported, converted = arg_to ? convert(m) : EXIT_SUCCESS;

	if (arg_to && (!arg_write || converted == EXIT_NO_ANSWER))
		return converted;
	reported = report(m);
	return reported > converted ? reported : converted;
}

static int migrate(const char *const *source, size_t n, unsigned from)
{
	struct migration m = { .from = from, .configuration = STRBUF_INIT };
	int exit_code = EXIT_NO_ANSWER;

	world.note_passed = true;
	if (world_read("migrate", &world, source, n, &m.world) < 0) {
		if (arg_write && world_is_live(source, n))
			(void)migration_write_rights(arg_write);
	} else if (migration_source(&m, arg_config, arg_classes.words, arg_classes.n) >= 0 &&
		   migration_judge(&m, &world) >= 0 &&
		   (!arg_write || migration_write(&m, arg_write) >= 0)) {
		exit_code = finish(&m);
	}
	migration_done(&m);
	return exit_code;
}

static const char *misuse(int words, unsigned *ret_from)
{
	static const char *const sources[] = { "auto", "contour", "ingress-nginx" };
	static const char *const formats[] = { "text", "markdown", "json" };
	struct recording_moment moment;
	bool found = !arg_output;

	if (!words)
		return "say which objects: live, a dump, a folder, or a recording";
	for (*ret_from = 0; arg_from && *ret_from < ARRAY_SIZE(sources); (*ret_from)++)
		if (strcmp(arg_from, sources[*ret_from]) == 0)
			break;
	if (*ret_from == ARRAY_SIZE(sources))
		return "--from: it is contour, ingress-nginx or auto";
	for (size_t i = 0; i < ARRAY_SIZE(formats) && !found; i++)
		found = strcmp(arg_output, formats[i]) == 0;
	if (arg_to && strcmp(arg_to, "gateway-api") != 0 && strcmp(arg_to, "httpproxy") != 0)
		return "--to: it is gateway-api or httpproxy";
	if (arg_with_differences && !arg_to)
		return "--with-differences goes with --to";
	if (!found)
		return "-o: the format is text, markdown or json";
	if (world.at && recording_moment_parse(world.at, &moment) < 0)
		return "--at: a moment is start, end, a time (2026-01-31T12:00:00Z), an offset "
		       "(+90s) or a world's number";
	return NULL;
}

int cmd_migrate(const struct command *c, int argc, char **argv)
{
	struct option_row options[ARRAY_SIZE(own_options) + STAGE_OPTIONS_MAX + 1] = { 0 };
	const char *why;
	unsigned from;
	int at, exit_code;

	memcpy(options, own_options, sizeof(own_options));
	(void)stage_options_rows(FOR_TRANSLATOR, options + ARRAY_SIZE(own_options));
	at = command_parse(
		c, argc, argv, options,
		"Says what would become of the objects of Contour or ingress-nginx under Portolan: "
		"each is served the\nsame, served with a difference, not served, or was never "
		"served there either. SOURCE is live (a\ncluster), what portolan dump or kubectl "
		"get -o yaml wrote, a folder of manifests, or a recording.\nChanges nothing. Exits "
		"0 if everything is served the same, 1 if something is served with a\ndifference, "
		"2 if something is not served or on bad usage, 3 if there is no answer.",
		argc, &exit_code);
	if (at < 0)
		return exit_code;
	why = misuse(argc - at, &from);
	if (why)
		return command_misused(c, why);
	return migrate((const char *const *)argv + at, (size_t)(argc - at), from);
}
