/* The HTTP client of one Kubernetes API server: libcurl's multi interface driven by libevent,
 * HTTP/2 over TLS with all calls on one connection. Used by the watcher. */
#include <assert.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/strbuf.h"

#include "watcher/kube/certificate-error.h"
#include "watcher/kube/credentials.h"
#include "watcher/kube/http.h"

#define CONNECT_USEC (10 * USEC_PER_SEC)
/* The kernel gives up a connection when the peer acknowledges nothing for this long: tcp(7). */
#define TCP_GIVE_UP_MSEC 30000u
#define TICK_USEC        (USEC_PER_SEC)
#define SOCKETS_MAX      64

struct http_call {
	struct http *http;
	struct http_call *next, **at; /* all calls; at: the pointer to this one */
	struct http_request request;
	char *method, *path, *accept, *content_type;
	CURL *curl;
	struct curl_slist *headers, *connect_to;
	struct strbuf body;
	char error_text[CURL_ERROR_SIZE];
	unsigned status;
	int error;    /* from data() or response() */
	bool waiting; /* for credentials */
	bool responded;
	bool cancelled;
	bool timed_out;
	bool lost; /* its connection was closed */
	int64_t started, last_byte;
};

struct socket_event {
	struct event *event;
	short what;
};

/* The server's version of HTTP. libcurl cannot be left to find out with many calls at once:
 * while it does not know, it holds all but one back, and with a server of HTTP/1 it forgets to
 * let them go. */
enum protocol {
	PROTOCOL_UNKNOWN,
	PROTOCOL_SEPARATE, /* HTTP/1: a connection a call */
	PROTOCOL_SHARED,   /* HTTP/2 */
};

struct http {
	struct event_loop *loop;
	struct kube_access *access;
	struct credentials *credentials;
	struct certificate_error *certificate_error;
	CURLM *multi;
	struct event *timer, *reap, *tick, *back;
	struct http_call *calls;
	curl_socket_t sockets[SOCKETS_MAX]; /* connections to the server */
	size_t n_sockets;
	char *probe_path;
	int64_t probe_usec, last_byte;
	struct http_call *probe;
	enum protocol protocol;
	struct http_call *scout; /* finds out the protocol, others wait */
	bool ticking;
	bool unreachable;
	void (*reachable)(void *ctx);
	void *reachable_ctx;
	struct http_counters counters;
};

const struct http_counters *http_counters(const struct http *h)
{
	return &h->counters;
}

