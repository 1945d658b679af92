/* The condition "Valid" of HTTPProxy and ExtensionService, with Contour's texts: its users have
 * scripts and alerts that look for them; and "Propagated", which is ours. Used by the watcher. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/base/cleanup.h"

#include "watcher/status/status-condition.h"

#define MESSAGE_MAX   32760
#define ERROR_MESSAGE "At least one error present, see Errors for details"

static char *constant(const char *s)
{
	return (char *)(uintptr_t)s;
}

static const K8s__DetailedCondition *find(K8s__DetailedCondition *const *list, size_t n,
					  const char *type)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(list[i]->type, type) == 0)
			return list[i];
	return NULL;
}

const K8s__DetailedCondition *status_conditions_valid(K8s__DetailedCondition *const *list, size_t n)
{
	return find(list, n, "Valid");
}

/* The reason of a problem is "Type/Reason" in kinds with two levels of reasons. */
static K8s__SubCondition *make_sub(struct arena *a, const Portolan__Ipc__Problem *p)
{
	K8s__SubCondition *s = arena_new_of(a, K8s__SubCondition, 1);
	const char *reason = p->reason ? p->reason : "", *slash = strchr(reason, '/');
	bool field = p->field && *p->field;
	char *text;

	k8s__sub_condition__init(s);
	s->type = slash ? arena_strndup(a, reason, (size_t)(slash - reason))
			: arena_strdup(a, reason);
	s->status = constant("True");
	s->reason = arena_strdup(a, slash ? slash + 1 : reason);
	text = arena_printf(a, "%s%s%s", field ? p->field : "", field ? ": " : "",
			    p->message ? p->message : "");
	if (strlen(text) > MESSAGE_MAX)
		text[MESSAGE_MAX] = '\0';
	/* Otherwise it would differ from the status that we read back. */
	if (*text)
		s->message = text;
	return s;
}

static void add_problems(struct arena *a, const Portolan__Ipc__ObjectStatus *status,
			 K8s__DetailedCondition *c)
{
	c->errors = arena_new_of(a, K8s__SubCondition *, status->n_problems + 1);
	c->warnings = arena_new_of(a, K8s__SubCondition *, status->n_problems + 1);
	for (size_t i = 0; i < status->n_problems; i++) {
		const Portolan__Ipc__Problem *p = status->problems[i];

		if (p->severity == PORTOLAN__IPC__SEVERITY__SEVERITY_ERROR)
			c->errors[c->n_errors++] = make_sub(a, p);
		else if (p->severity == PORTOLAN__IPC__SEVERITY__SEVERITY_WARNING)
			c->warnings[c->n_warnings++] = make_sub(a, p);
	}
}

static K8s__Time *now_in(struct arena *a)
{
	K8s__Time *t = arena_new_of(a, K8s__Time, 1);

	k8s__time__init(t);
	t->has_seconds = 1;
	t->seconds = (int64_t)time(NULL);
	return t;
}

static K8s__Time *since(struct arena *a, const K8s__DetailedCondition *c,
			const K8s__DetailedCondition *before)
{
	return before && strcmp(before->status, c->status) == 0 && before->last_transition_time
		       ? before->last_transition_time
		       : now_in(a);
}

static K8s__DetailedCondition *make_valid(const struct status_input *in, const char *kind,
					  const K8s__DetailedCondition *before)
{
	K8s__DetailedCondition *c = arena_new_of(in->arena, K8s__DetailedCondition, 1);
	bool valid;

	k8s__detailed_condition__init(c);
	add_problems(in->arena, in->status, c);
	valid = c->n_errors == 0;
	c->type = constant("Valid");
	c->status = constant(valid ? "True" : "False");
	c->reason = constant(valid ? "Valid" : "ErrorPresent");
	c->message = valid ? arena_printf(in->arena, "Valid %s", kind) : constant(ERROR_MESSAGE);
	c->has_observed_generation = in->status->observed_generation != 0;
	c->observed_generation = in->status->observed_generation;
	c->last_transition_time = since(in->arena, c, before);
	return c;
}

