/* Finds the Kubernetes API: kubeconfig files as kubectl reads them (several merged, the first to
 * name something wins), or the service account of a pod. Used by the watcher. */
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <yaml.h>

#include "common/base/alloc.h"
#include "common/base/log.h"

#include "watcher/kube/kubeconfig.h"

#define FILES_MAX      64
#define FILE_BYTES_MAX (4u * 1024 * 1024)
#define EXEC_WORDS_MAX 256

struct file {
	char *path;
	yaml_document_t doc;
};

struct files {
	struct file list[FILES_MAX];
	size_t n;
};

/* Some place in one of the files. */
struct place {
	struct file *file;
	yaml_node_t *node;
};

static void files_done(struct files *f)
{
	for (size_t i = 0; i < f->n; i++) {
		yaml_document_delete(&f->list[i].doc);
		free(f->list[i].path);
	}
}

static void words_free(char **words)
{
	for (char **w = words; w && *w; w++)
		free(*w);
	free(words);
}

static void blob_done(struct kube_blob *b)
{
	free(b->file);
	if (b->data)
		explicit_bzero(b->data, strlen(b->data));
	free(b->data);
}

const char *kube_access_own_namespace(const struct kube_access *a)
{
	const char *pod = getenv("POD_NAMESPACE");

	return pod && *pod ? pod : a->namespace;
}

void kube_access_free(struct kube_access *a)
{
	if (!a)
		return;
	free(a->origin);
	free(a->server);
	free(a->namespace);
	free(a->tls_server_name);
	free(a->proxy_url);
	blob_done(&a->ca);
	blob_done(&a->cert);
	blob_done(&a->key);
	blob_done(&a->token);
	free(a->username);
	free(a->password);
	if (a->exec) {
		free(a->exec->command);
		words_free(a->exec->args);
		words_free(a->exec->env);
		free(a->exec->api_version);
		free(a->exec->install_hint);
		free(a->exec);
	}
	free(a);
}

/* ---- files ---- */

static int read_file(const char *path, char **ret, size_t *ret_len)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	ssize_t n;

	if (fd < 0)
		return -errno;
	do {
		n = read(fd, strbuf_room(&b, 64 * 1024), 64 * 1024);
		if (n < 0 && errno != EINTR)
			return -errno;
		b.len += n > 0 ? (size_t)n : 0;
		if (b.len > FILE_BYTES_MAX)
			return -EFBIG;
	} while (n != 0);
	strbuf_puts(&b, "");
	*ret_len = b.len;
	*ret = strbuf_take(&b);
	return 0;
}

/* A token file ends in a newline as often as not; PEM does not mind. */
static void trim(char *s)
{
	size_t n = strlen(s);

	while (n && strchr(" \t\r\n", s[n - 1]))
		s[--n] = '\0';
}

int kube_blob_reload(struct kube_blob *b)
{
	_cleanup_free_ char *data = NULL;
	size_t len;
	int r;

	if (!b->file)
		return 0;
	r = read_file(b->file, &data, &len);
	if (r < 0)
		return r;
	if (!data || strlen(data) != len)
		return -EINVAL;
	trim(data);
	if (b->data && strcmp(b->data, data) == 0)
		return 0;
	free(b->data);
	b->data = TAKE_PTR(data);
	return 1;
}

static int load_file(struct files *f, const char *path, struct strbuf *why)
{
	_cleanup_free_ char *text = NULL;
	struct file *file = &f->list[f->n];
	yaml_parser_t parser;
	size_t len;
	int r;

	r = read_file(path, &text, &len);
	if (r < 0) {
		strbuf_printf(why, "%s: %s", path, strerror(-r));
		return r;
	}
	if (!yaml_parser_initialize(&parser))
		return -ENOMEM;
	yaml_parser_set_input_string(&parser, (const unsigned char *)(text ? text : ""), len);
	r = yaml_parser_load(&parser, &file->doc) ? 0 : -EINVAL;
	if (r < 0)
		strbuf_printf(why, "%s:%zu: %s", path, parser.problem_mark.line + 1,
			      parser.problem ? parser.problem : "cannot be parsed");
	yaml_parser_delete(&parser);
	if (r < 0)
		return r;
	file->path = xstrdup(path);
	f->n++;
	return 0;
}

