/* Options of the stages that the portolan command takes and passes on: one table. */
#pragma once

#include <stddef.h>

#include "common/options.h"

enum {
	FOR_WATCHER = 1,
	FOR_TRANSLATOR = 2,
	FOR_XDS_SERVER = 4,
	FOR_ADMIN = 8,
	FOR_SUPERVISOR = 16,
	FOR_RECORDER = 32,
	FOR_STAGES = FOR_WATCHER | FOR_TRANSLATOR | FOR_XDS_SERVER | FOR_ADMIN,
	FOR_ALL = FOR_STAGES | FOR_SUPERVISOR | FOR_RECORDER,
};

#define STAGE_OPTIONS_MAX 40

/* Appends a row for each option that is for none but those stages to rows, which has room for that many
 * more, and returns how many. What is given is remembered here. */
size_t stage_options_rows(unsigned stages, struct option_row *rows);
/* The last value given, or NULL. */
const char *stage_option(const char *name);
/* Also for flags. */
bool stage_option_given(const char *name);
/* As if it had been given on the command line; replaces what was. value is borrowed. */
void stage_option_set(const char *name, const char *value);
/* The same, but keeps what was. */
void stage_option_add(const char *name, const char *value);

/* A command line in the making. */
struct words {
	char **v; /* NULL-terminated once something was added */
	size_t n, cap;
};

/* Takes the string. */
void words_take(struct words *w, char *word);
void words_add(struct words *w, const char *word);
void words_done(struct words *w);
/* "--name=value" for all that was given and is one of the stage's. */
void stage_options_pass(struct words *w, unsigned stage);
