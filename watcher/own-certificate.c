/* A key, its certificate, and the file that keeps both. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/log.h"
#include "common/certificate/certificate.h"
#include "common/configuration/configuration.h"
#include "common/decode/object-kind.h"
#include "k8s/core.pb-c.h"
#include "watcher/own-certificate.h"

#define ORIGIN        "made by the watcher"
#define VALID_DAYS    365
#define RENEW_SECONDS (30 * 24 * 3600L)
#define FILE_MAX      16384

static int make(struct secret *ret)
{
	static const char *const names[] = { "ingress.local", NULL };
	static const struct certificate_request request = { .common_name =
								    "Portolan default certificate",
							    .names = names,
							    .purpose = "serverAuth",
							    .days = VALID_DAYS };

	return certificate_make(&request, NULL, ret);
}

/* ---- keeping ---- */

/* Loads the file as an earlier run wrote it. */
static int load(const char *path, struct secret *ret)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	char *text = fd < 0 ? NULL : xcalloc(FILE_MAX + 1, 1);
	ssize_t n = fd < 0 ? -1 : read(fd, text, FILE_MAX);
	int r = n < 0 ? -errno : certificate_split(text, ret);

	if (text)
		free_wiped(text, FILE_MAX);
	if (r == 0 && !certificate_lasts(ret->cert, ret->key, RENEW_SECONDS))
		r = -ESTALE;
	return r;
}

static bool write_all(int fd, const char *text)
{
	return write(fd, text, strlen(text)) == (ssize_t)strlen(text);
}

static int keep(const char *path, const struct secret *s)
{
	_cleanup_free_ char *aside = xasprintf("%s.new", path);
	int fd, r = 0;

	(void)unlink(aside);
	fd = open(aside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	if (!write_all(fd, s->cert) || !write_all(fd, s->key))
		r = -EIO;
	if (close(fd) < 0 && r == 0)
		r = -errno;
	if (r == 0 && rename(aside, path) < 0)
		r = -errno;
	if (r < 0)
		(void)unlink(aside);
	return r;
}

/* ---- the Secret ---- */

static void pin(struct store *store, const struct secret *s)
{
	K8s__Secret secret = K8S__SECRET__INIT;
	K8s__ObjectMeta meta = K8S__OBJECT_META__INIT;
	K8s__Secret__DataEntry entries[2] = { K8S__SECRET__DATA_ENTRY__INIT,
					      K8S__SECRET__DATA_ENTRY__INIT };
	K8s__Secret__DataEntry *data[] = { &entries[0], &entries[1] };
	size_t len;
	uint8_t *packed;

	meta.namespace_ = (char *)CONFIGURATION_NAMESPACE;
	meta.name = (char *)OWN_CERTIFICATE_NAME;
	entries[0].has_value = entries[1].has_value = 1;
	entries[0].key = (char *)"tls.crt";
	entries[0].value = (ProtobufCBinaryData){ strlen(s->cert), (uint8_t *)s->cert };
	entries[1].key = (char *)"tls.key";
	entries[1].value = (ProtobufCBinaryData){ strlen(s->key), (uint8_t *)s->key };
	secret.metadata = &meta;
	secret.type = (char *)"kubernetes.io/tls";
	secret.n_data = 2;
	secret.data = data;
	len = k8s__secret__get_packed_size(&secret);
	packed = xnew(uint8_t, len);
	(void)k8s__secret__pack(&secret, packed);
	store_pin(store, item_new(OBJECT_SECRET, OWN_CERTIFICATE_KEY, strlen(OWN_CERTIFICATE_KEY),
				  ORIGIN, strlen(ORIGIN), packed, len));
	free_wiped(packed, len);
}

int own_certificate_stand_in(struct store *store)
{
	_cleanup_(secret_done) struct secret s = { 0 };
	int r = make(&s);

	if (r < 0)
		return log_error_errno(r, "cannot make a default certificate: %m");
	pin(store, &s);
	return 0;
}

int own_certificate_pin(struct store *store, const char *path)
{
	_cleanup_(secret_done) struct secret s = { 0 };
	int r;

	if (store_is_pinned(store, OBJECT_SECRET, OWN_CERTIFICATE_KEY, strlen(OWN_CERTIFICATE_KEY)))
		return 0;
	if (load(path, &s) < 0) {
		r = make(&s);
		if (r < 0)
			return log_error_errno(r, "cannot make a default certificate: %m");
		r = keep(path, &s);
		if (r < 0)
			log_warning("cannot keep the default certificate in %s: %s; the next start "
				    "makes another",
				    path, strerror(-r));
	}
	pin(store, &s);
	return 0;
}
