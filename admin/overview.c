/* The page for people. It works without JavaScript: tables are in it, searching and paging are
 * links. */
#include <event2/buffer.h>
#include <event2/keyvalq_struct.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "admin/html.h"
#include "admin/http-server.h"
#include "admin/overview.h"
#include "common/answer/json-print.h"
#include "common/answer/picture.h"
#include "common/answer/refusal.h"
#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/daemon/unsent.h"

#define ANSWER_MAX   (8u * 1024 * 1024)
#define TIMEOUT_USEC (5 * USEC_PER_SEC)
#define HOSTS_A_PAGE 50
#define PROBLEMS_MAX 100
#define CHANGES_MAX  12
#define CERTS_MAX    50
#define HTML_TYPE    "text/html; charset=utf-8"

/* Pages to ask beside each stage's /debug/status, in this order. */
enum answer {
	ANSWER_PROBLEMS = STAGES,
	ANSWER_ROUTES,
	ANSWER_ENVOYS,
	ANSWER_ACKS,
	ANSWER_CHANGES,
	ANSWER_CERTIFICATES,
	ANSWERS,
};

struct view {
	struct json_object *answers[ANSWERS];
	const struct gather *gather;
	struct evkeyvalq words;
	struct strbuf out;
};

static const char *word(const struct view *v, const char *name)
{
	const char *text = evhttp_find_header(&v->words, name);

	return text ? text : "";
}

static void read_words(struct evhttp_request *req, struct evkeyvalq *words)
{
	const char *query = evhttp_uri_get_query(evhttp_request_get_evhttp_uri(req));

	if (evhttp_parse_query_str(query ? query : "", words) < 0)
		*words = (struct evkeyvalq){ 0 };
}

static struct json_object *parse(const struct gather_answer *a)
{
	struct json_tokener *t;
	struct json_object *o;

	if (a->error || !a->body)
		return NULL;
	t = json_tokener_new();
	o = json_tokener_parse_ex(t, (const char *)evbuffer_pullup(a->body, -1),
				  (int)evbuffer_get_length(a->body));
	json_tokener_free(t);
	return o;
}

static void send_all(struct evhttp_request *req, int status, const char *type,
		     const struct strbuf *b)
{
	struct evbuffer *body = evbuffer_new();

	(void)evbuffer_add(body, strbuf_str(b), b->len);
	http_send(req, status, type, body);
	evbuffer_free(body);
}

static char *escaped(const char *s)
{
	return evhttp_uriencode(s, -1, 0);
}

/* ---- words ---- */

static void put_age(struct strbuf *out, int64_t seconds)
{
	if (seconds < 0)
		strbuf_puts(out, "-");
	else if (seconds < 120)
		strbuf_printf(out, "%llds", (long long)seconds);
	else if (seconds < 7200)
		strbuf_printf(out, "%lldm", (long long)seconds / 60);
	else if (seconds < 48 * 3600)
		strbuf_printf(out, "%lldh", (long long)seconds / 3600);
	else
		strbuf_printf(out, "%lldd", (long long)seconds / 86400);
}

static void put_age_cell(struct strbuf *out, int64_t since_usec)
{
	strbuf_puts(out, "<td class=\"n\">");
	put_age(out, since_usec ? (clock_realtime() - since_usec) / USEC_PER_SEC : -1);
	strbuf_puts(out, "</td>");
}

static void put_object_link(struct strbuf *out, struct json_object *o)
{
	const char *ns = json_text(o, "namespace");
	_cleanup_free_ char *name = xasprintf("%s/%s%s%s", json_text(o, "kind"), ns, *ns ? "/" : "",
					      json_text(o, "name"));
	char *link = escaped(name);

	strbuf_printf(out, "<a href=\"/explain?object=%s\">", link);
	html_text(out, name);
	strbuf_puts(out, "</a>");
	free(link);
}

/* ---- sections ---- */

static bool is_needed(size_t stage, const struct gather_answer *a)
{
	return stages[stage].required || a->error == 0;
}

