/* portolan inspect: shows what a recording contains, or that it is damaged. */
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/answer/json-print.h"
#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/options.h"
#include "common/base/text.h"
#include "common/decode/object-kind.h"
#include "common/link/frame.h"
#include "common/recording/recording-moment.h"
#include "common/recording/recording.h"
#include "portolan/commands.h"
#include "portolan/recorded-verdicts.h"
#include "portolan/stage-options.h"
#include "portolan/text-table.h"

static bool arg_json, arg_list, arg_verdicts;
static const char *arg_log_level = "error";

/* Without --verdicts the last ones are shown, if the recording is short enough to translate at
 * once. */
#define VERDICTS_SHOWN 20
#define VERDICTS_SOON  2000 /* changes */

static const struct option_row own_options[] = {
	{ "list", 0, OPTION_FLAG, &arg_list, NULL, "list every change: when, and of what" },
	{ "verdicts", 0, OPTION_FLAG, &arg_verdicts, NULL,
	  "list every change of what became of an object: \"accepted → rejected REASON\"" },
	{ "json", 0, OPTION_FLAG, &arg_json, NULL, "print JSON" },
	{ "log-level", 0, OPTION_STRING, &arg_log_level, "LEVEL",
	  "debug, info, warning or error (default: error)" },
};

struct kind_counts {
	uint64_t added, changed, removed;
};

struct inspect {
	struct state *mirror;
	struct state_observer observer;
	struct kind_counts counts[STATE_KIND_MAX];
	uint64_t transfers, first_world, last_world, file_bytes, largest;
	int64_t first_usec, last_usec;
	bool baseline;         /* the first snapshot: its objects are no events */
	struct strbuf changes; /* of the present transfer, for --list */
};

static const char *kind_name(unsigned kind)
{
	const struct object_kind_row *row = object_kind(kind);

	return row ? row->kind : "?";
}

static void on_change(void *ctx, struct item *before, struct item *after)
{
	struct inspect *in = ctx;
	const struct item *i = after ? after : before;
	struct kind_counts *c = &in->counts[i->kind];
	_cleanup_free_ char *key = NULL;

	if (in->baseline)
		return;
	c->added += !before;
	c->removed += !after;
	c->changed += before && after;
	if (!arg_list)
		return;
	key = text_of(item_key(i));
	strbuf_printf(&in->changes, "%s%c%s %s", in->changes.len ? ", " : "",
		      !before  ? '+'
		      : !after ? '-'
			       : '~',
		      kind_name(i->kind), key);
}

static void list_transfer(struct inspect *in, int64_t usec)
{
	char time[RECORDING_TIME_SIZE];

	if (in->baseline)
		strbuf_printf(&in->changes, "%zu objects", state_count(in->mirror));
	printf("%s %+.6fs %" PRIu64 " %s\n", recording_time(usec, time),
	       (double)(usec - in->first_usec) / USEC_PER_SEC, state_source(in->mirror),
	       strbuf_str(&in->changes));
	strbuf_clear(&in->changes);
}

static int read_all(struct inspect *in, struct recording_reader *r)
{
	int64_t usec;
	int result;

	in->baseline = true;
	while ((result = recording_reader_next(r, &usec)) > 0) {
		if (!in->transfers++) {
			in->first_usec = usec;
			in->first_world = state_source(in->mirror);
		}
		in->last_usec = usec;
		in->last_world = state_source(in->mirror);
		in->largest = MAX(in->largest, (uint64_t)state_bytes(in->mirror));
		if (arg_list && !arg_json)
			list_transfer(in, usec);
		in->baseline = false;
	}
	return result;
}

static bool is_damaged(const struct recording_damage *d)
{
	return d->bad_blocks || d->lost_transfers || d->torn_bytes;
}

/* ---- for people ---- */

