/* The frame of every stage: options, logging, loop, control socket, readiness. A stage's main()
 * fills in a struct daemon_def and calls daemon_main(). */
#pragma once

#include "common/base/event-loop.h"
#include "common/base/options.h"
#include "common/daemon/control.h"
#include "common/sandbox/sandbox.h"

struct daemon {
	const struct daemon_def *def;
	struct event_loop *loop;
	struct control *control; /* RUNTIME/NAME.control */
	const char *runtime_dir; /* mode 0700, exists */
	char **words;            /* of the command line after the options; NULL-terminated */
	void *stage;             /* the result of start() */
	bool unusable;           /* start() failed because of an option's value */
};

/* Rights that it gives up before start() is called: common/sandbox/sandbox.h. */
struct daemon_sandbox {
	bool on;
	unsigned allow;       /* SANDBOX_… */
	bool keeps;           /* files, in a folder of its own: daemon_own_path() */
	const char *connects; /* the socket in the runtime directory to which it connects; may be
				 NULL */
	/* For options that need more: adds to paths, and returns what else is allowed. May be
	 * NULL. */
	unsigned (*more)(const struct daemon *d, struct sandbox_paths *paths);
};

struct daemon_def {
	const char *name;                 /* "watcher" */
	const char *description;          /* one paragraph for --help */
	const struct option_row *options; /* besides the common ones */
	const char *words; /* words after the options, for usage; NULL: none allowed */
	/* For programs that can do one job and exit, without loop and sockets: called after the
	 * options are read. Returns main()'s exit code, or -1 to run as a daemon. May be NULL. */
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

/* Returns main()'s exit code: 0 on a clean stop, 1 on failure, 2 on bad usage, and 78 (EX_CONFIG of
 * sysexits.h) if start() could not use an option's value: an address, a file, a directory. Trying
 * again does not help with 2 and 78, so supervisors do not. */
int daemon_main(const struct daemon_def *def, int argc, char **argv);

/* Tells the supervisor (sd_notify): READY=1 the first time it is called, STATUS=text each time. */
void daemon_status(struct daemon *d, const char *fmt, ...) _printf_(2, 3);

/* RUNTIME/NAME, in a buffer that the caller frees. */
char *daemon_path(const struct daemon *d, const char *name);
/* RUNTIME/STAGE/NAME, the same: for files that no other stage may read. */
char *daemon_own_path(const struct daemon *d, const char *name);