void http_escape(struct strbuf *b, const char *s)
{
	for (; *s; s++)
		if ((*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') ||
		    (*s >= '0' && *s <= '9') || strchr("-._~", *s))
			strbuf_putc(b, *s);
		else
			strbuf_printf(b, "%%%02X", (unsigned char)*s);
}

/* ---- calls ---- */

static void reap_later(struct http *h)
{
	event_active(h->reap, 0, 0);
}

static void call_free(struct http_call *c)
{
	*c->at = c->next;
	if (c->next)
		c->next->at = c->at;
	if (c->http->probe == c)
		c->http->probe = NULL;
	if (c->http->scout == c) {
		c->http->scout = NULL;
		reap_later(c->http);
	}
	if (c->curl) {
		(void)curl_multi_remove_handle(c->http->multi, c->curl);
		curl_easy_cleanup(c->curl);
	}
	curl_slist_free_all(c->headers);
	curl_slist_free_all(c->connect_to);
	strbuf_done(&c->body);
	free((void *)c->request.body);
	free(c->method);
	free(c->path);
	free(c->accept);
	free(c->content_type);
	free(c);
}

/* Said once for all calls, when it changes. */
static void tell_reachable(struct http_call *c, int error, const char *message)
{
	struct http *h = c->http;

	if (error < 0 && !c->status && !h->unreachable) {
		log_warning("%s: %s: trying again", h->access->server, message);
		h->unreachable = true;
	}
}

static void finish(struct http_call *c, int error, const char *message)
{
	const char *type = NULL;
	curl_off_t retry_after = 0;
	struct http_result r = {
		.error = error,
		.message = message,
		.status = c->status,
		.body = strbuf_str(&c->body),
		.body_len = c->body.len,
	};

	if (c->curl) {
		(void)curl_easy_getinfo(c->curl, CURLINFO_CONTENT_TYPE, &type);
		(void)curl_easy_getinfo(c->curl, CURLINFO_RETRY_AFTER, &retry_after);
	}
	r.content_type = type ? type : "";
	r.retry_after_usec = retry_after > 0 ? MIN(retry_after, 3600) * USEC_PER_SEC : 0;
	c->http->counters.failed_calls += error < 0;
	if (!c->cancelled)
		tell_reachable(c, error, message);
	if (c->status == 401)
		credentials_refused(c->http->credentials);
	if (!c->cancelled && c->request.done)
		c->request.done(c->request.ctx, &r);
	call_free(c);
}

static int curl_errno(CURLcode code)
{
	switch (code) {
	case CURLE_OK:
		return 0;
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
		return -EHOSTUNREACH;
	case CURLE_COULDNT_CONNECT:
		return -ECONNREFUSED;
	case CURLE_OPERATION_TIMEDOUT:
		return -ETIMEDOUT;
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CONNECT_ERROR:
		return -EPROTO;
	case CURLE_OUT_OF_MEMORY:
		return -ENOMEM;
	default:
		return -ECONNRESET;
	}
}

/* "… port 6443 after 5 ms: …": the time would make two messages of one, which is logged once. */
static void cut_time(char *text)
{
	char *at = strstr(text, " after "), *end;

	if (!at)
		return;
	end = at + strlen(" after ");
	end += strspn(end, "0123456789");
	if (strncmp(end, " ms", 3) == 0)
		memmove(at, end + 3, strlen(end + 3) + 1);
}

static void finish_curl(struct http_call *c, CURLcode code)
{
	_cleanup_free_ char *explained = NULL;
	const char *text = c->error_text[0] ? c->error_text : curl_easy_strerror(code);
	int error = curl_errno(code);

	cut_time(c->error_text);
	if (c->timed_out) {
		error = -ETIMEDOUT;
		text = c->responded ? "the server stopped sending" : "the server did not answer";
	} else if (c->error < 0) {
		error = c->error;
		text = strerror(-c->error);
	} else if (error == -EPROTO || error == -ECONNRESET) {
		explained = certificate_error_explain(c->http->certificate_error, c->http->access,
						      text);
		text = explained ? explained : text;
	}
	finish(c, error, text);
}

/* ---- curl's callbacks ---- */

static void learn_protocol(struct http_call *c)
{
	struct http *h = c->http;
	long version = 0;

	if (h->scout != c)
		return;
	(void)curl_easy_getinfo(c->curl, CURLINFO_HTTP_VERSION, &version);
	h->protocol = version == CURL_HTTP_VERSION_2_0 ? PROTOCOL_SHARED : PROTOCOL_SEPARATE;
	h->scout = NULL;
	reap_later(h);
}

static size_t on_header(char *line, size_t size, size_t n, void *ctx)
{
	struct http_call *c = ctx;
	const char *type = NULL;
	long status = 0;

	c->last_byte = c->http->last_byte = clock_monotonic();
	if (size * n > 2 || (line[0] != '\r' && line[0] != '\n'))
		return size * n;
	(void)curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &status);
	if (status < 200 || c->responded)
		return size * n;
	c->responded = true;
	if (c->http->unreachable)
		event_active(c->http->back, 0, 0);
	c->status = (unsigned)status;
	learn_protocol(c);
	(void)curl_easy_getinfo(c->curl, CURLINFO_CONTENT_TYPE, &type);
	if (!c->cancelled && status < 300 && c->request.response)
		c->error = c->request.response(c->request.ctx, c->status, type ? type : "");
	return c->error < 0 ? 0 : size * n;
}

static size_t on_data(char *data, size_t size, size_t n, void *ctx)
{
	struct http_call *c = ctx;

	c->last_byte = c->http->last_byte = clock_monotonic();
	c->http->counters.bytes_in += size * n;
	if (c->cancelled)
		return 0;
	if (c->request.data && c->status >= 200 && c->status < 300) {
		c->error = c->request.data(c->request.ctx, (uint8_t *)data, size * n);
		return c->error < 0 ? 0 : size * n;
	}
	if (c->body.len + size * n > HTTP_COLLECT_MAX) {
		c->error = -EMSGSIZE;
		return 0;
	}
	strbuf_add(&c->body, data, size * n);
	return size * n;
}

