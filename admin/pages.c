/* The pages of the admin port: health, readiness and metrics of all stages in one, and each stage's
 * own debug pages passed on. Runs in admin. */
#include <event2/buffer.h>
#include <string.h>

#include "admin/event-stream.h"
#include "admin/html.h"
#include "admin/http-server.h"
#include "admin/index-page.h"
#include "admin/job.h"
#include "admin/metrics-merge.h"
#include "admin/overview.h"
#include "admin/pages.h"
#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/metric.h"
#include "common/daemon/unsent.h"

#define TEXT         "text/plain; charset=utf-8"
#define METRICS_TEXT "text/plain; version=0.0.4; charset=utf-8"
#define SMALL_MAX    (64u * 1024)
#define METRICS_MAX  (4u * 1024 * 1024)
#define DEBUG_MAX    (64u * 1024 * 1024)
#define MERGED_USEC  (3 * USEC_PER_SEC)
#define DEBUG_USEC   (65 * USEC_PER_SEC) /* /debug/wait may take 60 s */

static void send_buf(struct evhttp_request *req, int status, const char *type,
		     const struct strbuf *b)
{
	struct evbuffer *body = evbuffer_new();

	(void)evbuffer_add(body, strbuf_str(b), b->len);
	http_send(req, status, type, body);
	evbuffer_free(body);
}

static void ask_all(struct job *j, const char *target, size_t max_body)
{
	for (size_t i = 0; i < STAGES; i++)
		gather_ask(j->gather, &stages[i], target, max_body, MERGED_USEC);
}

/* Does not report an optional stage that does not run here. */
static bool is_absent(const struct gather_answer *a)
{
	return (a->error == -ENOENT || a->error == -ECONNREFUSED) && !a->stage->required;
}

/* Each line starts with the stage's name. */
static void put_lines(struct strbuf *out, const struct gather_answer *a)
{
	size_t len = evbuffer_get_length(a->body);
	const char *text = (const char *)evbuffer_pullup(a->body, -1);

	while (len) {
		const char *end = memchr(text, '\n', len);
		size_t line = end ? (size_t)(end - text) : len;

		strbuf_printf(out, "%s: %.*s\n", a->stage->name, (int)line, text);
		text += line + (end != NULL);
		len -= line + (end != NULL);
	}
}

static void send_readyz(struct job *j, struct gather *g)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	bool ready = true;

	for (size_t i = 0; i < g->n; i++) {
		const struct gather_answer *a = &g->answers[i];

		if (is_absent(a))
			continue;
		ready &= a->error == 0 && a->status == HTTP_OK;
		if (a->error)
			strbuf_printf(&out, "%s: %s\n", a->stage->name, control_error(a->error));
		else
			put_lines(&out, a);
	}
	send_buf(j->req, ready ? HTTP_OK : HTTP_SERVUNAVAIL, TEXT, &out);
}

static void put_up(struct metrics_merge *m, const struct gather_answer *a)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;

	metric_single(&text, METRIC_STAGE_UP, a->error == 0);
	metrics_merge_add(m, a->stage->name, text.s, text.len);
}

static void send_metrics(struct job *j, struct gather *g)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	struct metrics_merge m;

	metrics_merge_init(&m);
	for (size_t i = 0; i < g->n; i++) {
		const struct gather_answer *a = &g->answers[i];

		if (is_absent(a))
			continue;
		put_up(&m, a);
		if (a->error == 0 && a->status == HTTP_OK)
			metrics_merge_add(&m, a->stage->name,
					  (const char *)evbuffer_pullup(a->body, -1),
					  evbuffer_get_length(a->body));
	}
	metrics_merge_write(&m, &out);
	metrics_merge_done(&m);
	send_buf(j->req, HTTP_OK, METRICS_TEXT, &out);
}

static void send_index(struct job *j, struct gather *g)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;

	index_page_write(g, &out);
	send_buf(j->req, HTTP_OK, "text/html; charset=utf-8", &out);
}

static void send_passed_on(struct job *j, struct gather *g)
{
	struct gather_answer *a = &g->answers[0];

	if (a->error)
		http_send_text(j->req, a->error == -ETIMEDOUT ? 504 : 502, "%s: %s\n",
			       a->stage->name, control_error(a->error));
	else
		http_send(j->req, a->status, a->type[0] ? a->type : TEXT, a->body);
}

static void page_healthz(struct admin *a _unused_, struct evhttp_request *req,
			 const char *rest _unused_)
{
	http_send_text(req, HTTP_OK, "ok\n");
}

static void page_readyz(struct admin *a, struct evhttp_request *req, const char *rest _unused_)
{
	struct job *j = job_new(a, req, send_readyz, 0);

	if (j)
		ask_all(j, "/readyz", SMALL_MAX);
}

