/* System calls that the sandbox refuses: each is answered with an error, counted and reported. They
 * are rare: an attempt to break out, or a C library that makes a call that we did not foresee. */
#pragma once

#include "common/base/event-loop.h"

/* Call it before the filter is loaded: starts a thread that will answer. */
int refused_calls_prepare(void);
/* fd: of seccomp_unotify(2); -1: there will be no calls to answer. */
void refused_calls_begin(int fd);
/* Reports refused calls as incidents of this process, until refused_calls_end(). */
void refused_calls_watch(struct event_loop *loop);
void refused_calls_end(void);