static bool is_ready(const struct view *v)
{
	bool ready = true;

	for (size_t i = 0; i < STAGES; i++)
		if (is_needed(i, &v->gather->answers[i]))
			ready &= json_object_get_boolean(json_member(v->answers[i], "ready"));
	return ready;
}

static void put_header(struct view *v)
{
	bool ready = is_ready(v);

	html_begin(&v->out, "Portolan");
	strbuf_puts(&v->out, "<header><div><h1>Portolan</h1><span id=\"state\">");
	html_badge(&v->out, ready ? "good" : "bad", ready ? "ready" : "not ready");
	strbuf_puts(&v->out,
		    "</span><a href=\"/#problems\">Problems</a><a href=\"/#hosts\">Hosts</a>"
		    "<a href=\"/#envoys\">Envoys</a><a href=\"/#changes\">Changes</a>"
		    "<a href=\"/#certificates\">Certificates</a><a href=\"/#stages\">Stages</a>"
		    "<a href=\"/#explain\">Explain</a><a href=\"/metrics\">Metrics</a>"
		    "<a href=\"/debug\">Debug</a></div></header>\n<main>\n");
}

static void put_problem(struct view *v, struct json_object *o)
{
	struct json_object *list = json_member(o, "problems");
	const char *verdict = json_text(o, "verdict");

	strbuf_puts(&v->out, "<tr><td>");
	put_object_link(&v->out, o);
	strbuf_puts(&v->out, "<br><span class=\"soft\">");
	html_text(&v->out, json_text(o, "origin"));
	strbuf_puts(&v->out, "</span></td><td>");
	html_badge(&v->out,
		   strcmp(verdict, "rejected") == 0   ? "bad"
		   : strcmp(verdict, "accepted") == 0 ? "good"
						      : "soso",
		   verdict);
	strbuf_puts(&v->out, "</td><td><ul>");
	for (size_t i = 0; i < json_length(list); i++) {
		struct json_object *p = json_object_array_get_idx(list, i);

		strbuf_puts(&v->out, "<li><b>");
		html_text(&v->out, json_text(p, "reason"));
		strbuf_puts(&v->out, "</b> ");
		html_text(&v->out, json_text(p, "message"));
		if (*json_text(p, "field")) {
			strbuf_puts(&v->out, " <code class=\"soft\">");
			html_text(&v->out, json_text(p, "field"));
			strbuf_puts(&v->out, "</code>");
		}
		strbuf_puts(&v->out, "</li>");
	}
	strbuf_puts(&v->out, "</ul></td></tr>\n");
}

static void put_problems(struct view *v)
{
	static const char *const heads[] = { "Object", "Verdict", "What is wrong, and what to do" };
	struct json_object *list = v->answers[ANSWER_PROBLEMS];
	size_t n = json_length(list);

	html_section(&v->out, "problems", "Problems");
	if (!json_object_is_type(list, json_type_array))
		strbuf_puts(&v->out, "<p class=\"soft\">The watcher does not answer.</p>");
	else if (!n)
		strbuf_puts(&v->out, "<p class=\"all\">All objects are served as they say.</p>");
	if (n) {
		html_table(&v->out, heads, ARRAY_SIZE(heads));
		for (size_t i = 0; i < n && i < PROBLEMS_MAX; i++)
			put_problem(v, json_object_array_get_idx(list, i));
		strbuf_puts(&v->out, "</tbody></table></div>");
	}
	if (n > PROBLEMS_MAX)
		strbuf_printf(&v->out,
			      "<p class=\"soft\">… and %zu more: <code>portolan status "
			      "--problems</code></p>",
			      n - PROBLEMS_MAX);
	strbuf_puts(&v->out, "</section>\n");
}

