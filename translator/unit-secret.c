/* A Secret that somebody refers to, as an SDS resource "namespace/name". Its name does not hold its
 * content: a rotated certificate reaches Envoy without touching a listener. Runs in the translator. */
#include <errno.h>
#include <string.h>

#include "translator/certificate.h"
#include "translator/units.h"

typedef Portolan__Model__SecretResult SecretResult;

static ProtobufCBinaryData find(const K8s__Secret *s, const char *key)
{
	for (size_t i = 0; i < s->n_data; i++)
		if (strcmp(s->data[i]->key, key) == 0)
			return s->data[i]->value;
	return (ProtobufCBinaryData){ 0 };
}

static void emit(struct reader *r, const char *key, ProtobufCBinaryData chain, ProtobufCBinaryData private)
{
	struct arena *a = reader_arena(r);
	Envoy__Extensions__TransportSockets__Tls__V3__Secret secret =
		ENVOY__EXTENSIONS__TRANSPORT_SOCKETS__TLS__V3__SECRET__INIT;
	Envoy__Extensions__TransportSockets__Tls__V3__TlsCertificate certificate =
		ENVOY__EXTENSIONS__TRANSPORT_SOCKETS__TLS__V3__TLS_CERTIFICATE__INIT;
	uint8_t *packed;
	size_t len;

	certificate.certificate_chain = envoy_inline_bytes(a, chain.data, chain.len);
	certificate.private_key = envoy_inline_bytes(a, private.data, private.len);
	secret.name = (char *)key;
	secret.type_case = ENVOY__EXTENSIONS__TRANSPORT_SOCKETS__TLS__V3__SECRET__TYPE_TLS_CERTIFICATE;
	secret.tls_certificate = &certificate;
	packed = reader_pack(r, &secret.base, &len);
	emit_resource(r, RESOURCE_SECRET, key, packed, len);
}

static void fail(struct reader *r, SecretResult *result, const char *key, const char *reason,
		 const char *message)
{
	result->reason = (char *)reason;
	result->message = (char *)message;
	units_error(r, OBJECT_SECRET, key, reason, NULL, "%s", message);
	emit_verdict(r, OBJECT_SECRET, key, PORTOLAN__IPC__VERDICT__VERDICT_REJECTED);
}

int secret_check(struct arena *a, const K8s__Secret *s, struct certificate_facts *ret, const char **ret_reason,
		 const char **ret_why)
{
	ProtobufCBinaryData chain = find(s, "tls.crt"), private = find(s, "tls.key");
	struct certificate_facts facts;

	if (strcmp(s->type, "kubernetes.io/tls") != 0 && strcmp(s->type, "Opaque") != 0 && *s->type) {
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
	return certificate_check(a, chain.data, chain.len, private.data, private.len, ret ? ret : &facts, ret_why);
}

/* What it held when it was usable: injected by the secret keeper. */
static const K8s__Secret *read_kept(struct reader *r, const char *key)
{
	const struct item *const *kept;
	size_t n;

	kept = read_facts(r, FACT_KEPT_SECRET, key, strlen(key), &n);
	return n ? k8s__secret__unpack(arena_pb(reader_arena(r)), kept[0]->value_len, item_value(kept[0])) : NULL;
}

static const K8s__Secret *read_kept_checked(struct reader *r, const char *key, struct certificate_facts *facts)
{
	const K8s__Secret *s = read_kept(r, key);
	const char *reason, *why;

	return s && secret_check(reader_arena(r), s, facts, &reason, &why) == 0 ? s : NULL;
}

static void translate(struct reader *r, const char *key, const K8s__Secret *s, SecretResult *result)
{
	const char *reason, *why;
	struct certificate_facts facts;

	if (secret_check(reader_arena(r), s, &facts, &reason, &why) < 0) {
		s = read_kept_checked(r, key, &facts);
		if (!s) {
			fail(r, result, key, reason, why);
			return;
		}
		facts.warning = arena_printf(reader_arena(r),
					     "%s; the certificate that it held before is served until it is mended",
					     why);
		result->has_kept = result->kept = 1;
		units_error(r, OBJECT_SECRET, key, reason, NULL, "%s", facts.warning);
		emit_verdict(r, OBJECT_SECRET, key, PORTOLAN__IPC__VERDICT__VERDICT_PARTIAL);
	} else if (facts.warning) {
		reason = "CertificateExpiry";
		units_warning(r, OBJECT_SECRET, key, reason, "data[tls.crt]", "%s", facts.warning);
	}
	result->has_usable = 1;
	result->usable = 1;
	result->n_names = facts.n_names;
	result->names = facts.names;
	if (facts.warning) {
		result->reason = (char *)reason;
		result->message = (char *)facts.warning;
	}
	emit(r, key, find(s, "tls.crt"), find(s, "tls.key"));
}

void unit_secret(struct reader *r, const char *key, size_t key_len _unused_)
{
	const K8s__Secret *s = read_message(r, OBJECT_SECRET, key);
	SecretResult result = PORTOLAN__MODEL__SECRET_RESULT__INIT;

	if (s) {
		translate(r, key, s, &result);
	} else {
		result.reason = (char *)"SecretMissing";
		result.message = arena_printf(reader_arena(r), "there is no Secret %s", key);
	}
	units_result(r, &result.base);
}

/* The certificate of a host that shares a chain, under the name by which clients ask for it. The host asks for
 * none that is not usable; of one that was, what is kept is served, here as there. */
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
		emit(r, host, find(s, "tls.crt"), find(s, "tls.key"));
}