/* $KUBECONFIG may name missing files; a file named by option must exist. */
static int load_files(struct files *f, const char *option, struct strbuf *why)
{
	const char *env = getenv("KUBECONFIG"), *home = getenv("HOME");
	_cleanup_free_ char *list = NULL;
	char *rest, *path;
	int r;

	if (option)
		return load_file(f, option, why);
	list = env && *env ? xstrdup(env) : xasprintf("%s/.kube/config", home ? home : "");
	for (rest = list; (path = strsep(&rest, ":"));) {
		if (!*path || access(path, F_OK) < 0)
			continue;
		if (f->n == FILES_MAX) {
			strbuf_printf(why, "$KUBECONFIG names more than %d files", FILES_MAX);
			return -E2BIG;
		}
		r = load_file(f, path, why);
		if (r < 0)
			return r;
	}
	if (f->n)
		return 0;
	strbuf_printf(why,
		      "no kubeconfig: %s does not exist (name one with --kubeconfig or "
		      "$KUBECONFIG, or use --in-cluster)",
		      env && *env ? env : "~/.kube/config");
	return -ENOENT;
}

/* ---- looking things up ---- */

static const char *scalar(const yaml_node_t *n)
{
	return n && n->type == YAML_SCALAR_NODE ? (const char *)n->data.scalar.value : NULL;
}

static struct place at(struct place p, const char *name)
{
	struct place none = { 0 };

	if (!p.node || p.node->type != YAML_MAPPING_NODE)
		return none;
	for (yaml_node_pair_t *i = p.node->data.mapping.pairs.start;
	     i < p.node->data.mapping.pairs.top; i++) {
		const char *key = scalar(yaml_document_get_node(&p.file->doc, i->key));

		if (key && strcmp(key, name) == 0)
			return (struct place){ p.file,
					       yaml_document_get_node(&p.file->doc, i->value) };
	}
	return none;
}

/* NULL for a missing or empty text: kubeconfig treats them alike. */
static const char *text_at(struct place p, const char *name)
{
	const char *s = scalar(at(p, name).node);

	return s && *s && strcmp(s, "null") != 0 && strcmp(s, "~") != 0 ? s : NULL;
}

static char *dup_at(struct place p, const char *name)
{
	const char *s = text_at(p, name);

	return s ? xstrdup(s) : NULL;
}

static bool true_at(struct place p, const char *name)
{
	const char *s = text_at(p, name);

	return s && strcasecmp(s, "true") == 0;
}

static struct place element(struct place p, size_t i)
{
	struct place none = { 0 };

	if (!p.node || p.node->type != YAML_SEQUENCE_NODE ||
	    i >= (size_t)(p.node->data.sequence.items.top - p.node->data.sequence.items.start))
		return none;
	return (struct place){
		p.file, yaml_document_get_node(&p.file->doc, p.node->data.sequence.items.start[i])
	};
}

static struct place root(struct file *f)
{
	return (struct place){ f, yaml_document_get_root_node(&f->doc) };
}

/* The member `field` of the entry called name in one of the files' lists. */
static struct place find_named(struct files *f, const char *list, const char *name,
			       const char *field)
{
	struct place none = { 0 };

	for (size_t i = 0; i < f->n; i++) {
		struct place all = at(root(&f->list[i]), list), e;

		for (size_t k = 0; (e = element(all, k)).node; k++) {
			const char *s = scalar(at(e, "name").node);

			if (s && strcmp(s, name) == 0)
				return at(e, field);
		}
	}
	return none;
}

/* A path in a kubeconfig is relative to the folder of that file. */
static char *path_from(const struct file *f, const char *path)
{
	const char *slash = strrchr(f->path, '/');

	if (*path == '/' || !slash)
		return xstrdup(path);
	return xasprintf("%.*s/%s", (int)(slash - f->path), f->path, path);
}

static int base64(const char *in, char **ret)
{
	EVP_ENCODE_CTX *ctx = EVP_ENCODE_CTX_new();
	size_t len = strlen(in);
	_cleanup_free_ unsigned char *out = xmalloc(len + 4);
	int n = 0, last = 0, r;

	EVP_DecodeInit(ctx);
	r = EVP_DecodeUpdate(ctx, out, &n, (const unsigned char *)in, (int)len);
	if (r >= 0)
		r = EVP_DecodeFinal(ctx, out + n, &last);
	EVP_ENCODE_CTX_free(ctx);
	if (r < 0)
		return -EINVAL;
	out[n + last] = '\0';
	if (strlen((char *)out) != (size_t)(n + last))
		return -EINVAL;
	*ret = (char *)TAKE_PTR(out);
	return 0;
}

