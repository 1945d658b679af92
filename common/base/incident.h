/* Faults that this process survived: no descriptor was left, a peer sent nonsense, a disk was
 * full. Each is named in the log (often: now and then), in metrics (portolan_incidents_total)
 * and on /debug/incidents, which `portolan status` shows. Common code reports them here. */
#pragma once

#include <stdbool.h>

#include "common/base/cleanup.h"
#include "common/base/strbuf.h"

enum incident_kind {
	INCIDENT_DESCRIPTORS, /* out of file descriptors */
	INCIDENT_STORAGE,     /* a file could not be written */
	INCIDENT_PROTOCOL,    /* a neighbour of another version */
	INCIDENT_FRAMES,      /* a peer breaks the protocol */
	INCIDENT_CALL,        /* the sandbox refused a system call */
	INCIDENT_ENDED,       /* a program that the supervisor keeps has died */
	INCIDENT_STUCK,       /* it did not feed its watchdog */
	INCIDENT_MEMORY,      /* it died because it got no memory */
	INCIDENT_KIND_MAX_,
};

/* subject: one of a few words (a link, a program, a call). Incidents are counted by kind and
 * subject; the latest sentence is kept. */
void incident(enum incident_kind kind, const char *subject, const char *fmt, ...) _printf_(3, 4);
void incident_times(enum incident_kind kind, const char *subject, unsigned times, const char *fmt,
		    ...) _printf_(4, 5);
/* The same, for something that is logged already. */
void incident_count(enum incident_kind kind, const char *subject, const char *fmt, ...)
	_printf_(3, 4);

/* r (-errno) says that this process, or the machine, has no descriptor left. */
bool incident_is_descriptors(int r);

/* A list of {kind, subject, times, last (seconds since 1970), text}, the latest first. */
void incident_json(struct strbuf *out);
void incident_metrics(struct strbuf *out);
