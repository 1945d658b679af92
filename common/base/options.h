/* Command lines: one table of rows gives parsing, --help and the check that the man page names
 * every option. --help and --version are always there. */
#pragma once

#include <stdbool.h>

enum option_type {
	OPTION_FLAG,   /* bool */
	OPTION_STRING, /* const char *: points into argv */
	OPTION_UINT,   /* unsigned */
	OPTION_LIST,   /* struct option_list: the option may be repeated */
	OPTION_MAYBE,  /* const char *: --name or --name=VALUE; "" without a value */
};

struct option_row {
	const char *name; /* long option, without dashes */
	char letter;      /* or 0 */
	enum option_type type;
	void *target;
	const char *arg; /* the value's name in the help: "DIR" */
	const char *help;
};

struct option_list {
	const char **words;
	unsigned n;
};

/* From now on options_parse() gives its rows to fn and ends with exit code 0 without reading
 * anything: for files generated from the tables. NULL ends this mode. */
void options_list(void (*fn)(void *ctx, const struct option_row *rows), void *ctx);

bool options_are_listed(void);

/* Rows end with a NULL name. Options may follow words, up to "--"; the words are moved to the end
 * of argv. Returns the index of the first word that is not an option. Returns -1 when the program
 * should end now, with its exit code in *ret_exit (help and version 0, bad usage 2). */
int options_parse(int argc, char **argv, const struct option_row *rows, const char *usage,
		  const char *description, int *ret_exit);
