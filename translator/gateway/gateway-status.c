/* Conditions. */
#include "translator/gateway/gateway-status.h"
#include "translator/kinds.h"

#include <string.h>

void flaw_set(struct flaw *f, const char *reason, const char *message)
{
	if (!f->reason)
		*f = (struct flaw){ reason, message };
}

const char **refusals_read(struct reader *r, enum object_kind kind, const char *key, size_t *ret_n)
{
	struct arena *a = reader_arena(r);
	const char *fact = arena_printf(a, "%u %s", kind, key), **all;
	const struct item *const *facts;

	facts = read_facts(r, FACT_REFUSED, fact, strlen(fact), ret_n);
	all = arena_new_of(a, const char *, *ret_n + 1);
	for (size_t i = 0; i < *ret_n; i++)
		all[i] = arena_strdup(a, (const char *)item_value(facts[i]));
	return all;
}

const char *refusal_read(struct reader *r, enum object_kind kind, const char *key)
{
	size_t n;
	const char **all = refusals_read(r, kind, key, &n);

	return n ? all[0] : NULL;
}

void conditions_add_status(struct arena *a, struct conditions *c, const char *type, bool status,
			   const char *reason, const char *message)
{
	Portolan__Ipc__Condition *one = arena_new_of(a, Portolan__Ipc__Condition, 1);

	portolan__ipc__condition__init(one);
	if (!c->all)
		c->all = arena_new_of(a, Portolan__Ipc__Condition *, CONDITIONS_MAX);
	if (c->n == CONDITIONS_MAX)
		return;
	one->type = (char *)type;
	one->has_status = 1;
	one->status = status ? PORTOLAN__IPC__CONDITION_STATUS__CONDITION_TRUE
			     : PORTOLAN__IPC__CONDITION_STATUS__CONDITION_FALSE;
	one->reason = (char *)reason;
	one->message = (char *)message;
	c->all[c->n++] = one;
}

void conditions_add(struct arena *a, struct conditions *c, const char *type,
		    const struct flaw *flaw, const char *reason, const char *message)
{
	bool good = !flaw || !flaw->reason;

	conditions_add_status(a, c, type, good, good ? reason : flaw->reason,
			      good ? message : flaw->message);
}
