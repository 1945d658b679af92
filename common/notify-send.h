/* The sending side of sd_notify(3), which never waits: a supervisor that hangs must not hang what it
 * watches, and libsystemd's blocks when ten messages are unread (net.unix.max_dgram_qlen). */
#pragma once

/* text: lines KEY=VALUE, to $NOTIFY_SOCKET. 1 if sent, 0 where nobody wants to know; -EAGAIN: the
 * receiver does not read at the moment. */
int notify_send(const char *text);
