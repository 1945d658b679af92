/* Takes the secrets out of Secrets, so that a recording can be given away. Used by the
 * recorder and the watcher. */
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/decode/object-kind.h"
#include "common/redact/fake-key.h"
#include "common/redact/redact.h"
#include "k8s/core.pb-c.h"

#define KEY_MIN 16
#define KEY_MAX 4096
#define SHOWN   16 /* bytes of a fingerprint that are written */

struct redact {
	uint8_t key[FAKE_SEED_SIZE];
};

/* purpose keeps the uses apart: a derived key never equals a fingerprint that is shown. */
static void fingerprint(const struct redact *r, const char *purpose, const void *data, size_t n,
			uint8_t out[FAKE_SEED_SIZE])
{
	uint8_t for_purpose[FAKE_SEED_SIZE];
	unsigned len = FAKE_SEED_SIZE;

	if (!HMAC(EVP_sha256(), r->key, sizeof(r->key), (const uint8_t *)purpose, strlen(purpose),
		  for_purpose, &len) ||
	    !HMAC(EVP_sha256(), for_purpose, FAKE_SEED_SIZE, data, n, out, &len))
		abort();
}

static int read_key_file(const char *path, struct redact *r)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	uint8_t bytes[KEY_MAX];
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, bytes, sizeof(bytes));
	if (n < 0)
		return -errno;
	if (n < KEY_MIN)
		return -EINVAL;
	return EVP_Digest(bytes, (size_t)n, r->key, NULL, EVP_sha256(), NULL) ? 0 : -EINVAL;
}

int redact_new(const char *key_file, struct redact **ret)
{
	_cleanup_(redact_freep) struct redact *r = xnew(struct redact, 1);
	int result = 0;

	if (key_file)
		result = read_key_file(key_file, r);
	else if (RAND_bytes(r->key, sizeof(r->key)) != 1)
		abort();
	if (result < 0)
		return result;
	*ret = TAKE_PTR(r);
	return 0;
}

void redact_free(struct redact *r)
{
	if (!r)
		return;
	OPENSSL_cleanse(r->key, sizeof(r->key));
	free(r);
}

/* ---- values ---- */

static void set_value(ProtobufCBinaryData *value, const struct strbuf *b)
{
	free(value->data);
	value->data = xmemdup(strbuf_str(b), b->len);
	value->len = b->len;
}

static void hide(const struct redact *r, ProtobufCBinaryData *value)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	uint8_t print[FAKE_SEED_SIZE];

	fingerprint(r, "value", value->data, value->len, print);
	strbuf_puts(&b, "redacted:");
	for (unsigned i = 0; i < SHOWN; i++)
		strbuf_printf(&b, "%02x", print[i]);
	set_value(value, &b);
}

static ProtobufCBinaryData *find(K8s__Secret *s, const char *key)
{
	for (size_t i = 0; i < s->n_data; i++)
		if (s->data[i]->key && strcmp(s->data[i]->key, key) == 0)
			return &s->data[i]->value;
	return NULL;
}

/* Returns the value with its private key replaced, if it holds one. */
static ProtobufCBinaryData *replace_key(const struct redact *r, K8s__Secret *s)
{
	ProtobufCBinaryData *key = find(s, "tls.key"), *chain = find(s, "tls.crt");
	_cleanup_strbuf_ struct strbuf fake = STRBUF_INIT, certificates = STRBUF_INIT;
	uint8_t seed[FAKE_SEED_SIZE], issuer[FAKE_SEED_SIZE];

	if (!key)
		return NULL;
	fingerprint(r, "key", key->data, key->len, seed);
	fingerprint(r, "issuer", "", 0, issuer);
	if (!fake_key_make(key->data, key->len, seed, &fake))
		return NULL;
	if (chain && fake_key_certify(chain->data, chain->len, key->data, key->len, &fake, issuer,
				      &certificates))
		set_value(chain, &certificates);
	set_value(key, &fake);
	return key;
}

static void redact_secret(const struct redact *r, K8s__Secret *s)
{
	const ProtobufCBinaryData *done = replace_key(r, s);

	for (size_t i = 0; i < s->n_data; i++) {
		ProtobufCBinaryData *value = &s->data[i]->value;

		if (value != done && value->len && !fake_key_is_public(value->data, value->len))
			hide(r, value);
	}
	/* The decoder has folded this into data. */
	for (size_t i = 0; i < s->n_string_data; i++)
		protobuf_c_message_free_unpacked(&s->string_data[i]->base, NULL);
	s->n_string_data = 0;
}

struct item *redact_item(const struct redact *r, struct item *i)
{
	_cleanup_free_ uint8_t *bytes = NULL;
	K8s__Secret *secret;
	size_t n = 0;

	if (i->kind != OBJECT_SECRET)
		return item_ref(i);
	secret = k8s__secret__unpack(NULL, i->value_len, item_value(i));
	/* A value that is not a Secret is dropped rather than passed on unread. */
	if (secret) {
		redact_secret(r, secret);
		n = k8s__secret__get_packed_size(secret);
		bytes = xmalloc(n ? n : 1);
		(void)k8s__secret__pack(secret, bytes);
		k8s__secret__free_unpacked(secret, NULL);
	}
	return item_new(i->kind, item_key(i), i->key_len, item_meta(i), i->meta_len, bytes, n);
}
