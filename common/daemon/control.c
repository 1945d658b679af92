/* The small HTTP server on a stage's own Unix socket. Used by every stage; libevent's evhttp does
 * the protocol. */
#include <event2/buffer.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/incident.h"
#include "common/base/log.h"
#include "common/base/text.h"
#include "common/daemon/control.h"
#include "common/daemon/process-metrics.h"
#include "common/daemon/unsent.h"
#include "common/link/unix-socket.h"

#define HEADERS_MAX       16384
#define TIMEOUT_SEC       30
#define ACCEPT_PAUSE_USEC (200 * USEC_PER_MSEC)

struct route {
	struct route *next;
	const char *path;
	const char *content_type;
	control_fn fn;
	control_later_fn later; /* instead of fn */
	void *ctx;
};

struct metrics {
	struct metrics *next;
	void (*fn)(void *ctx, struct strbuf *out);
	void *ctx;
};

struct control {
	struct control *next;
	struct evhttp *http;
	char *path;
	struct route *routes;
	struct metrics *metrics;
	struct evconnlistener *listener; /* http's */
	struct event *again;             /* to accept, after it failed */
};

static struct control *all; /* one a process, but in tests */

void control_answer(struct evhttp_request *req, int status, const char *type,
		    const struct strbuf *body)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	struct evbuffer *out = evbuffer_new();

	/* Somebody reads it in a terminal, by curl. */
	if (strcmp(type, CONTROL_TEXT) == 0)
		strbuf_lines(&text, strbuf_str(body), body->len);
	else
		strbuf_add(&text, strbuf_str(body), body->len);
	(void)evbuffer_add(out, text.s, text.len);
	(void)evhttp_add_header(evhttp_request_get_output_headers(req), "Content-Type", type);
	unsent_send(req, status, out);
	evbuffer_free(out);
}

static void answer(struct evhttp_request *req, const struct route *r, const char *query)
{
	_cleanup_strbuf_ struct strbuf body = STRBUF_INIT;
	int status = r->fn(r->ctx, query, &body);

	control_answer(req, status, r->content_type, &body);
}

static int on_index(void *ctx, const char *query _unused_, struct strbuf *out)
{
	struct control *c = ctx;

	for (struct route *r = c->routes; r; r = r->next)
		strbuf_printf(out, "%s\n", r->path);
	return HTTP_OK;
}

static bool is_too_much(const char *path)
{
	return strncmp(path, "/debug/", strlen("/debug/")) == 0 && unsent_bytes() > UNSENT_MAX;
}

static void on_request(struct evhttp_request *req, void *ctx)
{
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(req);
	const char *path = uri ? evhttp_uri_get_path(uri) : NULL;
	const char *query = uri ? evhttp_uri_get_query(uri) : NULL;
	_cleanup_strbuf_ struct strbuf body = STRBUF_INIT;
	struct control *c = ctx;

	if (path && is_too_much(path)) {
		strbuf_puts(&body, UNSENT_TEXT);
		control_answer(req, HTTP_SERVUNAVAIL, CONTROL_TEXT, &body);
		return;
	}
	for (struct route *r = c->routes; path && r; r = r->next)
		if (strcmp(r->path, path) == 0) {
			if (r->later)
				r->later(r->ctx, query ? query : "", req);
			else
				answer(req, r, query ? query : "");
			return;
		}
	strbuf_puts(&body, "no such page; there are:\n");
	(void)on_index(c, "", &body);
	control_answer(req, HTTP_NOTFOUND, CONTROL_TEXT, &body);
}

static int on_healthz(void *ctx _unused_, const char *query _unused_, struct strbuf *out)
{
	strbuf_puts(out, "ok\n");
	return HTTP_OK;
}

static int on_metrics(void *ctx, const char *query _unused_, struct strbuf *out)
{
	struct control *c = ctx;

	process_metrics(out);
	incident_metrics(out);
	for (struct metrics *m = c->metrics; m; m = m->next)
		m->fn(m->ctx, out);
	return HTTP_OK;
}

static int on_incidents(void *ctx _unused_, const char *query _unused_, struct strbuf *out)
{
	incident_json(out);
	return HTTP_OK;
}

