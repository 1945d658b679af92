/* Questions to a translator (translator/explain/explain.h): to one that runs, or to one that is
 * started for the question, on files or on a recording. */
#pragma once

#include "common/base/options.h"
#include "common/base/strbuf.h"

/* The translator that answers: one of our own for manifests or recordings, else the running one. */
struct question_world {
	const char *runtime_dir, *at, *config, *log_level;
	struct option_list manifests, recordings;
};

/* Rows for the options of a question_world; QUESTION_OPTIONS of them. */
#define QUESTION_OPTIONS(w)                                                                     \
	{ "manifests",                                                                          \
	  0,                                                                                    \
	  OPTION_LIST,                                                                          \
	  &(w).manifests,                                                                       \
	  "PATH",                                                                               \
	  "answer for the objects in a file or directory, without anything running; may be "    \
	  "repeated" },                                                                         \
		{ "config",    0,      OPTION_STRING,                                           \
		  &(w).config, "FILE", "with --manifests: Portolan's configuration" },          \
		{ "recording",                                                                  \
		  0,                                                                            \
		  OPTION_LIST,                                                                  \
		  &(w).recordings,                                                              \
		  "FILE",                                                                       \
		  "answer for what portolan record wrote; may be repeated, the oldest first" }, \
		{ "at",                                                                         \
		  0,                                                                            \
		  OPTION_STRING,                                                                \
		  &(w).at,                                                                      \
		  "MOMENT",                                                                     \
		  "with --recording: start, end, a time, an offset (+90s) or a world's number " \
		  "(default: "                                                                  \
		  "end)" },                                                                     \
		{ "runtime-dir", 0, OPTION_STRING, &(w).runtime_dir, "DIR", RUNNING_HELP },     \
		{ "log-level",    0,       OPTION_STRING,                                       \
		  &(w).log_level, "LEVEL", "debug, info, warning or error (default: warning)" }

/* Why these options do not go together; NULL: they do. */
const char *question_misuse(const struct question_world *w);
bool question_is_live(const struct question_world *w);

/* Adds key=value, escaped. */
void question_add(struct strbuf *question, const char *key, const char *value);

/* The answer's text. command: for messages on stderr. dir: of the running stages; NULL if none is
 * needed. */
int question_ask(const char *command, const struct question_world *w, const char *dir,
		 const struct strbuf *question, struct strbuf *ret);
/* Another page of another stage that runs. */
int question_ask_stage(const char *command, const char *dir, const char *stage, const char *page,
		       const char *question, struct strbuf *ret);

#define QUESTION_MAX 15000 /* bytes: the limit of a stage's page */
