/* Options of the stages that the portolan command takes and passes on: one table. */
#pragma once

#include <stddef.h>

#include "common/base/options.h"

enum {
	FOR_WATCHER = 1,
	FOR_TRANSLATOR = 2,
	FOR_XDS_SERVER = 4,
	FOR_ADMIN = 8,
	FOR_SUPERVISOR = 16,
	FOR_RECORDER = 32,
	FOR_PASSWORDS = 64,
	FOR_STAGES = FOR_WATCHER | FOR_TRANSLATOR | FOR_XDS_SERVER | FOR_ADMIN,
	FOR_ALL = FOR_STAGES | FOR_SUPERVISOR | FOR_RECORDER | FOR_PASSWORDS,
};

#define STAGE_OPTIONS_MAX 48

/* Appends a row for each option of these stages to rows, which has room for them, and returns their
 * number. Options that other stages also have are left out, except those shared with the watcher.
 * This file remembers the values given. */
size_t stage_options_rows(unsigned stages, struct option_row *rows);
/* The last value given, or NULL. */
const char *stage_option(const char *name);
/* Also for flags. */
bool stage_option_given(const char *name);
/* As if given on the command line; replaces an earlier value. value is borrowed. */
void stage_option_set(const char *name, const char *value);
/* The same, but keeps an earlier value. */
void stage_option_add(const char *name, const char *value);

/* Words of another command line ("--name=value", "--name"): those of options that were not given on
 * this one; others are passed over. */
void stage_options_take(char *const *words, size_t n);

/* A command line in the making. */
struct words {
	char **v; /* NULL-terminated once a word was added */
	size_t n, cap;
};

/* Takes the string. */
void words_take(struct words *w, char *word);
void words_add(struct words *w, const char *word);
void words_done(struct words *w);
/* "--name=value" for each given option of the stage. */
void stage_options_pass(struct words *w, unsigned stage);
