/* Secrets with certificates: whether they can be served, and which objects refer to them. */
#include <errno.h>
#include <string.h>

#include "translator/check/certificate.h"
#include "translator/kinds.h"
#include "translator/resolve/delegation.h"
#include "translator/resolve/secret.h"

ProtobufCBinaryData secret_data(const K8s__Secret *s, const char *key)
{
	for (size_t i = 0; i < s->n_data; i++)
		if (strcmp(s->data[i]->key, key) == 0)
			return s->data[i]->value;
	return (ProtobufCBinaryData){ 0 };
}

int secret_check(struct arena *a, const K8s__Secret *s, struct certificate_facts *ret,
		 const char **ret_reason, const char **ret_why)
{
	ProtobufCBinaryData chain = secret_data(s, "tls.crt"), private = secret_data(s, "tls.key");
	struct certificate_facts facts;

	if (strcmp(s->type, "kubernetes.io/tls") != 0 && strcmp(s->type, "Opaque") != 0 &&
	    *s->type) {
		*ret_reason = "SecretType";
		*ret_why = arena_printf(a,
					"its type is \"%s\"; a certificate is in a Secret of type "
					"kubernetes.io/tls or Opaque",
					s->type);
		return -EINVAL;
	}
	if (!chain.len || !private.len) {
		*ret_reason = "SecretIncomplete";
		*ret_why = arena_printf(a, "it has no %s", chain.len ? "tls.key" : "tls.crt");
		return -EINVAL;
	}
	*ret_reason = "CertificateInvalid";
	return certificate_check(a, chain.data, chain.len, private.data, private.len,
				 ret ? ret : &facts, ret_why);
}

const ModelSecretResult *secret_find(struct reader *r, const char *key)
{
	const struct item *i = read_unit(r, UNIT_SECRET, key, strlen(key));

	return message_unpack(reader_arena(r), ModelSecretResult, i);
}

void secret_report_kept(struct reader *r, enum object_kind kind, const char *key,
			const char *reason, const char *field, const char *secret,
			const ModelSecretResult *facts)
{
	if (!facts->kept)
		return;
	object_error(r, kind, key, reason, field, "Secret %s: %s", secret, facts->message);
	emit_verdict(r, kind, key, PORTOLAN__IPC__VERDICT__VERDICT_PARTIAL);
}

int secret_use(struct reader *r, const char *text, const char *from, struct secret_found *ret)
{
	if (delegation_resolve(r, text, from, &ret->key, &ret->why) < 0)
		return -EACCES;
	ret->facts = secret_find(r, ret->key);
	ret->why = arena_printf(reader_arena(r), "Secret %s: %s", ret->key,
				ret->facts->message ? ret->facts->message : "");
	return ret->facts->usable ? 0 : -EINVAL;
}
