/* The sending side of sd_notify(3), without waiting: a supervisor that hangs must not block the
 * processes that it watches, and libsystemd blocks when ten messages are unread
 * (net.unix.max_dgram_qlen). */
#pragma once

/* text: lines KEY=VALUE, to $NOTIFY_SOCKET. 1 if sent, 0 without a receiver; -EAGAIN: the
 * receiver does not read at the moment. */
int notify_send(const char *text);