/* name is a file, name-data the content in base64, which wins (as it does for kubectl). */
static int take_blob(struct place p, const char *name, struct kube_blob *ret, struct strbuf *why)
{
	_cleanup_free_ char *data_name = xasprintf("%s-data", name);
	const char *data = text_at(p, data_name), *file = text_at(p, name);
	int r;

	if (data) {
		r = base64(data, &ret->data);
		if (r < 0)
			strbuf_printf(why, "%s: %s is not base64", p.file->path, data_name);
		return r;
	}
	if (!file)
		return 0;
	ret->file = path_from(p.file, file);
	r = kube_blob_reload(ret);
	if (r < 0)
		strbuf_printf(why, "%s: %s: %s: %s", p.file->path, name, ret->file, strerror(-r));
	return r < 0 ? r : 0;
}

/* ---- exec plugins ---- */

static char **take_args(struct place list)
{
	char **words = NULL;
	size_t n = 0, cap = 0;
	struct place e;

	for (; n < EXEC_WORDS_MAX && (e = element(list, n)).node; n++) {
		const char *s = scalar(e.node);

		GROW(words, n, cap);
		words[n] = xstrdup(s ? s : "");
	}
	GROW(words, n, cap);
	words[n] = NULL;
	return words;
}

static char **take_env(struct place list)
{
	char **words = NULL;
	size_t n = 0, cap = 0;
	struct place e;

	for (; n < EXEC_WORDS_MAX && (e = element(list, n)).node; n++) {
		const char *name = text_at(e, "name"), *value = text_at(e, "value");

		GROW(words, n, cap);
		words[n] = xasprintf("%s=%s", name ? name : "", value ? value : "");
	}
	GROW(words, n, cap);
	words[n] = NULL;
	return words;
}

static int take_exec(struct place p, struct kube_access *a, struct strbuf *why)
{
	const char *command = text_at(p, "command"), *version = text_at(p, "apiVersion");
	const char *mode = text_at(p, "interactiveMode");
	struct kube_exec *e;

	if (!p.node)
		return 0;
	if (!command || !version) {
		strbuf_printf(why, "%s: exec needs command and apiVersion", p.file->path);
		return -EINVAL;
	}
	if (strcmp(version, "client.authentication.k8s.io/v1") != 0 &&
	    strcmp(version, "client.authentication.k8s.io/v1beta1") != 0) {
		strbuf_printf(why,
			      "%s: exec: apiVersion %s is not known (v1 and v1beta1 of "
			      "client.authentication.k8s.io are)",
			      p.file->path, version);
		return -EINVAL;
	}
	if (mode && strcmp(mode, "Always") == 0) {
		strbuf_printf(why,
			      "%s: exec: %s wants a terminal (interactiveMode: Always), and "
			      "there is none here",
			      p.file->path, command);
		return -EINVAL;
	}
	e = a->exec = xnew(struct kube_exec, 1);
	e->command = strchr(command, '/') ? path_from(p.file, command) : xstrdup(command);
	e->api_version = xstrdup(version);
	e->args = take_args(at(p, "args"));
	e->env = take_env(at(p, "env"));
	e->install_hint = dup_at(p, "installHint");
	e->provide_cluster_info = true_at(p, "provideClusterInfo");
	return 0;
}

/* ---- clusters and users ---- */

static int take_user(struct place u, struct kube_access *a, struct strbuf *why)
{
	const char *token = text_at(u, "token"), *file = text_at(u, "tokenFile");
	struct place provider = at(u, "auth-provider");
	int r;

	if (provider.node && provider.node->type == YAML_MAPPING_NODE) {
		strbuf_printf(why,
			      "%s: auth-provider is gone from Kubernetes since 1.26: use an "
			      "exec plugin",
			      u.file->path);
		return -EINVAL;
	}
	r = take_blob(u, "client-certificate", &a->cert, why);
	if (r >= 0)
		r = take_blob(u, "client-key", &a->key, why);
	if (r < 0)
		return r;
	if (!a->cert.data != !a->key.data) {
		strbuf_printf(why,
			      "%s: client-certificate and client-key go together, and only "
			      "one is given",
			      u.file->path);
		return -EINVAL;
	}
	/* As in client-go: if both are given, the file counts. */
	if (file) {
		a->token.file = path_from(u.file, file);
		r = kube_blob_reload(&a->token);
		if (r < 0) {
			strbuf_printf(why, "%s: tokenFile: %s: %s", u.file->path, a->token.file,
				      strerror(-r));
			return r;
		}
	} else if (token) {
		a->token.data = xstrdup(token);
	}
	a->username = dup_at(u, "username");
	a->password = dup_at(u, "password");
	return take_exec(at(u, "exec"), a, why);
}

static int take_server(const char *server, struct kube_access *a, struct strbuf *why)
{
	size_t n = strlen(server);

	if (strncasecmp(server, "https://", 8) != 0 && strncasecmp(server, "http://", 7) != 0) {
		strbuf_printf(why, "%s: server \"%s\" is not an https:// or http:// URL", a->origin,
			      server);
		return -EINVAL;
	}
	while (n && server[n - 1] == '/')
		n--;
	a->server = xstrndup(server, n);
	return 0;
}

