/* What a stage gives up before it reads its first input: privileges (no_new_privs, capabilities), system
 * calls that it has no use for (seccomp), files and sockets that are not its own (Landlock, and again
 * seccomp). docs/sandbox.md tells what each stage may. */
#pragma once

/* Sanitizers need what the sandbox forbids. */
#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif

#include <stddef.h>
#include <sys/un.h>

enum {
	SANDBOX_NETWORK = 1u << 0, /* sockets other than Unix ones, to listen at */
	SANDBOX_CONNECT = 1u << 1, /* to whatever the network and the user's permissions allow */
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
	const char *runtime_dir; /* borrowed: sockets are made and removed in it */
	struct sandbox_list own;     /* folders to read and write in */
	struct sandbox_list read;    /* files, and folders with all that is in them; they may be missing */
	struct sandbox_list connect; /* Unix sockets; unused with SANDBOX_CONNECT */
};

void sandbox_list_add(struct sandbox_list *l, const char *path);
/* The folder of a file that may be replaced; and, where it is a link, the one that it leads to. */
void sandbox_list_add_folder_of(struct sandbox_list *l, const char *path);
void sandbox_paths_done(struct sandbox_paths *p);

/* For the calling thread, which is the only one, and all that it starts. What the kernel does not have,
 * or a sanitizer would trip over, is left out: *ret_missing says what, in words, or is NULL. -errno if
 * what is there could not be used. */
int sandbox_enter(unsigned allow, const struct sandbox_paths *paths, const char **ret_missing);

/* What to give to connect(2): the equal address that the sandbox knows, or this one. */
const struct sockaddr_un *sandbox_address(const struct sockaddr_un *address);
