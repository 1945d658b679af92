/* BackendTLSPolicies. */
#include "translator/resolve/tls-policy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "translator/kinds.h"
#include "translator/resolve/authority.h"

int tls_policy_index(const struct item *object, struct arena *scratch, const char **ret_key)
{
	const char *slash = memchr(object->data, '/', object->key_len);

	if (!slash)
		return -1;
	*ret_key = arena_strndup(scratch, object->data, (size_t)(slash - object->data));
	return (int)(slash - object->data);
}

/* ---- which ---- */

static int64_t age(const struct tls_policy *p)
{
	const K8s__Time *t = p->object->metadata ? p->object->metadata->creation_timestamp : NULL;

	return t ? t->seconds : 0;
}

static int compare(const void *a, const void *b)
{
	const struct tls_policy *x = a, *y = b;

	if (age(x) != age(y))
		return age(x) < age(y) ? -1 : 1;
	return strcmp(x->key, y->key);
}

struct tls_policy *tls_policies_read(struct reader *r, const char *namespace, size_t *ret_n)
{
	struct arena *a = reader_arena(r);
	const struct item *const *items;
	struct tls_policy *all;
	size_t n;

	items = read_index(r, INDEX_TLS_POLICIES, namespace, &n);
	all = arena_new_of(a, struct tls_policy, n + 1);
	*ret_n = 0;
	for (size_t i = 0; i < n; i++) {
		const K8s__BackendTLSPolicy *p = k8s__backend_tlspolicy__unpack(
			arena_pb(a), items[i]->value_len, item_value(items[i]));

		if (p && p->spec && p->spec->validation)
			all[(*ret_n)++] = (struct tls_policy){ item_key(items[i]), p };
	}
	if (*ret_n)
		qsort(all, *ret_n, sizeof(*all), compare);
	return all;
}

bool tls_policy_is_of_service(const K8s__PolicyTargetReference *t)
{
	return !*t->group && strcmp(t->kind, "Service") == 0;
}

int tls_policy_targets(const struct tls_policy *p, const char *service, const char *port)
{
	int best = 0;

	for (size_t i = 0; i < p->object->spec->n_target_refs; i++) {
		const K8s__PolicyTargetReference *t = p->object->spec->target_refs[i];

		if (!tls_policy_is_of_service(t) || strcmp(t->name, service) != 0)
			continue;
		if (!t->section_name)
			best = MAX(best, 1);
		else if (strcmp(t->section_name, port) == 0)
			best = 2;
	}
	return best;
}

const struct tls_policy *tls_policy_choose(const struct tls_policy *all, size_t n,
					   const char *service, const char *port)
{
	const struct tls_policy *best = NULL;
	int rank = 0;

	for (size_t i = 0; i < n; i++) {
		int own = tls_policy_targets(&all[i], service, port);

		if (own > rank) {
			best = &all[i];
			rank = own;
		}
	}
	return best;
}

/* ---- the certificates ---- */

static void add_authority(struct reader *r, const char *namespace,
			  const K8s__LocalObjectReference *ref, struct tls_settings *ret)
{
	const struct authority_ref authority = { ref->group, ref->kind, namespace, ref->name };
	struct arena *a = reader_arena(r);
	ProtobufCBinaryData pem;
	const char *why;
	int e = authority_read(r, &authority, &pem, &why);

	if (e < 0) {
		if (ret->resolved)
			return;
		ret->resolved = e == -ENOTSUP ? "InvalidKind" : "InvalidCACertificateRef";
		ret->resolved_why = why;
		return;
	}
	authority_append(a, &pem, &ret->authority, &ret->authority_len);
}

static void find_authorities(struct reader *r, const char *namespace,
			     const K8s__BackendTLSPolicyValidation *v, struct tls_settings *ret)
{
	const char *known = v->well_known_ca_certificates;

	for (size_t i = 0; i < v->n_ca_certificate_refs; i++)
		add_authority(r, namespace, v->ca_certificate_refs[i], ret);
	if (v->n_ca_certificate_refs) {
		if (ret->authority_len)
			return;
		ret->accepted = "NoValidCACertificate";
		ret->accepted_why = ret->resolved_why;
	} else if (known && strcmp(known, "System") == 0) {
		ret->system = true;
	} else {
		ret->accepted = "Invalid";
		ret->accepted_why =
			"it needs caCertificateRefs, or wellKnownCACertificates: System";
	}
}

void tls_policy_read(struct reader *r, const char *namespace,
		     const K8s__BackendTLSPolicyValidation *v, struct tls_settings *ret)
{
	struct arena *a = reader_arena(r);
	size_t n = v->n_subject_alt_names;

	*ret = (struct tls_settings){ .sni = v->hostname,
				      .names = arena_new_of(a, char *, n + 1),
				      .uris = arena_new_of(a, char *, n + 1) };
	find_authorities(r, namespace, v, ret);
	for (size_t i = 0; i < n; i++) {
		const K8s__SubjectAltName *s = v->subject_alt_names[i];

		if (strcmp(s->type, "URI") == 0)
			ret->uris[ret->n_uris++] = s->uri;
		else
			ret->names[ret->n_names++] = s->hostname;
	}
	if (!n)
		ret->names[ret->n_names++] = v->hostname;
}
