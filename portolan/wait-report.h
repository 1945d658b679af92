/* The result of waiting for Envoys: for people and programs. */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum wait_state {
	WAIT_ACCEPTED,
	/* It will not come. */
	WAIT_REJECTED, /* wholly or in part */
	WAIT_IGNORED,
	WAIT_REFUSED, /* by Envoys */
	/* It has not come. */
	WAIT_UNSEEN,
	WAIT_NOT_TRANSLATED,
	WAIT_NOT_SERVED, /* xds-server does not have it yet */
	WAIT_NO_ENVOY,
	WAIT_LAGGING,
	/* Unknown. */
	WAIT_NO_ANSWER,
};

int wait_state_exit(enum wait_state s);

struct wait_report {
	uint64_t world;
	int64_t usec;
	int64_t generation, wanted;             /* of the object; 0: not known, any */
	bool seen;                              /* some version of it has been seen */
	struct json_object *status, *resources; /* of the object */
	struct json_object *bad;                /* statuses of all objects that are not served */
	struct json_object *envoys;             /* as xds-server's page /debug/envoys has them */
	struct json_object *refused;            /* Envoys with the resources that they refuse */
};
void wait_report_done(struct wait_report *r);

/* Envoys that have neither accepted the world nor refused a part of it and received the rest. */
size_t wait_report_lagging(const struct wait_report *r, uint64_t world);
/* Envoys that refuse something. */
size_t wait_report_refusers(const struct wait_report *r);
/* By the object's status: accepted, rejected or ignored. */
enum wait_state wait_report_verdict(const struct wait_report *r);

void wait_report_write(const struct wait_report *r, enum wait_state s, const char *subject,
		       bool json);
