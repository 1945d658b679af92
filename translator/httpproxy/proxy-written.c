/* The host name in an HTTPProxy: a root has one. */
#include "translator/httpproxy/proxy-written.h"

#include "k8s/projectcontour.pb-c.h"

size_t proxy_written_names(struct arena *a, const ProtobufCMessage *object,
			   struct written_name **ret)
{
	const K8s__HTTPProxySpec *s = ((const K8s__HTTPProxy *)object)->spec;

	if (!s || !s->virtualhost)
		return 0;
	*ret = arena_new_of(a, struct written_name, 1);
	**ret = (struct written_name){ .name = s->virtualhost->fqdn,
				       .field = "spec.virtualhost.fqdn",
				       .tls_field = "spec.virtualhost.tls" };
	return 1;
}
