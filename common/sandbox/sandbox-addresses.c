/* The addresses to which a stage may connect, in memory that can no longer be changed. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/sandbox/sandbox-parts.h"

#ifndef SYS_mseal
#define SYS_mseal 462
#endif

/* A filter of system calls sees a pointer, not the memory behind it. So connect(2) is allowed with
 * these pointers only, and their memory cannot be changed: read-only, and sealed where the kernel
 * can. */
static struct sockaddr_un *known;
static size_t n_known;

int sandbox_seal_addresses(const struct sandbox_list *connect)
{
	size_t size = SANDBOX_PATHS_MAX * sizeof(*known);

	if (!connect->n)
		return 0;
	known = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (known == MAP_FAILED) {
		known = NULL;
		return -errno;
	}
	for (size_t i = 0; i < connect->n; i++) {
		if (strlen(connect->v[i]) >= sizeof(known->sun_path))
			return -ENAMETOOLONG;
		known[i].sun_family = AF_UNIX;
		memcpy(known[i].sun_path, connect->v[i], strlen(connect->v[i]) + 1);
	}
	n_known = connect->n;
	if (mprotect(known, size, PROT_READ) < 0)
		return -errno;
	(void)syscall(SYS_mseal, known, size, 0);
	return 0;
}

size_t sandbox_addresses(const struct sockaddr_un **ret)
{
	*ret = known;
	return n_known;
}

const struct sockaddr_un *sandbox_address(const struct sockaddr_un *address)
{
	for (size_t i = 0; i < n_known; i++)
		if (strcmp(known[i].sun_path, address->sun_path) == 0)
			return &known[i];
	return address;
}
