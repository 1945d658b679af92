/* A ListenerSet with a foreign or missing Gateway: its status says so. All others belong to their
 * Gateway's unit. */
#include <string.h>

#include "translator/gateway/gateway.h"
#include "translator/kinds.h"
#include "translator/resolve/object.h"
#include "translator/units.h"

/* A Gateway of others is their business; one that nobody has is a slip of the pen. */
static void tell_parent(struct reader *r, const char *key, const struct item *set)
{
	const char *gateway;

	if (listener_set_index(set, reader_arena(r), &gateway) < 0)
		object_warning(r, OBJECT_LISTENER_SET, key, "OtherParent", "spec.parentRef",
			       "its parent must be of kind Gateway, group %s", GATEWAY_GROUP);
	else if (!read_object(r, OBJECT_GATEWAY, gateway))
		object_warning(r, OBJECT_LISTENER_SET, key, "ParentMissing", "spec.parentRef", "%s",
			       object_missing(r, OBJECT_GATEWAY, gateway));
	else
		emit_problem(r, OBJECT_LISTENER_SET, key, PORTOLAN__IPC__SEVERITY__SEVERITY_INFO,
			     "OtherParent", "spec.parentRef",
			     "its parent, Gateway %s, is not served here", gateway);
}

void unit_listener_set(struct reader *r, const char *key, size_t key_len _unused_)
{
	const struct item *set = read_object(r, OBJECT_LISTENER_SET, key);
	const char *parent = gateway_parent_key(reader_arena(r), OBJECT_LISTENER_SET, key);
	size_t n;

	if (!set)
		return;
	(void)read_facts(r, FACT_PARENT, parent, strlen(parent), &n);
	if (n)
		return;
	tell_parent(r, key, set);
	emit_verdict(r, OBJECT_LISTENER_SET, key, PORTOLAN__IPC__VERDICT__VERDICT_IGNORED);
}
