/* The parts of a sandbox. For common/sandbox*.c only. */
#pragma once

#include "common/sandbox/sandbox.h"

/* Each returns 0, -EOPNOTSUPP if the kernel has no such feature, or -errno. */
int sandbox_files(unsigned allow, const struct sandbox_paths *paths);
int sandbox_calls(unsigned allow);

/* The addresses of paths->connect, in memory that can no longer be changed. */
int sandbox_seal_addresses(const struct sandbox_list *connect);
size_t sandbox_addresses(const struct sockaddr_un **ret);
