/* The parts of a sandbox. For common/sandbox*.c only. */
#pragma once

#include "common/sandbox.h"

/* Each: 0, -EOPNOTSUPP where the kernel has none of it, -errno. */
int sandbox_files(unsigned allow, const struct sandbox_paths *paths);
int sandbox_calls(unsigned allow);

/* The addresses of paths->connect, where nobody can change them any more. */
int sandbox_seal_addresses(const struct sandbox_list *connect);
size_t sandbox_addresses(const struct sockaddr_un **ret);
