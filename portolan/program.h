/* Where the stages' programs are: beside this one in a build, in libexec when installed. */
#pragma once

/* "portolan-watcher" to its path, the caller's; NULL if it is nowhere (said on stderr). */
char *program_find(const char *name);
/* The Envoy to run: path if given and not "", else the one in $PATH, else the newest that scripts/venv
 * has fetched. NULL if there is none (said on stderr, with how to get one). */
char *program_find_envoy(const char *path);
