/* Host names and parents in routes of Gateway API: the kinds have the same fields in specs of their
 * own. */
#include "translator/gateway/route-written.h"

#include "k8s/gateway-route.pb-c.h"

static size_t names(struct arena *a, char *const *hosts, size_t n, struct written_name **ret)
{
	*ret = arena_new_of(a, struct written_name, n + 1);
	for (size_t i = 0; i < n; i++)
		(*ret)[i] =
			(struct written_name){ .name = hosts[i],
					       .field = arena_printf(a, "spec.hostnames[%zu]", i) };
	return n;
}

/* clang-format off */
#define NAMES(noun, type)                                                                     \
	size_t route_written_##noun##_names(struct arena *a, const ProtobufCMessage *object,  \
					    struct written_name **ret)                        \
	{                                                                                     \
		const type##Spec *s = ((const type *)object)->spec;                           \
                                                                                              \
		return s ? names(a, s->hostnames, s->n_hostnames, ret) : 0;                   \
	}

#define PARENTS(noun, type, spec_type)                                                        \
	size_t route_written_##noun##_parents(const ProtobufCMessage *object,                 \
					      K8s__ParentReference *const **ret)              \
	{                                                                                     \
		const spec_type *s = ((const type *)object)->spec;                            \
                                                                                              \
		*ret = s ? s->parent_refs : NULL;                                             \
		return s ? s->n_parent_refs : 0;                                              \
	}
/* clang-format on */

NAMES(http, K8s__HTTPRoute)
NAMES(grpc, K8s__GRPCRoute)
NAMES(tls, K8s__TLSRoute)
PARENTS(http, K8s__HTTPRoute, K8s__HTTPRouteSpec)
PARENTS(grpc, K8s__GRPCRoute, K8s__GRPCRouteSpec)
PARENTS(tls, K8s__TLSRoute, K8s__TLSRouteSpec)
PARENTS(tcp, K8s__TCPRoute, K8s__StreamRouteSpec)
PARENTS(udp, K8s__UDPRoute, K8s__StreamRouteSpec)