/* The socket stays readable: clients wait until there is a descriptor again. */
static void on_accept_failed(struct evconnlistener *listener, void *http _unused_)
{
	int r = -errno;
	struct control *c = all;

	while (c && c->listener != listener)
		c = c->next;
	if (!c)
		return;
	if (!incident_is_descriptors(r) && r != -ENOMEM && r != -ENOBUFS)
		return;
	incident(INCIDENT_DESCRIPTORS, "control", "%s: cannot take a connection: %s", c->path,
		 strerror(-r));
	(void)evconnlistener_disable(listener);
	event_loop_arm(c->again, ACCEPT_PAUSE_USEC);
}

static void on_accept_again(evutil_socket_t fd _unused_, short what _unused_, void *ctx)
{
	struct control *c = ctx;

	(void)evconnlistener_enable(c->listener);
}

static int start_listening(struct control *c, struct event_loop *loop, int fd)
{
	struct evhttp_bound_socket *bound = evhttp_accept_socket_with_handle(c->http, fd);

	if (!bound)
		return -EIO;
	c->listener = evhttp_bound_socket_get_listener(bound);
	c->again = event_loop_timer(loop, on_accept_again, c);
	evconnlistener_set_error_cb(c->listener, on_accept_failed);
	return 0;
}

int control_new(struct event_loop *loop, const char *path, struct control **ret)
{
	_cleanup_(control_freep) struct control *c = xnew(struct control, 1);
	int fd;

	c->http = evhttp_new(event_loop_base(loop));
	if (!c->http)
		return -ENOMEM;
	evhttp_set_allowed_methods(c->http, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD);
	evhttp_set_max_headers_size(c->http, HEADERS_MAX);
	evhttp_set_max_body_size(c->http, 0);
	evhttp_set_timeout(c->http, TIMEOUT_SEC);
	evhttp_set_gencb(c->http, on_request, c);
	fd = unix_socket_listen(path);
	if (fd < 0)
		return fd;
	c->path = xstrdup(path);
	if (start_listening(c, loop, fd) < 0) {
		(void)close(fd);
		return -EIO;
	}
	control_add(c, "/", CONTROL_TEXT, on_index, c);
	control_add(c, "/healthz", CONTROL_TEXT, on_healthz, c);
	control_add(c, "/debug/incidents", "application/json", on_incidents, c);
	control_add(c, "/metrics", "text/plain; version=0.0.4; charset=utf-8", on_metrics, c);
	c->next = all;
	all = c;
	*ret = TAKE_PTR(c);
	return 0;
}

void control_free(struct control *c)
{
	if (!c)
		return;
	for (struct control **at = &all; *at; at = &(*at)->next)
		if (*at == c) {
			*at = c->next;
			break;
		}
	event_freep(&c->again);
	if (c->http)
		evhttp_free(c->http);
	if (c->path)
		(void)unlink(c->path);
	for (struct route *r = c->routes; r;) {
		struct route *next = r->next;

		free(r);
		r = next;
	}
	for (struct metrics *m = c->metrics; m;) {
		struct metrics *next = m->next;

		free(m);
		m = next;
	}
	free(c->path);
	free(c);
}

static struct route *add(struct control *c, const char *path, void *ctx)
{
	struct route **end = &c->routes;

	while (*end)
		end = &(*end)->next;
	*end = xnew(struct route, 1);
	(*end)->path = path;
	(*end)->ctx = ctx;
	return *end;
}

void control_add(struct control *c, const char *path, const char *content_type, control_fn fn,
		 void *ctx)
{
	struct route *r = add(c, path, ctx);

	r->content_type = content_type;
	r->fn = fn;
}

void control_add_later(struct control *c, const char *path, control_later_fn fn, void *ctx)
{
	add(c, path, ctx)->later = fn;
}

void control_add_metrics(struct control *c, void (*fn)(void *ctx, struct strbuf *out), void *ctx)
{
	struct metrics **end = &c->metrics, *m = xnew(struct metrics, 1);

	*m = (struct metrics){ NULL, fn, ctx };
	while (*end)
		end = &(*end)->next;
	*end = m;
}
