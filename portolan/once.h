/* Stages that are run for one answer (--once), without a pipeline. */
#pragma once

#include <sys/types.h>

#include "portolan/stage-options.h"

#define ONCE_STATUSES_FD 3 /* in the translator */

/* A command line that begins with the stage's program and --once. -ENOENT, said on stderr. */
int once_words(const char *program, const char *log_level, struct words *ret);
/* Starts it; the words are freed. Descriptors that are >= 0 become stdin, stdout and
 * ONCE_STATUSES_FD. Reports failures on stderr, after the command's name. */
int once_start(const char *command, struct words *w, int in, int out, int statuses, pid_t *ret);
/* The child's exit code; EXIT_FAILURE if it has none, or was not started (pid <= 0). */
int once_wait(pid_t pid);
