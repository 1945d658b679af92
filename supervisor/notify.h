/* The receiving side of sd_notify(3): children report their own state on a datagram socket. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/base/event-loop.h"

#define NOTIFY_STATUS_MAX 512

struct notify_message {
	bool ready;
	bool stopping;
	bool watchdog;         /* WATCHDOG=1: alive */
	bool watchdog_trigger; /* WATCHDOG=trigger: treat me as stuck */
	int error;             /* ERRNO=: why it is about to end; 0: it did not say */
	bool has_status;
	char status[NOTIFY_STATUS_MAX]; /* cut to fit */
};

/* Lines KEY=VALUE; unknown keys are skipped. -EBADMSG if data is not text. */
int notify_parse(const char *data, size_t len, struct notify_message *ret);

struct notify;

/* Listens at path, mode 0600, in place of a stale socket. receive gets the sender's pid from the
 * kernel; whether that is a child is for the receiver to find. */
int notify_listen(struct event_loop *loop, const char *path,
		  void (*receive)(void *ctx, pid_t pid, const struct notify_message *m), void *ctx,
		  struct notify **ret);
void notify_free(struct notify *n);
DEFINE_CLEANUP(struct notify *, notify_free)
/* Takes messages that have arrived already (only some of a flood). */
void notify_drain(struct notify *n);
/* Datagrams that were too long, not text, or without credentials. */
uint64_t notify_dropped(const struct notify *n);