static curl_socket_t on_open_socket(void *ctx, curlsocktype purpose _unused_,
				    struct curl_sockaddr *a)
{
	struct http *h = ctx;
	unsigned give_up = TCP_GIVE_UP_MSEC;
	int fd = socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);

	if (fd < 0)
		return CURL_SOCKET_BAD;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &give_up, sizeof(give_up));
	if (h->n_sockets < SOCKETS_MAX)
		h->sockets[h->n_sockets++] = fd;
	h->counters.connections++;
	return fd;
}

static int on_close_socket(void *ctx, curl_socket_t fd)
{
	struct http *h = ctx;

	for (size_t i = 0; i < h->n_sockets; i++)
		if (h->sockets[i] == fd) {
			h->sockets[i] = h->sockets[--h->n_sockets];
			break;
		}
	if (!h->n_sockets)
		h->protocol = PROTOCOL_UNKNOWN;
	return close(fd);
}

/* And not the call alone, which the server may end by itself. */
static bool is_connection_lost(const struct http_call *c, CURLcode code)
{
	long version = 0;

	(void)curl_easy_getinfo(c->curl, CURLINFO_HTTP_VERSION, &version);
	return version == CURL_HTTP_VERSION_2_0 &&
	       (code == CURLE_RECV_ERROR ||
		((code == CURLE_HTTP2_STREAM || code == CURLE_PARTIAL_FILE) &&
		 strstr(c->error_text, "end of the underlying stream")));
}

/* Whether calls ended because the connection did that all share. */
static bool take_done(struct http *h)
{
	bool lost = false;
	CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(h->multi, &left))) {
		struct http_call *c = NULL;
		CURLcode code = m->data.result;

		if (m->msg != CURLMSG_DONE)
			continue;
		(void)curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&c);
		lost |= is_connection_lost(c, code);
		if (c->cancelled)
			call_free(c);
		else
			finish_curl(c, code);
	}
	return lost;
}

/* libcurl 7.88 tells only one call that the server has closed the connection: the others would wait
 * until they time out. */
static void check_done(struct http *h)
{
	struct http_call *next;

	if (!take_done(h))
		return;
	for (struct http_call *c = h->calls; c; c = c->next)
		c->lost = !c->cancelled && !c->waiting;
	/* One at a time: what done() does may change the list. */
	for (struct http_call *c = h->calls; c; c = next) {
		next = c->next;
		if (c->lost && !c->cancelled) {
			finish_curl(c, CURLE_RECV_ERROR);
			next = h->calls;
		}
	}
}

static void on_socket(evutil_socket_t fd, short what, void *ctx)
{
	struct http *h = ctx;
	int flags = (what & EV_READ ? CURL_CSELECT_IN : 0) |
		    (what & EV_WRITE ? CURL_CSELECT_OUT : 0);
	int running;

	(void)curl_multi_socket_action(h->multi, fd, flags, &running);
	check_done(h);
}

