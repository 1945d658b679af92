/* Questions to a translator. */
#include <errno.h>
#include <event2/http.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/daemon/control-client.h"
#include "common/link/frame.h"
#include "portolan/ask-stages.h"
#include "portolan/once.h"
#include "portolan/question.h"
#include "portolan/recorded-world.h"
#include "portolan/stage-options.h"

#define TIMEOUT_USEC (20 * USEC_PER_SEC)

void question_add(struct strbuf *b, const char *key, const char *value)
{
	char *escaped = evhttp_uriencode(value, -1, 0);

	strbuf_printf(b, "%s%s=%s", b->len ? "&" : "", key, escaped);
	free(escaped);
}

bool question_is_live(const struct question_world *w)
{
	return !w->manifests.n && !w->recordings.n;
}

const char *question_misuse(const struct question_world *w)
{
	struct recording_moment moment;
	struct words given = { 0 };
	bool options;

	stage_options_pass(&given, FOR_TRANSLATOR);
	options = given.n > 0;
	words_done(&given);
	if (w->manifests.n && w->recordings.n)
		return "--manifests and --recording are two different things: give one";
	if (w->at && !w->recordings.n)
		return "--at goes with --recording";
	if (w->at && recording_moment_parse(w->at, &moment) < 0)
		return "--at: a moment is start, end, a time (2026-01-31T12:00:00Z), an offset "
		       "(+90s) or a world's number";
	if (w->config && !w->manifests.n)
		return "--config goes with --manifests";
	if (options && question_is_live(w))
		return "the translator's options go with --manifests or --recording: what runs has "
		       "its own";
	return NULL;
}

/* ---- a translator that is started for it ---- */

static int fail(const char *command, int r, const char *doing)
{
	(void)fprintf(stderr, "portolan %s: %s: %s\n", command, doing,
		      r == -ENODATA ? "it holds no complete world" : strerror(-r));
	return r;
}

static int start_translator(const char *command, const struct question_world *o,
			    const char *question, int in, int out, pid_t *ret)
{
	struct words w = { 0 };

	if (once_words("portolan-translator", o->log_level, &w) < 0)
		return -ENOENT;
	words_add(&w, "--read-stream=-");
	words_take(&w, xasprintf("--explain=%s", question));
	stage_options_pass(&w, FOR_TRANSLATOR);
	return once_start(command, &w, in, out, -1, ret);
}

static int start_watcher(const char *command, const struct question_world *o, int out, pid_t *ret)
{
	struct words w = { 0 };

	if (once_words("portolan-watcher", o->log_level, &w) < 0)
		return -ENOENT;
	words_add(&w, "--write-stream=-");
	if (o->config)
		words_take(&w, xasprintf("--config=%s", o->config));
	words_add(&w, "--stand-in");
	stage_options_pass(&w, FOR_WATCHER);
	for (unsigned i = 0; i < o->manifests.n; i++)
		words_take(&w, xasprintf("--manifests=%s", o->manifests.words[i]));
	return once_start(command, &w, -1, out, -1, ret);
}

static int write_world(const char *command, const struct question_world *o, int fd)
{
	_cleanup_(frame_writer_freep) struct frame_writer *writer = NULL;
	struct recorded_world world;
	struct recording_moment moment;
	char why[FRAME_REASON_MAX];
	int r;

	(void)recording_moment_parse(o->at ? o->at : "end", &moment);
	r = recorded_world_open(&world, o->recordings.words, o->recordings.n, why);
	if (r < 0) {
		(void)fprintf(stderr, "portolan %s: %s\n", command, why);
	} else {
		r = recorded_world_go_to(&world, &moment);
		if (r < 0)
			(void)fail(command, r, "cannot read the recording");
	}
	if (r >= 0) {
		recorded_world_say(&world);
		r = frame_writer_new(fd, "watcher", world.mirror, &writer);
		r = r < 0 ? r : frame_writer_write(writer);
	}
	frame_writer_free(TAKE_PTR(writer));
	recorded_world_close(&world);
	return r;
}

static void read_all(int fd, struct strbuf *ret)
{
	ssize_t n;

	while ((n = read(fd, strbuf_room(ret, 65536), 65536)) > 0 || (n < 0 && errno == EINTR))
		if (n > 0) {
			ret->len += (size_t)n;
			ret->s[ret->len] = '\0';
		}
}

/* The translator reads all objects before it writes. The pipes' ends are closed on exec, except
 * those passed to it. Returns its exit code. */
static int ask_once(const char *command, const struct question_world *o, const char *question,
		    struct strbuf *ret)
{
	int objects[2], answer[2], r = 0;
	pid_t translator = 0, watcher = 0;

	if (pipe2(objects, O_CLOEXEC) < 0 || pipe2(answer, O_CLOEXEC) < 0) {
		(void)fprintf(stderr, "portolan %s: no pipe: %m\n", command);
		return EXIT_FAILURE;
	}
	(void)signal(SIGPIPE, SIG_IGN);
	if (start_translator(command, o, question, objects[0], answer[1], &translator) == 0)
		r = o->recordings.n ? write_world(command, o, objects[1])
				    : start_watcher(command, o, objects[1], &watcher);
	(void)close(objects[0]);
	(void)close(objects[1]);
	(void)close(answer[1]);
	read_all(answer[0], ret);
	(void)close(answer[0]);
	/* The watcher has reported files that it could not read; the others count. */
	if (watcher > 0)
		(void)once_wait(watcher);
	return once_wait(translator) == 0 || ret->len ? r : -EIO;
}

int question_ask_stage(const char *command, const char *dir, const char *stage, const char *page,
		       const char *question, struct strbuf *ret)
{
	_cleanup_free_ char *target = xasprintf("%s?%s", page, question);
	struct stage_question q = { .stage = stage, .target = target };
	int r;

	ask_stages(dir, &q, 1, TIMEOUT_USEC);
	r = q.error;
	if (r)
		(void)fprintf(stderr, "portolan %s: the %s %s (in %s)\n", command, stage,
			      control_error(r), dir);
	else
		*ret = q.body;
	if (r)
		stage_question_done(&q);
	return r;
}

int question_ask(const char *command, const struct question_world *w, const char *dir,
		 const struct strbuf *question, struct strbuf *ret)
{
	return question_is_live(w) ? question_ask_stage(command, dir, "translator",
							"/debug/explain", strbuf_str(question), ret)
				   : ask_once(command, w, strbuf_str(question), ret);
}