static void put_backends(struct view *v, struct json_object *host, struct json_object *route)
{
	const char *why = refusal_of_route(host, route);
	struct json_object *clusters = json_member(route, "clusters");
	int64_t ready = 0, all = 0;
	bool counted = false;

	strbuf_puts(&v->out, "<td>");
	for (size_t i = 0; i < json_length(clusters); i++) {
		struct json_object *c = json_object_array_get_idx(clusters, i);

		strbuf_puts(&v->out, i ? "<br>" : "");
		html_text(&v->out, *json_text(c, "service") ? json_text(c, "service")
							    : json_text(c, "name"));
		counted |= json_member(c, "all") != NULL;
		ready += json_number(c, "ready");
		all += json_number(c, "all");
	}
	if (!json_length(clusters)) {
		strbuf_puts(&v->out, "<span class=\"soft\">");
		html_text(&v->out, json_text(route, "action"));
		if (json_number(route, "status"))
			strbuf_printf(&v->out, " %lld", (long long)json_number(route, "status"));
		strbuf_puts(&v->out, "</span>");
	}
	if (*why) {
		strbuf_puts(&v->out, "<br><small>");
		html_text(&v->out, why);
		strbuf_puts(&v->out, "</small>");
	}
	strbuf_puts(&v->out, "</td><td class=\"n\">");
	if (*why) {
		html_badge(&v->out, "bad", "refused");
	} else if (counted) {
		_cleanup_free_ char *text =
			xasprintf("%lld/%lld", (long long)ready, (long long)all);

		html_badge(&v->out, !ready ? "bad" : ready < all ? "soso" : "good", text);
	}
	strbuf_puts(&v->out, "</td>");
}

static void put_host(struct view *v, struct json_object *h)
{
	struct json_object *routes = json_member(h, "routes");
	char *link = escaped(json_text(h, "host"));

	for (size_t i = 0; i < json_length(routes); i++) {
		struct json_object *r = json_object_array_get_idx(routes, i);

		strbuf_puts(&v->out, "<tr><td>");
		if (!i) {
			strbuf_printf(&v->out, "<a href=\"/explain?host=%s\"><b>", link);
			html_text(&v->out, json_text(h, "host"));
			strbuf_puts(&v->out, "</b></a>");
		}
		strbuf_puts(&v->out, "</td>");
		html_cell(&v->out, "%s", json_text(r, "scheme"));
		html_cell(&v->out, "%s", json_text(r, "match"));
		put_backends(v, h, r);
		strbuf_puts(&v->out, "<td>");
		put_object_link(&v->out, json_member(r, "made_by"));
		strbuf_puts(&v->out, "</td></tr>\n");
	}
	free(link);
}

static void put_page_link(struct view *v, int64_t offset, const char *text)
{
	char *search = escaped(word(v, "search"));

	strbuf_printf(&v->out, "<a href=\"/?search=%s&amp;offset=%lld#hosts\">%s</a>", search,
		      (long long)offset, text);
	free(search);
}

static void put_hosts(struct view *v)
{
	static const char *const heads[] = { "Host",    "Scheme", "Route",
					     "Goes to", "Ready",  "Made by" };
	struct json_object *answer = v->answers[ANSWER_ROUTES],
			   *hosts = json_member(answer, "hosts");
	int64_t total = json_number(answer, "hosts_total"), from = json_number(answer, "offset");

	strbuf_printf(&v->out,
		      "<section id=\"hosts\"><h2>Hosts and routes <small>%lld</small></h2>"
		      "<form action=\"/#hosts\"><input name=\"search\" type=\"search\" "
		      "aria-label=\"Search hosts\" placeholder=\"Search hosts\" value=\"",
		      (long long)total);
	html_text(&v->out, word(v, "search"));
	strbuf_puts(&v->out, "\"><button>Search</button></form>");
	if (!json_length(hosts)) {
		strbuf_puts(&v->out, "<p class=\"soft\">No host.</p></section>\n");
		return;
	}
	html_table(&v->out, heads, ARRAY_SIZE(heads));
	for (size_t i = 0; i < json_length(hosts); i++)
		put_host(v, json_object_array_get_idx(hosts, i));
	strbuf_puts(&v->out, "</tbody></table></div><div class=\"pages\">");
	if (from > 0)
		put_page_link(v, MAX(from - HOSTS_A_PAGE, (int64_t)0), "← before");
	strbuf_printf(&v->out, "<span class=\"soft\">%lld–%lld of %lld</span>", (long long)from + 1,
		      (long long)from + (long long)json_length(hosts), (long long)total);
	if (from + HOSTS_A_PAGE < total)
		put_page_link(v, from + HOSTS_A_PAGE, "next →");
	strbuf_puts(&v->out, "</div></section>\n");
}

