/* A Secret with a reference from an object, as an SDS resource "namespace/name". Its name does not
 * depend on its content: a rotated certificate reaches Envoy without touching a listener. */
#include <string.h>

#include "translator/check/certificate.h"
#include "translator/envoy/envoy.h"
#include "translator/kinds.h"
#include "translator/resolve/object.h"
#include "translator/resolve/secret.h"
#include "translator/units.h"

static void emit(struct reader *r, const char *key, ProtobufCBinaryData chain,
		 ProtobufCBinaryData private)
{
	struct arena *a = reader_arena(r);
	EnvoySecret secret = EnvoySecret__INIT;
	EnvoyTlsCertificate certificate = EnvoyTlsCertificate__INIT;
	uint8_t *packed;
	size_t len;

	certificate.certificate_chain = envoy_inline_bytes(a, chain.data, chain.len);
	certificate.private_key = envoy_inline_bytes(a, private.data, private.len);
	secret.name = (char *)key;
	secret.type_case = EnvoySecret__TYPE_TLS_CERTIFICATE;
	secret.tls_certificate = &certificate;
	packed = reader_pack(r, &secret.base, &len);
	emit_resource(r, RESOURCE_SECRET, key, packed, len);
}

static void fail(struct reader *r, ModelSecretResult *result, const char *key, const char *reason,
		 const char *message)
{
	result->reason = (char *)reason;
	result->message = (char *)message;
	object_error(r, OBJECT_SECRET, key, reason, NULL, "%s", message);
	emit_verdict(r, OBJECT_SECRET, key, PORTOLAN__IPC__VERDICT__VERDICT_REJECTED);
}

/* The content of a Secret when it was usable: injected by the secret keeper. */
static const K8s__Secret *read_kept(struct reader *r, const char *key)
{
	const struct item *const *kept;
	size_t n;

	kept = read_facts(r, FACT_KEPT_SECRET, key, strlen(key), &n);
	return n ? k8s__secret__unpack(arena_pb(reader_arena(r)), kept[0]->value_len,
				       item_value(kept[0]))
		 : NULL;
}

static const K8s__Secret *read_kept_checked(struct reader *r, const char *key,
					    struct certificate_facts *facts)
{
	const K8s__Secret *s = read_kept(r, key);
	const char *reason, *why;

	return s && secret_check(reader_arena(r), s, facts, &reason, &why) == 0 ? s : NULL;
}

static void emit_certificate(struct reader *r, const char *key,
			     const struct certificate_facts *facts)
{
	ModelCertificateFact fact = ModelCertificateFact__INIT;
	uint8_t *packed;
	size_t len;

	fact.not_after = facts->not_after;
	fact.n_names = facts->n_names;
	fact.names = facts->names;
	packed = reader_pack(r, &fact.base, &len);
	emit_fact(r, FACT_CERTIFICATE, "", 0, key, strlen(key), packed, len);
}

static void translate(struct reader *r, const char *key, const K8s__Secret *s,
		      ModelSecretResult *result)
{
	const char *reason, *why;
	struct certificate_facts facts;

	if (secret_check(reader_arena(r), s, &facts, &reason, &why) < 0) {
		s = read_kept_checked(r, key, &facts);
		if (!s) {
			fail(r, result, key, reason, why);
			return;
		}
		facts.warning = arena_printf(
			reader_arena(r),
			"%s; the certificate that it held before is served until it is mended",
			why);
		result->has_kept = result->kept = 1;
		object_error(r, OBJECT_SECRET, key, reason, NULL, "%s", facts.warning);
		emit_verdict(r, OBJECT_SECRET, key, PORTOLAN__IPC__VERDICT__VERDICT_PARTIAL);
	} else if (facts.warning) {
		reason = "CertificateExpiry";
		object_warning(r, OBJECT_SECRET, key, reason, "data[tls.crt]", "%s", facts.warning);
	}
	result->has_usable = 1;
	result->usable = 1;
	result->n_names = facts.n_names;
	result->names = facts.names;
	if (facts.warning) {
		result->reason = (char *)reason;
		result->message = (char *)facts.warning;
	}
	emit(r, key, secret_data(s, "tls.crt"), secret_data(s, "tls.key"));
	emit_certificate(r, key, &facts);
}

void unit_secret(struct reader *r, const char *key, size_t key_len _unused_)
{
	const K8s__Secret *s = read_message(r, OBJECT_SECRET, key);
	ModelSecretResult result = ModelSecretResult__INIT;

	if (s) {
		translate(r, key, s, &result);
	} else {
		result.reason = (char *)"SecretMissing";
		result.message = (char *)object_missing_why(r, OBJECT_SECRET, key);
	}
	emit_result_message(r, &result.base);
}

/* The certificate of a host that shares a chain, under the name that clients ask for. The host uses
 * only usable Secrets; of one that became unusable, the kept content is served, here as
 * elsewhere. */
void unit_server_name(struct reader *r, const char *host, size_t len)
{
	const struct item *const *facts;
	const K8s__Secret *s, *kept;
	const char *key;
	size_t n;

	facts = read_facts(r, FACT_SERVER_NAME, host, len, &n);
	if (!n)
		return;
	key = (const char *)item_value(facts[0]);
	s = read_message(r, OBJECT_SECRET, key);
	kept = read_kept(r, key);
	s = kept ? kept : s;
	if (s)
		emit(r, host, secret_data(s, "tls.crt"), secret_data(s, "tls.key"));
}
