/* Says each new problem of an object once. Used by the watcher. */
#include <string.h>

#include "common/base/clock.h"
#include "common/decode/object-kind.h"
#include "ipc.pb-c.h"
#include "watcher/manifests/status-log.h"

#define BURST         200
#define INTERVAL_USEC (10 * USEC_PER_SEC)

bool status_log_pass(struct status_log *l)
{
	unsigned dropped = 0;

	if (l->silent)
		return false;
	if (l->unbounded)
		return true;
	l->limit.interval_usec = INTERVAL_USEC;
	l->limit.burst = BURST;
	if (!log_limit_pass(&l->limit, &dropped))
		return false;
	if (dropped)
		log_warning("%u more problems were not logged: portolan status has all", dropped);
	return true;
}

static Portolan__Ipc__ObjectStatus *unpack(const struct item *i)
{
	return i ? portolan__ipc__object_status__unpack(NULL, i->value_len, item_value(i)) : NULL;
}

static bool same(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "") == 0;
}

static bool has(const Portolan__Ipc__ObjectStatus *s, const Portolan__Ipc__Problem *p)
{
	for (size_t i = 0; s && i < s->n_problems; i++)
		if (same(s->problems[i]->reason, p->reason) &&
		    same(s->problems[i]->field, p->field) &&
		    same(s->problems[i]->message, p->message))
			return true;
	return false;
}

static void say(struct status_log *l, const struct state *objects, const struct item *i,
		const Portolan__Ipc__Problem *p)
{
	const struct object_kind_row *row = object_kind(i->kind);
	const struct item *object = state_get(objects, i->kind, item_key(i), i->key_len);
	const char *kind = row ? row->kind : "object", *key = item_key(i) + (*item_key(i) == '/');
	const char *field = p->field ? p->field : "";
	int level = p->severity == PORTOLAN__IPC__SEVERITY__SEVERITY_ERROR     ? LOG_ERR
		    : p->severity == PORTOLAN__IPC__SEVERITY__SEVERITY_WARNING ? LOG_WARNING
									       : LOG_DEBUG;

	if (level > log_level() || !status_log_pass(l))
		return;
	log_with(level,
		 FIELDS({ "kind", kind }, { "object", key },
			{ "origin", object && object->meta_len ? item_meta(object) : NULL },
			{ "field", *field ? field : NULL }, { "reason", p->reason }),
		 "%s %s%s%s%s: %s%s%s", kind, key, object && object->meta_len ? " (" : "",
		 object && object->meta_len ? item_meta(object) : "",
		 object && object->meta_len ? ")" : "", field, *field ? ": " : "",
		 p->message ? p->message : "");
}

void status_log_change(struct status_log *l, const struct state *objects, const struct item *before,
		       const struct item *after)
{
	Portolan__Ipc__ObjectStatus *old, *new;

	if (!after)
		return;
	new = unpack(after);
	if (!new || !new->n_problems) {
		portolan__ipc__object_status__free_unpacked(new, NULL);
		return;
	}
	old = unpack(before);
	for (size_t i = 0; i < new->n_problems; i++)
		if (!has(old, new->problems[i]))
			say(l, objects, after, new->problems[i]);
	portolan__ipc__object_status__free_unpacked(old, NULL);
	portolan__ipc__object_status__free_unpacked(new, NULL);
}
