/* A stage gives up rights before it reads its first input: privileges (no_new_privs,
 * capabilities), system calls that it does not need (seccomp), files and sockets of others
 * (Landlock, and again seccomp). docs/understand/sandbox.md lists what each stage may do. */
#pragma once

#include <stddef.h>
#include <sys/un.h>

#include "common/base/sanitized.h"

enum {
	SANDBOX_NETWORK = 1u << 0, /* sockets other than Unix ones, to listen at */
	SANDBOX_CONNECT = 1u
		<< 1, /* to any address that the network and the user's permissions allow */
	SANDBOX_READ = 1u << 2,    /* files anywhere, as far as the user may */
	SANDBOX_THREADS = 1u << 3, /* more than the one that it begins with */
	/* Other programs, which are in the same sandbox, and may write files anywhere. */
	SANDBOX_EXEC = 1u << 4,
};

#define SANDBOX_PATHS_MAX 16

struct sandbox_list {
	char *v[SANDBOX_PATHS_MAX];
	size_t n;
};

struct sandbox_paths {
	const char *runtime_dir;     /* borrowed: sockets are made and removed in it */
	struct sandbox_list sockets; /* folders to make and remove sockets in, too */
	struct sandbox_list own;     /* folders to read and write in */
	struct sandbox_list read; /* files, and folders with their content; they may be missing */
	struct sandbox_list connect; /* Unix sockets; unused with SANDBOX_CONNECT */
};

void sandbox_list_add(struct sandbox_list *l, const char *path);
/* The folder of a file that may be replaced; for a symbolic link, also the folder of its target. */
void sandbox_list_add_folder_of(struct sandbox_list *l, const char *path);
void sandbox_paths_done(struct sandbox_paths *p);

/* Applies to the calling thread, which must be the only one, and all threads and processes that it
 * starts. Skips parts that the kernel lacks or a sanitizer cannot bear, and names them in
 * *ret_missing (else NULL). -errno if a feature of the kernel could not be used. */
int sandbox_enter(unsigned allow, const struct sandbox_paths *paths, const char **ret_missing);

/* The address to give to connect(2): the equal one that the sandbox knows, or this one. */
const struct sockaddr_un *sandbox_address(const struct sockaddr_un *address);