static void on_timer(evutil_socket_t fd _unused_, short what _unused_, void *ctx)
{
	struct http *h = ctx;
	int running;

	(void)curl_multi_socket_action(h->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	check_done(h);
}

static int on_want_socket(CURL *curl _unused_, curl_socket_t fd, int what, void *ctx, void *slot)
{
	struct http *h = ctx;
	struct event *e = slot;
	short events = (what & CURL_POLL_IN ? EV_READ : 0) | (what & CURL_POLL_OUT ? EV_WRITE : 0);

	if (what == CURL_POLL_REMOVE) {
		if (e)
			event_free(e);
		(void)curl_multi_assign(h->multi, fd, NULL);
		return 0;
	}
	if (e && (event_get_events(e) & (EV_READ | EV_WRITE)) == events)
		return 0;
	if (e)
		event_free(e);
	e = event_new(event_loop_base(h->loop), fd, events | EV_PERSIST, on_socket, h);
	assert(e);
	(void)event_add(e, NULL);
	(void)curl_multi_assign(h->multi, fd, e);
	return 0;
}

static int on_want_timer(CURLM *multi _unused_, long msec, void *ctx)
{
	struct http *h = ctx;

	if (msec < 0)
		(void)event_del(h->timer);
	else
		event_loop_arm(h->timer, msec * USEC_PER_MSEC);
	return 0;
}

static CURLcode on_ssl_ctx(CURL *curl _unused_, void *ssl_ctx, void *ctx)
{
	struct http *h = ctx;

	certificate_error_attach(h->certificate_error, ssl_ctx, h->access->insecure);
	return CURLE_OK;
}

/* ---- setting a call up ---- */

static void set_blob(CURL *curl, CURLoption option, const char *pem)
{
	struct curl_blob blob = { (void *)(uintptr_t)pem, strlen(pem), CURL_BLOB_COPY };

	(void)curl_easy_setopt(curl, option, &blob);
}

static void set_tls(struct http *h, CURL *curl)
{
	const char *cert = credentials_cert(h->credentials), *key = credentials_key(h->credentials);

	(void)curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (h->access->insecure) {
		(void)curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
		(void)curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
	}
	if (h->access->ca.data) {
		/* Only that authority: by default the system's authorities would count as well. */
		(void)curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
		(void)curl_easy_setopt(curl, CURLOPT_CAINFO, NULL);
		set_blob(curl, CURLOPT_CAINFO_BLOB, h->access->ca.data);
	}
	if (cert && key) {
		(void)curl_easy_setopt(curl, CURLOPT_SSLCERTTYPE, "PEM");
		set_blob(curl, CURLOPT_SSLCERT_BLOB, cert);
		(void)curl_easy_setopt(curl, CURLOPT_SSLKEYTYPE, "PEM");
		set_blob(curl, CURLOPT_SSLKEY_BLOB, key);
	}
	(void)curl_easy_setopt(curl, CURLOPT_SSL_CTX_FUNCTION, on_ssl_ctx);
	(void)curl_easy_setopt(curl, CURLOPT_SSL_CTX_DATA, h);
}

static void add_header(struct http_call *c, const char *name, const char *value)
{
	_cleanup_free_ char *line = NULL;

	if (!value)
		return;
	line = xasprintf("%s:%s%s", name, *value ? " " : "", value);
	c->headers = curl_slist_append(c->headers, line);
	assert(c->headers);
	explicit_bzero(line, strlen(line));
}

/* With tls-server-name the URL has that name, and the connection goes to the server's address. */
static char *make_url(struct http *h, struct http_call *c, struct curl_slist **ret_connect_to)
{
	const char *server = h->access->server, *authority, *slash, *port;
	_cleanup_free_ char *to = NULL, *host = NULL;
	size_t host_len;

	authority = strstr(server, "://") + 3;
	slash = authority + strcspn(authority, "/");
	if (!h->access->tls_server_name)
		return xasprintf("%s%s", server, c->path);
	host_len = *authority == '[' ? strcspn(authority, "]") + 1 : strcspn(authority, ":/");
	host = xstrndup(authority, host_len);
	port = authority[host_len] == ':' ? authority + host_len + 1 : "443";
	to = xasprintf("::%s:%.*s", host, (int)strcspn(port, "/"), port);
	*ret_connect_to = curl_slist_append(NULL, to);
	return xasprintf("https://%s:%.*s%s%s", h->access->tls_server_name, (int)strcspn(port, "/"),
			 port, slash, c->path);
}

static void set_headers(struct http *h, struct http_call *c)
{
	const char *token = credentials_token(h->credentials);

	_cleanup_free_ char *bearer = token ? xasprintf("Bearer %s", token) : NULL;

	add_header(c, "Accept", c->accept);
	add_header(c, "Content-Type", c->content_type);
	add_header(c, "User-Agent", "portolan-watcher/" PACKAGE_VERSION);
	/* No waiting for "100 Continue". */
	add_header(c, "Expect", "");
	if (bearer) {
		add_header(c, "Authorization", bearer);
		explicit_bzero(bearer, strlen(bearer));
	} else if (h->access->username && h->access->password) {
		(void)curl_easy_setopt(c->curl, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
		(void)curl_easy_setopt(c->curl, CURLOPT_USERNAME, h->access->username);
		(void)curl_easy_setopt(c->curl, CURLOPT_PASSWORD, h->access->password);
	}
	(void)curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, c->headers);
}

static void set_callbacks(struct http *h, struct http_call *c)
{
	CURL *curl = c->curl;

	(void)curl_easy_setopt(curl, CURLOPT_PRIVATE, (char *)c);
	(void)curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, c->error_text);
	(void)curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
	(void)curl_easy_setopt(curl, CURLOPT_HEADERDATA, c);
	(void)curl_easy_setopt(curl, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, c);
	(void)curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
	(void)curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, h);
	(void)curl_easy_setopt(curl, CURLOPT_CLOSESOCKETFUNCTION, on_close_socket);
	(void)curl_easy_setopt(curl, CURLOPT_CLOSESOCKETDATA, h);
}