static void print_kinds(const struct inspect *in)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	struct text_table t;

	text_table_init(&t, 5);
	text_table_add(&t, "OBJECTS");
	text_table_add(&t, "AT THE END");
	text_table_add(&t, "ADDED");
	text_table_add(&t, "CHANGED");
	text_table_add(&t, "REMOVED");
	for (unsigned k = 0; k < STATE_KIND_MAX; k++) {
		const struct kind_counts *c = &in->counts[k];

		if (!state_count_kind(in->mirror, k) && !c->added && !c->changed && !c->removed)
			continue;
		text_table_add(&t, "%s", kind_name(k));
		text_table_add(&t, "%zu", state_count_kind(in->mirror, k));
		text_table_add(&t, "%" PRIu64, c->added);
		text_table_add(&t, "%" PRIu64, c->changed);
		text_table_add(&t, "%" PRIu64, c->removed);
	}
	text_table_write(&t, &out);
	text_table_done(&t);
	(void)fwrite(strbuf_str(&out), 1, out.len, stdout);
}

/* ---- verdicts ---- */

static void print_verdict(const struct inspect *in, struct json_object *o)
{
	const char *was = json_text(o, "was"), *is = json_text(o, "is");
	_cleanup_free_ char *name = text_of(json_text(o, "object"));
	int64_t usec = json_number(o, "usec");
	char time[RECORDING_TIME_SIZE];

	printf("%s %+.6fs %" PRId64 " %s ", recording_time(usec, time),
	       (double)(usec - in->first_usec) / USEC_PER_SEC, json_number(o, "world"), name);
	if (!*was)
		printf("%s (new)\n", is);
	else
		printf("%s → %s\n", was, *is ? is : "gone");
}

static void print_verdicts(const struct inspect *in, struct json_object *list)
{
	size_t n = json_length(list), from = 0;

	if (!n) {
		printf("verdicts:  none changed\n");
		return;
	}
	if (!arg_verdicts && n > VERDICTS_SHOWN)
		from = n - VERDICTS_SHOWN;
	printf("verdicts:  %zu changed%s\n", n,
	       from ? "; the last ones (--verdicts lists all):" : "");
	for (size_t i = from; i < n; i++)
		print_verdict(in, json_object_array_get_idx(list, i));
}

static void print_text(const struct inspect *in, const struct recording_reader *r)
{
	const struct recording_header *h = recording_reader_header(r);
	const struct recording_damage *d = recording_reader_damage(r);
	char first[RECORDING_TIME_SIZE], last[RECORDING_TIME_SIZE];

	printf("bytes:     %" PRIu64 " in files; objects take %" PRIu64 " at most\n",
	       in->file_bytes, in->largest);
	printf("secrets:   %s\n", h->flags & RECORDING_REDACTED ? "redacted" : "IN CLEAR");
	if (in->transfers) {
		printf("time:      %s to %s (%.3f s)\n", recording_time(in->first_usec, first),
		       recording_time(in->last_usec, last),
		       (double)(in->last_usec - in->first_usec) / USEC_PER_SEC);
		printf("worlds:    %" PRIu64 " to %" PRIu64 "\n", in->first_world, in->last_world);
	}
	printf("changes:   %" PRIu64 ", with %" PRIu64 " snapshots\n", in->transfers,
	       recording_reader_snapshots(r));
	if (is_damaged(d))
		printf("damage:    %" PRIu64 " blocks cannot be read, %" PRIu64
		       " changes are lost with them, %" PRIu64 " bytes are torn at ends\n",
		       d->bad_blocks, d->lost_transfers, d->torn_bytes);
	else
		printf("damage:    none\n");
	print_kinds(in);
}

/* ---- for programs ---- */

static void add_number(struct json_object *o, const char *key, uint64_t value)
{
	json_object_object_add(o, key, json_object_new_uint64(value));
}

static struct json_object *kinds_json(const struct inspect *in)
{
	struct json_object *kinds = json_object_new_object();

	for (unsigned k = 0; k < STATE_KIND_MAX; k++) {
		const struct kind_counts *c = &in->counts[k];
		struct json_object *o;

		if (!state_count_kind(in->mirror, k) && !c->added && !c->changed && !c->removed)
			continue;
		o = json_object_new_object();
		add_number(o, "objects", state_count_kind(in->mirror, k));
		add_number(o, "added", c->added);
		add_number(o, "changed", c->changed);
		add_number(o, "removed", c->removed);
		json_object_object_add(kinds, kind_name(k), o);
	}
	return kinds;
}

