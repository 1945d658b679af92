/* Objects' statuses as documents for people and scripts. */
#pragma once

#include "common/base/document.h"
#include "common/link/state.h"
#include "proto/ipc.pb-c.h"

/* "accepted", "partial", "rejected", "ignored"; "info", "warning", "error". */
const char *status_verdict_name(Portolan__Ipc__Verdict verdict);
const char *status_severity_name(Portolan__Ipc__Severity severity);

/* A map of kind, namespace, name, verdict, origin and problems (severity, reason, field, message).
 */
void status_document_one(struct document *d, const struct item *status);
/* The same inside a map that is the caller's. */
void status_document_members(struct document *d, const struct item *status);
/* A list of all in a state of ObjectStatus items, by kind and key. */
void status_document_list(struct document *d, const struct state *statuses);
