/* System calls that the sandbox refuses: each is answered with an error, counted and told. They are few
 * or none: one is a way out that somebody tries, or a C library that asks for what we have not foreseen. */
#pragma once

#include "common/event-loop.h"

/* Before the filter is loaded: a thread that will answer. */
int refused_calls_prepare(void);
/* fd: of seccomp_unotify(2); -1: there will be nothing to answer. */
void refused_calls_begin(int fd);
/* Tells of them as incidents of this process, until refused_calls_end(). */
void refused_calls_watch(struct event_loop *loop);
void refused_calls_end(void);
