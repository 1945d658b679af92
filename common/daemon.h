/* The frame of every stage: options, logging, loop, control socket, readiness. A stage's main()
 * fills in a struct daemon_def and calls daemon_main(). */
#pragma once

#include "common/control.h"
#include "common/event-loop.h"
#include "common/options.h"
#include "common/sandbox.h"

struct daemon {
	const struct daemon_def *def;
	struct event_loop *loop;
	struct control *control;   /* RUNTIME/NAME.control */
	const char *runtime_dir;   /* mode 0700, exists */
	char **words;              /* of the command line after the options; NULL-terminated */
	void *stage;               /* what start() made */
};

/* What it gives up before start() is called: common/sandbox.h. */
struct daemon_sandbox {
	bool on;
	unsigned allow; /* SANDBOX_… */
	bool keeps;                /* files, in a folder of its own: daemon_own_path() */
	const char *connects;      /* the socket in the runtime directory that it connects to; may be NULL */
	/* By what the options ask for: adds to paths, and returns what else is allowed. May be NULL. */
	unsigned (*more)(const struct daemon *d, struct sandbox_paths *paths);
};

struct daemon_def {
	const char *name;        /* "watcher" */
	const char *description; /* one paragraph for --help */
	const struct option_row *options; /* besides the common ones */
	const char *words; /* what may follow the options, for usage; NULL: nothing may */
	/* For programs that can do one job and exit, without loop and sockets: called when the options
	 * have been read. Returns main()'s exit code, or -1 to run as a daemon. May be NULL. */
	int (*once)(void);
	/* Opens links and sources, sets d->stage. Has logged why if it fails. */
	int (*start)(struct daemon *d);
	void (*stop)(struct daemon *d);
	void (*reload)(struct daemon *d); /* SIGHUP; may be NULL */
	/* One line a reason why the stage is not ready, or degraded; returns true if ready.
	 * Degraded (a neighbour is away, state is kept) is still ready. */
	bool (*ready)(struct daemon *d, struct strbuf *why);
	struct daemon_sandbox sandbox;
};

/* Returns main()'s exit code: 0 on a clean stop, 1 on failure, 2 on bad usage. */
int daemon_main(const struct daemon_def *def, int argc, char **argv);

/* Tells the supervisor (sd_notify): READY=1 the first time it is called, STATUS=text each time. */
void daemon_status(struct daemon *d, const char *fmt, ...) _printf_(2, 3);

/* RUNTIME/NAME, in a buffer that the caller frees. */
char *daemon_path(const struct daemon *d, const char *name);
/* RUNTIME/STAGE/NAME, the same: where it keeps what no other stage is to read. */
char *daemon_own_path(const struct daemon *d, const char *name);
