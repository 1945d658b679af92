/* An HTTPProxy's claim to a host, as a fact: so that two which claim the same find each other. Runs
 * in the translator. */
#include <string.h>

#include "k8s/projectcontour.pb-c.h"
#include "translator/kinds.h"
#include "translator/model/host-name.h"
#include "translator/resolve/annotation.h"
#include "translator/resolve/class.h"
#include "translator/resolve/config.h"
#include "translator/resolve/host-owner.h"
#include "translator/resolve/object.h"
#include "translator/units.h"

void unit_claim(struct reader *r, const char *key, size_t key_len _unused_)
{
	const K8s__HTTPProxy *p = read_message(r, OBJECT_HTTP_PROXY, key);
	const char *why, *host;

	if (!p || !p->spec || !p->spec->virtualhost || !*p->spec->virtualhost->fqdn)
		return;
	if (!class_is_ours(r, p->metadata, p->spec->ingress_class_name, &why))
		return;
	annotation_check(r, OBJECT_HTTP_PROXY, key, p->metadata);
	/* Otherwise a namespace without permission could take a host away. */
	if (!config_may_hold_roots(r, p->metadata->namespace_))
		return;
	host = host_name_normal(reader_arena(r), p->spec->virtualhost->fqdn, &why);
	if (host)
		host_claim(r, OBJECT_HTTP_PROXY, key, p->metadata, host);
}

/* A child that no root includes serves nothing; its status tells the author. */
void unit_orphan(struct reader *r, const char *key, size_t key_len)
{
	const K8s__HTTPProxy *p = read_message(r, OBJECT_HTTP_PROXY, key);
	const char *why, *class;
	size_t n;

	if (!p || (p->spec && p->spec->virtualhost))
		return;
	class = p->spec ? p->spec->ingress_class_name : NULL;
	if (!class_is_ours(r, p->metadata, class, &why)) {
		class_leave(r, OBJECT_HTTP_PROXY, key, p->metadata, class, why);
		return;
	}
	annotation_check(r, OBJECT_HTTP_PROXY, key, p->metadata);
	(void)read_facts(r, FACT_INCLUDED, key, key_len, &n);
	if (n) {
		emit_verdict(r, OBJECT_HTTP_PROXY, key, PORTOLAN__IPC__VERDICT__VERDICT_ACCEPTED);
		return;
	}
	object_error(r, OBJECT_HTTP_PROXY, key, "Orphaned/Orphaned", NULL,
		     "this HTTPProxy is not part of a delegation chain from a root HTTPProxy");
	emit_verdict(r, OBJECT_HTTP_PROXY, key, PORTOLAN__IPC__VERDICT__VERDICT_REJECTED);
}