static void put_envoys(struct view *v)
{
	static const char *const heads[] = { "Envoy",    "From",     "Connected",   "World",
					     "Accepted", "Refusals", "Last refusal" };
	struct json_object *list = v->answers[ANSWER_ENVOYS];
	int64_t newest = json_number(v->answers[2], "source");

	html_section(&v->out, "envoys", "Envoys");
	if (!json_length(list)) {
		strbuf_puts(&v->out, "<p class=\"soft\">No Envoy is connected.</p></section>\n");
		return;
	}
	html_table(&v->out, heads, ARRAY_SIZE(heads));
	for (size_t i = 0; i < json_length(list); i++) {
		struct json_object *e = json_object_array_get_idx(list, i);
		bool current = json_number(e, "acked_source") >= newest;

		strbuf_puts(&v->out, "<tr>");
		html_cell(&v->out, "%s", json_text(e, "node_id"));
		html_cell(&v->out, "%s", json_text(e, "peer"));
		put_age_cell(&v->out, json_number(e, "connected_usec"));
		strbuf_puts(&v->out, "<td>");
		html_badge(&v->out, current ? "good" : "soso", current ? "newest" : "behind");
		strbuf_puts(&v->out, "</td>");
		put_age_cell(&v->out, json_number(e, "acked_usec"));
		html_cell(&v->out, "%lld", (long long)json_number(e, "nacks"));
		html_cell(&v->out, "%s", json_text(e, "last_reject"));
		strbuf_puts(&v->out, "</tr>\n");
	}
	strbuf_puts(&v->out, "</tbody></table></div></section>\n");
}

static void put_ms_cell(struct strbuf *out, int64_t usec)
{
	if (usec < 0)
		strbuf_puts(out, "<td class=\"n soft\">-</td>");
	else
		strbuf_printf(out, "<td class=\"n\">%.1f ms</td>", (double)usec / USEC_PER_MSEC);
}

static struct json_object *change_of(const struct view *v, int64_t world)
{
	struct json_object *list = v->answers[ANSWER_CHANGES];

	for (size_t i = 0; i < json_length(list); i++)
		if (json_number(json_object_array_get_idx(list, i), "world") == world)
			return json_object_array_get_idx(list, i);
	return NULL;
}

static void put_change(struct view *v, struct json_object *a)
{
	int64_t world = json_number(a, "world"), arrived = json_number(a, "arrived_usec");
	int64_t acked = json_number(a, "last_ack_usec");
	bool live = json_object_get_boolean(json_member(a, "live"));
	struct json_object *c = change_of(v, world);

	strbuf_puts(&v->out, "<tr>");
	put_age_cell(&v->out, live ? world : arrived);
	if (c && *json_text(c, "kind"))
		html_cell(&v->out, "%s %s%s%s", json_text(c, "kind"), json_text(c, "key"),
			  json_object_get_boolean(json_member(c, "removed")) ? " removed" : "",
			  json_number(c, "objects") > 1 ? ", and more" : "");
	else
		html_cell(&v->out, "-");
	html_cell(&v->out, "%lld", c ? (long long)json_number(c, "objects") : 0);
	put_ms_cell(&v->out, live ? arrived - world : -1);
	put_ms_cell(&v->out, acked ? acked - arrived : -1);
	put_ms_cell(&v->out, live && acked ? acked - world : -1);
	html_cell(&v->out, "%lld", (long long)json_number(a, "envoys"));
	strbuf_puts(&v->out, "</tr>\n");
}

