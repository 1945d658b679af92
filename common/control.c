/* The small HTTP server on a stage's own Unix socket. Used by every stage; libevent's evhttp does the
 * protocol. */
#include <event2/buffer.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "common/alloc.h"
#include "common/control.h"
#include "common/log.h"
#include "common/process-metrics.h"
#include "common/unix-socket.h"

#define HEADERS_MAX 16384
#define TIMEOUT_SEC 30

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
	struct evhttp *http;
	char *path;
	struct route *routes;
	struct metrics *metrics;
};

void control_answer(struct evhttp_request *req, int status, const char *type,
		    const struct strbuf *body)
{
	struct evbuffer *out = evbuffer_new();

	if (body->len)
		(void)evbuffer_add(out, body->s, body->len);
	(void)evhttp_add_header(evhttp_request_get_output_headers(req), "Content-Type", type);
	evhttp_send_reply(req, status, NULL, out);
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

static void on_request(struct evhttp_request *req, void *ctx)
{
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(req);
	const char *path = uri ? evhttp_uri_get_path(uri) : NULL;
	const char *query = uri ? evhttp_uri_get_query(uri) : NULL;
	_cleanup_strbuf_ struct strbuf body = STRBUF_INIT;
	struct control *c = ctx;

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
	control_answer(req, HTTP_NOTFOUND, "text/plain; charset=utf-8", &body);
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
	for (struct metrics *m = c->metrics; m; m = m->next)
		m->fn(m->ctx, out);
	return HTTP_OK;
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
	if (evhttp_accept_socket(c->http, fd) < 0) {
		(void)close(fd);
		return -EIO;
	}
	control_add(c, "/", "text/plain; charset=utf-8", on_index, c);
	control_add(c, "/healthz", "text/plain; charset=utf-8", on_healthz, c);
	control_add(c, "/metrics", "text/plain; version=0.0.4; charset=utf-8", on_metrics, c);
	*ret = TAKE_PTR(c);
	return 0;
}

void control_free(struct control *c)
{
	if (!c)
		return;
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

void control_add(struct control *c, const char *path, const char *content_type, control_fn fn, void *ctx)
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
