/* Makes and checks the certificates of fleets. Used by the watcher. */
#include "watcher/provision/fleet-certificate.h"

#include <errno.h>
#include <openssl/evp.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/decode/decode-scalar.h"
#include "common/decode/object-kind.h"
#include "k8s/core.pb-c.h"
#include "watcher/provision/owned-kind.h"

#define DAYS        90
#define AGE_PERCENT 66
#define URI         "portolan://fleet/%s"

static char *text_of(const K8s__Secret *s, const char *key)
{
	for (size_t i = 0; i < s->n_data; i++)
		if (strcmp(s->data[i]->key, key) == 0)
			return xstrndup((const char *)s->data[i]->value.data,
					s->data[i]->value.len);
	return NULL;
}

int fleet_certificate_authority(const struct state *objects, const char *secret, struct secret *ret)
{
	const struct item *i = state_get(objects, OBJECT_SECRET, secret, strlen(secret));
	K8s__Secret *s = i ? k8s__secret__unpack(NULL, i->value_len, item_value(i)) : NULL;

	if (!s)
		return -ENOENT;
	ret->cert = text_of(s, "tls.crt");
	ret->key = text_of(s, "tls.key");
	k8s__secret__free_unpacked(s, NULL);
	if (ret->cert && ret->key)
		return 0;
	secret_done(ret);
	return -ENOENT;
}

static const char *data_of(struct arena *a, struct json_object *secret, const char *key)
{
	const char *text = owned_text(owned_get(secret, "data", key, NULL));
	uint8_t *data;
	size_t len;

	if (!*text || !scalar_base64(a, text, strlen(text), &data, &len))
		return NULL;
	return arena_strndup(a, (const char *)data, len);
}

bool fleet_certificate_is_good(struct json_object *secret, const struct secret *authority,
			       const char *fleet)
{
	_cleanup_(arena_freep) struct arena *a = arena_new(8192);
	const char *cert = data_of(a, secret, "tls.crt"), *key = data_of(a, secret, "tls.key"),
		   *ca = data_of(a, secret, "ca.crt");

	return cert && key && ca && certificate_lasts(cert, key, 0) &&
	       certificate_age(cert) < AGE_PERCENT &&
	       certificate_is_signed_by(cert, authority->cert) &&
	       certificate_is_in(authority->cert, ca) &&
	       certificate_has_uri(cert, arena_printf(a, URI, fleet));
}

static void add_data(struct json_object *data, const char *key, const char *text)
{
	size_t n = strlen(text);
	char *out = xmalloc(4 * (n / 3 + 1) + 1);

	(void)EVP_EncodeBlock((unsigned char *)out, (const unsigned char *)text, (int)n);
	json_object_object_add(data, key, json_object_new_string(out));
	free(out);
}

int fleet_certificate_add(struct json_object *secret, const struct secret *authority,
			  const char *fleet)
{
	_cleanup_free_ char *uri = xasprintf(URI, fleet);
	static const char *const no_names[] = { NULL };
	struct certificate_request desired = {
		.common_name = "fleet",
		.names = no_names,
		.uri = uri,
		.purpose = "clientAuth",
		.days = DAYS,
	};
	struct secret made = { 0 };
	struct json_object *data;
	int r = certificate_make(&desired, authority, &made);

	if (r < 0)
		return r;
	data = json_object_new_object();
	add_data(data, "tls.crt", made.cert);
	add_data(data, "tls.key", made.key);
	add_data(data, "ca.crt", authority->cert);
	json_object_object_add(secret, "data", data);
	secret_done(&made);
	return 0;
}