static void page_metrics(struct admin *a, struct evhttp_request *req, const char *rest _unused_)
{
	/* Clients of the others must not keep Prometheus away. */
	struct job *j = job_new(a, req, send_metrics, 2 * UNSENT_MAX);

	if (j)
		ask_all(j, "/metrics", METRICS_MAX);
}

static void page_index(struct admin *a, struct evhttp_request *req, const char *rest _unused_)
{
	struct job *j = job_new(a, req, send_index, UNSENT_MAX);

	if (!j)
		return;
	ask_all(j, "/readyz", SMALL_MAX);
	ask_all(j, "/", SMALL_MAX);
}

static void page_overview(struct admin *a, struct evhttp_request *req, const char *rest _unused_)
{
	overview_page(a, req);
}

static void page_explain(struct admin *a, struct evhttp_request *req, const char *rest _unused_)
{
	overview_explain(a, req);
}

static void page_graph(struct admin *a, struct evhttp_request *req, const char *rest _unused_)
{
	overview_graph(a, req);
}

static void page_events(struct admin *a, struct evhttp_request *req, const char *rest _unused_)
{
	event_stream_add(a, req);
}

static void page_script(struct admin *a _unused_, struct evhttp_request *req,
			const char *rest _unused_)
{
	struct evbuffer *body = evbuffer_new();

	(void)evbuffer_add(body, html_script, strlen(html_script));
	http_send(req, HTTP_OK, "text/javascript; charset=utf-8", body);
	evbuffer_free(body);
}

/* What a page that is passed on may cost. */
struct cost {
	size_t body, unsent_max;
	int64_t timeout_usec;
};

static const struct cost small_page = { SMALL_MAX, 0, MERGED_USEC };
static const struct cost debug_page = { DEBUG_MAX, UNSENT_MAX, DEBUG_USEC };

static void pass_on(struct admin *a, struct evhttp_request *req, const char *name, size_t len,
		    const char *target, const struct cost *cost)
{
	const struct stage_row *stage = stage_find(name, len);
	struct job *j;

	if (!stage) {
		http_send_text(req, HTTP_NOTFOUND, "there is no stage \"%.*s\"\n", (int)len, name);
		return;
	}
	j = job_new(a, req, send_passed_on, cost->unsent_max);
	if (j)
		gather_ask(j->gather, stage, target, cost->body, cost->timeout_usec);
}

static void page_stage_healthz(struct admin *a, struct evhttp_request *req, const char *rest)
{
	pass_on(a, req, rest, strlen(rest), "/healthz", &small_page);
}

static void page_stage_readyz(struct admin *a, struct evhttp_request *req, const char *rest)
{
	pass_on(a, req, rest, strlen(rest), "/readyz", &small_page);
}

/* rest: STAGE/PAGE?QUERY; the stage is asked /debug/PAGE?QUERY. */
static void page_debug(struct admin *a, struct evhttp_request *req, const char *rest)
{
	size_t len = strcspn(rest, "/?");
	_cleanup_free_ char *target = xasprintf("/debug%s", rest + len);

	pass_on(a, req, rest, len, target, &debug_page);
}

static const struct page {
	const char *path;
	bool prefix; /* the handler reads the rest */
	void (*handle)(struct admin *a, struct evhttp_request *req, const char *rest);
} pages[] = {
	{ "/", false, page_overview },       { "/explain", false, page_explain },
	{ "/graph", false, page_graph },     { "/events", false, page_events },
	{ "/page.js", false, page_script },  { "/debug", false, page_index },
	{ "/healthz", false, page_healthz }, { "/healthz/", true, page_stage_healthz },
	{ "/readyz", false, page_readyz },   { "/readyz/", true, page_stage_readyz },
	{ "/metrics", false, page_metrics }, { "/debug/", true, page_debug },
};

/* The target goes into a request of our own: refuses characters that could end its line. */
static bool is_plain(const char *target)
{
	for (const char *p = target; *p; p++)
		if (*p <= ' ' || *p > '~')
			return false;
	return target[0] == '/';
}

void pages_request(struct admin *a, struct evhttp_request *req)
{
	const char *target = evhttp_request_get_uri(req);

	a->requests++;
	for (size_t i = 0; is_plain(target) && i < ARRAY_SIZE(pages); i++) {
		size_t n = strlen(pages[i].path);
		bool same = strncmp(target, pages[i].path, n) == 0;

		if (same && (pages[i].prefix ? target[n] : target[n] == '\0' || target[n] == '?')) {
			pages[i].handle(a, req, target + n);
			return;
		}
	}
	http_send_text(req, HTTP_NOTFOUND, "no such page; / lists what there is\n");
}
