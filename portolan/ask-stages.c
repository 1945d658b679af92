/* Questions to stages, with an event loop of their own. Runs in the portolan command. */
#include <errno.h>

#include "common/base/alloc.h"
#include "common/daemon/control-client.h"
#include "portolan/ask-stages.h"

#define ANSWER_MAX (64u * 1024 * 1024)

struct asking {
	struct event_loop *loop;
	size_t left;
};

struct pending {
	struct asking *asking;
	struct stage_question *question;
};

static void on_answer(void *ctx, struct control_answer *a)
{
	struct pending *p = ctx;
	struct stage_question *q = p->question;
	size_t n = a->body ? evbuffer_get_length(a->body) : 0;

	q->error = a->error;
	q->status = a->status;
	if (n) {
		(void)evbuffer_remove(a->body, strbuf_room(&q->body, n), n);
		q->body.len += n;
		q->body.s[q->body.len] = '\0';
	}
	if (--p->asking->left == 0)
		event_loop_stop(p->asking->loop, 0);
}

void ask_stages(const char *runtime_dir, struct stage_question *questions, size_t n,
		int64_t timeout_usec)
{
	_cleanup_(event_loop_freep) struct event_loop *loop = event_loop_new();
	struct asking asking = { loop, n };
	_cleanup_free_ struct pending *pending = xnew(struct pending, n);

	for (size_t i = 0; i < n; i++) {
		struct stage_question *q = &questions[i];
		_cleanup_free_ char *path = xasprintf("%s/%s.control", runtime_dir, q->stage);

		pending[i] = (struct pending){ &asking, q };
		q->error = -EINTR; /* stays if a signal ends the loop */
		(void)control_ask(loop, &(struct control_question){
						.socket = path,
						.method = "GET",
						.target = q->target,
						.max_body = ANSWER_MAX,
						.timeout_usec = timeout_usec,
						.answer = on_answer,
						.ctx = &pending[i],
					});
	}
	(void)event_loop_run(loop);
}

void stage_question_done(struct stage_question *q)
{
	strbuf_done(&q->body);
}
