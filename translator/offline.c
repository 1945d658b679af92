/* Translation without a pipeline: one stream of objects in, resources and statuses out.
 * `portolan translate` and the golden tests use it. Runs in portolan-translator --once. */
#include <event2/http.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/document.h"
#include "common/base/log.h"
#include "common/decode/status-document.h"
#include "common/link/frame-stream.h"
#include "translator/explain/explain.h"
#include "translator/print/changes.h"
#include "translator/print/composed.h"
#include "translator/print/print.h"
#include "translator/translator.h"

static int open_stream(const char *path, int flags, int standard)
{
	int fd = strcmp(path, "-") == 0 ? fcntl(standard, F_DUPFD_CLOEXEC, 3)
					: open(path, flags | O_CLOEXEC, 0600);

	if (fd < 0)
		return log_error_errno(-errno, "cannot open %s: %m", path);
	return fd;
}

/* Takes the stream's next transfer (all there are, if that is not one by one): 1, or 0 at its end.
 */
static int read_transfers(struct frame_reader *reader, const char *path, bool one,
			  struct frame_writer *each)
{
	int r, written = 0;

	while ((r = frame_reader_next(reader)) > 0 && !one && written >= 0)
		if (each)
			written = frame_writer_write(each);
	if (written < 0)
		return log_error_errno(written, "cannot write the statuses: %m");
	if (r < 0)
		log_error("cannot read the objects from %s: %s", path, frame_reader_error(reader));
	return r;
}

static void copy_objects(struct state *to, const struct state *from)
{
	struct item *i;

	for (size_t pos = 0; (i = state_next(from, &pos));)
		(void)state_put(to, item_ref(i));
	state_commit(to, state_source(from));
}

/* first: gets the stream's first world; may be NULL. */
static int read_objects(struct translator *t, struct translator *first, const char *path,
			struct frame_writer *each)
{
	_cleanup_(frame_reader_freep) struct frame_reader *reader = NULL;
	_cleanup_close_ int fd = open_stream(path, O_RDONLY, STDIN_FILENO);
	int r = 1;

	if (fd < 0)
		return fd;
	reader = frame_reader_new(fd, "watcher", t->objects);
	if (first) {
		r = read_transfers(reader, path, true, NULL);
		if (r > 0)
			copy_objects(first->objects, t->objects);
	}
	if (r > 0)
		r = read_transfers(reader, path, false, each);
	if (r < 0)
		return r;
	if (!state_complete(t->objects)) {
		log_error("%s ended before a complete set of objects", path);
		return -ENODATA;
	}
	return 0;
}

static int write_state(struct state *s, const char *path)
{
	_cleanup_(frame_writer_freep) struct frame_writer *writer = NULL;
	_cleanup_close_ int fd = -1;
	int r;

	if (!path)
		return 0;
	fd = open_stream(path, O_WRONLY | O_CREAT | O_TRUNC, STDOUT_FILENO);
	if (fd < 0)
		return fd;
	r = frame_writer_new(fd, "translator", s, &writer);
	if (r >= 0)
		r = frame_writer_write(writer);
	return r < 0 ? log_error_errno(r, "cannot write to %s: %m", path) : 0;
}

static void print_resources(struct document *d, const struct state *resources)
{
	struct item **all;
	size_t n;

	all = state_sorted(resources, &n);
	document_list(d);
	for (size_t i = 0; i < n && all[i]->kind < RESOURCE_PART; i++) {
		_cleanup_strbuf_ struct strbuf bytes = STRBUF_INIT;

		if (!resource_kind(all[i]->kind))
			continue;
		composed_bytes(all, n, all[i], &bytes);
		(void)print_resource(d, all[i]->kind, item_key(all[i]), item_meta(all[i]),
				     (const uint8_t *)strbuf_str(&bytes), bytes.len, PRINT_REDACT);
	}
	document_end(d);
	free(all);
}

static void print_fleet_set(struct document *d, const struct item *i)
{
	const char *nul = memchr(i->data, '\0', i->key_len);
	const struct resource_kind_row *row = resource_kind((unsigned)strtoul(i->data, NULL, 10));
	Portolan__Ipc__FleetSet *set =
		portolan__ipc__fleet_set__unpack(NULL, i->value_len, item_value(i));

	document_map(d);
	document_put_string(d, "kind", row ? row->name : "?");
	document_key(d, "name");
	document_string_n(d, nul + 1, i->key_len - (size_t)(nul + 1 - i->data));
	document_key(d, "fleets");
	document_list(d);
	for (size_t k = 0; k < set->n_fleets; k++)
		document_string(d, set->fleets[k]);
	document_end(d);
	document_end(d);
	portolan__ipc__fleet_set__free_unpacked(set, NULL);
}

