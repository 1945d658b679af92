/* A request that waits for answers of stages. */
#pragma once

#include "admin/admin.h"

#define JOBS_MAX 64

struct job {
	struct job *next, **back;
	struct admin *admin;
	struct evhttp_request *req;
	struct event *client_closed;
	struct gather *gather;
	void (*done)(struct job *j, struct gather *g);
};

/* done() writes the answer to j->req, and is not called for a client that has gone. NULL, and the
 * request is answered, when too many wait already. With more bytes of other answers than unsent_max
 * the answer is 503, too, and nothing is read for it; 0: it is small. */
struct job *job_new(struct admin *a, struct evhttp_request *req,
		    void (*done)(struct job *j, struct gather *g), size_t unsent_max);
void job_free_all(struct admin *a);
