/* What a stage gives up before it reads its first input: privileges (no_new_privs, capabilities), system
 * calls that it has no use for (seccomp), files that are not its own (Landlock). docs/sandbox.md tells
 * what each stage may. */
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

enum {
	SANDBOX_NETWORK = 1u << 0, /* sockets other than Unix ones */
	SANDBOX_READ = 1u << 1,    /* files anywhere, as far as the user may */
	/* Other programs, which are in the same sandbox, and may write files anywhere. */
	SANDBOX_EXEC = 1u << 2,
};

struct sandbox_paths {
	const char *runtime_dir; /* always: to be read, written and listened in */
	const char *folder;      /* the same for this one; may be NULL */
};

/* For the calling thread and all that it starts. What the kernel does not have, or a sanitizer would
 * trip over, is left out: *ret_missing says what, in words, or is NULL. -errno if what is there could
 * not be used. */
int sandbox_enter(unsigned allow, const struct sandbox_paths *paths, const char **ret_missing);
