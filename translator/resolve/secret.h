/* Secrets with certificates, for the objects that refer to them. */
#pragma once

#include "proto/model.pb-c.h"
#include "translator/model/message.h"
#include "translator/resolve/object.h"

struct certificate_facts;

/* The value of one key of its data, borrowed; empty if absent. */
ProtobufCBinaryData secret_data(const K8s__Secret *s, const char *key);
/* Whether a Secret can be served as a certificate. ret: the certificate's uses; may be NULL.
 * -EINVAL: *ret_reason is a word, *ret_why a sentence. */
int secret_check(struct arena *a, const K8s__Secret *s, struct certificate_facts *ret,
		 const char **ret_reason, const char **ret_why);
/* The result of the unit of the Secret "namespace/name"; reading it keeps the Secret's SDS resource
 * alive. Never NULL. */
const ModelSecretResult *secret_find(struct reader *r, const char *key);
/* Reports the fault of a Secret while its earlier content is served; does nothing for a Secret that
 * is served unchanged. */
void secret_report_kept(struct reader *r, enum object_kind kind, const char *key,
			const char *reason, const char *field, const char *secret,
			const ModelSecretResult *facts);

/* A certificate's Secret, as an object refers to it. */
struct secret_found {
	const char *key; /* "namespace/name" */
	const ModelSecretResult *facts;
	const char *why; /* a sentence for a status */
};

/* The Secret that an object in the namespace `from` means by "name" or "namespace/name". -EACCES:
 * it may not use it; -EINVAL: it has no certificate that can be served. With a sentence. */
int secret_use(struct reader *r, const char *text, const char *from, struct secret_found *ret);
