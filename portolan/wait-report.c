/* The result of waiting for Envoys. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/answer/json-print.h"
#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/text.h"
#include "portolan/object-report.h"
#include "portolan/wait-report.h"

#define SHOWN_MAX 10

enum { EXIT_HELD = 1, EXIT_LATE = 3, EXIT_NO_ANSWER = 4 };

static const struct {
	const char *name;
	int exit_code;
} states[] = {
	[WAIT_ACCEPTED] = { "accepted", EXIT_SUCCESS },
	[WAIT_REJECTED] = { "rejected", EXIT_HELD },
	[WAIT_IGNORED] = { "ignored", EXIT_HELD },
	[WAIT_REFUSED] = { "refused-by-envoy", EXIT_HELD },
	[WAIT_UNSEEN] = { "not-seen", EXIT_LATE },
	[WAIT_NOT_TRANSLATED] = { "not-translated", EXIT_LATE },
	[WAIT_NOT_SERVED] = { "not-served", EXIT_LATE },
	[WAIT_NO_ENVOY] = { "no-envoy", EXIT_LATE },
	[WAIT_LAGGING] = { "envoy-lags", EXIT_LATE },
	[WAIT_NO_ANSWER] = { "no-answer", EXIT_NO_ANSWER },
};

int wait_state_exit(enum wait_state s)
{
	return states[s].exit_code;
}

void wait_report_done(struct wait_report *r)
{
	json_object_put(r->status);
	json_object_put(r->resources);
	json_object_put(r->bad);
	json_object_put(r->envoys);
	json_object_put(r->refused);
}

/* ---- Envoys ---- */

static bool refuses(struct json_object *envoy)
{
	struct json_object *types = json_member(envoy, "types");

	if (!json_object_is_type(types, json_type_object))
		return false;
	json_object_object_foreach (types, name, type) {
		(void)name;
		if (json_number(type, "rejected") > 0)
			return true;
	}
	return false;
}

/* Counts like xds-server's /debug/answered. */
static bool has_answered(struct json_object *envoy, uint64_t world)
{
	return (uint64_t)json_number(envoy, "acked_source") >= world ||
	       (refuses(envoy) && json_number(envoy, "outstanding") == 0);
}

size_t wait_report_lagging(const struct wait_report *r, uint64_t world)
{
	size_t n = 0;

	for (size_t i = 0; i < json_length(r->envoys); i++)
		n += !has_answered(json_object_array_get_idx(r->envoys, i), world);
	return n;
}

size_t wait_report_refusers(const struct wait_report *r)
{
	size_t n = 0;

	for (size_t i = 0; i < json_length(r->envoys); i++)
		n += refuses(json_object_array_get_idx(r->envoys, i));
	return n;
}

static bool has_reason(struct json_object *status, const char *reason)
{
	struct json_object *list = json_member(status, "problems");

	for (size_t i = 0; i < json_length(list); i++)
		if (strcmp(json_text(json_object_array_get_idx(list, i), "reason"), reason) == 0)
			return true;
	return false;
}

enum wait_state wait_report_verdict(const struct wait_report *r)
{
	/* Objects that routes refer to have no status while nothing is wrong with them. */
	if (!r->status)
		return WAIT_ACCEPTED;
	if (has_reason(r->status, "RejectedByEnvoy") ||
	    has_reason(r->status, "RejectedBySomeEnvoys"))
		return WAIT_REFUSED;
	if (strcmp(json_text(r->status, "verdict"), "ignored") == 0)
		return WAIT_IGNORED;
	return object_report_is_bad(r->status) ? WAIT_REJECTED : WAIT_ACCEPTED;
}

/* ---- for people ---- */

static void put_duration(struct strbuf *b, int64_t usec)
{
	if (usec < USEC_PER_SEC)
		strbuf_printf(b, "%lld ms", (long long)(usec / USEC_PER_MSEC));
	else
		strbuf_printf(b, "%.1f s", (double)usec / USEC_PER_SEC);
}

