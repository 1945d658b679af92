/* The page of `portolan status`. Runs in the portolan command. */
#include <string.h>

#include "common/answer/json-print.h"
#include "common/base/clock.h"
#include "common/base/text.h"
#include "portolan/stage-report.h"
#include "portolan/terminal.h"
#include "portolan/text-table.h"

/* A number, or the sum of an object's numbers; -1 if absent. */
static int64_t count_of(struct json_object *o, const char *key)
{
	struct json_object *v;
	int64_t n = 0;

	if (!json_object_object_get_ex(o, key, &v))
		return -1;
	if (!json_object_is_type(v, json_type_object))
		return json_object_get_int64(v);
	json_object_object_foreach (v, name, value) {
		(void)name;
		n += json_object_get_int64(value);
	}
	return n;
}

static bool is_ready(struct json_object *o)
{
	struct json_object *v;

	return json_object_object_get_ex(o, "ready", &v) && json_object_get_boolean(v);
}

/* The supervisor's knowledge of a child; NULL without a supervisor. */
static struct json_object *child(const struct stage_report *r, const char *name)
{
	struct json_object *children;

	for (size_t i = 0; i < STAGES; i++) {
		if (!json_object_object_get_ex(r->stages[i], "children", &children))
			continue;
		for (size_t k = 0; k < json_object_array_length(children); k++) {
			struct json_object *c = json_object_array_get_idx(children, k);

			if (strcmp(json_text(c, "name"), name) == 0)
				return c;
		}
	}
	return NULL;
}

/* An optional stage is shown if it answers, or should. */
static bool is_shown(const struct stage_report *r, size_t i)
{
	return r->stages[i] || stages[i].required || child(r, stages[i].name);
}

bool stage_report_ready(const struct stage_report *r)
{
	for (size_t i = 0; i < STAGES; i++)
		if (is_shown(r, i) && !is_ready(r->stages[i]))
			return false;
	return true;
}

void stage_report_document(const struct stage_report *r, enum document_format format,
			   struct strbuf *out)
{
	struct json_object *o = json_object_new_object(), *all = json_object_new_object();

	json_object_object_add(o, "ready", json_object_new_boolean(stage_report_ready(r)));
	json_object_object_add(o, "runtime_dir", json_object_new_string(r->runtime_dir));
	for (size_t i = 0; i < STAGES; i++) {
		struct json_object *stage = json_object_get(r->stages[i]);

		if (!is_shown(r, i))
			continue;
		if (!stage) {
			stage = json_object_new_object();
			json_object_object_add(stage, "ready", json_object_new_boolean(0));
			json_object_object_add(stage, "error",
					       json_object_new_string(r->errors[i]));
		}
		if (r->incidents[i])
			json_object_object_add(stage, "incidents",
					       json_object_get(r->incidents[i]));
		json_object_object_add(all, stages[i].name, stage);
	}
	json_object_object_add(o, "stages", all);
	json_object_object_add(o, "envoys", json_object_get(r->envoys));
	json_print(o, format, out);
	json_object_put(o);
}

static void add_duration(struct text_table *t, int64_t seconds)
{
	if (seconds < 0)
		text_table_add(t, "-");
	else if (seconds < 120)
		text_table_add(t, "%llds", (long long)seconds);
	else if (seconds < 2 * 3600)
		text_table_add(t, "%lldm", (long long)seconds / 60);
	else if (seconds < 48 * 3600)
		text_table_add(t, "%lldh", (long long)seconds / 3600);
	else
		text_table_add(t, "%lldd", (long long)seconds / 86400);
}

static void add_count(struct text_table *t, int64_t n)
{
	if (n < 0)
		text_table_add(t, "-");
	else
		text_table_add(t, "%lld", (long long)n);
}

static void add_stage(struct text_table *t, const struct stage_report *r, size_t i)
{
	struct json_object *o = r->stages[i], *c = child(r, stages[i].name);
	int64_t pid = c ? json_number(c, "pid") : count_of(o, "pid");
	const char *state;

	text_table_add(t, "%s", stages[i].name);
	state = o ? json_text(o, "state") : r->errors[i];
	text_table_add_coloured(t, terminal_colour_of(state), "%s", state);
	add_count(t, pid);
	add_duration(t, count_of(o, "uptime_seconds"));
	add_count(t, c ? json_number(c, "restarts") : -1);
	add_count(t, count_of(o, "generation"));
	add_count(t, count_of(o, "objects"));
	add_count(t, count_of(o, "resources"));
}

/* Envoy, where it runs under our supervisor. */
static void add_foreign(struct text_table *t, const struct stage_report *r)
{
	struct json_object *c = child(r, "envoy");

	if (!c)
		return;
	text_table_add(t, "envoy");
	text_table_add(t, "%s", json_text(c, "state"));
	add_count(t, json_number(c, "pid"));
	add_duration(t, json_number(c, "since_seconds"));
	add_count(t, json_number(c, "restarts"));
	for (int i = 0; i < 3; i++)
		text_table_add(t, "-");
}

