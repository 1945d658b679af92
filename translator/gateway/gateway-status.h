/* Conditions of Gateway API's statuses. */
#pragma once

#include "proto/ipc.pb-c.h"
#include "translator/graph/graph.h"

/* Something that makes a condition False. */
struct flaw {
	const char *reason; /* a word of the API; NULL: no fault */
	const char *message;
};

/* Keeps the first flaw. */
void flaw_set(struct flaw *f, const char *reason, const char *message);

#define CONDITIONS_MAX 8

struct conditions {
	Portolan__Ipc__Condition **all; /* in the arena */
	size_t n;
};

/* True with `reason` if flaw is NULL or empty; else False with the flaw's words. */
void conditions_add(struct arena *a, struct conditions *c, const char *type,
		    const struct flaw *flaw, const char *reason, const char *message);
/* Envoy's message if it refused a resource of the object; else NULL. */
const char *refusal_read(struct reader *r, enum object_kind kind, const char *key);
/* All such messages, one for each resource. */
const char **refusals_read(struct reader *r, enum object_kind kind, const char *key, size_t *ret_n);
void conditions_add_status(struct arena *a, struct conditions *c, const char *type, bool status,
			   const char *reason, const char *message);