static void put_problems(struct strbuf *b, struct json_object *status)
{
	struct json_object *list = json_member(status, "problems");

	for (size_t i = 0; i < json_length(list); i++) {
		struct json_object *p = json_object_array_get_idx(list, i);
		const char *field = json_text(p, "field");

		strbuf_printf(b, "  %s %s: %s%s%s%s\n", json_text(p, "severity"),
			      json_text(p, "reason"), json_text(p, "message"), *field ? " (" : "",
			      field, *field ? ")" : "");
	}
}

static void put_bad(struct strbuf *b, const struct wait_report *r)
{
	for (size_t i = 0; i < json_length(r->bad) && i < SHOWN_MAX; i++) {
		struct json_object *s = json_object_array_get_idx(r->bad, i);
		const char *ns = json_text(s, "namespace");

		strbuf_printf(b, "  %s %s%s%s: %s\n", json_text(s, "kind"), ns, *ns ? "/" : "",
			      json_text(s, "name"), json_text(s, "verdict"));
	}
	if (json_length(r->bad) > SHOWN_MAX)
		strbuf_printf(b, "  and %zu more: portolan status --problems\n",
			      json_length(r->bad) - SHOWN_MAX);
}

static void put_lagging(struct strbuf *b, const struct wait_report *r)
{
	size_t n = 0;

	for (size_t i = 0; i < json_length(r->envoys); i++) {
		struct json_object *e = json_object_array_get_idx(r->envoys, i);

		if (has_answered(e, r->world) || n++ >= SHOWN_MAX)
			continue;
		strbuf_printf(b,
			      "  Envoy %s (%s) has accepted world %" PRId64 "; %" PRId64
			      " answers are outstanding\n",
			      json_text(e, "node_id"), json_text(e, "peer"),
			      json_number(e, "acked_source"), json_number(e, "outstanding"));
	}
	if (n > SHOWN_MAX)
		strbuf_printf(b, "  and %zu more\n", n - SHOWN_MAX);
}

static void put_refused(struct strbuf *b, const struct wait_report *r)
{
	for (size_t i = 0; i < json_length(r->refused) && i < SHOWN_MAX; i++) {
		struct json_object *e = json_object_array_get_idx(r->refused, i);
		struct json_object *what = json_member(e, "refused");

		strbuf_printf(b, "  Envoy %s refuses", json_text(e, "node_id"));
		for (size_t k = 0; k < json_length(what) && k < SHOWN_MAX; k++)
			strbuf_printf(b, "%s %s", k ? "," : "",
				      json_object_get_string(json_object_array_get_idx(what, k)));
		strbuf_putc(b, '\n');
	}
	for (size_t i = 0; !r->status && i < json_length(r->envoys); i++) {
		struct json_object *e = json_object_array_get_idx(r->envoys, i);

		if (refuses(e))
			strbuf_printf(b, "  Envoy %s refuses something: %s\n",
				      json_text(e, "node_id"), json_text(e, "last_reject"));
	}
}

static void put_accepted(struct strbuf *b, const struct wait_report *r)
{
	size_t n = json_length(r->envoys);

	strbuf_printf(b, "accepted by %zu Envoy%s", n, n == 1 ? "" : "s");
	if (r->generation)
		strbuf_printf(b, ", generation %" PRId64, r->generation);
	strbuf_printf(b, ", world %" PRIu64 ", after ", r->world);
	put_duration(b, r->usec);
	strbuf_putc(b, '\n');
}

static void put_unseen(struct strbuf *b, const struct wait_report *r)
{
	if (!r->seen)
		strbuf_puts(b, "not seen yet: there is no such object in what the watcher reads\n");
	else if (!r->generation)
		strbuf_printf(b,
			      "generation %" PRId64 " cannot be waited for: the object has no "
			      "metadata.generation (objects of files have none, nor have Services, "
			      "Secrets and some others); leave --generation out\n",
			      r->wanted);
	else
		strbuf_printf(b,
			      "generation %" PRId64 " is not seen yet: the watcher has %" PRId64
			      "\n",
			      r->wanted, r->generation);
}

