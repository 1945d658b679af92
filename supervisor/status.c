/* The supervisor's pages: /debug/status and metrics. */
#include <string.h>

#include "common/clock.h"
#include "supervisor/status.h"

static void put_string(struct strbuf *b, const char *key, const char *value)
{
	strbuf_printf(b, ",\"%s\":", key);
	strbuf_json(b, value, strlen(value));
}

static void put_child(struct strbuf *b, const struct child *c)
{
	strbuf_puts(b, "{\"name\":");
	strbuf_json(b, c->config.name, strlen(c->config.name));
	strbuf_printf(b, ",\"pid\":%d", (int)c->pid);
	put_string(b, "state", child_state_name(c->state));
	put_string(b, "status", c->status);
	strbuf_printf(b, ",\"restarts\":%u,\"watchdog_kills\":%u", c->restarts, c->watchdog_kills);
	put_string(b, "last_exit", c->last_exit);
	strbuf_printf(b, ",\"since\":%lld,\"since_seconds\":%lld}",
		      (long long)(c->since_usec / USEC_PER_SEC),
		      (long long)((clock_realtime() - c->since_usec) / USEC_PER_SEC));
}

static void put_reasons(struct strbuf *b, const char *lines)
{
	const char *separator = "";

	strbuf_puts(b, ",\"reasons\":[");
	while (*lines) {
		size_t n = strcspn(lines, "\n");

		strbuf_puts(b, separator);
		strbuf_json(b, lines, n);
		separator = ",";
		lines += n + (lines[n] == '\n');
	}
	strbuf_puts(b, "]");
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

	strbuf_puts(out, "{\"stage\":\"supervisor\"");
	put_string(out, "state", state_word(s, ready));
	strbuf_printf(out, ",\"ready\":%s", ready ? "true" : "false");
	put_reasons(out, strbuf_str(&why));
	strbuf_printf(out, ",\"pid\":%d,\"uptime_seconds\":%lld", (int)getpid(),
		      (long long)((clock_monotonic() - s->started_usec) / USEC_PER_SEC));
	put_string(out, "runtime_dir", s->daemon->runtime_dir);
	strbuf_puts(out, ",\"children\":[");
	for (size_t i = 0; i < s->n; i++) {
		strbuf_puts(out, i ? "," : "");
		put_child(out, s->children[i]);
	}
	strbuf_puts(out, "]}\n");
	return 200;
}

struct child_metric {
	const char *name, *type, *help;
	unsigned long long (*value)(const struct child *c);
};

static unsigned long long is_ready(const struct child *c)
{
	return c->state == CHILD_READY;
}

static unsigned long long restarts(const struct child *c)
{
	return c->restarts;
}

static unsigned long long watchdog_kills(const struct child *c)
{
	return c->watchdog_kills;
}

static const struct child_metric child_metrics[] = {
	{ "portolan_child_ready", "gauge", "Whether the program runs and is ready.", is_ready },
	{ "portolan_child_restarts_total", "counter", "Times that the program was started again.",
	  restarts },
	{ "portolan_child_watchdog_kills_total", "counter",
	  "Times that the program was ended because it did not feed its watchdog.", watchdog_kills },
};

static void on_metrics(void *ctx, struct strbuf *out)
{
	struct supervisor *s = ctx;

	for (size_t m = 0; m < ARRAY_SIZE(child_metrics); m++) {
		const struct child_metric *row = &child_metrics[m];

		strbuf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", row->name, row->help, row->name,
			      row->type);
		for (size_t i = 0; i < s->n; i++)
			strbuf_printf(out, "%s{child=\"%s\"} %llu\n", row->name,
				      s->children[i]->config.name, row->value(s->children[i]));
	}
	strbuf_printf(out,
		      "# HELP portolan_notify_dropped_total Readiness messages that were not taken.\n"
		      "# TYPE portolan_notify_dropped_total counter\n"
		      "portolan_notify_dropped_total %llu\n",
		      (unsigned long long)(notify_dropped(s->notify) + s->strangers));
}

void status_pages(struct supervisor *s)
{
	control_add(s->daemon->control, "/debug/status", "application/json", on_status, s);
	control_add_metrics(s->daemon->control, on_metrics, s);
}
