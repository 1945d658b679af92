/* The sources of a state: notes of the stages that know them. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "common/base/alloc.h"
#include "common/base/log.h"
#include "common/daemon/origin.h"

#define FOLDER   "sources"
#define TEXT_MAX 16384

void origin_allow(const struct daemon *d, struct sandbox_paths *paths, bool write)
{
	_cleanup_free_ char *folder = daemon_path(d, FOLDER);

	/* Without the folder states are kept, but their sources are unknown. */
	if (mkdir(folder, 0700) < 0 && errno != EEXIST)
		return;
	sandbox_list_add(write ? &paths->own : &paths->read, folder);
}

/* The number of a text; never 0. */
static uint64_t hash_of(const char *text)
{
	uint64_t hash = XXH3_64bits(text, strlen(text));

	return hash ? hash : 1;
}

uint64_t origin_join(uint64_t a, uint64_t b)
{
	uint64_t both[] = { a, b }, hash;

	if (!a || !b)
		return 0;
	hash = XXH3_64bits(both, sizeof(both));
	return hash ? hash : 1;
}

static char *path_of(const struct daemon *d, const char *stage)
{
	_cleanup_free_ char *name = xasprintf(FOLDER "/%s", stage);

	return daemon_path(d, name);
}

static int write_file(const char *path, const char *text)
{
	_cleanup_free_ char *aside = xasprintf("%s.new", path);
	_cleanup_close_ int fd = -1;
	size_t len = strlen(text);

	(void)unlink(aside);
	fd = open(aside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	if (write(fd, text, len) != (ssize_t)len || rename(aside, path) < 0) {
		int r = errno ? -errno : -EIO;

		(void)unlink(aside);
		return r;
	}
	return 0;
}

uint64_t origin_note(const struct daemon *d, const char *text)
{
	_cleanup_free_ char *path = path_of(d, d->def->name);
	_cleanup_free_ char *cut = xstrndup(text, strnlen(text, TEXT_MAX));
	int r = write_file(path, cut);

	if (r < 0)
		log_warning("cannot write %s: %s; a state that was kept of other sources would be "
			    "served",
			    path, strerror(-r));
	return hash_of(cut);
}

uint64_t origin_noted(const struct daemon *d, const char *stage, char **ret_text)
{
	_cleanup_free_ char *path = path_of(d, stage), *text = xnew(char, TEXT_MAX + 1);
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	ssize_t n = fd < 0 ? -1 : read(fd, text, TEXT_MAX);

	if (n <= 0)
		return 0;
	text[n] = '\0';
	if (ret_text)
		*ret_text = xstrdup(text);
	return hash_of(text);
}
