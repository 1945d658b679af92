/* Objects' statuses as documents for people and scripts. */
#pragma once

#include "common/base/document.h"
#include "common/link/state.h"
#include "proto/ipc.pb-c.h"

/* "accepted", "partial", "rejected", "ignored"; "info", "warning", "error". */
const char *status_verdict_name(Portolan__Ipc__Verdict verdict);
const char *status_severity_name(Portolan__Ipc__Severity severity);

/* Where the object came from: many statuses leave that to the object. NULL: not known. */
const char *status_origin(const struct item *status, const Portolan__Ipc__ObjectStatus *s,
			  const struct state *objects);

/* A map of kind, namespace, name, verdict, origin and problems (severity, reason, field, message).
 */
void status_document_one(struct document *d, const struct item *status,
			 const struct state *objects);
/* The same inside a map that is the caller's. */
void status_document_members(struct document *d, const struct item *status,
			     const struct state *objects);
/* A list of all in a state of ObjectStatus items, by kind and key. */
void status_document_list(struct document *d, const struct state *statuses,
			  const struct state *objects);
