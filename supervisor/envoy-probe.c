/* Readiness and draining of Envoy by its admin interface
 * (https://www.envoyproxy.io/docs/envoy/latest/operations/admin). Runs in the supervisor. Reads
 * only the status code of answers, and whether connections are left. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/daemon/control-client.h"
#include "supervisor/envoy-probe.h"

#define SOON_USEC    (50 * USEC_PER_MSEC)
#define LATER_USEC   (5 * USEC_PER_SEC)
#define TIMEOUT_USEC (5 * USEC_PER_SEC)
#define ANSWER_MAX   65536
#define CONNECTIONS  "/stats?filter=^listener%5C..*%5C.downstream_cx_active$"

struct envoy_probe {
	struct event_loop *loop;
	struct child *child;
	const char *socket;
	struct event *timer;
	struct control_client *asking;
	pid_t asked_pid;     /* the Envoy asked; 0: none */
	int64_t drain_until; /* monotonic; 0 while it is not draining */
};

static void ask(struct envoy_probe *p, const char *method, const char *target,
		void (*answer)(void *ctx, struct control_answer *a))
{
	p->asking = control_ask(p->loop, &(struct control_question){
						 .socket = p->socket,
						 .method = method,
						 .target = target,
						 .max_body = ANSWER_MAX,
						 .timeout_usec = TIMEOUT_USEC,
						 .answer = answer,
						 .ctx = p,
					 });
}

static void stop_asking(struct envoy_probe *p)
{
	(void)event_del(p->timer);
	if (p->asking)
		control_ask_cancel(p->asking);
	p->asking = NULL;
}

static void on_ready_answer(void *ctx, struct control_answer *a)
{
	struct envoy_probe *p = ctx;
	char status[64];

	p->asking = NULL;
	if (a->error)
		(void)snprintf(status, sizeof(status), "its admin interface does not answer");
	else if (a->status == 200)
		(void)snprintf(status, sizeof(status), "live");
	else
		(void)snprintf(status, sizeof(status), "not live yet (%d)", a->status);
	child_probed(p->child, a->error == 0 && a->status == 200, status);
	event_loop_arm(p->timer, p->child->state == CHILD_READY ? LATER_USEC : SOON_USEC);
}

/* Reads lines "listener.0.0.0.0_8080.downstream_cx_active: 3", except those of the admin
 * interface. */
static bool has_connections(struct evbuffer *body)
{
	bool some = false;
	char *line;

	while ((line = evbuffer_readln(body, NULL, EVBUFFER_EOL_LF))) {
		const char *colon = strrchr(line, ':');

		if (colon && strncmp(line, "listener.admin.", strlen("listener.admin.")) != 0)
			some |= atoi(colon + 1) > 0;
		free(line);
	}
	return some;
}

static void on_connections_answer(void *ctx, struct control_answer *a)
{
	struct envoy_probe *p = ctx;

	p->asking = NULL;
	if (a->error || a->status != 200 || clock_monotonic() >= p->drain_until ||
	    !has_connections(a->body))
		child_stop(p->child);
	else
		event_loop_arm(p->timer, SOON_USEC);
}

static void on_drain_answer(void *ctx, struct control_answer *a)
{
	struct envoy_probe *p = ctx;

	p->asking = NULL;
	if (a->error)
		child_stop(p->child);
	else
		event_loop_arm(p->timer, 0);
}

static void on_timer(evutil_socket_t fd _unused_, short what _unused_, void *ctx)
{
	struct envoy_probe *p = ctx;
	enum child_state state = p->child->state;

	if (p->drain_until)
		ask(p, "GET", CONNECTIONS, on_connections_answer);
	else if (state == CHILD_STARTING || state == CHILD_READY)
		ask(p, "GET", "/ready", on_ready_answer);
}

void envoy_probe_follow(struct envoy_probe *p)
{
	if (p->asked_pid == p->child->pid || p->drain_until)
		return;
	stop_asking(p); /* drops the answer for the previous process */
	p->asked_pid = p->child->pid;
	if (p->asked_pid)
		event_loop_arm(p->timer, SOON_USEC);
}

struct envoy_probe *envoy_probe_new(struct event_loop *loop, struct child *child,
				    const char *socket)
{
	struct envoy_probe *p = xnew(struct envoy_probe, 1);

	p->loop = loop;
	p->child = child;
	p->socket = socket;
	p->timer = event_loop_timer(loop, on_timer, p);
	return p;
}

void envoy_probe_free(struct envoy_probe *p)
{
	stop_asking(p);
	event_free(p->timer);
	free(p);
}

void envoy_probe_drain_and_stop(struct envoy_probe *p, int64_t usec)
{
	if (p->drain_until)
		return;
	stop_asking(p);
	if (usec == 0 || p->child->state != CHILD_READY) {
		child_stop(p->child);
		return;
	}
	log_info("envoy is draining: it ends when no connection is left, or in %.0f s",
		 (double)usec / USEC_PER_SEC);
	p->drain_until = clock_monotonic() + usec;
	ask(p, "POST", "/drain_listeners?graceful", on_drain_answer);
}
