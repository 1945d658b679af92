/* portolan diff: shows what would change for clients with the objects of these files. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/answer/json-print.h"
#include "common/base/alloc.h"
#include "common/base/options.h"
#include "common/base/text.h"
#include "common/recording/recording-moment.h"
#include "portolan/change-report.h"
#include "portolan/commands.h"
#include "portolan/stage-options.h"
#include "portolan/surface.h"
#include "portolan/verdicts.h"
#include "portolan/world.h"

static struct world_options world = { .log_level = "warning", .as_running = true };
static struct option_list arg_against;
static const char *arg_output;
static bool arg_whole, arg_overlay;

static const struct option_row own_options[] = {
	{ "against", 0, OPTION_LIST, &arg_against, "WHAT",
	  "live (a cluster, or the Portolan that runs here), a recording, or a file or directory "
	  "of manifests; may be repeated for files" },
	{ "at", 0, OPTION_STRING, &world.at, "MOMENT",
	  "of a recording: start, end, a time, an offset (+90s) or a world's number (default: "
	  "end)" },
	{ "whole", 0, OPTION_FLAG, &arg_whole, NULL,
	  "MANIFESTS are all objects: what they lack is gone (default against files)" },
	{ "overlay", 0, OPTION_FLAG, &arg_overlay, NULL,
	  "MANIFESTS are applied over what is there (default against live and recordings)" },
	{ "output", 'o', OPTION_STRING, &arg_output, "FORMAT",
	  "text, json or github (annotations) (default: text)" },
	{ "config", 0, OPTION_STRING, &world.config, "FILE",
	  "Portolan's configuration, for files and clusters" },
	WORLD_LIVE_OPTIONS(world),
	{ "runtime-dir", 0, OPTION_STRING, &world.runtime_dir, "DIR",
	  "of the Portolan that runs here, if that is what is live" },
	{ "log-level", 0, OPTION_STRING, &world.log_level, "LEVEL",
	  "debug, info, warning or error (default: warning)" },
};

/* A translator's output for one of the two worlds. */
struct side {
	struct world_objects read;
	struct json_object *surface, *verdicts;
};

static void side_done(struct side *s)
{
	world_objects_done(&s->read);
	json_object_put(s->surface);
	json_object_put(s->verdicts);
}

static int translate(struct side *s)
{
	_cleanup_(state_freep) struct state *statuses = NULL;
	int r = world_translate("diff", &world, s->read.objects, "surface=1", &statuses,
				&s->surface);

	if (r < 0)
		return r;
	if (json_member(s->surface, "error")) {
		(void)fprintf(stderr, "portolan diff: %s\n", json_text(s->surface, "error"));
		return -1;
	}
	s->verdicts = verdicts_read(statuses, s->read.notes, s->read.objects);
	return 0;
}

static bool is_overlay(void)
{
	return arg_overlay ||
	       (!arg_whole && (world_is_live(arg_against.words, arg_against.n) ||
			       world_is_recording(arg_against.words, arg_against.n)));
}

static void copy_world(struct world_objects *to, const struct world_objects *from)
{
	*to = (struct world_objects){ state_new(), state_new() };
	world_overlay(to, from);
}

static int read_sides(const char *const *manifests, size_t n, struct side *before,
		      struct side *after)
{
	struct world_objects over = { 0 };
	int r;

	if (world_read("diff", &world, arg_against.words, arg_against.n, &before->read) < 0)
		return -1;
	r = world_read("diff", &world, manifests, n, is_overlay() ? &over : &after->read);
	if (r >= 0 && is_overlay()) {
		copy_world(&after->read, &before->read);
		world_overlay(&after->read, &over);
	}
	world_objects_done(&over);
	if (r < 0)
		return r;
	world_add_certificate("diff", &world, &before->read, &after->read);
	world_add_certificate("diff", &world, &after->read, &before->read);
	return 0;
}

static struct json_object *compare(const struct side *before, const struct side *after)
{
	struct json_object *changes = json_object_new_array();
	const struct surface_options o = { 0 };

	surface_compare(before->surface, after->surface, &o, changes);
	verdicts_compare(before->verdicts, after->verdicts, changes);
	return changes;
}

static int diff(const char *const *manifests, size_t n, enum change_format format)
{
	struct side before = { 0 }, after = { 0 };
	struct json_object *changes;
	int r = CHANGES_NO_ANSWER;

	if (read_sides(manifests, n, &before, &after) >= 0 && translate(&before) >= 0 &&
	    translate(&after) >= 0) {
		changes = compare(&before, &after);
		change_report_write(changes, format, stdout);
		r = change_report_exit(changes);
		json_object_put(changes);
	}
	side_done(&before);
	side_done(&after);
	return r;
}

static const char *misuse(int words, enum change_format *format)
{
	struct recording_moment moment;

	if (!arg_against.n)
		return "say against what: --against live, a recording, or files";
	if (!words)
		return "say which manifests";
	if (arg_whole && arg_overlay)
		return "--whole and --overlay are two different things: give one";
	if (world.at && recording_moment_parse(world.at, &moment) < 0)
		return "--at: a moment is start, end, a time (2026-01-31T12:00:00Z), an offset "
		       "(+90s) or a world's number";
	if (!change_format_read(arg_output, format))
		return "-o: the format is text, json or github";
	return NULL;
}

int cmd_diff(const struct command *c, int argc, char **argv)
{
	struct option_row options[ARRAY_SIZE(own_options) + STAGE_OPTIONS_MAX + 1] = { 0 };
	enum change_format format;
	const char *why;
	int at, exit_code;

	memcpy(options, own_options, sizeof(own_options));
	(void)stage_options_rows(FOR_TRANSLATOR, options + ARRAY_SIZE(own_options));
	at = command_parse(
		c, argc, argv, options,
		"Translates what is there and what would be, and says what is different for "
		"clients: hosts and routes\nadded, removed, retargeted, shadowed, opened; "
		"certificates; objects whose status turns. Changes nothing.\nExits 0 if nothing "
		"changes for clients, 1 if something does, 2 if something gets worse (a host, "
		"route "
		"or\ncertificate is lost, a route is opened, a status turns bad) or on bad usage, "
		"3 "
		"if there is no answer.",
		argc, &exit_code);
	if (at < 0)
		return exit_code;
	why = misuse(argc - at, &format);
	if (why)
		return command_misused(c, why);
	return diff((const char *const *)argv + at, (size_t)(argc - at), format);
}
