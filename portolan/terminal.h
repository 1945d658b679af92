/* The abilities of a terminal. */
#pragma once

#include <stdbool.h>

enum colour {
	COLOUR_NONE,
	COLOUR_GOOD, /* green */
	COLOUR_BAD,  /* red */
	COLOUR_SOSO, /* yellow */
	COLOUR_HEAD, /* bold */
};

/* Standard output is a terminal that shows colours, and the user has not set NO_COLOR
 * (https://no-color.org). */
bool terminal_colours(void);
/* The sequence that begins it; COLOUR_NONE ends it. */
const char *terminal_sequence(enum colour c);
/* For a word of a status: "ready", "accepted", "rejected"… */
enum colour terminal_colour_of(const char *word);