static void set_transfer(struct http *h, struct http_call *c)
{
	CURL *curl = c->curl;

	(void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	(void)curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
	(void)curl_easy_setopt(curl, CURLOPT_PIPEWAIT, h->protocol == PROTOCOL_SHARED ? 1L : 0L);
	(void)curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS,
			       (long)(CONNECT_USEC / USEC_PER_MSEC));
	(void)curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L);
	(void)curl_easy_setopt(curl, CURLOPT_TCP_KEEPIDLE, 15L);
	(void)curl_easy_setopt(curl, CURLOPT_TCP_KEEPINTVL, 5L);
	(void)curl_easy_setopt(curl, CURLOPT_BUFFERSIZE, 128L * 1024);
	/* NULL leaves it to the environment ($https_proxy, $no_proxy), as in client-go. */
	(void)curl_easy_setopt(curl, CURLOPT_PROXY, h->access->proxy_url);
	(void)curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, c->method);
	if (c->request.body) {
		(void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
				       (curl_off_t)c->request.body_len);
		(void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, (const char *)c->request.body);
	}
}

static void start(struct http_call *c)
{
	struct http *h = c->http;
	_cleanup_free_ char *url = make_url(h, c, &c->connect_to);

	c->waiting = false;
	if (h->protocol == PROTOCOL_UNKNOWN)
		h->scout = c;
	c->started = c->last_byte = clock_monotonic();
	c->curl = curl_easy_init();
	assert(c->curl);
	(void)curl_easy_setopt(c->curl, CURLOPT_URL, url);
	(void)curl_easy_setopt(c->curl, CURLOPT_CONNECT_TO, c->connect_to);
	set_transfer(h, c);
	set_callbacks(h, c);
	set_tls(h, c->curl);
	set_headers(h, c);
	(void)curl_multi_add_handle(h->multi, c->curl);
}

static void try_waiting(struct http *h)
{
	struct http_call *next;

	for (struct http_call *c = h->calls; c; c = next) {
		int r;

		next = c->next;
		if (!c->waiting || c->cancelled)
			continue;
		if (h->protocol == PROTOCOL_UNKNOWN && h->scout)
			return;
		r = credentials_ready(h->credentials);
		if (r == 0)
			return;
		if (r > 0)
			start(c);
		else
			finish(c, r, credentials_error(h->credentials));
	}
}

static void on_reap(evutil_socket_t fd _unused_, short what _unused_, void *ctx)
{
	struct http *h = ctx;
	struct http_call *next;

	for (struct http_call *c = h->calls; c; c = next) {
		next = c->next;
		if (c->cancelled)
			call_free(c);
	}
	try_waiting(h);
}

static void on_credentials(void *ctx)
{
	reap_later(ctx);
}

struct http_call *http_send(struct http *h, const struct http_request *request)
{
	struct http_call *c = xnew(struct http_call, 1);

	c->http = h;
	c->request = *request;
	c->method = xstrdup(request->method);
	c->path = xstrdup(request->path);
	c->accept = xstrdup(request->accept ? request->accept : "application/json");
	c->content_type = request->content_type ? xstrdup(request->content_type) : NULL;
	c->request.body = request->body ? xmemdup(request->body, request->body_len) : NULL;
	c->waiting = true;
	c->started = c->last_byte = clock_monotonic();
	c->next = h->calls;
	c->at = &h->calls;
	if (c->next)
		c->next->at = &c->next;
	h->calls = c;
	h->counters.calls++;
	reap_later(h);
	if (!h->ticking) {
		h->ticking = true;
		h->last_byte = clock_monotonic();
		event_loop_arm(h->tick, TICK_USEC);
	}
	return c;
}

void http_cancel(struct http_call *c)
{
	c->cancelled = true;
	reap_later(c->http);
}

/* ---- silence ---- */

