/* The annotation of Ingresses that says whether Envoys have accepted them. Used by the watcher. */
#include <stdlib.h>
#include <string.h>

#include "common/decode/object-kind.h"
#include "watcher/status/propagated-annotation.h"

/* The status and generation of a value; "" and 0 if somebody else wrote it. */
static const char *read_value(struct arena *a, const char *value, int64_t *ret_generation)
{
	char *end;
	long long generation = strtoll(value, &end, 10);

	*ret_generation = *end == ' ' ? generation : 0;
	return *end == ' ' ? arena_strndup(a, end + 1, strcspn(end + 1, " ")) : "";
}

bool propagated_annotation_render(const struct status_input *in, struct strbuf *value)
{
	const Portolan__Ipc__Condition *c = in->status->propagated;
	const char *present = in->object->propagated ? in->object->propagated : "", *status;
	int64_t wanted = in->status->propagated_generation, generation;

	if (in->object->item->kind != OBJECT_INGRESS || !c ||
	    in->status->verdict == PORTOLAN__IPC__VERDICT__VERDICT_IGNORED)
		return false;
	/* A status of a later generation is about an earlier object of that name. */
	if (in->object->generation && wanted > in->object->generation)
		return false;
	status = read_value(in->arena, present, &generation);
	if (!status_propagated_counts(in, status, generation))
		return false;
	strbuf_printf(value, "%lld %s %s", (long long)wanted, status_condition_word(c), c->reason);
	return strcmp(strbuf_str(value), present) != 0;
}
