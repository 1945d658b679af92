/* evhttp on a TCP port: read-only, bounded, and closed to other sites' pages. Runs in admin. */
#include <arpa/inet.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "admin/http-server.h"
#include "common/base/address.h"
#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/daemon/unsent.h"

#define HEADERS_MAX 16384
#define TIMEOUT_SEC 70 /* longer than any page may take */
#define BACKLOG     64

struct http_server {
	struct evhttp *http;
	struct evconnlistener *listener;
	struct event *accept_again;
	http_request_fn request;
	void *ctx;
	char *address;
	bool loopback;
	uint64_t refused;
};

bool http_host_is_local(const char *host)
{
	_cleanup_free_ char *with_port = host ? xasprintf("%s:0", host) : NULL;
	struct sockaddr_storage address;
	socklen_t len;

	return host && *host && *host != ':' &&
	       (address_parse(host, &address, &len) == 0 ||
		address_parse(with_port, &address, &len) == 0);
}

void http_send(struct evhttp_request *req, int status, const char *type, struct evbuffer *body)
{
	static const char *const headers[][2] = {
		{ "Cache-Control", "no-store" },
		{ "X-Content-Type-Options", "nosniff" },
		{ "Content-Security-Policy",
		  "default-src 'none'; style-src 'unsafe-inline'; script-src 'self'; connect-src "
		  "'self'; "
		  "form-action 'self'; base-uri 'none'; frame-ancestors 'none'" },
	};
	struct evkeyvalq *out = evhttp_request_get_output_headers(req);

	(void)evhttp_add_header(out, "Content-Type", type);
	for (size_t i = 0; i < ARRAY_SIZE(headers); i++)
		(void)evhttp_add_header(out, headers[i][0], headers[i][1]);
	unsent_send(req, status, body);
}

void http_send_text(struct evhttp_request *req, int status, const char *fmt, ...)
{
	struct evbuffer *body = evbuffer_new();
	va_list ap;

	va_start(ap, fmt);
	(void)evbuffer_add_vprintf(body, fmt, ap);
	va_end(ap);
	http_send(req, status, "text/plain; charset=utf-8", body);
	evbuffer_free(body);
}

static void on_request(struct evhttp_request *req, void *ctx)
{
	struct http_server *s = ctx;
	const char *host = evhttp_find_header(evhttp_request_get_input_headers(req), "Host");

	if (s->loopback && !http_host_is_local(host)) {
		s->refused++;
		http_send_text(
			req, 403,
			"This port is for this machine only: ask for it as localhost or by its "
			"address.\n");
		return;
	}
	s->request(s->ctx, req);
}

static void on_accept_again(evutil_socket_t fd _unused_, short what _unused_, void *ctx)
{
	struct http_server *s = ctx;

	(void)evconnlistener_enable(s->listener);
}

/* Out of descriptors: without a pause the loop would spin on the same connection. */
static void on_accept_error(struct evconnlistener *listener, void *ctx)
{
	struct http_server *s = ctx;

	log_warning_errno(-EVUTIL_SOCKET_ERROR(), "cannot accept a connection: %m");
	(void)evconnlistener_disable(listener);
	event_loop_arm(s->accept_again, USEC_PER_SEC / 10);
}

static bool is_loopback(const struct sockaddr_storage *a)
{
	if (a->ss_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)a)->sin6_addr);
	return (ntohl(((const struct sockaddr_in *)a)->sin_addr.s_addr) >> 24) == 127;
}

static char *own_address(int fd)
{
	struct sockaddr_storage a = { 0 };
	socklen_t len = sizeof(a);

	(void)getsockname(fd, (struct sockaddr *)&a, &len);
	return address_format(&a);
}

int http_server_new(struct event_loop *loop, const char *address, http_request_fn request,
		    void *ctx, struct http_server **ret)
{
	struct event_base *base = event_loop_base(loop);
	struct sockaddr_storage a;
	struct http_server *s;
	socklen_t len;
	int r;

	r = address_parse(address, &a, &len);
	if (r < 0)
		return r;
	s = xnew(struct http_server, 1);
	s->request = request;
	s->ctx = ctx;
	s->loopback = is_loopback(&a);
	s->accept_again = event_loop_timer(loop, on_accept_again, s);
	s->listener = evconnlistener_new_bind(
		base, NULL, NULL, LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE,
		BACKLOG, (struct sockaddr *)&a, (int)len);
	if (!s->listener) {
		r = errno ? -errno : -EIO;
		http_server_free(s);
		return r;
	}
	evconnlistener_set_error_cb(s->listener, on_accept_error);
	s->address = own_address(evconnlistener_get_fd(s->listener));
	s->http = evhttp_new(base);
	evhttp_set_allowed_methods(s->http, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD);
	evhttp_set_max_headers_size(s->http, HEADERS_MAX);
	evhttp_set_max_body_size(s->http, 0);
	evhttp_set_timeout(s->http, TIMEOUT_SEC);
	evhttp_set_gencb(s->http, on_request, s);
	(void)evhttp_bind_listener(s->http, s->listener);
	*ret = s;
	return 0;
}

void http_server_free(struct http_server *s)
{
	if (!s)
		return;
	if (s->http)
		evhttp_free(s->http); /* and the listener */
	else if (s->listener)
		evconnlistener_free(s->listener);
	event_free(s->accept_again);
	free(s->address);
	free(s);
}

const char *http_server_address(const struct http_server *s)
{
	return s->address;
}

uint64_t http_server_refused(const struct http_server *s)
{
	return s->refused;
}