/* The fleets of resources, if not just the default fleet's. */
static void print_fleets(struct document *d, const struct state *resources)
{
	struct item **all;
	size_t n;

	if (!state_count_kind(resources, RESOURCE_FLEET_SET))
		return;
	all = state_sorted(resources, &n);
	document_key(d, "fleets");
	document_list(d);
	for (size_t i = 0; i < n; i++)
		if (all[i]->kind == RESOURCE_FLEET_SET)
			print_fleet_set(d, all[i]);
	document_end(d);
	free(all);
}

static int print(struct translator *t, const char *format)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	struct document d;

	document_init(&d, &out, strcmp(format, "json") == 0 ? DOCUMENT_JSON : DOCUMENT_YAML);
	document_map(&d);
	document_key(&d, "resources");
	print_resources(&d, t->resources);
	print_fleets(&d, t->resources);
	document_key(&d, "statuses");
	status_document_list(&d, t->statuses, t->objects);
	document_end(&d);
	if (fwrite(out.s, 1, out.len, stdout) != out.len || fflush(stdout) != 0)
		return log_error_errno(-EIO, "cannot write to standard output: %m");
	return 0;
}

/* Whether every object that is ours is served as it says. */
static bool all_well(const struct state *statuses)
{
	struct item *i;
	size_t pos = 0;
	bool well = true;

	while ((i = state_next(statuses, &pos))) {
		Portolan__Ipc__ObjectStatus *s =
			portolan__ipc__object_status__unpack(NULL, i->value_len, item_value(i));

		if (s && (s->verdict == PORTOLAN__IPC__VERDICT__VERDICT_PARTIAL ||
			  s->verdict == PORTOLAN__IPC__VERDICT__VERDICT_REJECTED))
			well = false;
		portolan__ipc__object_status__free_unpacked(s, NULL);
	}
	return well;
}

static int bad_usage(const char *what)
{
	(void)fprintf(stderr, "%s (--help says more)\n", what);
	return 2;
}

static bool is_format(const char *word)
{
	return !word || strcmp(word, "yaml") == 0 || strcmp(word, "json") == 0;
}

static int write_all(struct translator *t, struct translator *first)
{
	const struct translator_options *o = &translator_options;
	int r = write_state(t->resources, o->write_stream);

	if (r >= 0 && !o->each_world)
		r = write_state(t->statuses, o->write_statuses);
	if (r >= 0 && o->print)
		r = print(t, o->print);
	if (r >= 0 && first) {
		struct world before = translator_world(first), after = translator_world(t);

		r = changes_print(&before, &after, o->print_changes, o->full);
	}
	return r;
}

/* Returns main()'s exit code: 2 if the question makes no sense, 1 if there is no such object. */
static int answer(struct translator *t, const char *query)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	struct world world = translator_world(t);
	int status = explain(&world, query, &out);

	if (fwrite(out.s, 1, out.len, stdout) != out.len || fflush(stdout) != 0) {
		log_error("cannot write to standard output: %m");
		return EXIT_FAILURE;
	}
	return status == HTTP_OK ? EXIT_SUCCESS : status == HTTP_BADREQUEST ? 2 : EXIT_FAILURE;
}

/* Statuses of every world of the stream, as they change. */
static int open_each(struct translator *t, int *ret_fd, struct frame_writer **ret)
{
	const struct translator_options *o = &translator_options;
	int r;

	if (!o->each_world)
		return 0;
	*ret_fd = open_stream(o->write_statuses, O_WRONLY | O_CREAT | O_TRUNC, STDOUT_FILENO);
	if (*ret_fd < 0)
		return *ret_fd;
	r = frame_writer_new(*ret_fd, "translator", t->statuses, ret);
	return r < 0 ? log_error_errno(r, "cannot write to %s: %m", o->write_statuses) : 0;
}

int translator_once(void)
{
	_cleanup_(translator_freep) struct translator *t = NULL, *first = NULL;
	_cleanup_(frame_writer_freep) struct frame_writer *each = NULL;
	_cleanup_close_ int each_fd = -1;
	const struct translator_options *o = &translator_options;

	if (!o->once)
		return o->read_stream || o->write_stream || o->write_statuses || o->print ||
				       o->print_changes || o->explain
			       ? bad_usage("--read-stream, --write-stream, --write-statuses, "
					   "--print, "
					   "--print-changes and --explain go with --once")
			       : -1;
	if (!is_format(o->print) || !is_format(o->print_changes))
		return bad_usage("--print, --print-changes: the format is yaml or json");
	if (translator_new(&o->settings, &t) < 0 ||
	    (o->print_changes && translator_new(&o->settings, &first) < 0))
		return 2;
	if (o->each_world && !o->write_statuses)
		return bad_usage("--each-world goes with --write-statuses");
	if (open_each(t, &each_fd, &each) < 0 ||
	    read_objects(t, first, o->read_stream ? o->read_stream : "-", each) < 0 ||
	    write_all(t, first) < 0)
		return EXIT_FAILURE;
	if (o->explain)
		return answer(t, o->explain);
	return all_well(t->statuses) ? EXIT_SUCCESS : EXIT_FAILURE;
}
