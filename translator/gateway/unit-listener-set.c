/* A ListenerSet with a foreign or missing Gateway: its status says so. All others belong to their
 * Gateway's unit. */
#include <string.h>

#include "translator/gateway/gateway.h"
#include "translator/kinds.h"
#include "translator/units.h"

void unit_listener_set(struct reader *r, const char *key, size_t key_len _unused_)
{
	const struct item *set = read_object(r, OBJECT_LISTENER_SET, key);
	const char *parent = gateway_parent_key(reader_arena(r), OBJECT_LISTENER_SET, key);
	const char *gateway;
	size_t n;

	if (!set)
		return;
	(void)read_facts(r, FACT_PARENT, parent, strlen(parent), &n);
	if (n)
		return;
	if (listener_set_index(set, reader_arena(r), &gateway) < 0)
		gateway = "of another kind";
	emit_problem(r, OBJECT_LISTENER_SET, key, PORTOLAN__IPC__SEVERITY__SEVERITY_INFO,
		     "OtherParent", "spec.parentRef", "its parent, Gateway %s, is not served here",
		     gateway);
	emit_verdict(r, OBJECT_LISTENER_SET, key, PORTOLAN__IPC__VERDICT__VERDICT_IGNORED);
}
