/* The supervisor's pages: /debug/status and metrics. */
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/document.h"
#include "common/base/metric.h"
#include "supervisor/status.h"

static void put_child(struct document *d, const struct child *c)
{
	document_map(d);
	document_put_string(d, "name", c->config.name);
	document_put_int(d, "pid", c->pid);
	document_put_string(d, "state", child_state_name(c->state));
	document_put_string(d, "status", c->status);
	document_put_uint(d, "restarts", c->restarts);
	document_put_uint(d, "watchdog_kills", c->watchdog_kills);
	document_put_string(d, "last_exit", c->last_exit);
	document_put_int(d, "since", c->since_usec / USEC_PER_SEC);
	document_put_int(d, "since_seconds", (clock_realtime() - c->since_usec) / USEC_PER_SEC);
	document_end(d);
}

static const char *state_word(const struct supervisor *s, bool ready)
{
	if (s->stopping)
		return "stopping";
	if (ready)
		return "ready";
	return s->announced ? "partially operational" : "starting";
}

static int on_status(void *ctx, const char *query _unused_, struct strbuf *out)
{
	_cleanup_strbuf_ struct strbuf why = STRBUF_INIT;
	struct supervisor *s = ctx;
	bool ready = s->daemon->def->ready(s->daemon, &why);
	struct document d;

	document_init(&d, out, DOCUMENT_JSON);
	document_map(&d);
	document_put_string(&d, "stage", "supervisor");
	document_put_string(&d, "state", state_word(s, ready));
	document_put_bool(&d, "ready", ready);
	document_put_lines(&d, "reasons", strbuf_str(&why));
	document_put_int(&d, "pid", getpid());
	document_put_int(&d, "uptime_seconds",
			 (clock_monotonic() - s->started_usec) / USEC_PER_SEC);
	document_put_string(&d, "runtime_dir", s->daemon->runtime_dir);
	document_key(&d, "children");
	document_list(&d);
	for (size_t i = 0; i < s->n; i++)
		put_child(&d, s->children[i]);
	document_end(&d);
	document_end(&d);
	return 200;
}

static void on_metrics(void *ctx, struct strbuf *out)
{
	struct supervisor *s = ctx;

	metric_family(out, METRIC_CHILD_READY);
	for (size_t i = 0; i < s->n; i++)
		metric_sample(out, METRIC_CHILD_READY, s->children[i]->state == CHILD_READY,
			      s->children[i]->config.name);
	metric_family(out, METRIC_CHILD_RESTARTS);
	for (size_t i = 0; i < s->n; i++)
		metric_sample(out, METRIC_CHILD_RESTARTS, s->children[i]->restarts,
			      s->children[i]->config.name);
	metric_family(out, METRIC_CHILD_WATCHDOG_KILLS);
	for (size_t i = 0; i < s->n; i++)
		metric_sample(out, METRIC_CHILD_WATCHDOG_KILLS, s->children[i]->watchdog_kills,
			      s->children[i]->config.name);
	metric_single(out, METRIC_NOTIFY_DROPPED, notify_dropped(s->notify) + s->strangers);
}

void status_pages(struct supervisor *s)
{
	control_add(s->daemon->control, "/debug/status", "application/json", on_status, s);
	control_add_metrics(s->daemon->control, on_metrics, s);
}
