/* Where sockets and state files of one Portolan are. */
#pragma once

/* The first of: option (may be NULL), $RUNTIME_DIRECTORY, $XDG_RUNTIME_DIR/portolan, a fresh one
 * under /tmp. Made with mode 0700 if missing; -EPERM if it belongs to somebody else or others may
 * write to it. *ret is the caller's. */
int runtime_dir_open(const char *option, char **ret);