/* Closes every connection under its calls, which fail: later calls open a new one. */
static void drop_connections(struct http *h, const char *why)
{
	if (!h->n_sockets)
		return;
	log_warning("%s: %s: connecting again", h->access->server, why);
	h->counters.dropped++;
	for (size_t i = 0; i < h->n_sockets; i++)
		(void)shutdown(h->sockets[i], SHUT_RDWR);
}

void http_probe(struct http *h, const char *path, int64_t interval_usec)
{
	h->probe_path = xstrdup(path);
	h->probe_usec = interval_usec;
}

static void on_probe_done(void *ctx, const struct http_result *r)
{
	struct http *h = ctx;

	h->probe = NULL;
	if (r->error == -ETIMEDOUT)
		drop_connections(h, "the API server has gone silent");
}

static void maybe_probe(struct http *h, int64_t now)
{
	struct http_request request = { .method = "GET",
					.path = h->probe_path,
					.done = on_probe_done,
					.ctx = h,
					.total_usec = h->probe_usec };

	if (!h->probe_usec || h->probe || !h->n_sockets || now - h->last_byte < h->probe_usec)
		return;
	h->probe = http_send(h, &request);
}

static void on_tick(evutil_socket_t fd _unused_, short what _unused_, void *ctx)
{
	struct http *h = ctx;
	int64_t now = clock_monotonic();
	struct http_call *next;

	h->ticking = h->calls != NULL;
	if (!h->ticking)
		return;
	for (struct http_call *c = h->calls; c; c = next) {
		const struct http_request *r = &c->request;

		next = c->next;
		if (c->cancelled || c->waiting)
			continue;
		c->timed_out = (r->idle_usec && now - c->last_byte > r->idle_usec) ||
			       (r->total_usec && now - c->started > r->total_usec);
	}
	/* One at a time: what done() does may change the list. */
	for (struct http_call *c = h->calls; c; c = next) {
		next = c->next;
		if (c->timed_out && !c->cancelled) {
			finish_curl(c, CURLE_OPERATION_TIMEDOUT);
			next = h->calls;
		}
	}
	maybe_probe(h, now);
	event_loop_arm(h->tick, TICK_USEC);
}

static void on_back(evutil_socket_t fd _unused_, short what _unused_, void *ctx)
{
	struct http *h = ctx;

	log_info("%s: answers again", h->access->server);
	h->unreachable = false;
	if (h->reachable)
		h->reachable(h->reachable_ctx);
}

void http_on_reachable(struct http *h, void (*reachable)(void *ctx), void *ctx)
{
	h->reachable = reachable;
	h->reachable_ctx = ctx;
}

bool http_reachable(const struct http *h)
{
	return !h->unreachable;
}

void http_reload(struct http *h)
{
	credentials_reload(h->credentials);
}

struct http *http_new(struct event_loop *loop, struct kube_access *access)
{
	static bool initialised;
	struct http *h = xnew(struct http, 1);

	if (!initialised)
		initialised = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
	assert(initialised);
	h->loop = loop;
	h->access = access;
	h->credentials = credentials_new(loop, access, on_credentials, h);
	h->certificate_error = certificate_error_new();
	h->multi = curl_multi_init();
	assert(h->multi);
	(void)curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, on_want_socket);
	(void)curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h);
	(void)curl_multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, on_want_timer);
	(void)curl_multi_setopt(h->multi, CURLMOPT_TIMERDATA, h);
	(void)curl_multi_setopt(h->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_MULTIPLEX);
	(void)curl_multi_setopt(h->multi, CURLMOPT_MAX_CONCURRENT_STREAMS, 1000L);
	h->timer = event_loop_timer(loop, on_timer, h);
	h->tick = event_loop_timer(loop, on_tick, h);
	h->reap = event_loop_timer(loop, on_reap, h);
	h->back = event_loop_timer(loop, on_back, h);
	if (access->insecure)
		log_warning("%s: insecure-skip-tls-verify: whoever is between here and %s can read "
			    "and change everything",
			    access->origin, access->server);
	return h;
}

void http_free(struct http *h)
{
	if (!h)
		return;
	while (h->calls)
		call_free(h->calls);
	(void)curl_multi_cleanup(h->multi);
	event_free(h->timer);
	event_free(h->tick);
	event_free(h->reap);
	event_free(h->back);
	credentials_free(h->credentials);
	certificate_error_free(h->certificate_error);
	free(h->probe_path);
	free(h);
}
