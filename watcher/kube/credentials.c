/* Tokens and client certificates that change while we run: files read again, and exec plugins
 * (client.authentication.k8s.io: a program that prints an ExecCredential). Used by the watcher. */
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <openssl/evp.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/strbuf.h"

#include "watcher/kube/credentials.h"

#define RELOAD_USEC       (10 * USEC_PER_SEC)
#define PLUGIN_USEC       (60 * USEC_PER_SEC)
#define PLUGIN_OUTPUT_MAX (1024 * 1024)
/* New credentials are requested this long before the old ones expire, or in the last quarter of
 * their life. */
#define EXPIRY_MARGIN_USEC (10 * USEC_PER_SEC)
#define RETRY_MIN_USEC     (2 * USEC_PER_SEC)
#define RETRY_MAX_USEC     (60 * USEC_PER_SEC)

extern char **environ;

struct credentials {
	struct event_loop *loop;
	struct kube_access *access;
	void (*changed)(void *ctx);
	void *ctx;
	int64_t reloaded; /* monotonic, of the files */

	/* The plugin's credentials. */
	char *token, *cert, *key;
	int64_t expires;  /* realtime; 0: until refused */
	int64_t margin;   /* before that, when new ones are requested */
	int64_t obtained; /* monotonic; 0: never */
	bool stale;
	char *error;
	int64_t retry_at, retry_usec;

	pid_t pid; /* 0: no plugin runs */
	int pidfd, out;
	struct event *exited, *readable, *timeout;
	struct strbuf output;
};

const char *credentials_error(const struct credentials *c)
{
	return c->error ? c->error : "no credentials";
}

const char *credentials_token(const struct credentials *c)
{
	return c->token ? c->token : c->access->token.data;
}

const char *credentials_cert(const struct credentials *c)
{
	return c->cert ? c->cert : c->access->cert.data;
}

const char *credentials_key(const struct credentials *c)
{
	return c->key ? c->key : c->access->key.data;
}

static void reload_files(struct credentials *c)
{
	struct kube_blob *blobs[] = { &c->access->token, &c->access->cert, &c->access->key,
				      &c->access->ca };
	int64_t now = clock_monotonic();

	if (c->reloaded && now - c->reloaded < RELOAD_USEC)
		return;
	c->reloaded = now;
	for (size_t i = 0; i < ARRAY_SIZE(blobs); i++) {
		int r = kube_blob_reload(blobs[i]);

		if (r < 0)
			log_warning_errno(r,
					  "cannot read %s again, keeping what it said before: %m",
					  blobs[i]->file);
		else if (r > 0)
			log_info("%s has changed and is used from now on", blobs[i]->file);
	}
}

/* ---- the plugin ---- */

static void plugin_done(struct credentials *c)
{
	if (c->exited)
		event_free(TAKE_PTR(c->exited));
	if (c->readable)
		event_free(TAKE_PTR(c->readable));
	if (c->timeout)
		event_free(TAKE_PTR(c->timeout));
	if (c->pidfd >= 0)
		(void)close(TAKE_FD(c->pidfd));
	if (c->out >= 0)
		(void)close(TAKE_FD(c->out));
	if (c->output.s)
		explicit_bzero(c->output.s, c->output.len);
	strbuf_clear(&c->output);
	c->pid = 0;
}

static void fail(struct credentials *c, char *error)
{
	free(c->error);
	c->error = error;
	c->retry_usec = MAX(c->retry_usec * 2, RETRY_MIN_USEC);
	c->retry_usec = MIN(c->retry_usec, RETRY_MAX_USEC);
	c->retry_at = clock_monotonic() + c->retry_usec;
	/* The caller reports it; not every time. */
	log_debug("%s: asking again in %lld ms at the earliest", error,
		  (long long)(c->retry_usec / USEC_PER_MSEC));
}

static const char *string_in(json_object *o, const char *name)
{
	json_object *v;

	if (!json_object_object_get_ex(o, name, &v) || !json_object_is_type(v, json_type_string))
		return NULL;
	return json_object_get_string_len(v) > 0 ? json_object_get_string(v) : NULL;
}

/* RFC 3339, UTC or with an offset. 0 if it is not a time. */
static int64_t parse_time(const char *s)
{
	struct tm tm = { 0 };
	const char *p = s ? strptime(s, "%Y-%m-%dT%H:%M:%S", &tm) : NULL;
	int hours, minutes;
	int64_t t;

	if (!p)
		return 0;
	if (*p == '.')
		p += 1 + strspn(p + 1, "0123456789");
	t = (int64_t)timegm(&tm);
	if ((*p == '+' || *p == '-') && sscanf(p + 1, "%2d:%2d", &hours, &minutes) == 2)
		t -= (*p == '+' ? 1 : -1) * (hours * 3600 + minutes * 60);
	return t * USEC_PER_SEC;
}

