/* What a TLSCertificateDelegation says without effect. */
#include <string.h>

#include "common/decode/decode-rules.h"
#include "k8s/projectcontour.pb-c.h"
#include "translator/kinds.h"
#include "translator/resolve/object.h"
#include "translator/units.h"

#define warn(r, key, reason, field, ...) \
	object_warning(r, OBJECT_TLS_CERTIFICATE_DELEGATION, key, reason, field, __VA_ARGS__)

/* Objects from files seldom have Namespaces: then nobody knows which there are. */
static bool knows_namespaces(struct reader *r, const char *own)
{
	return read_object(r, OBJECT_NAMESPACE, arena_printf(reader_arena(r), "/%s", own)) != NULL;
}

static void look_at_namespaces(struct reader *r, const char *key, const char *own,
			       const K8s__CertificateDelegation *d, const char *field)
{
	struct arena *a = reader_arena(r);
	bool known = knows_namespaces(r, own);

	field = arena_printf(a, "%s.targetNamespaces", field);
	if (!d->n_target_namespaces)
		warn(r, key, "IgnoredField", field, "no namespace is there: nobody may use it");
	for (size_t i = 0; i < d->n_target_namespaces; i++) {
		const char *name = d->target_namespaces[i];
		const char *one = arena_printf(a, "%s[%zu]", field, i);

		if (strcmp(name, "*") == 0) {
			if (d->n_target_namespaces > 1)
				warn(r, key, "IgnoredField", one,
				     "ignored: a star means all namespaces only where it is alone");
		} else if (rule_namespace_problem(name)) {
			warn(r, key, "IgnoredField", one,
			     "ignored: no namespace can be called \"%.64s\": name one in each "
			     "entry, or \"*\" alone for all",
			     name);
		} else if (known &&
			   !read_object(r, OBJECT_NAMESPACE, arena_printf(a, "/%s", name))) {
			warn(r, key, "NamespaceMissing", one, "there is no namespace %.64s", name);
		}
	}
}

void unit_delegation(struct reader *r, const char *key, size_t key_len _unused_)
{
	const K8s__TLSCertificateDelegation *d =
		read_message(r, OBJECT_TLS_CERTIFICATE_DELEGATION, key);
	struct arena *a = reader_arena(r);
	const char *namespace, *name;

	object_split_key(r, key, &namespace, &name);
	for (size_t i = 0; d && d->spec && i < d->spec->n_delegations; i++) {
		const K8s__CertificateDelegation *one = d->spec->delegations[i];
		const char *field = arena_printf(a, "spec.delegations[%zu]", i);
		const char *secret = arena_printf(a, "%s/%s", namespace, one->secret_name);

		if (!read_object(r, OBJECT_SECRET, secret))
			warn(r, key, "SecretMissing", arena_printf(a, "%s.secretName", field), "%s",
			     object_missing(r, OBJECT_SECRET, secret));
		look_at_namespaces(r, key, namespace, one, field);
	}
}
