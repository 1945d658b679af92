/* The configuration file as an object. Runs in the watcher. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "common/alloc.h"
#include "common/clock.h"
#include "common/configuration-file.h"
#include "common/configuration.h"
#include "common/log.h"
#include "common/object-kind.h"
#include "watcher/configuration.h"

struct configuration {
	struct source source;
	struct store *store;
	char *path;
	char *refused; /* why the file that is there now is not in force; NULL if it is */
	uint64_t reloads, failures;
	int64_t loaded; /* real time */
};

static struct configuration *configuration_of(const struct source *s)
{
	return (struct configuration *)s;
}

/* ---- what is to be said of a file ---- */

/* What stands in the object is said by the translator, for whatever made the object; here is what does
 * not stand in it. */
static void note(struct store *store, const char *path, const struct decode_problem *problems, size_t n,
		 bool refused)
{
	Portolan__Ipc__ObjectStatus status = PORTOLAN__IPC__OBJECT_STATUS__INIT;
	Portolan__Ipc__Problem **list = xnew(Portolan__Ipc__Problem *, n + 1);
	Portolan__Ipc__Problem *all = xnew(Portolan__Ipc__Problem, n + 1);

	for (size_t i = 0; i < n; i++) {
		if (refused && !problems[i].error)
			continue;
		portolan__ipc__problem__init(&all[i]);
		all[i].has_severity = 1;
		all[i].severity = problems[i].error ? PORTOLAN__IPC__SEVERITY__SEVERITY_ERROR :
						      PORTOLAN__IPC__SEVERITY__SEVERITY_WARNING;
		all[i].reason = (char *)problems[i].reason;
		all[i].field = (char *)problems[i].field;
		all[i].message = xasprintf("%s%s, line %u: %s", refused ? "not in force: " : "", path,
					   problems[i].line, problems[i].message);
		list[status.n_problems++] = &all[i];
	}
	status.has_verdict = 1;
	status.verdict = refused ? PORTOLAN__IPC__VERDICT__VERDICT_PARTIAL :
				   PORTOLAN__IPC__VERDICT__VERDICT_ACCEPTED;
	status.problems = list;
	store_note(store, OBJECT_CONTOUR_CONFIGURATION, CONFIGURATION_KEY, strlen(CONFIGURATION_KEY),
		   &status);
	for (size_t i = 0; i < n; i++)
		free(all[i].message);
	free(all);
	free(list);
}

static void note_unreadable(struct store *store, const char *path, int error)
{
	_cleanup_free_ char *message = xasprintf("cannot be read: %s", strerror(-error));
	struct decode_problem p = { .error = true, .reason = "Unreadable", .field = "", .message = message };

	note(store, path, &p, 1, true);
}

static void log_problems(const char *path, const struct decode_problem *problems, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;

		decode_problem_print(&text, path, 0, &problems[i]);
		if (problems[i].error)
			log_error("%s", strbuf_str(&text));
		else
			log_warning("%s", strbuf_str(&text));
	}
}

/* ---- loading ---- */

/* What is refused is noted in the store; *ret_why, if not NULL, is a line about it. */
static int load(struct store *store, const char *path, char **ret_why)
{
	_cleanup_(configuration_file_freep) struct configuration_file *file = NULL;
	const struct decode_problem *problems;
	const uint8_t *object;
	size_t n, len;
	int r = configuration_file_load(path, &file);

	if (r < 0) {
		note_unreadable(store, path, r);
		if (ret_why)
			*ret_why = xasprintf("%s cannot be read: %s", path, strerror(-r));
		return log_error_errno(r, "cannot read the configuration %s: %m", path);
	}
	problems = configuration_file_problems(file, &n);
	log_problems(path, problems, n);
	object = configuration_file_object(file, &len);
	note(store, path, problems, n, !object);
	if (object) {
		store_pin(store, item_new(OBJECT_CONTOUR_CONFIGURATION, CONFIGURATION_KEY,
					  strlen(CONFIGURATION_KEY), path, strlen(path), object, len));
		return 0;
	}
	for (size_t i = 0; ret_why && !*ret_why && i < n; i++)
		if (problems[i].error) {
			_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;

			decode_problem_print(&text, path, 0, &problems[i]);
			*ret_why = strbuf_take(&text);
		}
	return -EBADMSG;
}

int configuration_load(struct store *store, const char *path)
{
	return load(store, path, NULL);
}

/* ---- the source ---- */

static void configuration_free(struct source *s)
{
	struct configuration *c = configuration_of(s);

	free(c->path);
	free(c->refused);
	free(c);
}

static bool is_complete(const struct source *s _unused_)
{
	return true;
}

static void why(const struct source *s, struct strbuf *out)
{
	const struct configuration *c = configuration_of(s);

	if (c->refused)
		strbuf_printf(out, "degraded: the configuration stays as it was: %s\n", c->refused);
}

static void metrics(const struct source *s, struct strbuf *out)
{
	const struct configuration *c = configuration_of(s);

	strbuf_printf(out,
		      "# TYPE portolan_watcher_config_refused gauge\n"
		      "portolan_watcher_config_refused %d\n"
		      "# TYPE portolan_watcher_config_reloads_total counter\n"
		      "portolan_watcher_config_reloads_total{result=\"taken\"} %" PRIu64 "\n"
		      "portolan_watcher_config_reloads_total{result=\"refused\"} %" PRIu64 "\n"
		      "# TYPE portolan_watcher_config_loaded_timestamp_seconds gauge\n"
		      "portolan_watcher_config_loaded_timestamp_seconds %" PRId64 "\n",
		      c->refused != NULL, c->reloads, c->failures, c->loaded / (int64_t)USEC_PER_SEC);
}

static void debug(const struct source *s, struct strbuf *out)
{
	const struct configuration *c = configuration_of(s);

	strbuf_puts(out, "\"file\":");
	strbuf_json(out, c->path, strlen(c->path));
	strbuf_printf(out, ",\"loaded\":%" PRId64 ",\"refused\":", c->loaded / (int64_t)USEC_PER_SEC);
	if (c->refused)
		strbuf_json(out, c->refused, strlen(c->refused));
	else
		strbuf_puts(out, "null");
}

static int read_again(struct configuration *c)
{
	int r;

	free(TAKE_PTR(c->refused));
	r = load(c->store, c->path, &c->refused);
	if (r >= 0)
		c->loaded = clock_realtime();
	return r;
}

static void reload(struct source *s)
{
	struct configuration *c = configuration_of(s);

	if (read_again(c) < 0) {
		c->failures++;
		log_error("the configuration stays as it was: %s is refused", c->path);
	} else {
		c->reloads++;
		log_info("the configuration was read again from %s", c->path);
	}
	store_commit(c->store);
}

static const struct source_ops ops = {
	.name = "configuration",
	.free = configuration_free,
	.complete = is_complete,
	.why = why,
	.metrics = metrics,
	.debug = debug,
	.reload = reload,
};

int configuration_new(struct store *store, const char *path, struct source **ret)
{
	struct configuration *c = xnew(struct configuration, 1);
	int r;

	c->source.ops = &ops;
	c->store = store;
	c->path = xstrdup(path);
	r = read_again(c);
	if (r < 0) {
		configuration_free(&c->source);
		return r;
	}
	store_add_source(store, &c->source);
	*ret = &c->source;
	return 0;
}
