/* Secrets in a Kubernetes API, by GET, POST and PATCH of single objects. */
#include <curl/curl.h>
#include <errno.h>
#include <json-c/json.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "certgen/kube-store.h"
#include "common/base/alloc.h"
#include "common/base/log.h"
#include "common/base/strbuf.h"

#define ANSWER_MAX   (4u << 20)
#define TIMEOUT_MSEC 30000L
#define TEXT_MAX     65536

struct kube_client {
	CURL *curl;
	char *server, *authorization, *ca_file, *namespace;
	char error[CURL_ERROR_SIZE];
	/* The resourceVersion read: a write is refused if another writer was first. */
	char *versions[SECRET_ROLES];
};

static void free_json(json_object **o)
{
	json_object_put(*o);
}

static void free_headers(struct curl_slist **list)
{
	curl_slist_free_all(*list);
}

/* ---- requests ---- */

static size_t on_data(char *data, size_t size, size_t n, void *ctx)
{
	struct strbuf *body = ctx;

	if (body->len + size * n > ANSWER_MAX)
		return 0;
	strbuf_add(body, data, size * n);
	return size * n;
}

static struct curl_slist *make_headers(const struct kube_client *c, const char *type)
{
	_cleanup_free_ char *content = xasprintf("Content-Type: %s", type);
	struct curl_slist *list = curl_slist_append(NULL, c->authorization);

	list = curl_slist_append(list, content);
	return curl_slist_append(list, "Accept: application/json");
}

/* The status of HTTP, or -EIO (logged). */
static long request(struct kube_client *c, const char *method, const char *url, const char *type,
		    const char *body, struct strbuf *ret)
{
	_cleanup_(free_headers) struct curl_slist *headers = make_headers(c, type);
	long status = 0;
	CURLcode code;

	curl_easy_reset(c->curl);
	(void)curl_easy_setopt(c->curl, CURLOPT_URL, url);
	(void)curl_easy_setopt(c->curl, CURLOPT_CUSTOMREQUEST, method);
	(void)curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, headers);
	(void)curl_easy_setopt(c->curl, CURLOPT_CAINFO, c->ca_file);
	(void)curl_easy_setopt(c->curl, CURLOPT_PROTOCOLS_STR, "https");
	(void)curl_easy_setopt(c->curl, CURLOPT_TIMEOUT_MS, TIMEOUT_MSEC);
	(void)curl_easy_setopt(c->curl, CURLOPT_ERRORBUFFER, c->error);
	(void)curl_easy_setopt(c->curl, CURLOPT_WRITEFUNCTION, on_data);
	(void)curl_easy_setopt(c->curl, CURLOPT_WRITEDATA, ret);
	if (body)
		(void)curl_easy_setopt(c->curl, CURLOPT_POSTFIELDS, body);
	c->error[0] = '\0';
	code = curl_easy_perform(c->curl);
	if (code != CURLE_OK) {
		log_error("%s %s: %s", method, url,
			  c->error[0] ? c->error : curl_easy_strerror(code));
		return -EIO;
	}
	(void)curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &status);
	return status;
}

/* The API server's explanation of a failure, from its Status object. */
static int refused(const char *method, const char *url, long status, const struct strbuf *body)
{
	_cleanup_(free_json) json_object *o = json_tokener_parse(strbuf_str(body));
	json_object *message = NULL;

	if (status < 0)
		return (int)status;
	if (o)
		(void)json_object_object_get_ex(o, "message", &message);
	log_error("%s %s: %ld %s", method, url, status,
		  message ? json_object_get_string(message) : "");
	return status == 409 ? -EAGAIN : -EACCES;
}

/* ---- objects ---- */

static char *decode(const char *base64)
{
	size_t n = strlen(base64);
	_cleanup_free_ char *text = NULL;
	int len;

	if (n == 0 || n > TEXT_MAX * 2 || n % 4)
		return NULL;
	text = xmalloc(n + 1);
	len = EVP_DecodeBlock((unsigned char *)text, (const unsigned char *)base64, (int)n);
	if (len < 0)
		return NULL;
	len -= (base64[n - 1] == '=') + (base64[n - 2] == '=');
	text[len] = '\0';
	return TAKE_PTR(text);
}

static char *field(json_object *data, const char *key)
{
	json_object *value = NULL;

	if (!data || !json_object_object_get_ex(data, key, &value))
		return NULL;
	return decode(json_object_get_string(value));
}

static void add_field(json_object *data, const char *key, const char *text)
{
	size_t n = text ? strlen(text) : 0;
	_cleanup_free_ char *out = xmalloc(n * 4 / 3 + 8);

	if (!text)
		return;
	(void)EVP_EncodeBlock((unsigned char *)out, (const unsigned char *)text, (int)n);
	(void)json_object_object_add(data, key, json_object_new_string(out));
}

