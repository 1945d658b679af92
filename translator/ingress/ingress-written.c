/* Host names in an Ingress: those of its rules, then those of its certificates. */
#include "translator/ingress/ingress-written.h"

#include "k8s/networking.pb-c.h"

#define TLS_FIELD "spec.tls"

static void add_tls(struct arena *a, const K8s__IngressSpec *s, struct written_name *all, size_t n)
{
	for (size_t k = 0; k < s->n_tls; k++)
		for (size_t h = 0; h < s->tls[k]->n_hosts; h++)
			all[n++] = (struct written_name){
				.name = s->tls[k]->hosts[h],
				.field = arena_printf(a, TLS_FIELD "[%zu].hosts[%zu]", k, h),
				.tls_field = TLS_FIELD,
				.tls_only = true
			};
}

size_t ingress_written_names(struct arena *a, const ProtobufCMessage *object,
			     struct written_name **ret)
{
	const K8s__IngressSpec *s = ((const K8s__Ingress *)object)->spec;
	size_t n = s ? s->n_rules : 0;

	for (size_t k = 0; s && k < s->n_tls; k++)
		n += s->tls[k]->n_hosts;
	*ret = arena_new_of(a, struct written_name, n + 1);
	for (size_t k = 0; s && k < s->n_rules; k++)
		(*ret)[k] =
			(struct written_name){ .name = s->rules[k]->host,
					       .field = arena_printf(a, "spec.rules[%zu].host", k),
					       .tls_field = TLS_FIELD };
	if (s)
		add_tls(a, s, *ret, s->n_rules);
	return n;
}