static char *take_status(struct credentials *c, json_object *status)
{
	const char *token = string_in(status, "token");
	const char *cert = string_in(status, "clientCertificateData");
	const char *key = string_in(status, "clientKeyData");
	int64_t expires = parse_time(string_in(status, "expirationTimestamp"));
	int64_t now = clock_realtime();

	if (!token && !cert)
		return xasprintf("the exec plugin %s gave neither a token nor a certificate",
				 c->access->exec->command);
	if (!cert != !key)
		return xasprintf("the exec plugin %s gave a certificate or a key without the other",
				 c->access->exec->command);
	if (expires && expires <= now)
		return xasprintf("the exec plugin %s gave what has expired already",
				 c->access->exec->command);
	free(c->token);
	free(c->cert);
	free(c->key);
	c->token = token ? xstrdup(token) : NULL;
	c->cert = cert ? xstrdup(cert) : NULL;
	c->key = key ? xstrdup(key) : NULL;
	c->expires = expires;
	c->margin = MIN((expires - now) / 4, EXPIRY_MARGIN_USEC);
	return NULL;
}

/* Returns the fault in the plugin's output, or NULL. */
static char *take_output(struct credentials *c)
{
	json_object *o = json_tokener_parse(strbuf_str(&c->output)), *status;
	const char *kind;
	char *error;

	kind = o && json_object_is_type(o, json_type_object) ? string_in(o, "kind") : NULL;
	if (!kind || strcmp(kind, "ExecCredential") != 0 ||
	    !json_object_object_get_ex(o, "status", &status) ||
	    !json_object_is_type(status, json_type_object))
		error = xasprintf(
			"the exec plugin %s did not print an ExecCredential with a status",
			c->access->exec->command);
	else
		error = take_status(c, status);
	json_object_put(o);
	return error;
}

static int read_output(struct credentials *c)
{
	for (;;) {
		ssize_t n = read(c->out, strbuf_room(&c->output, 4096), 4096);

		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -errno;
		if (n == 0)
			return 0;
		c->output.len += (size_t)n;
		if (c->output.len > PLUGIN_OUTPUT_MAX)
			return -EMSGSIZE;
	}
}

static void on_plugin_exit(evutil_socket_t fd _unused_, short what _unused_, void *ctx)
{
	struct credentials *c = ctx;
	const char *command = c->access->exec->command, *hint = c->access->exec->install_hint;
	char *error = NULL;
	int status = 0;

	if (read_output(c) < 0)
		error = xasprintf("the exec plugin %s printed more than can be right", command);
	(void)waitpid(c->pid, &status, 0);
	strbuf_puts(&c->output, "");
	if (error)
		;
	else if (WIFSIGNALED(status))
		error = xasprintf("the exec plugin %s was ended by signal %d", command,
				  WTERMSIG(status));
	else if (WEXITSTATUS(status) != 0)
		error = xasprintf("the exec plugin %s failed with exit code %d%s%s", command,
				  WEXITSTATUS(status), hint ? ". " : "", hint ? hint : "");
	else
		error = take_output(c);
	plugin_done(c);
	if (error) {
		fail(c, error);
	} else {
		free(TAKE_PTR(c->error));
		c->retry_usec = 0;
		c->retry_at = 0;
		c->stale = false;
		c->obtained = clock_monotonic();
	}
	c->changed(c->ctx);
}

static void on_plugin_readable(evutil_socket_t fd _unused_, short what _unused_, void *ctx)
{
	struct credentials *c = ctx;
	size_t before = c->output.len;

	if (read_output(c) < 0)
		(void)kill(c->pid, SIGKILL);
	/* At its end a pipe stays readable; the plugin's exit is the event to wait for. */
	if (c->output.len == before)
		(void)event_del(c->readable);
}

static void on_plugin_timeout(evutil_socket_t fd _unused_, short what _unused_, void *ctx)
{
	struct credentials *c = ctx;

	log_warning("the exec plugin %s has not answered in 60 s and is ended",
		    c->access->exec->command);
	(void)kill(c->pid, SIGKILL);
}

static char *exec_info(const struct kube_access *a)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;

	strbuf_puts(&b, "KUBERNETES_EXEC_INFO={\"kind\":\"ExecCredential\",\"apiVersion\":");
	strbuf_json(&b, a->exec->api_version, strlen(a->exec->api_version));
	strbuf_puts(&b, ",\"spec\":{\"interactive\":false");
	if (a->exec->provide_cluster_info) {
		strbuf_puts(&b, ",\"cluster\":{\"server\":");
		strbuf_json(&b, a->server, strlen(a->server));
		if (a->tls_server_name) {
			strbuf_puts(&b, ",\"tls-server-name\":");
			strbuf_json(&b, a->tls_server_name, strlen(a->tls_server_name));
		}
		if (a->insecure)
			strbuf_puts(&b, ",\"insecure-skip-tls-verify\":true");
		if (a->ca.data) {
			size_t len = strlen(a->ca.data);
			_cleanup_free_ char *text = xmalloc((len / 3 + 1) * 4 + 1);

			(void)EVP_EncodeBlock((unsigned char *)text, (unsigned char *)a->ca.data,
					      (int)len);
			strbuf_puts(&b, ",\"certificate-authority-data\":");
			strbuf_json(&b, text, strlen(text));
		}
		if (a->proxy_url) {
			strbuf_puts(&b, ",\"proxy-url\":");
			strbuf_json(&b, a->proxy_url, strlen(a->proxy_url));
		}
		strbuf_puts(&b, "}");
	}
	strbuf_puts(&b, "}}");
	return strbuf_take(&b);
}

