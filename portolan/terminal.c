/* The abilities of a terminal. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "portolan/terminal.h"

bool terminal_colours(void)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return !(no && *no) && term && *term && strcmp(term, "dumb") != 0 && isatty(STDOUT_FILENO);
}

const char *terminal_sequence(enum colour c)
{
	static const char *const sequences[] = {
		[COLOUR_NONE] = "\033[0m",  [COLOUR_GOOD] = "\033[32m", [COLOUR_BAD] = "\033[31m",
		[COLOUR_SOSO] = "\033[33m", [COLOUR_HEAD] = "\033[1m",
	};

	return sequences[c];
}

enum colour terminal_colour_of(const char *word)
{
	static const struct {
		const char *word;
		enum colour colour;
	} rows[] = {
		{ "accepted", COLOUR_GOOD },    { "ready", COLOUR_GOOD },
		{ "running", COLOUR_GOOD },     { "partial", COLOUR_SOSO },
		{ "degraded", COLOUR_SOSO },    { "starting", COLOUR_SOSO },
		{ "waiting", COLOUR_SOSO },     { "partially operational", COLOUR_SOSO },
		{ "rejected", COLOUR_BAD },     { "not ready", COLOUR_BAD },
		{ "does not run", COLOUR_BAD }, { "error", COLOUR_BAD },
		{ "warning", COLOUR_SOSO },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (strcmp(rows[i].word, word) == 0)
			return rows[i].colour;
	return COLOUR_NONE;
}
