/* One program that the supervisor keeps running: its process, its state, its timers. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/base/event-loop.h"
#include "supervisor/backoff.h"
#include "supervisor/notify.h"

enum child_state {
	CHILD_STOPPED,  /* not to run */
	CHILD_WAITING,  /* to be started: for the first time, or again after a delay */
	CHILD_STARTING, /* runs, not ready yet */
	CHILD_READY,
	CHILD_ABORTING, /* did not feed the watchdog: SIGABRT was sent */
	CHILD_STOPPING, /* asked to end */
	CHILD_STATE_MAX_,
};

struct child_config {
	const char *name;
	char **argv;             /* borrowed; argv[0] is the program's path */
	const char *notify_path; /* NULL: a foreign program that does not speak sd_notify */
	int64_t watchdog_usec;   /* 0: no watchdog; pings are due within this */
	int64_t abort_usec;      /* from SIGABRT to SIGKILL */
	int64_t stop_usec;       /* from SIGTERM to SIGKILL */
	struct backoff backoff;
	/* State, status or readiness is another. */
	void (*changed)(void *ctx);
	/* Called before the watchdog ends the child: take the messages that have arrived. */
	void (*catch_up)(void *ctx);
	void *ctx;
};

struct child {
	struct child_config config;
	struct event_loop *loop;
	enum child_state state;
	bool wanted;          /* is to run */
	bool was_ready;       /* at any time */
	bool hopeless;        /* ended too often, or with bad usage, before it was ever ready */
	pid_t pid;            /* 0: no process */
	int64_t started_usec; /* monotonic, of this process */
	int64_t since_usec;   /* realtime, of this state */
	unsigned restarts, watchdog_kills;
	char status[NOTIFY_STATUS_MAX];
	int error;           /* errno with which this process announced its end; 0: none */
	char last_exit[160]; /* "" until one ended */
	struct event *timer; /* its meaning depends on the state */
};

struct child *child_new(struct event_loop *loop, const struct child_config *config);
/* The child must have no process any more. */
void child_free(struct child *c);

const char *child_state_name(enum child_state state);

void child_start(struct child *c);
/* SIGTERM, then SIGKILL; does nothing to a child that is ending. */
void child_stop(struct child *c);
/* SIGKILL at once. */
void child_kill(struct child *c);
void child_signal(const struct child *c, int signo);

/* waitpid()'s result for its process. */
void child_ended(struct child *c, int wait_status);
void child_notified(struct child *c, const struct notify_message *m);
/* For a foreign program: the result of a probe. */
void child_probed(struct child *c, bool ready, const char *status);
