/* The picture of hosts. Nodes are in columns, in order of their first appearance; an edge goes from
 * a column to the next. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/answer/json-print.h"
#include "common/answer/picture.h"
#include "common/base/alloc.h"

enum column {
	COLUMN_OBJECT,
	COLUMN_HOST,
	COLUMN_ROUTE,
	COLUMN_UPSTREAM,
	COLUMN_ENDPOINTS,
	COLUMNS,
};

#define NODES_MAX   400
#define LABEL_MAX   30 /* characters that are shown */
#define NODE_WIDTH  220
#define NODE_HEIGHT 38
#define GAP_X       60
#define GAP_Y       14
#define HEAD        34

struct node {
	enum column column;
	char *key, *label;
	const char *state; /* "good", "soso", "bad" or "" */
	size_t row;
};

struct edge {
	size_t from, to;
};

struct picture {
	struct node *nodes;
	size_t n_nodes, cap_nodes;
	struct edge *edges;
	size_t n_edges, cap_edges;
	size_t rows[COLUMNS];
	bool cut_off;
};

static size_t node(struct picture *p, enum column c, const char *key, const char *label,
		   const char *state)
{
	for (size_t i = 0; i < p->n_nodes; i++)
		if (p->nodes[i].column == c && strcmp(p->nodes[i].key, key) == 0)
			return i;
	GROW(p->nodes, p->n_nodes, p->cap_nodes);
	p->nodes[p->n_nodes] =
		(struct node){ c, xstrdup(key), xstrdup(label), state, p->rows[c]++ };
	return p->n_nodes++;
}

static void edge(struct picture *p, size_t from, size_t to)
{
	for (size_t i = 0; i < p->n_edges; i++)
		if (p->edges[i].from == from && p->edges[i].to == to)
			return;
	GROW(p->edges, p->n_edges, p->cap_edges);
	p->edges[p->n_edges++] = (struct edge){ from, to };
}

static void add_cluster(struct picture *p, size_t route, struct json_object *c)
{
	const char *service = json_text(c, "service"), *name = json_text(c, "name"), *state;
	int64_t ready = json_number(c, "ready"), all = json_number(c, "all");
	_cleanup_free_ char *count =
		xasprintf("%lld of %lld ready", (long long)ready, (long long)all);
	_cleanup_free_ char *key = xasprintf("%s endpoints", *service ? service : name);
	size_t upstream;

	state = !json_member(c, "all") ? "" : !ready ? "bad" : ready < all ? "soso" : "good";
	upstream = node(p, COLUMN_UPSTREAM, name, *service ? service : name, state);
	edge(p, route, upstream);
	if (json_member(c, "all"))
		edge(p, upstream, node(p, COLUMN_ENDPOINTS, key, count, state));
}

static void add_route(struct picture *p, size_t host, struct json_object *h, struct json_object *r)
{
	struct json_object *by = json_member(r, "made_by"), *clusters = json_member(r, "clusters");
	const char *ns = json_text(by, "namespace");
	_cleanup_free_ char *object = xasprintf("%s %s%s%s", json_text(by, "kind"), ns,
						*ns ? "/" : "", json_text(by, "name"));
	_cleanup_free_ char *key = xasprintf("%s %s %s", json_text(h, "host"),
					     json_text(r, "scheme"), json_text(r, "match"));
	_cleanup_free_ char *answer = NULL;
	size_t route = node(p, COLUMN_ROUTE, key, json_text(r, "match"), "");

	edge(p, node(p, COLUMN_OBJECT, object, object, ""), host);
	edge(p, host, route);
	for (size_t i = 0; i < json_length(clusters); i++)
		add_cluster(p, route, json_object_array_get_idx(clusters, i));
	if (json_length(clusters))
		return;
	answer = json_number(r, "status")
			 ? xasprintf("answer %lld", (long long)json_number(r, "status"))
			 : xstrdup(json_text(r, "action"));
	edge(p, route, node(p, COLUMN_UPSTREAM, answer, answer, ""));
}

static void build(struct picture *p, struct json_object *hosts)
{
	for (size_t i = 0; i < json_length(hosts); i++) {
		struct json_object *h = json_object_array_get_idx(hosts, i),
				   *routes = json_member(h, "routes");
		const char *name = json_text(h, "host");
		size_t host = node(p, COLUMN_HOST, name, name, "");

		for (size_t k = 0; k < json_length(routes); k++) {
			p->cut_off |= p->n_nodes >= NODES_MAX;
			if (!p->cut_off)
				add_route(p, host, h, json_object_array_get_idx(routes, k));
		}
	}
}

static void done(struct picture *p)
{
	for (size_t i = 0; i < p->n_nodes; i++) {
		free(p->nodes[i].key);
		free(p->nodes[i].label);
	}
	free(p->nodes);
	free(p->edges);
}

/* ---- SVG ---- */

static void xml(struct strbuf *out, const char *s, size_t most)
{
	size_t n = 0;

	for (; *s; s++) {
		n += ((unsigned char)*s & 0xc0) != 0x80;
		if (n > most) {
			strbuf_puts(out, "…");
			return;
		}
		if (*s == '<')
			strbuf_puts(out, "&lt;");
		else if (*s == '>')
			strbuf_puts(out, "&gt;");
		else if (*s == '&')
			strbuf_puts(out, "&amp;");
		else if (*s == '"')
			strbuf_puts(out, "&quot;");
		else
			strbuf_putc(out, (unsigned char)*s < ' ' ? '?' : *s);
	}
}

static const char *const heads[COLUMNS] = { "object", "host", "route", "upstream", "endpoints" };

