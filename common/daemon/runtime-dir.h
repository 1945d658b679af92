/* Where sockets and state files of one Portolan are. */
#pragma once

/* The first of: option (may be NULL), $RUNTIME_DIRECTORY, $XDG_RUNTIME_DIR/portolan if that session
 * directory exists, /tmp. In a directory that is sticky and open to all, such as /tmp or a pod's
 * volume in memory, it is the folder portolan-UID. The stages and the commands that ask them find
 * each other by this one rule. */

/* Made with mode 0700 if missing. -EPERM if it belongs to somebody else or others may write to it,
 * -ENAMETOOLONG if sockets in it would have too long names. *path is always set, for the message;
 * the caller frees it. */
int runtime_dir_open(const char *option, char **path);
/* The same, but creates nothing: -ENOENT. */
int runtime_dir_find(const char *option, char **path);
/* A sentence for the user about an error of the above. */
const char *runtime_dir_explain(int r);

/* Holds DIR/NAME.lock for as long as the returned descriptor is open. -EBUSY if another process
 * does; *ret_holder is its pid then (0 if unknown). */
int runtime_dir_lock(const char *dir, const char *name, int *ret_holder);

/* In the directory: the admin interface of the Envoy on this machine. */
#define RUNTIME_ENVOY_ADMIN "envoy-admin.sock"
/* In the directory: where Envoys on this machine connect to xds-server. */
#define RUNTIME_XDS "xds.sock"
/* In the same folder: Envoys ask portolan-passwords here. */
#define RUNTIME_CHECK "check.sock"
