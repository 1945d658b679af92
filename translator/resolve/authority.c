/* Authorities. */
#include "translator/resolve/authority.h"

#include <errno.h>
#include <string.h>

#include "k8s/certificates.pb-c.h"
#include "k8s/core.pb-c.h"
#include "translator/check/certificate.h"

#define DATA_KEY "ca.crt"

/* Each returns whether the object exists, and its certificates, empty without any. */

static bool read_config_map(struct reader *r, const char *key, ProtobufCBinaryData *ret)
{
	const K8s__ConfigMap *m = read_message(r, OBJECT_CONFIG_MAP, key);

	for (size_t i = 0; m && i < m->n_data; i++)
		if (strcmp(m->data[i]->key, DATA_KEY) == 0)
			*ret = (ProtobufCBinaryData){ strlen(m->data[i]->value),
						      (uint8_t *)m->data[i]->value };
	return m != NULL;
}

static bool read_secret(struct reader *r, const char *key, ProtobufCBinaryData *ret)
{
	const K8s__Secret *s = read_message(r, OBJECT_SECRET, key);

	for (size_t i = 0; s && i < s->n_data; i++)
		if (strcmp(s->data[i]->key, DATA_KEY) == 0)
			*ret = s->data[i]->value;
	return s != NULL;
}

static bool read_bundle(struct reader *r, const char *key, ProtobufCBinaryData *ret)
{
	const char *name = strchr(key, '/');
	const K8s__ClusterTrustBundle *b = read_message(r, OBJECT_CLUSTER_TRUST_BUNDLE, name);

	if (b && b->spec)
		*ret = (ProtobufCBinaryData){ strlen(b->spec->trust_bundle),
					      (uint8_t *)b->spec->trust_bundle };
	return b != NULL;
}

static const struct {
	const char *group, *kind;
	bool (*read)(struct reader *r, const char *key, ProtobufCBinaryData *ret);
} kinds[] = {
	{ "", "ConfigMap", read_config_map },
	{ "", "Secret", read_secret },
	{ "certificates.k8s.io", "ClusterTrustBundle", read_bundle },
};

int authority_read(struct reader *r, const struct authority_ref *ref, ProtobufCBinaryData *ret,
		   const char **ret_why)
{
	struct arena *a = reader_arena(r);
	const char *key = arena_printf(a, "%s/%s", ref->namespace, ref->name);
	ProtobufCBinaryData pem = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		const char *why = "it has no " DATA_KEY;

		if (strcmp(kinds[i].group, ref->group) != 0 ||
		    strcmp(kinds[i].kind, ref->kind) != 0)
			continue;
		if (!kinds[i].read(r, key, &pem)) {
			*ret_why = arena_printf(a, "there is no %s %s", ref->kind, key);
			return -ENOENT;
		}
		if (pem.len && certificate_check_authority(a, pem.data, pem.len, &why) == 0) {
			*ret = pem;
			return 0;
		}
		*ret_why = arena_printf(a, "%s %s: %s", ref->kind, key, why);
		return -ENOENT;
	}
	*ret_why =
		arena_printf(a,
			     "%s %s is not a source of certificates: name a ConfigMap, a Secret or "
			     "a ClusterTrustBundle",
			     ref->kind, key);
	return -ENOTSUP;
}

void authority_append(struct arena *a, const ProtobufCBinaryData *pem, const void **all,
		      size_t *len)
{
	uint8_t *joined = arena_alloc(a, *len + pem->len + 1);

	if (*len)
		memcpy(joined, *all, *len);
	memcpy(joined + *len, pem->data, pem->len);
	joined[*len + pem->len] = '\n';
	*all = joined;
	*len += pem->len + 1;
}