static bool same_name(const char *a, const char *b)
{
	size_t n = strcspn(a, "=");

	return strncmp(a, b, n) == 0 && b[n] == '=';
}

/* Our environment, the plugin's own variables, and the request; a later name replaces an earlier
 * one. The words are borrowed except the last, which the caller frees. */
static char **plugin_environment(const struct kube_access *a, char **ret_info)
{
	char **env = NULL;
	size_t n = 0, cap = 0;

	*ret_info = exec_info(a);
	for (char **e = environ; e && *e; e++) {
		bool replaced = same_name(*e, *ret_info);

		for (char **own = a->exec->env; own && *own; own++)
			replaced |= same_name(*e, *own);
		if (!replaced) {
			GROW(env, n, cap);
			env[n++] = *e;
		}
	}
	for (char **own = a->exec->env; own && *own; own++) {
		GROW(env, n, cap);
		env[n++] = *own;
	}
	GROW(env, n, cap);
	env[n++] = *ret_info;
	GROW(env, n, cap);
	env[n] = NULL;
	return env;
}

static int spawn(const struct kube_access *a, int out, pid_t *ret)
{
	_cleanup_free_ char *info = NULL;
	_cleanup_free_ char **env = plugin_environment(a, &info);
	_cleanup_free_ char **argv = NULL;
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	size_t n = 0, cap = 0;
	sigset_t none, defaults;
	int r;

	GROW(argv, n, cap);
	argv[n++] = a->exec->command;
	for (char **w = a->exec->args; w && *w; w++) {
		GROW(argv, n, cap);
		argv[n++] = *w;
	}
	GROW(argv, n, cap);
	argv[n] = NULL;
	(void)sigemptyset(&none);
	(void)sigemptyset(&defaults);
	(void)sigaddset(&defaults, SIGPIPE);
	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	(void)posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	(void)posix_spawnattr_init(&attr);
	(void)posix_spawnattr_setsigmask(&attr, &none);
	(void)posix_spawnattr_setsigdefault(&attr, &defaults);
	(void)posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	r = -posix_spawnp(ret, a->exec->command, &actions, &attr, argv, env);
	(void)posix_spawnattr_destroy(&attr);
	(void)posix_spawn_file_actions_destroy(&actions);
	return r;
}

static int plugin_start(struct credentials *c)
{
	const char *hint = c->access->exec->install_hint;
	struct event_base *base = event_loop_base(c->loop);
	int fds[2], r;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	r = spawn(c->access, fds[1], &c->pid);
	(void)close(fds[1]);
	if (r < 0) {
		(void)close(fds[0]);
		c->pid = 0;
		fail(c, xasprintf("cannot run the exec plugin %s: %s%s%s", c->access->exec->command,
				  strerror(-r), hint ? ". " : "", hint ? hint : ""));
		return r;
	}
	c->out = fds[0];
	(void)fcntl(c->out, F_SETFL, O_NONBLOCK);
	c->pidfd = pidfd_open(c->pid, 0);
	c->exited = event_new(base, c->pidfd, EV_READ, on_plugin_exit, c);
	c->readable = event_new(base, c->out, EV_READ | EV_PERSIST, on_plugin_readable, c);
	c->timeout = event_loop_timer(c->loop, on_plugin_timeout, c);
	(void)event_add(c->exited, NULL);
	(void)event_add(c->readable, NULL);
	event_loop_arm(c->timeout, PLUGIN_USEC);
	return 0;
}

int credentials_ready(struct credentials *c)
{
	int64_t now = clock_monotonic();

	reload_files(c);
	if (!c->access->exec)
		return 1;
	if (c->pid)
		return 0;
	if (c->obtained && !c->stale && (!c->expires || clock_realtime() < c->expires - c->margin))
		return 1;
	if (now < c->retry_at)
		return -EACCES;
	return plugin_start(c);
}

void credentials_reload(struct credentials *c)
{
	c->reloaded = 0;
}

void credentials_refused(struct credentials *c)
{
	c->reloaded = 0;
	/* Fresh ones that are refused will not get better by asking at once. */
	if (c->obtained && clock_monotonic() - c->obtained > RELOAD_USEC)
		c->stale = true;
}

struct credentials *credentials_new(struct event_loop *loop, struct kube_access *access,
				    void (*changed)(void *ctx), void *ctx)
{
	struct credentials *c = xnew(struct credentials, 1);

	c->loop = loop;
	c->access = access;
	c->changed = changed;
	c->ctx = ctx;
	c->pidfd = c->out = -1;
	return c;
}

void credentials_free(struct credentials *c)
{
	if (!c)
		return;
	if (c->pid) {
		(void)kill(c->pid, SIGKILL);
		(void)waitpid(c->pid, NULL, 0);
	}
	plugin_done(c);
	strbuf_done(&c->output);
	free(c->token);
	free(c->cert);
	free(c->key);
	free(c->error);
	free(c);
}
