/* Command lines: one table of rows gives parsing, --help and the check that the man page names every
 * option. --help and --version are always there. */
#pragma once

#include <stdbool.h>

enum option_type {
	OPTION_FLAG,   /* bool */
	OPTION_STRING, /* const char *: points into argv */
	OPTION_UINT,   /* unsigned */
	OPTION_LIST,   /* struct option_list: may be given many times */
	OPTION_MAYBE,  /* const char *: --name or --name=VALUE; "" without a value */
};

struct option_row {
	const char *name; /* long option, without dashes */
	char letter;      /* or 0 */
	enum option_type type;
	void *target;
	const char *arg; /* what help calls the value: "DIR" */
	const char *help;
};

struct option_list {
	const char **words;
	unsigned n;
};

/* Rows end with a NULL name. Options may stand behind words, up to "--"; the words are moved to the end
 * of argv. Returns the index of the first word that is no option, or, when the
 * program should end now, -1 with its exit code in *ret_exit (help and version 0, bad usage 2). */
int options_parse(int argc, char **argv, const struct option_row *rows, const char *usage,
		  const char *description, int *ret_exit);
