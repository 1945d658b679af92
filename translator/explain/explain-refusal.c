/* Resources of an answer that Envoys refuse, in a version that is served all the same: nobody has
 * accepted it, or others have. Versions that are held back are not among what is sent. */
#include <string.h>

#include "translator/explain/explain-internal.h"
#include "translator/guard/quarantine.h"
#include "translator/kinds.h"

#define REFUSALS_MAX 16

struct explain_refusals {
	struct explain_refusal {
		enum resource_kind kind;
		const char *name, *effect;
		const Portolan__Ipc__RejectReport *said;
	} all[REFUSALS_MAX];
	size_t n;
};

struct explain_refusals *explain_refusals_new(struct explain *e)
{
	struct explain_refusals *r = arena_new_of(e->a, struct explain_refusals, 1);

	*r = (struct explain_refusals){ 0 };
	return r;
}

static const Portolan__Ipc__RejectReport *find(struct explain *e, enum resource_kind kind,
					       const char *name, const char *part, size_t part_len)
{
	const struct quarantine *q = e->world.quarantine;
	const struct item *i = q ? quarantine_refusal(q, kind, name, part, part_len) : NULL;
	Portolan__Ipc__RejectReport *said = i ? portolan__ipc__reject_report__unpack(
							arena_pb(e->a), i->value_len, item_value(i))
					      : NULL;

	if (said && !said->message)
		said->message = (char *)protobuf_c_empty_string;
	return said;
}

static const char *text(struct explain *e, enum resource_kind kind, const char *name,
			const Portolan__Ipc__RejectReport *said)
{
	_cleanup_free_ char *who = quarantine_refusers(said);

	return arena_printf(e->a, "%s %s %s: %s", who, resource_kind(kind)->name, name,
			    said->message);
}

static bool is_noted(const struct explain_refusals *r, enum resource_kind kind, const char *name)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->all[i].kind == kind && strcmp(r->all[i].name, name) == 0)
			return true;
	return false;
}

const char *explain_refusal_of(struct explain *e, enum resource_kind kind, const char *name,
			       const char *part, size_t part_len, const char *effect)
{
	const Portolan__Ipc__RejectReport *said = find(e, kind, name, part, part_len);
	struct explain_refusals *r = e->refusals;

	if (!said)
		return NULL;
	if (r && r->n < REFUSALS_MAX && !is_noted(r, kind, name))
		r->all[r->n++] =
			(struct explain_refusal){ kind, arena_strdup(e->a, name), effect, said };
	return said->accepted ? NULL : text(e, kind, name, said);
}

const char *explain_refusal_of_all(struct explain *e, enum resource_kind kind, const char *name)
{
	const Portolan__Ipc__RejectReport *said = find(e, kind, name, NULL, 0);

	return said && !said->accepted ? text(e, kind, name, said) : NULL;
}

const char *explain_refusal_of_host(struct explain *e, enum resource_kind kind, const char *name,
				    const char *host)
{
	uint32_t part = kind == RESOURCE_ROUTE ? OUTPUT_HOST_ROUTES : RESOURCE_PART + kind;
	size_t len;
	const char *key = explain_part_key(e->a, name, host, &len);
	const char *what = arena_printf(e->a, "what objects make of host %s", host);
	_cleanup_free_ char *why = NULL;

	if (e->world.quarantine)
		why = quarantine_withheld(e->world.quarantine, part, key, len, what);
	return why ? arena_strdup(e->a, why) : NULL;
}

static void write_one(struct explain *e, const struct explain_refusal *one)
{
	const Portolan__Ipc__RejectReport *said = one->said;

	document_map(e->d);
	explain_string(e, "kind", resource_kind(one->kind)->name);
	explain_string(e, "name", one->name);
	document_key(e->d, "envoys");
	document_list(e->d);
	for (size_t i = 0; i < said->n_node_ids; i++)
		document_string(e->d, said->node_ids[i]);
	document_end(e->d);
	explain_uint(e, "refuse", said->nodes);
	explain_uint(e, "of", said->nodes + said->accepted + said->undecided);
	explain_string(e, "message", said->message);
	explain_string(
		e, "effect",
		said->accepted
			? arena_printf(e->a,
				       "there it goes on with what was accepted before; without "
				       "that, %s",
				       one->effect)
			: one->effect);
	document_end(e->d);
}

void explain_refusals_write(struct explain *e)
{
	const struct explain_refusals *r = e->refusals;

	if (!r->n)
		return;
	document_key(e->d, "refused");
	document_list(e->d);
	for (size_t i = 0; i < r->n; i++)
		write_one(e, &r->all[i]);
	document_end(e->d);
}
