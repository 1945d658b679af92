/* Finds the Portolan that runs here: under systemd in /run/portolan, by hand in the user's own
 * place. */
#include <dirent.h>
#include <errno.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/strbuf.h"
#include "common/daemon/runtime-dir.h"
#include "portolan/running.h"

#define PLACES_MAX 4
#define SYSTEM_DIR "/run/portolan"

/* 0 if it contains sockets of stages; -ENOENT: none; otherwise why it cannot be read. */
static int look(const char *path)
{
	static const char end[] = ".control";
	DIR *d = opendir(path);
	struct dirent *e;
	int r = -ENOENT;

	if (!d)
		return errno == ENOTDIR ? -ENOENT : -errno;
	while (r < 0 && (e = readdir(d))) {
		size_t n = strlen(e->d_name);

		if (n > strlen(end) && strcmp(e->d_name + n - strlen(end), end) == 0)
			r = 0;
	}
	(void)closedir(d);
	return r;
}

static bool is_given(const char *option)
{
	const char *env = getenv("RUNTIME_DIRECTORY");

	return option || (env && *env);
}

static void forbidden(const char *command, const char *path)
{
	struct stat st;
	struct passwd *owner = stat(path, &st) == 0 ? getpwuid(st.st_uid) : NULL;

	(void)fprintf(stderr,
		      "portolan %s: no permission for %s%s%s: run it as that user or as root\n",
		      command, path, owner ? ", which belongs to user " : "",
		      owner ? owner->pw_name : "");
}

static char *find_given(const char *command, const char *option)
{
	char *path;
	int r = runtime_dir_find(option, &path);

	if (r == 0)
		r = look(path);
	/* Without sockets: each stage is reported as "does not run". */
	if (r == 0 || (r == -ENOENT && access(path, F_OK) == 0))
		return path;
	if (r == -EACCES || r == -EPERM)
		forbidden(command, path);
	else
		(void)fprintf(
			stderr,
			"portolan %s: nothing runs in %s (--runtime-dir, if it is elsewhere)\n",
			command, path);
	free(path);
	return NULL;
}

static size_t list_places(char **places)
{
	const char *session = getenv("XDG_RUNTIME_DIR");
	size_t n = 0;

	(void)runtime_dir_find(NULL, &places[n++]);
	if (session && *session)
		places[n++] = xasprintf("%s/portolan", session);
	places[n++] = xstrdup(SYSTEM_DIR);
	places[n++] = xasprintf("/tmp/portolan-%u", (unsigned)geteuid());
	return n;
}

static void say_nothing_runs(const char *command, char **places, size_t n)
{
	(void)fprintf(stderr, "portolan %s: nothing runs in", command);
	for (size_t i = 0; i < n; i++) {
		bool before = false;

		for (size_t k = 0; k < i; k++)
			before |= strcmp(places[k], places[i]) == 0;
		if (!before)
			(void)fprintf(stderr, "%s %s", i ? "," : "", places[i]);
	}
	(void)fprintf(stderr, " (--runtime-dir, if it is elsewhere)\n");
}

char *running_find(const char *command, const char *option)
{
	char *places[PLACES_MAX], *found = NULL;
	const char *closed = NULL;
	size_t n;

	if (is_given(option))
		return find_given(command, option);
	n = list_places(places);
	for (size_t i = 0; i < n && !found; i++) {
		int r = look(places[i]);

		if (r == 0)
			found = xstrdup(places[i]);
		if (r == -EACCES || r == -EPERM)
			closed = places[i];
	}
	if (!found && closed)
		forbidden(command, closed);
	else if (!found)
		say_nothing_runs(command, places, n);
	for (size_t i = 0; i < n; i++)
		free(places[i]);
	return found;
}