static void put_changes(struct view *v)
{
	static const char *const heads[] = { "When",           "What",
					     "Objects",        "Event → translated",
					     "→ acknowledged", "Together",
					     "Envoys" };
	struct json_object *list = v->answers[ANSWER_ACKS];

	html_section(&v->out, "changes", "The life of the last changes");
	html_table(&v->out, heads, ARRAY_SIZE(heads));
	for (size_t i = 0; i < json_length(list) && i < CHANGES_MAX; i++)
		put_change(v, json_object_array_get_idx(list, i));
	strbuf_puts(&v->out, "</tbody></table></div></section>\n");
}

static int by_expiry(const void *a, const void *b)
{
	int64_t x = json_number(*(struct json_object *const *)a, "not_after");
	int64_t y = json_number(*(struct json_object *const *)b, "not_after");

	return (x > y) - (x < y);
}

static void put_certificate(struct view *v, struct json_object *c)
{
	int64_t until = json_number(c, "not_after");
	int64_t left = until - clock_realtime() / USEC_PER_SEC;
	struct json_object *names = json_member(c, "names");
	time_t seconds = (time_t)until;
	char date[32] = "";
	struct tm tm;

	if (gmtime_r(&seconds, &tm))
		(void)strftime(date, sizeof(date), "%Y-%m-%d %H:%M", &tm);
	strbuf_puts(&v->out, "<tr>");
	html_cell(&v->out, "%s/%s", json_text(c, "namespace"), json_text(c, "name"));
	strbuf_puts(&v->out, "<td>");
	for (size_t i = 0; i < json_length(names) && i < 4; i++) {
		strbuf_puts(&v->out, i ? ", " : "");
		html_text(&v->out, json_object_get_string(json_object_array_get_idx(names, i)));
	}
	strbuf_puts(&v->out, json_length(names) > 4 ? " …</td><td>" : "</td><td>");
	html_badge(&v->out, left < 0 ? "bad" : left < 14 * 86400 ? "soso" : "good", date);
	strbuf_puts(&v->out, "</td><td class=\"n\">");
	if (left < 0)
		strbuf_puts(&v->out, "expired");
	else
		put_age(&v->out, left);
	strbuf_puts(&v->out, "</td></tr>\n");
}

static void put_certificates(struct view *v)
{
	static const char *const heads[] = { "Secret", "Names", "Ends (UTC)", "Left" };
	struct json_object *list = v->answers[ANSWER_CERTIFICATES];

	html_section(&v->out, "certificates", "Certificates");
	if (!json_length(list)) {
		strbuf_puts(&v->out, "<p class=\"soft\">No certificate is served.</p></section>\n");
		return;
	}
	json_object_array_sort(list, by_expiry);
	html_table(&v->out, heads, ARRAY_SIZE(heads));
	for (size_t i = 0; i < json_length(list) && i < CERTS_MAX; i++)
		put_certificate(v, json_object_array_get_idx(list, i));
	strbuf_puts(&v->out, "</tbody></table></div></section>\n");
}

static int64_t restarts_of(const struct view *v, const char *name)
{
	struct json_object *children = json_member(v->answers[5], "children");

	for (size_t i = 0; i < json_length(children); i++)
		if (strcmp(json_text(json_object_array_get_idx(children, i), "name"), name) == 0)
			return json_number(json_object_array_get_idx(children, i), "restarts");
	return -1;
}

