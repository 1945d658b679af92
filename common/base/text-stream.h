/* Standard output and standard error as text: all that a program writes there by stdio goes through
 * strbuf_text(), except line feeds and tabs. So no command has to think of it. */
#pragma once

#include <stdbool.h>

/* Replaces stdout and stderr. Their fileno() is -1 afterwards: use STDOUT_FILENO instead. */
void text_streams_init(void);
/* Lets colours pass ("\e[1;31m": ECMA-48, SGR), for a command that writes them itself; it then has
 * to call strbuf_text() for each value that it prints. Off at the beginning. */
void text_streams_allow_colours(bool allow);