static int take_cluster(struct place c, struct kube_access *a, struct strbuf *why)
{
	const char *server = text_at(c, "server");
	int r;

	if (!server) {
		strbuf_printf(why, "%s: its cluster has no server", a->origin);
		return -EINVAL;
	}
	r = take_server(server, a, why);
	if (r < 0)
		return r;
	r = take_blob(c, "certificate-authority", &a->ca, why);
	if (r < 0)
		return r;
	a->tls_server_name = dup_at(c, "tls-server-name");
	a->proxy_url = dup_at(c, "proxy-url");
	a->insecure = true_at(c, "insecure-skip-tls-verify");
	return 0;
}

static const char *current_context(struct files *f)
{
	const char *s = NULL;

	for (size_t i = 0; i < f->n && !s; i++)
		s = text_at(root(&f->list[i]), "current-context");
	return s;
}

static int take_context(struct files *f, const char *name, struct kube_access *a,
			struct strbuf *why)
{
	struct place context = find_named(f, "contexts", name, "context"), cluster, user;
	const char *s;
	int r;

	if (!context.node) {
		strbuf_printf(why, "there is no context \"%s\" in %s", name, f->list[0].path);
		return -EINVAL;
	}
	a->origin = xasprintf("context \"%s\" of %s", name, context.file->path);
	s = text_at(context, "namespace");
	a->namespace = xstrdup(s ? s : "default");
	s = text_at(context, "cluster");
	cluster = find_named(f, "clusters", s ? s : "", "cluster");
	if (!cluster.node) {
		strbuf_printf(why, "%s: there is no cluster \"%s\"", a->origin, s ? s : "");
		return -EINVAL;
	}
	r = take_cluster(cluster, a, why);
	if (r < 0)
		return r;
	s = text_at(context, "user");
	if (!s)
		return 0;
	user = find_named(f, "users", s, "user");
	if (!user.node) {
		strbuf_printf(why, "%s: there is no user \"%s\"", a->origin, s);
		return -EINVAL;
	}
	return take_user(user, a, why);
}

int kubeconfig_load(const char *option, const char *context, struct kube_access **ret,
		    struct strbuf *why)
{
	_cleanup_(kube_access_freep) struct kube_access *a = xnew(struct kube_access, 1);
	struct files files = { .n = 0 };
	int r;

	r = load_files(&files, option, why);
	if (r >= 0) {
		if (!context)
			context = current_context(&files);
		if (context) {
			r = take_context(&files, context, a, why);
		} else {
			strbuf_printf(why, "%s: no current-context: name one with --context",
				      files.list[0].path);
			r = -EINVAL;
		}
	}
	files_done(&files);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(a);
	return 0;
}

int kubeconfig_in_cluster(const char *dir, struct kube_access **ret, struct strbuf *why)
{
	_cleanup_(kube_access_freep) struct kube_access *a = xnew(struct kube_access, 1);
	const char *host = getenv("KUBERNETES_SERVICE_HOST");
	const char *port = getenv("KUBERNETES_SERVICE_PORT");
	struct kube_blob namespace = { 0 };
	bool v6;
	int r;

	if (!host || !*host || !port || !*port) {
		strbuf_puts(why, "this is not a pod: KUBERNETES_SERVICE_HOST and "
				 "KUBERNETES_SERVICE_PORT are not set");
		return -ENOENT;
	}
	dir = dir ? dir : KUBE_SERVICE_ACCOUNT;
	a->origin = xstrdup("the pod's service account");
	v6 = strchr(host, ':') && host[0] != '[';
	a->server = xasprintf("https://%s%s%s:%s", v6 ? "[" : "", host, v6 ? "]" : "", port);
	a->token.file = xasprintf("%s/token", dir);
	a->ca.file = xasprintf("%s/ca.crt", dir);
	r = kube_blob_reload(&a->token);
	if (r < 0) {
		strbuf_printf(why, "%s: %s", a->token.file, strerror(-r));
		return r;
	}
	r = kube_blob_reload(&a->ca);
	if (r < 0) {
		strbuf_printf(why, "%s: %s", a->ca.file, strerror(-r));
		return r;
	}
	namespace.file = xasprintf("%s/namespace", dir);
	if (kube_blob_reload(&namespace) >= 0 && namespace.data && *namespace.data)
		a->namespace = TAKE_PTR(namespace.data);
	else
		a->namespace = xstrdup("default");
	blob_done(&namespace);
	*ret = TAKE_PTR(a);
	return 0;
}