static void print_json(const struct inspect *in, const struct recording_reader *r,
		       struct json_object *verdicts)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	const struct recording_damage *d = recording_reader_damage(r);
	struct json_object *o = json_object_new_object(), *damage = json_object_new_object();
	char time[RECORDING_TIME_SIZE];

	add_number(o, "file_bytes", in->file_bytes);
	json_object_object_add(o, "redacted",
			       json_object_new_boolean((recording_reader_header(r)->flags &
							RECORDING_REDACTED) != 0));
	if (in->transfers) {
		json_object_object_add(
			o, "first_time",
			json_object_new_string(recording_time(in->first_usec, time)));
		json_object_object_add(o, "last_time",
				       json_object_new_string(recording_time(in->last_usec, time)));
		add_number(o, "first_world", in->first_world);
		add_number(o, "last_world", in->last_world);
	}
	add_number(o, "changes", in->transfers);
	add_number(o, "snapshots", recording_reader_snapshots(r));
	add_number(damage, "bad_blocks", d->bad_blocks);
	add_number(damage, "lost_changes", d->lost_transfers);
	add_number(damage, "torn_bytes", d->torn_bytes);
	json_object_object_add(o, "damage", damage);
	json_object_object_add(o, "kinds", kinds_json(in));
	if (verdicts)
		json_object_object_add(o, "verdicts", json_object_get(verdicts));
	json_print(o, DOCUMENT_LINE, &out);
	(void)fwrite(strbuf_str(&out), 1, out.len, stdout);
	json_object_put(o);
}

static int inspect(const char *const *paths, size_t n)
{
	_cleanup_(state_freep) struct state *mirror = state_new();
	_cleanup_(recording_reader_freep) struct recording_reader *r = NULL;
	struct inspect in = { .mirror = mirror };
	struct json_object *verdicts = NULL;
	char why[FRAME_REASON_MAX];
	int result;

	for (size_t i = 0; i < n; i++) {
		struct stat st;

		if (stat(paths[i], &st) == 0)
			in.file_bytes += (uint64_t)st.st_size;
	}
	result = recording_reader_new(paths, n, NULL, mirror, &r, why);
	if (result < 0) {
		(void)fprintf(stderr, "portolan inspect: %s\n", why);
		return EXIT_FAILURE;
	}
	in.observer = (struct state_observer){ on_change, NULL, &in, NULL };
	state_observe(mirror, &in.observer);
	result = read_all(&in, r);
	strbuf_done(&in.changes);
	state_unobserve(mirror, &in.observer);
	if (result < 0) {
		(void)fprintf(stderr, "portolan inspect: cannot read on: %s\n", strerror(-result));
		return EXIT_FAILURE;
	}
	if (arg_verdicts || (!arg_json && in.transfers <= VERDICTS_SOON))
		verdicts = recorded_verdicts("inspect", arg_log_level, paths, n);
	if (arg_json)
		print_json(&in, r, verdicts);
	else
		print_text(&in, r);
	if (verdicts && !arg_json)
		print_verdicts(&in, verdicts);
	json_object_put(verdicts);
	return is_damaged(recording_reader_damage(r)) ? EXIT_FAILURE : EXIT_SUCCESS;
}

int cmd_inspect(const struct command *c, int argc, char **argv)
{
	struct option_row options[ARRAY_SIZE(own_options) + STAGE_OPTIONS_MAX + 1] = { 0 };
	int at, exit_code;

	memcpy(options, own_options, sizeof(own_options));
	(void)stage_options_rows(FOR_TRANSLATOR, options + ARRAY_SIZE(own_options));
	at = command_parse(
		c, argc, argv, options,
		"Shows the time, the objects and the events in recordings; FILEs are read as one, "
		"the oldest first.\nExits 0, or 1 if something in them is damaged.",
		argc, &exit_code);

	if (at < 0)
		return exit_code;
	if (at == argc)
		return command_misused(c, "say which recording");
	return inspect((const char *const *)argv + at, (size_t)(argc - at));
}
