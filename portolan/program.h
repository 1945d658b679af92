/* The place of the stages' programs: beside this one in a build, in libexec when installed. */
#pragma once

/* "portolan-watcher" to its path, the caller's; NULL if it is nowhere (said on stderr). */
char *program_find(const char *name);
/* Runs the program in the place of this one, with argv from its second word on. Returns the exit
 * code for main() if that fails (said on stderr, after the command's name). */
int program_become(const char *command, const char *name, char **argv);
/* The Envoy to run: path if given and not "", else the one in $PATH, else the newest that
 * scripts/venv has fetched. NULL if no Envoy is found (said on stderr, with how to get one). */
char *program_find_envoy(const char *path);
