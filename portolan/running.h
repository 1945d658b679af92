/* Finds the Portolan that runs here. */
#pragma once

/* The runtime directory: the option's if given, else the first of the usual places with sockets of
 * stages in it. NULL, after a sentence on stderr that begins with the command's name, if none is
 * found or the user may not read it. The caller frees it. */
char *running_find(const char *command, const char *option);
/* The option's help. */
#define RUNNING_HELP                                                                            \
	"Portolan's directory of sockets (default: $RUNTIME_DIRECTORY, or where one is found: " \
	"$XDG_RUNTIME_DIR/portolan, /run/portolan, /tmp/portolan-UID)"
