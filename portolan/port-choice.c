/* Finds free ports and notices taken ones. Runs in the portolan command. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/address.h"
#include "common/base/cleanup.h"
#include "portolan/port-choice.h"

static int bind_one(struct port_choice *c, int *ret_fd)
{
	_cleanup_close_ int fd = -1;
	struct sockaddr_storage a;
	socklen_t len;
	int on = 1, r;

	*ret_fd = -1;
	if (strncmp(c->address, "unix:", 5) == 0)
		return 0;
	r = address_parse(c->address, &a, &len);
	if (r < 0) {
		(void)fprintf(stderr, "portolan run: %s: \"%s\" is not ADDRESS:PORT\n", c->option,
			      c->address);
		return r;
	}
	fd = socket(a.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    bind(fd, (struct sockaddr *)&a, len) < 0 || listen(fd, 1) < 0) {
		r = -errno;
		if (r == -EADDRINUSE)
			(void)fprintf(
				stderr,
				"portolan run: port %u is taken by another program; choose another "
				"with %s\n",
				address_port(&a), c->option);
		else
			(void)fprintf(stderr, "portolan run: cannot listen at %s (%s): %m\n",
				      c->address, c->option);
		return r;
	}
	(void)getsockname(fd, (struct sockaddr *)&a, &len);
	free(c->address);
	c->address = address_format(&a);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int port_choices_make(struct port_choice *choices, size_t n)
{
	int fds[PORT_CHOICES_MAX], r = 0;
	size_t bound = 0;

	assert(n <= PORT_CHOICES_MAX);
	for (; bound < n && r == 0; bound++)
		r = bind_one(&choices[bound], &fds[bound]);
	if (r < 0)
		bound--;
	while (bound-- > 0)
		if (fds[bound] >= 0)
			(void)close(fds[bound]);
	return r;
}