static const char style[] =
	"<style>.pic{font:13px system-ui,sans-serif}.pic rect{fill:#fff;stroke:#8a94a6;rx:7}"
	".pic text{fill:#1b2430}.pic .head{fill:#5b6675;font-weight:600}"
	".pic path{fill:none;stroke:#8a94a6;stroke-width:1.4}"
	".pic .good rect{stroke:#1f8a4c;fill:#e9f7ef}.pic .soso rect{stroke:#b7791f;fill:#fdf6e3}"
	".pic .bad rect{stroke:#c0362c;fill:#fdecea}"
	"@media(prefers-color-scheme:dark){.pic rect{fill:#1d2430;stroke:#5c6878}"
	".pic text{fill:#e4e9f0}.pic .head{fill:#9aa7b8}.pic .good rect{fill:#12301f}"
	".pic .soso rect{fill:#33290f}.pic .bad rect{fill:#3a1714}}</style>\n";

static int left_of(enum column c)
{
	return (int)c * (NODE_WIDTH + GAP_X) + 1;
}

/* Short columns are centred beside the tallest. */
static int top_of(const struct picture *p, const struct node *n, size_t highest)
{
	int own = (int)p->rows[n->column] * (NODE_HEIGHT + GAP_Y);
	int all = (int)highest * (NODE_HEIGHT + GAP_Y);

	return HEAD + (all - own) / 2 + (int)n->row * (NODE_HEIGHT + GAP_Y);
}

static void put_edge(const struct picture *p, const struct edge *e, size_t highest,
		     struct strbuf *out)
{
	const struct node *from = &p->nodes[e->from], *to = &p->nodes[e->to];
	int x1 = left_of(from->column) + NODE_WIDTH, x2 = left_of(to->column);
	int y1 = top_of(p, from, highest) + NODE_HEIGHT / 2;
	int y2 = top_of(p, to, highest) + NODE_HEIGHT / 2;

	strbuf_printf(out, "<path d=\"M%d %dC%d %d %d %d %d %d\"/>\n", x1, y1, x1 + GAP_X / 2, y1,
		      x2 - GAP_X / 2, y2, x2, y2);
}

static void put_node(const struct picture *p, const struct node *n, size_t highest,
		     struct strbuf *out)
{
	int x = left_of(n->column), y = top_of(p, n, highest);

	strbuf_printf(out, "<g class=\"%s\"><title>", n->state);
	xml(out, n->label, SIZE_MAX);
	strbuf_printf(out,
		      "</title><rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\"/>"
		      "<text x=\"%d\" y=\"%d\">",
		      x, y, NODE_WIDTH, NODE_HEIGHT, x + 11, y + NODE_HEIGHT / 2 + 5);
	xml(out, n->label, LABEL_MAX);
	strbuf_puts(out, "</text></g>\n");
}

void picture_svg(struct json_object *hosts, struct strbuf *out)
{
	struct picture p = { 0 };
	size_t highest = 1;
	int width = COLUMNS * (NODE_WIDTH + GAP_X) - GAP_X + 2, height;

	build(&p, hosts);
	for (size_t c = 0; c < COLUMNS; c++)
		highest = MAX(highest, p.rows[c]);
	height = HEAD + (int)highest * (NODE_HEIGHT + GAP_Y) + (p.cut_off ? 20 : 0);
	strbuf_printf(
		out,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"pic\" viewBox=\"0 0 %d %d\" "
		"width=\"%d\" height=\"%d\" role=\"img\">\n%s",
		width, height, width, height, style);
	for (int c = 0; c < COLUMNS; c++)
		strbuf_printf(out, "<text class=\"head\" x=\"%d\" y=\"18\">%s</text>\n",
			      left_of((enum column)c) + 2, heads[c]);
	for (size_t i = 0; i < p.n_edges; i++)
		put_edge(&p, &p.edges[i], highest, out);
	for (size_t i = 0; i < p.n_nodes; i++)
		put_node(&p, &p.nodes[i], highest, out);
	if (p.cut_off)
		strbuf_printf(out, "<text x=\"2\" y=\"%d\">… and more</text>\n", height - 6);
	strbuf_puts(out, "</svg>\n");
	done(&p);
}

/* ---- Graphviz ---- */

static void quoted(struct strbuf *out, const char *s)
{
	strbuf_putc(out, '"');
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			strbuf_putc(out, '\\');
		strbuf_putc(out, (unsigned char)*s < ' ' ? '?' : *s);
	}
	strbuf_putc(out, '"');
}

static const char *dot_colour(const char *state)
{
	return strcmp(state, "bad") == 0    ? "red"
	       : strcmp(state, "soso") == 0 ? "orange"
	       : strcmp(state, "good") == 0 ? "darkgreen"
					    : "black";
}

void picture_dot(struct json_object *hosts, struct strbuf *out)
{
	struct picture p = { 0 };

	build(&p, hosts);
	strbuf_puts(out, "digraph portolan {\n\trankdir=LR;\n\tnode [shape=box];\n");
	for (size_t i = 0; i < p.n_nodes; i++) {
		strbuf_printf(out, "\tn%zu [label=", i);
		quoted(out, p.nodes[i].label);
		strbuf_printf(out, " color=%s];\n", dot_colour(p.nodes[i].state));
	}
	for (size_t i = 0; i < p.n_edges; i++)
		strbuf_printf(out, "\tn%zu -> n%zu;\n", p.edges[i].from, p.edges[i].to);
	strbuf_puts(out, "}\n");
	done(&p);
}
