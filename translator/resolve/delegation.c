/* TLSCertificateDelegation. */
#include <errno.h>
#include <string.h>

#include "k8s/projectcontour.pb-c.h"
#include "translator/kinds.h"
#include "translator/resolve/delegation.h"

int delegation_index(const struct item *object, struct arena *scratch, const char **ret_key)
{
	const char *slash = memchr(object->data, '/', object->key_len);

	if (!slash)
		return -1;
	*ret_key = arena_strndup(scratch, object->data, (size_t)(slash - object->data));
	return (int)(slash - object->data);
}

/* A star means all namespaces only if it is the whole text. */
static bool names(const K8s__CertificateDelegation *d, const char *namespace)
{
	if (d->n_target_namespaces == 1 && strcmp(d->target_namespaces[0], "*") == 0)
		return true;
	for (size_t i = 0; i < d->n_target_namespaces; i++)
		if (strcmp(d->target_namespaces[i], namespace) == 0)
			return true;
	return false;
}

static bool permits(struct reader *r, const char *secret_namespace, const char *secret,
		    const char *from)
{
	const struct item *const *items;
	size_t n;

	if (strcmp(secret_namespace, from) == 0)
		return true;
	items = read_index(r, INDEX_DELEGATIONS, secret_namespace, &n);
	for (size_t i = 0; i < n; i++) {
		const K8s__TLSCertificateDelegation *d = k8s__tlscertificate_delegation__unpack(
			arena_pb(reader_arena(r)), items[i]->value_len, item_value(items[i]));

		for (size_t k = 0; d && d->spec && k < d->spec->n_delegations; k++)
			if (strcmp(d->spec->delegations[k]->secret_name, secret) == 0 &&
			    names(d->spec->delegations[k], from))
				return true;
	}
	return false;
}

int delegation_resolve(struct reader *r, const char *text, const char *from, const char **ret_key,
		       const char **ret_why)
{
	struct arena *a = reader_arena(r);
	const char *slash = strchr(text, '/'), *name = slash ? slash + 1 : text;
	const char *namespace = slash ? arena_strndup(a, text, (size_t)(slash - text)) : from;

	if (!permits(r, namespace, name, from)) {
		*ret_why = arena_printf(a,
					"namespace %s may not use Secret %s/%s: it needs a "
					"TLSCertificateDelegation there",
					from, namespace, name);
		return -EACCES;
	}
	*ret_key = arena_printf(a, "%s/%s", namespace, name);
	return 0;
}
