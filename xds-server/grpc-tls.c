/* Mutual TLS with files that change. gRPC asks before each handshake, on any of its threads; an
 * unchanged file costs a stat(). If files cannot be read or do not match, the last good certificate
 * stays in use. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/alloc.h"
#include "common/base/log.h"
#include "xds-server/fleet.h"
#include "xds-server/grpc-tls.h"

#define PEM_MAX (1u << 20)

enum {
	FILE_CERT,
	FILE_KEY,
	FILE_CA,
	FILES,
};

struct grpc_tls {
	const char *paths[FILES];
	pthread_mutex_t mutex;
	struct stat loaded[FILES];
	bool is_loaded;
	atomic_uint_fast64_t loads, failures;
	struct log_limit limit;
};

static void wipe(char **p)
{
	if (*p)
		explicit_bzero(*p, strlen(*p));
	free(*p);
}

/* Reads it as text; refuses empty files and those with NULs. */
static int read_pem(const char *path, char **ret)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	_cleanup_(wipe) char *s = NULL;
	size_t n = 0;
	struct stat st;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size <= 0 || st.st_size > PEM_MAX)
		return -EINVAL;
	s = xcalloc(1, (size_t)st.st_size + 1);
	while (n < (size_t)st.st_size) {
		ssize_t r = read(fd, s + n, (size_t)st.st_size - n);

		if (r < 0)
			return -errno;
		if (r == 0)
			return -EINVAL;
		n += (size_t)r;
	}
	if (strlen(s) != n)
		return -EINVAL;
	*ret = TAKE_PTR(s);
	return 0;
}

static bool same(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	       a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* 1: loaded anew; 0: unchanged; -errno, and *ret_which is the file. */
static int load(struct grpc_tls *t, grpc_ssl_server_certificate_config **ret,
		const char **ret_which)
{
	_cleanup_(wipe) char *cert = NULL, *key = NULL, *ca = NULL;
	char **texts[FILES] = { &cert, &key, &ca };
	struct stat now[FILES];
	bool changed = !t->is_loaded;
	int r;

	for (int i = 0; i < FILES; i++) {
		*ret_which = t->paths[i];
		if (stat(t->paths[i], &now[i]) < 0)
			return -errno;
		changed |= !same(&now[i], &t->loaded[i]);
	}
	if (!changed)
		return 0;
	for (int i = 0; i < FILES; i++) {
		*ret_which = t->paths[i];
		r = read_pem(t->paths[i], texts[i]);
		if (r < 0)
			return r;
	}
	*ret = grpc_ssl_server_certificate_config_create(
		ca, &(grpc_ssl_pem_key_cert_pair){ .private_key = key, .cert_chain = cert }, 1);
	memcpy(t->loaded, now, sizeof(now));
	t->is_loaded = true;
	return 1;
}

static grpc_ssl_certificate_config_reload_status fetch(void *ctx,
						       grpc_ssl_server_certificate_config **ret)
{
	struct grpc_tls *t = ctx;
	const char *which = "";
	unsigned dropped;
	int r;

	(void)pthread_mutex_lock(&t->mutex);
	r = load(t, ret, &which);
	if (r > 0)
		t->loads++;
	if (r < 0) {
		t->failures++;
		if (log_limit_pass(&t->limit, &dropped))
			log_warning_errno(
				r, "cannot read %s: %m; going on with the last certificate", which);
	}
	(void)pthread_mutex_unlock(&t->mutex);
	return r < 0    ? GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_FAIL
	       : r == 0 ? GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED
			: GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW;
}

int grpc_tls_new(const char *cert, const char *key, const char *ca, struct grpc_tls **ret)
{
	_cleanup_(grpc_tls_freep) struct grpc_tls *t = xnew(struct grpc_tls, 1);
	grpc_ssl_server_certificate_config *config;
	const char *which;
	int r;

	t->paths[FILE_CERT] = cert;
	t->paths[FILE_KEY] = key;
	t->paths[FILE_CA] = ca;
	t->limit = (struct log_limit){ .interval_usec = 60000000, .burst = 3 };
	(void)pthread_mutex_init(&t->mutex, NULL);
	r = load(t, &config, &which);
	if (r < 0)
		return log_error_errno(r, "cannot read %s: %m (a PEM file of at most %u bytes)",
				       which, PEM_MAX);
	grpc_ssl_server_certificate_config_destroy(config);
	/* gRPC asks for itself when the server starts. */
	t->is_loaded = false;
	*ret = TAKE_PTR(t);
	return 0;
}

void grpc_tls_free(struct grpc_tls *t)
{
	if (!t)
		return;
	(void)pthread_mutex_destroy(&t->mutex);
	free(t);
}

grpc_server_credentials *grpc_tls_credentials(struct grpc_tls *t)
{
	return grpc_ssl_server_credentials_create_with_options(
		grpc_ssl_server_credentials_create_options_using_config_fetcher(
			GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY, fetch, t));
}

void grpc_tls_fleet(grpc_call *call, char *ret, size_t size)
{
	grpc_auth_context *context = grpc_call_auth_context(call);
	grpc_auth_property_iterator it =
		grpc_auth_context_find_properties_by_name(context, GRPC_PEER_URI_PROPERTY_NAME);
	const grpc_auth_property *p;
	size_t n = 0, len;

	*ret = '\0';
	while ((p = grpc_auth_property_iterator_next(&it))) {
		const char *name = fleet_of_uri(p->value, p->value_length, &len);

		if (!name && strncmp(p->value, FLEET_URI, strlen(FLEET_URI)) != 0)
			continue;
		if (!name || n++ || len >= size)
			(void)snprintf(ret, size, "?");
		else
			(void)snprintf(ret, size, "%.*s", (int)len, name);
		n += !name;
	}
	grpc_auth_context_release(context);
}

uint64_t grpc_tls_loads(const struct grpc_tls *t)
{
	return t->loads;
}

uint64_t grpc_tls_failures(const struct grpc_tls *t)
{
	return t->failures;
}