static json_object *make_object(const struct kube_store *k, enum secret_role role,
				const struct secret *s)
{
	json_object *o = json_object_new_object(), *meta = json_object_new_object();
	json_object *data = json_object_new_object();
	const char *version = k->client->versions[role];

	(void)json_object_object_add(o, "apiVersion", json_object_new_string("v1"));
	(void)json_object_object_add(o, "kind", json_object_new_string("Secret"));
	(void)json_object_object_add(o, "metadata", meta);
	(void)json_object_object_add(meta, "name", json_object_new_string(k->names[role]));
	if (version)
		(void)json_object_object_add(meta, "resourceVersion",
					     json_object_new_string(version));
	/* The type of an existing Secret cannot be changed. */
	if (!version)
		(void)json_object_object_add(o, "type",
					     json_object_new_string("kubernetes.io/tls"));
	(void)json_object_object_add(o, "data", data);
	add_field(data, "tls.crt", s->cert);
	add_field(data, "tls.key", s->key);
	add_field(data, "ca.crt", s->ca);
	return o;
}

static char *url_of(const struct kube_store *k, const char *name)
{
	return xasprintf("%s/api/v1/namespaces/%s/secrets%s%s", k->client->server,
			 k->client->namespace, *name ? "/" : "", name);
}

static int read_object(struct kube_client *c, enum secret_role role, const char *text,
		       struct secret *ret)
{
	_cleanup_(free_json) json_object *o = json_tokener_parse(text);
	json_object *meta = NULL, *version = NULL, *data = NULL;

	if (!o || !json_object_object_get_ex(o, "metadata", &meta) ||
	    !json_object_object_get_ex(meta, "resourceVersion", &version))
		return log_error_errno(-EBADMSG, "the API server's answer is no Secret");
	free(c->versions[role]);
	c->versions[role] = xstrdup(json_object_get_string(version));
	(void)json_object_object_get_ex(o, "data", &data);
	ret->cert = field(data, "tls.crt");
	ret->key = field(data, "tls.key");
	ret->ca = field(data, "ca.crt");
	return 0;
}

static int store_read(void *ctx, enum secret_role role, struct secret *ret)
{
	struct kube_store *k = ctx;
	_cleanup_free_ char *url = url_of(k, k->names[role]);
	_cleanup_strbuf_ struct strbuf body = STRBUF_INIT;
	long status = request(k->client, "GET", url, "application/json", NULL, &body);

	if (status == 404)
		return 0;
	if (status != 200)
		return refused("GET", url, status, &body);
	return read_object(k->client, role, strbuf_str(&body), ret);
}

static int store_write(void *ctx, enum secret_role role, const struct secret *s)
{
	struct kube_store *k = ctx;
	bool there = k->client->versions[role];
	_cleanup_(free_json) json_object *o = make_object(k, role, s);
	const char *text = json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN);
	const char *method = there ? "PATCH" : "POST";
	_cleanup_free_ char *url = url_of(k, there ? k->names[role] : "");
	_cleanup_strbuf_ struct strbuf body = STRBUF_INIT;
	struct secret written = { 0 };
	long status;
	int r;

	status = request(k->client, method, url,
			 there ? "application/merge-patch+json" : "application/json", text, &body);
	if (status != 200 && status != 201)
		return refused(method, url, status, &body);
	r = read_object(k->client, role, strbuf_str(&body), &written);
	secret_done(&written);
	return r;
}

/* ---- the way to the API server ---- */

/* The file's text without the line's end. */
static char *read_line(const char *folder, const char *name)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", folder, name), *text = NULL;
	FILE *f = fopen(path, "re");
	size_t n;

	if (!f) {
		(void)log_error_errno(-errno, "cannot read %s: %m", path);
		return NULL;
	}
	text = xmalloc(TEXT_MAX);
	n = fread(text, 1, TEXT_MAX - 1, f);
	(void)fclose(f);
	text[n] = '\0';
	text[strcspn(text, "\r\n")] = '\0';
	return TAKE_PTR(text);
}

static char *server_from_environment(void)
{
	const char *host = getenv("KUBERNETES_SERVICE_HOST"),
		   *port = getenv("KUBERNETES_SERVICE_PORT");

	if (!host || !*host) {
		log_error("this is not a pod ($KUBERNETES_SERVICE_HOST is not set): "
			  "use --out, or say --server");
		return NULL;
	}
	return xasprintf(strchr(host, ':') ? "https://[%s]:%s" : "https://%s:%s", host,
			 port && *port ? port : "443");
}

int kube_store_open(struct kube_store *k, struct secret_store *ret)
{
	struct kube_client *c = xnew(struct kube_client, 1);
	_cleanup_free_ char *token = read_line(k->account, "token");

	k->client = c;
	if (!token)
		return -ENOENT;
	c->authorization = xasprintf("Authorization: Bearer %s", token);
	c->ca_file = xasprintf("%s/ca.crt", k->account);
	c->server = k->server ? xstrdup(k->server) : server_from_environment();
	c->namespace = k->namespace ? xstrdup(k->namespace) : read_line(k->account, "namespace");
	c->curl = curl_easy_init();
	if (!c->server || !c->namespace || !c->curl)
		return -EINVAL;
	*ret = (struct secret_store){ store_read, store_write, k };
	return 0;
}

void kube_store_close(struct kube_store *k)
{
	struct kube_client *c = k->client;

	if (!c)
		return;
	for (size_t i = 0; i < SECRET_ROLES; i++)
		free(c->versions[i]);
	free(c->server);
	free(c->authorization);
	free(c->ca_file);
	free(c->namespace);
	curl_easy_cleanup(c->curl);
	free(c);
	k->client = NULL;
}