static void put_state(struct strbuf *b, const struct wait_report *r, enum wait_state s)
{
	switch (s) {
	case WAIT_ACCEPTED:
		put_accepted(b, r);
		break;
	case WAIT_UNSEEN:
		put_unseen(b, r);
		break;
	case WAIT_NOT_TRANSLATED:
		strbuf_printf(b, "the translator has not got to world %" PRIu64 " yet\n", r->world);
		break;
	case WAIT_NOT_SERVED:
		strbuf_printf(b, "xds-server has not got world %" PRIu64 " yet\n", r->world);
		break;
	case WAIT_NO_ENVOY:
		strbuf_puts(b, "no Envoy is connected that is to have it\n");
		break;
	case WAIT_LAGGING:
		strbuf_printf(b, "%zu of %zu Envoys have not accepted world %" PRIu64 " yet\n",
			      wait_report_lagging(r, r->world), json_length(r->envoys), r->world);
		put_lagging(b, r);
		break;
	case WAIT_REFUSED:
		strbuf_puts(b, "Envoys refuse what it makes\n");
		put_refused(b, r);
		put_problems(b, r->status);
		break;
	case WAIT_NO_ANSWER:
		strbuf_puts(b, "a stage gave no answer\n");
		break;
	default:
		strbuf_printf(b, "%s\n",
			      r->status ? json_text(r->status, "verdict")
					: "some are not served as they say");
		put_problems(b, r->status);
		put_bad(b, r);
	}
}

/* ---- for programs ---- */

static struct json_object *envoys_json(const struct wait_report *r)
{
	static const char *const members[] = { "node_id", "peer", "acked_source", "outstanding",
					       "last_reject" };
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < json_length(r->envoys); i++) {
		struct json_object *e = json_object_array_get_idx(r->envoys, i);
		struct json_object *o = json_object_new_object();

		for (size_t k = 0; k < ARRAY_SIZE(members); k++)
			(void)json_object_object_add(o, members[k],
						     json_object_get(json_member(e, members[k])));
		(void)json_object_object_add(o, "answered",
					     json_object_new_boolean(has_answered(e, r->world)));
		(void)json_object_array_add(list, o);
	}
	return list;
}

static void put_json(struct strbuf *b, const struct wait_report *r, enum wait_state s,
		     const char *subject, const char *text)
{
	struct json_object *o = json_object_new_object();

	(void)json_object_object_add(o, "object", json_object_new_string(subject));
	(void)json_object_object_add(o, "state", json_object_new_string(states[s].name));
	(void)json_object_object_add(o, "accepted", json_object_new_boolean(s == WAIT_ACCEPTED));
	(void)json_object_object_add(o, "message", json_object_new_string(text));
	(void)json_object_object_add(o, "world", json_object_new_uint64(r->world));
	if (r->generation)
		(void)json_object_object_add(o, "generation", json_object_new_int64(r->generation));
	(void)json_object_object_add(o, "milliseconds",
				     json_object_new_int64(r->usec / USEC_PER_MSEC));
	if (r->status)
		(void)json_object_object_add(o, "status", json_object_get(r->status));
	if (r->bad)
		(void)json_object_object_add(o, "not_served", json_object_get(r->bad));
	(void)json_object_object_add(o, "envoys", envoys_json(r));
	(void)json_object_object_add(o, "refused", json_object_get(r->refused));
	json_print(o, DOCUMENT_JSON, b);
	json_object_put(o);
}

void wait_report_write(const struct wait_report *r, enum wait_state s, const char *subject,
		       bool json)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT, out = STRBUF_INIT;

	put_state(&text, r, s);
	if (json)
		put_json(&out, r, s, subject, strbuf_str(&text));
	else
		strbuf_printf(&out, "%s: %s", subject, strbuf_str(&text));
	(void)fwrite(strbuf_str(&out), 1, out.len, json || s == WAIT_ACCEPTED ? stdout : stderr);
}
