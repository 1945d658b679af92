/* Questions to several stages at once. Runs in admin. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/gather.h"
#include "common/base/alloc.h"
#include "common/daemon/unsent.h"

static size_t all_bytes; /* of answers in all gathers */

struct gather *gather_new(struct event_loop *loop, const char *runtime_dir,
			  void (*done)(void *ctx, struct gather *g), void *ctx)
{
	struct gather *g = xnew(struct gather, 1);

	g->loop = loop;
	g->runtime_dir = runtime_dir;
	g->done = done;
	g->ctx = ctx;
	return g;
}

size_t gather_all_bytes(void)
{
	return all_bytes + unsent_bytes();
}

static void gather_free(struct gather *g)
{
	all_bytes -= g->bytes;
	for (size_t i = 0; i < g->n; i++)
		if (g->answers[i].body)
			evbuffer_free(g->answers[i].body);
	free(g);
}

static void set_bytes(struct gather_answer *a, size_t bytes)
{
	all_bytes += bytes - a->bytes;
	a->gather->bytes += bytes - a->bytes;
	a->bytes = bytes;
}

/* Many may ask while there is room for each: it is tested when there is something to read. */
static int on_begin(void *ctx, size_t bytes)
{
	struct gather_answer *a = ctx;
	struct gather *g = a->gather;

	if (g->unsent_max && gather_all_bytes() - g->bytes > g->unsent_max) {
		g->too_much = true;
		return -ENOBUFS;
	}
	set_bytes(a, bytes);
	return 0;
}

static void on_answer(void *ctx, struct control_answer *answer)
{
	struct gather_answer *a = ctx;
	struct gather *g = a->gather;

	a->asking = NULL;
	a->error = answer->error;
	a->status = answer->status;
	(void)snprintf(a->type, sizeof(a->type), "%s", answer->type);
	if (answer->body) {
		a->body = evbuffer_new();
		(void)evbuffer_add_buffer(a->body, answer->body);
	}
	set_bytes(a, a->body ? evbuffer_get_length(a->body) : 0);
	if (--g->left)
		return;
	g->done(g->ctx, g);
	gather_free(g);
}

void gather_ask(struct gather *g, const struct stage_row *stage, const char *target,
		size_t max_body, int64_t timeout_usec)
{
	_cleanup_free_ char *path = xasprintf("%s/%s.control", g->runtime_dir, stage->name);
	struct gather_answer *a = &g->answers[g->n++];

	assert(g->n <= GATHER_MAX);
	a->gather = g;
	a->stage = stage;
	g->left++;
	a->asking = control_ask(g->loop, &(struct control_question){
						 .socket = path,
						 .method = "GET",
						 .target = target,
						 .max_body = max_body,
						 .timeout_usec = timeout_usec,
						 .begin = on_begin,
						 .answer = on_answer,
						 .ctx = a,
					 });
}

void gather_cancel(struct gather *g)
{
	for (size_t i = 0; i < g->n; i++)
		if (g->answers[i].asking)
			control_ask_cancel(g->answers[i].asking);
	gather_free(g);
}