/* NULL: what is there stays. */
static K8s__DetailedCondition *make_propagated(const struct status_input *in,
					       const K8s__DetailedCondition *before)
{
	const Portolan__Ipc__Condition *p = in->status->propagated;
	K8s__DetailedCondition *c;

	if (!p || !status_propagated_counts(in, before ? before->status : "",
					    before ? before->observed_generation : 0))
		return NULL;
	c = arena_new_of(in->arena, K8s__DetailedCondition, 1);
	k8s__detailed_condition__init(c);
	c->type = p->type;
	c->status = constant(status_condition_word(p));
	c->reason = p->reason;
	c->message = p->message;
	c->has_observed_generation = in->status->has_propagated_generation;
	c->observed_generation = in->status->propagated_generation;
	c->last_transition_time = since(in->arena, c, before);
	return c;
}

/* A status of a later generation than the object's is about an earlier object of its name. */
static bool is_of_before(const struct status_input *in, int64_t observed)
{
	return in->object->generation && observed > in->object->generation;
}

bool status_conditions_make(const struct status_input *in, const char *kind,
			    K8s__DetailedCondition *const *is, size_t n_is,
			    K8s__DetailedCondition ***ret, size_t *ret_n)
{
	const K8s__DetailedCondition *before = status_conditions_valid(is, n_is),
				     *arrived = find(is, n_is, "Propagated");
	K8s__DetailedCondition **list, *propagated;

	if (is_of_before(in, in->status->observed_generation))
		return false;
	if (before && before->observed_generation > in->status->observed_generation &&
	    !is_of_before(in, before->observed_generation))
		return false;
	list = arena_new_of(in->arena, K8s__DetailedCondition *, n_is + 2);
	propagated = make_propagated(in, arrived);
	*ret_n = 0;
	for (size_t i = 0; i < n_is; i++)
		list[(*ret_n)++] = is[i] == before                  ? make_valid(in, kind, before)
				   : is[i] == arrived && propagated ? propagated
								    : is[i];
	if (!before)
		list[(*ret_n)++] = make_valid(in, kind, NULL);
	if (!arrived && propagated)
		list[(*ret_n)++] = propagated;
	*ret = list;
	return true;
}

/* ---- JSON ---- */

static void add_text(struct strbuf *json, const char *name, const char *value)
{
	strbuf_printf(json, ",\"%s\":", name);
	strbuf_json(json, value, strlen(value));
}

static void add_time(struct strbuf *json, const char *name, const K8s__Time *t)
{
	time_t seconds = t ? (time_t)t->seconds : 0;
	char text[32];
	struct tm tm;

	if (!t || !gmtime_r(&seconds, &tm))
		return;
	(void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	add_text(json, name, text);
}

static void add_subs(struct strbuf *json, const char *name, K8s__SubCondition *const *list,
		     size_t n)
{
	if (!n)
		return;
	strbuf_printf(json, ",\"%s\":[", name);
	for (size_t i = 0; i < n; i++) {
		strbuf_printf(json, "%s{\"type\":", i ? "," : "");
		strbuf_json(json, list[i]->type, strlen(list[i]->type));
		add_text(json, "status", list[i]->status);
		add_text(json, "reason", list[i]->reason);
		add_text(json, "message", list[i]->message);
		strbuf_puts(json, "}");
	}
	strbuf_puts(json, "]");
}

void status_conditions_json(K8s__DetailedCondition *const *list, size_t n, struct strbuf *json)
{
	strbuf_puts(json, "[");
	for (size_t i = 0; i < n; i++) {
		const K8s__DetailedCondition *c = list[i];

		strbuf_printf(json, "%s{\"type\":", i ? "," : "");
		strbuf_json(json, c->type, strlen(c->type));
		add_text(json, "status", c->status);
		if (c->observed_generation)
			strbuf_printf(json, ",\"observedGeneration\":%lld",
				      (long long)c->observed_generation);
		add_time(json, "lastTransitionTime", c->last_transition_time);
		add_text(json, "reason", c->reason);
		add_text(json, "message", c->message);
		add_subs(json, "errors", c->errors, c->n_errors);
		add_subs(json, "warnings", c->warnings, c->n_warnings);
		strbuf_puts(json, "}");
	}
	strbuf_puts(json, "]");
}
