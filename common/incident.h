/* What befell this process and did not end it: no descriptor was left, a peer sent nonsense, a disk was
 * full. Each is named in the log (often: now and then), in metrics (portolan_incidents_total) and on
 * /debug/incidents, which `portolan status` shows. Common code that meets one says it here. */
#pragma once

#include <stdbool.h>

#include "common/cleanup.h"
#include "common/strbuf.h"

enum incident_kind {
	INCIDENT_DESCRIPTORS, /* none is left */
	INCIDENT_STORAGE,     /* what should be kept could not be written */
	INCIDENT_PROTOCOL,    /* a neighbour of another version */
	INCIDENT_FRAMES,      /* a peer breaks the protocol */
	INCIDENT_CALL,        /* the sandbox refused a system call */
	INCIDENT_ENDED,       /* a program that the supervisor keeps has died */
	INCIDENT_STUCK,       /* it did not feed its watchdog */
	INCIDENT_MEMORY,      /* it died because it got no memory */
	INCIDENT_KIND_MAX_,
};

/* subject: of what, one of a few words (a link, a program, a call); a kind and a subject are counted
 * together, the latest sentence is kept. */
void incident(enum incident_kind kind, const char *subject, const char *fmt, ...) _printf_(3, 4);
void incident_times(enum incident_kind kind, const char *subject, unsigned times, const char *fmt, ...)
	_printf_(4, 5);
/* The same, of what was logged already. */
void incident_count(enum incident_kind kind, const char *subject, const char *fmt, ...) _printf_(3, 4);

/* r (-errno) says that this process, or the machine, has no descriptor left. */
bool incident_is_descriptors(int r);

/* A list of {kind, subject, times, last (seconds since 1970), text}, the latest first. */
void incident_json(struct strbuf *out);
void incident_metrics(struct strbuf *out);
