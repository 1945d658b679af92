/* Unix stream sockets in the runtime directory. */
#pragma once

#include <sys/types.h>

/* A non-blocking listening socket at path that only our user can open, in place of a stale one.
 * The path appears only when the socket listens. Returns the descriptor or -errno. */
int unix_socket_listen(const char *path);
/* A connected non-blocking socket, or -errno: -ENOENT and -ECONNREFUSED when no process listens,
 * -EAGAIN when the listener is behind with accepting. */
int unix_socket_connect(const char *path);
/* The peer's credentials (SO_PEERCRED). -EPERM if it is neither our user nor root. *ret_uid is
 * set in both cases. */
int unix_socket_check_peer(int fd, uid_t *ret_uid);