static void put_stage(struct view *v, size_t i)
{
	struct json_object *o = v->answers[i], *reasons = json_member(o, "reasons");
	bool ready = json_object_get_boolean(json_member(o, "ready"));
	int64_t restarts = restarts_of(v, stages[i].name);

	strbuf_printf(&v->out, "<tr><td><b>%s</b><br><span class=\"soft\">%s</span></td><td>",
		      stages[i].name, stages[i].what);
	if (o)
		html_badge(&v->out,
			   !ready                 ? "bad"
			   : json_length(reasons) ? "soso"
						  : "good",
			   json_text(o, "state"));
	else
		html_badge(&v->out, "bad", control_error(v->gather->answers[i].error));
	for (size_t k = 0; k < json_length(reasons); k++) {
		strbuf_puts(&v->out, "<br>");
		html_text(&v->out, json_object_get_string(json_object_array_get_idx(reasons, k)));
	}
	strbuf_puts(&v->out, "</td><td class=\"n\">");
	put_age(&v->out, o ? json_number(o, "uptime_seconds") : -1);
	strbuf_puts(&v->out, "</td>");
	html_cell(&v->out, "%lld", (long long)json_number(o, "generation"));
	html_cell(&v->out, restarts < 0 ? "-" : "%lld", (long long)restarts);
	strbuf_puts(&v->out, "</tr>\n");
}

/* Does not show an optional stage that does not run here. */
static void put_stages(struct view *v)
{
	static const char *const heads[] = { "Stage", "State", "Up", "Generation", "Restarts" };

	html_section(&v->out, "stages", "Stages");
	html_table(&v->out, heads, ARRAY_SIZE(heads));
	for (size_t i = 0; i < STAGES; i++)
		if (is_needed(i, &v->gather->answers[i]))
			put_stage(v, i);
	strbuf_puts(&v->out, "</tbody></table></div></section>\n");
}

static void put_explain_form(struct strbuf *out, const char *value)
{
	html_section(out, "explain", "Explain");
	strbuf_puts(
		out,
		"<form action=\"/explain\"><input name=\"q\" aria-label=\"URL, host or object\" "
		"placeholder=\"https://shop.example/cart, a host, or ingress/default/web\" "
		"value=\"");
	html_text(out, value);
	strbuf_puts(out, "\"><button>Explain</button></form></section>\n");
}

static void send_overview(struct job *j, struct gather *g)
{
	struct view v = { .gather = g };

	read_words(j->req, &v.words);
	for (size_t i = 0; i < ANSWERS; i++)
		v.answers[i] = parse(&g->answers[i]);
	put_header(&v);
	put_problems(&v);
	put_hosts(&v);
	put_envoys(&v);
	put_changes(&v);
	put_certificates(&v);
	put_stages(&v);
	put_explain_form(&v.out, "");
	html_end(&v.out);
	send_all(j->req, HTTP_OK, HTML_TYPE, &v.out);
	for (size_t i = 0; i < ANSWERS; i++)
		json_object_put(v.answers[i]);
	evhttp_clear_headers(&v.words);
	strbuf_done(&v.out);
}

static void ask(struct job *j, const char *stage, const char *target)
{
	gather_ask(j->gather, stage_find(stage, strlen(stage)), target, ANSWER_MAX, TIMEOUT_USEC);
}

void overview_page(struct admin *a, struct evhttp_request *req)
{
	struct job *j = job_new(a, req, send_overview, UNSENT_MAX);
	_cleanup_free_ char *routes = NULL;
	struct evkeyvalq words;
	const char *offset;
	char *search;

	if (!j)
		return;
	read_words(req, &words);
	offset = evhttp_find_header(&words, "offset");
	search = escaped(evhttp_find_header(&words, "search") ? evhttp_find_header(&words, "search")
							      : "");
	routes = xasprintf("/debug/explain?routes=1&search=%s&offset=%lu&limit=%d", search,
			   offset ? strtoul(offset, NULL, 10) : 0, HOSTS_A_PAGE);
	free(search);
	evhttp_clear_headers(&words);
	for (size_t i = 0; i < STAGES; i++)
		ask(j, stages[i].name, "/debug/status");
	ask(j, "watcher", "/debug/statuses?problems=1");
	ask(j, "translator", routes);
	ask(j, "xds-server", "/debug/envoys");
	ask(j, "xds-server", "/debug/changes");
	ask(j, "watcher", "/debug/changes");
	ask(j, "translator", "/debug/certificates");
}

/* ---- explain ---- */

