/* Stages that are run for one answer. Runs in the portolan command. */
#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "portolan/once.h"
#include "portolan/program.h"

extern char **environ;

int once_words(const char *program, const char *log_level, struct words *ret)
{
	char *path = program_find(program);

	if (!path)
		return -ENOENT;
	words_take(ret, path);
	words_add(ret, "--once");
	words_take(ret, xasprintf("--log-level=%s", log_level));
	return 0;
}

int once_start(const char *command, struct words *w, int in, int out, int statuses, pid_t *ret)
{
	posix_spawn_file_actions_t actions;
	int r;

	(void)posix_spawn_file_actions_init(&actions);
	if (in >= 0)
		(void)posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
	if (out >= 0)
		(void)posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	if (statuses >= 0)
		(void)posix_spawn_file_actions_adddup2(&actions, statuses, ONCE_STATUSES_FD);
	r = posix_spawn(ret, w->v[0], &actions, NULL, w->v, environ);
	(void)posix_spawn_file_actions_destroy(&actions);
	if (r)
		(void)fprintf(stderr, "portolan %s: cannot start %s: %s\n", command, w->v[0],
			      strerror(r));
	words_done(w);
	return -r;
}

int once_wait(pid_t pid)
{
	int status;

	if (pid <= 0)
		return EXIT_FAILURE;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return EXIT_FAILURE;
	return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
}