static void put_stages(const struct stage_report *r, struct strbuf *out)
{
	static const char *const head[] = { "STAGE",    "STATE",      "PID",     "UP",
					    "RESTARTS", "GENERATION", "OBJECTS", "RESOURCES" };
	struct text_table t;

	text_table_init(&t, ARRAY_SIZE(head));
	for (size_t i = 0; i < ARRAY_SIZE(head); i++)
		text_table_add(&t, "%s", head[i]);
	for (size_t i = 0; i < STAGES; i++)
		if (is_shown(r, i))
			add_stage(&t, r, i);
	add_foreign(&t, r);
	text_table_write(&t, out);
	text_table_done(&t);
}

/* Colours go to the terminal; control characters of a peer's or object's text must not. */
static void put_line(struct strbuf *out, const char *who, const char *does, const char *what)
{
	strbuf_text(out, who, strlen(who));
	strbuf_puts(out, does);
	strbuf_text(out, what, strlen(what));
	strbuf_putc(out, '\n');
}

static void put_reasons(const struct stage_report *r, struct strbuf *out)
{
	struct json_object *reasons;

	for (size_t i = 0; i < STAGES; i++) {
		if (!json_object_object_get_ex(r->stages[i], "reasons", &reasons))
			continue;
		for (size_t k = 0; k < json_object_array_length(reasons); k++)
			put_line(out, stages[i].name, ": ",
				 json_object_get_string(json_object_array_get_idx(reasons, k)));
	}
}

static size_t count_incidents(const struct stage_report *r, size_t i)
{
	return json_object_is_type(r->incidents[i], json_type_array)
		       ? json_object_array_length(r->incidents[i])
		       : 0;
}

/* Incidents of the stages since each began. */
static void put_incidents(const struct stage_report *r, struct strbuf *out)
{
	static const char *const head[] = { "STAGE", "INCIDENT", "TIMES", "LAST", "WHAT" };
	struct text_table t;
	size_t n = 0;

	text_table_init(&t, ARRAY_SIZE(head));
	for (size_t i = 0; i < ARRAY_SIZE(head); i++)
		text_table_add(&t, "%s", head[i]);
	for (size_t i = 0; i < STAGES; i++)
		for (size_t k = 0; k < count_incidents(r, i); k++, n++) {
			struct json_object *o = json_object_array_get_idx(r->incidents[i], k);

			text_table_add(&t, "%s", stages[i].name);
			text_table_add(&t, "%s", json_text(o, "kind"));
			add_count(&t, json_number(o, "times"));
			add_duration(&t, clock_realtime() / USEC_PER_SEC - json_number(o, "last"));
			text_table_add(&t, "%s", json_text(o, "text"));
		}
	if (n) {
		strbuf_putc(out, '\n');
		text_table_write(&t, out);
	}
	text_table_done(&t);
}

static int64_t seconds_since(int64_t realtime_usec)
{
	return realtime_usec ? (clock_realtime() - realtime_usec) / USEC_PER_SEC : -1;
}

static void put_envoys(const struct stage_report *r, struct strbuf *out)
{
	static const char *const head[] = { "ENVOY",    "PEER",      "PROTOCOL", "CONNECTED",
					    "LAST ACK", "LAST NACK", "NACKS" };
	size_t n = json_object_is_type(r->envoys, json_type_array)
			   ? json_object_array_length(r->envoys)
			   : 0;
	struct text_table t;

	if (!n) {
		strbuf_puts(out, "\nno Envoy is connected\n");
		return;
	}
	text_table_init(&t, ARRAY_SIZE(head));
	for (size_t i = 0; i < ARRAY_SIZE(head); i++)
		text_table_add(&t, "%s", head[i]);
	for (size_t i = 0; i < n; i++) {
		struct json_object *e = json_object_array_get_idx(r->envoys, i);

		text_table_add(&t, "%s", json_text(e, "node_id"));
		text_table_add(&t, "%s", json_text(e, "peer"));
		text_table_add(&t, "%s", json_text(e, "protocol"));
		add_duration(&t, seconds_since(json_number(e, "connected_usec")));
		add_duration(&t, seconds_since(json_number(e, "acked_usec")));
		add_duration(&t, seconds_since(json_number(e, "nacked_usec")));
		add_count(&t, json_number(e, "nacks"));
	}
	strbuf_putc(out, '\n');
	text_table_write(&t, out);
	text_table_done(&t);
	for (size_t i = 0; i < n; i++) {
		struct json_object *e = json_object_array_get_idx(r->envoys, i);

		if (*json_text(e, "last_reject"))
			put_line(out, json_text(e, "node_id"),
				 " refused: ", json_text(e, "last_reject"));
	}
}

void stage_report_text(const struct stage_report *r, struct strbuf *out)
{
	strbuf_printf(out, "Portolan in %s is %s\n\n", r->runtime_dir,
		      stage_report_ready(r) ? "ready" : "not ready");
	put_stages(r, out);
	put_reasons(r, out);
	put_incidents(r, out);
	put_envoys(r, out);
}