static void put_plain_header(struct strbuf *out, const char *title)
{
	html_begin(out, title);
	strbuf_puts(out,
		    "<header><div><h1><a href=\"/\">Portolan</a></h1><span id=\"state\"></span>"
		    "</div></header>\n<main>\n");
}

/* The question in the page's own words: q is a URL, a host or an object. */
static const char *question_of(const struct evkeyvalq *words, const char **ret_kind)
{
	static const char *const kinds[] = { "url", "host", "object" };
	const char *q;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		*ret_kind = kinds[i];
		q = evhttp_find_header(words, kinds[i]);
		if (q && *q)
			return q;
	}
	q = evhttp_find_header(words, "q");
	*ret_kind = q && strstr(q, "://") ? "url" : q && strchr(q, '/') ? "object" : "host";
	return q ? q : "";
}

static void send_explained(struct job *j, struct gather *g)
{
	struct json_object *answer = parse(&g->answers[0]), *routes = parse(&g->answers[1]);
	struct json_object *hosts = json_member(routes, "hosts");
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT, text = STRBUF_INIT;
	struct evkeyvalq words;
	const char *kind, *q;

	read_words(j->req, &words);
	q = question_of(&words, &kind);
	put_plain_header(&out, q);
	put_explain_form(&out, q);
	if (json_length(hosts)) {
		html_section(&out, "picture", "What it is made of, and what it makes");
		strbuf_puts(&out, "<div class=\"scroll\">");
		picture_svg(hosts, &out);
		strbuf_puts(&out, "</div></section>\n");
	}
	html_section(&out, "answer", "In full");
	strbuf_puts(&out, "<pre>");
	if (answer) {
		json_print(answer, DOCUMENT_YAML, &text);
		html_text(&out, strbuf_str(&text));
	} else {
		html_text(&out, control_error(g->answers[0].error));
	}
	strbuf_puts(&out, "</pre></section>\n");
	html_end(&out);
	send_all(j->req, HTTP_OK, HTML_TYPE, &out);
	evhttp_clear_headers(&words);
	json_object_put(answer);
	json_object_put(routes);
}

/* The host of a URL, in a buffer that the caller frees. */
static char *host_of(const char *url)
{
	struct evhttp_uri *uri = evhttp_uri_parse(url);
	char *host = xstrdup(uri && evhttp_uri_get_host(uri) ? evhttp_uri_get_host(uri) : "");

	if (uri)
		evhttp_uri_free(uri);
	return host;
}

static void ask_both(struct job *j, struct evhttp_request *req, bool picture_only)
{
	_cleanup_free_ char *first = NULL, *second = NULL, *host = NULL;
	struct evkeyvalq words;
	const char *kind, *q;
	char *value, *name;

	read_words(req, &words);
	q = question_of(&words, &kind);
	host = strcmp(kind, "url") == 0 ? host_of(q) : xstrdup(q);
	value = escaped(q);
	name = escaped(host);
	first = strcmp(kind, "host") == 0 ? xasprintf("/debug/explain?routes=1&host=%s", value)
					  : xasprintf("/debug/explain?%s=%s", kind, value);
	second = xasprintf("/debug/explain?routes=1&%s=%s",
			   strcmp(kind, "object") == 0 ? "object" : "host", name);
	if (!picture_only)
		ask(j, "translator", first);
	ask(j, "translator", second);
	free(value);
	free(name);
	evhttp_clear_headers(&words);
}

void overview_explain(struct admin *a, struct evhttp_request *req)
{
	struct job *j = job_new(a, req, send_explained, UNSENT_MAX);

	if (j)
		ask_both(j, req, false);
}

static void send_graph(struct job *j, struct gather *g)
{
	struct json_object *routes = parse(&g->answers[0]);
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;

	picture_svg(json_member(routes, "hosts"), &out);
	send_all(j->req, HTTP_OK, "image/svg+xml", &out);
	json_object_put(routes);
}

void overview_graph(struct admin *a, struct evhttp_request *req)
{
	struct job *j = job_new(a, req, send_graph, UNSENT_MAX);

	if (j)
		ask_both(j, req, true);
}
