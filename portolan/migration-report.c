/* The outcome of a migration, for managers, for people and for programs. It never contains values
 * of Secrets: messages are about objects, and objects are shown by name only. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/answer/json-print.h"
#include "common/base/alloc.h"
#include "common/base/text.h"
#include "common/configuration/configuration.h"
#include "common/decode/object-kind.h"
#include "portolan/migration.h"

static const struct {
	const char *title, *sentence;
} words[] = {
	[MIGRATION_SAME] = { "Served the same", "clients and backends see no difference" },
	[MIGRATION_DIFFERENT] = { "Served with a difference",
				  "the reasons say what is not as it was" },
	[MIGRATION_NOT_SERVED] = { "Not served, or in part not",
				   "the reasons say why, and what to do" },
	[MIGRATION_NEVER] = { "Never served there either",
			      "their controllers are others, or nothing uses them, or they are "
			      "invalid, or of kinds that neither Contour nor ingress-nginx "
			      "serves" },
};

/* A folder of manifests seldom has them, and a dump without the right to list them has none. */
#define NO_SECRETS                                                                          \
	"The source has no Secrets: hosts with TLS and paths with passwords are judged as " \
	"if there were none (portolan dump writes them)."

static size_t total(const struct migration *m)
{
	size_t n = 0;

	for (unsigned c = 0; c < MIGRATION_CLASSES_; c++)
		n += m->counts[c];
	return n;
}

static const char *plural(size_t n)
{
	return n == 1 ? "" : "s";
}

static const char *source_name(const struct migration *m)
{
	return m->from == (MIGRATION_CONTOUR | MIGRATION_NGINX) ? "Contour and ingress-nginx"
	       : m->from == MIGRATION_NGINX                     ? "ingress-nginx"
								: "Contour";
}

/* Objects with routes: the ones that people count. */
static bool routes(struct json_object *o)
{
	static const char *const kinds[] = { "Ingress",  "HTTPProxy", "HTTPRoute", "GRPCRoute",
					     "TLSRoute", "TCPRoute",  "UDPRoute",  "Gateway" };

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (strcmp(kinds[i], json_text(o, "kind")) == 0)
			return true;
	return false;
}

static bool is_class(struct json_object *o, enum migration_class c)
{
	return strcmp(json_text(o, "class"), migration_class_name(c)) == 0;
}

static size_t count_routing(const struct migration *m, enum migration_class c)
{
	size_t n = 0;

	for (size_t i = 0; i < json_length(m->objects); i++) {
		struct json_object *o = json_object_array_get_idx(m->objects, i);

		n += routes(o) && is_class(o, c);
	}
	return n;
}

/* Routes that no object asks for: ingress-nginx's answers to unknown names, and to large bodies. */
static bool is_asked_for(struct json_object *route)
{
	struct json_object *by = json_member(route, "made_by");
	bool own = strcmp(json_text(by, "namespace"), CONFIGURATION_NAMESPACE) == 0 &&
		   strcmp(json_text(by, "name"), CONFIGURATION_NAME) == 0;

	return !own && !(strcmp(json_text(route, "action"), "direct-response") == 0 &&
			 json_number(route, "status") == 413);
}

static size_t count_routes(struct json_object *host)
{
	struct json_object *routes = json_member(host, "routes");
	size_t n = 0;

	for (size_t i = 0; i < json_length(routes); i++)
		n += is_asked_for(json_object_array_get_idx(routes, i));
	return n;
}

/* Names of hosts that are served, each once. */
static size_t count_hosts(const struct migration *m, size_t *ret_routes)
{
	struct json_object *hosts = json_member(m->surface, "hosts");
	struct json_object *names = json_object_new_object();
	size_t n;

	*ret_routes = 0;
	for (size_t i = 0; i < json_length(hosts); i++) {
		struct json_object *h = json_object_array_get_idx(hosts, i);

		n = count_routes(h);
		*ret_routes += n;
		if (n)
			(void)json_object_object_add(names, json_text(h, "host"), NULL);
	}
	n = (size_t)json_object_object_length(names);
	json_object_put(names);
	return n;
}

static char *name_of(struct json_object *o)
{
	const char *ns = json_text(o, "namespace"), *origin = json_text(o, "origin");
	_cleanup_free_ char *name = xasprintf("%s %s%s%s%s%s%s", json_text(o, "kind"), ns,
					      *ns ? "/" : "", json_text(o, "name"),
					      *origin ? " (" : "", origin, *origin ? ")" : "");

	return text_of(name);
}

static char *reason_of(struct json_object *r)
{
	const char *field = json_text(r, "field");
	_cleanup_free_ char *text =
		xasprintf("%s%s%s", field, *field ? ": " : "", json_text(r, "text"));

	return text_of(text);
}

/* ---- text ---- */

static void put_objects(const struct migration *m, enum migration_class c, struct strbuf *out)
{
	for (size_t i = 0; i < json_length(m->objects); i++) {
		struct json_object *o = json_object_array_get_idx(m->objects, i);
		struct json_object *reasons = json_member(o, "reasons");
		_cleanup_free_ char *name = name_of(o);

		if (!is_class(o, c))
			continue;
		strbuf_printf(out, "  %s\n", name);
		for (size_t k = 0; k < json_length(reasons); k++) {
			_cleanup_free_ char *r = reason_of(json_object_array_get_idx(reasons, k));

			strbuf_printf(out, "    %s\n", r);
		}
	}
}

typedef void (*put_fn)(struct strbuf *out, const char *text);

static void put_passed(const struct migration *m, struct strbuf *out, const char *lead, put_fn put)
{
	for (size_t i = 0; i < json_length(m->passed); i++) {
		struct json_object *p = json_object_array_get_idx(m->passed, i);
		_cleanup_free_ char *kind = text_of(json_text(p, "kind"));

		strbuf_printf(out, "%s%lld of kind ", lead, (long long)json_number(p, "count"));
		put(out, kind);
		strbuf_puts(out, ": not read\n");
	}
}

static void put_summary(const struct migration *m, struct strbuf *out)
{
	size_t n_routes, hosts = count_hosts(m, &n_routes);

	strbuf_printf(out, "From %s: %zu objects", source_name(m), total(m));
	strbuf_printf(out, "; %zu host%s with %zu route%s would be served.\n", hosts, plural(hosts),
		      n_routes, plural(n_routes));
	for (unsigned c = 0; c < MIGRATION_CLASSES_; c++)
		strbuf_printf(out, "  %6zu  %s (%zu of them route)\n", m->counts[c], words[c].title,
			      count_routing(m, (enum migration_class)c));
	if (m->without_secrets)
		strbuf_puts(out, NO_SECRETS "\n");
}

void migration_report_text(const struct migration *m, struct strbuf *out)
{
	static const enum migration_class order[] = { MIGRATION_NOT_SERVED, MIGRATION_DIFFERENT,
						      MIGRATION_NEVER, MIGRATION_SAME };

	put_summary(m, out);
	for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
		enum migration_class c = order[i];

		if (!m->counts[c])
			continue;
		strbuf_printf(out, "\n%s: %s\n", words[c].title, words[c].sentence);
		put_objects(m, c, out);
		if (c == MIGRATION_NEVER)
			put_passed(m, out, "  ", strbuf_puts);
	}
}

/* ---- Markdown ---- */

/* The longest run of backticks. */
static size_t longest_run(const char *text, size_t n)
{
	size_t longest = 0, run = 0;

	for (size_t i = 0; i < n; i++) {
		run = text[i] == '`' ? run + 1 : 0;
		longest = MAX(longest, run);
	}
	return longest;
}

static bool needs_space(char c)
{
	return c == '`' || c == ' ';
}

/* A run of backticks that the text does not have is around it. One space at both ends is no part of
 * the text for Markdown. */
static void put_code(struct strbuf *out, const char *text, size_t n)
{
	const char *space = needs_space(text[0]) || needs_space(text[n - 1]) ? " " : "";
	size_t ticks = longest_run(text, n) + 1;

	for (size_t i = 0; i < ticks; i++)
		strbuf_putc(out, '`');
	strbuf_printf(out, "%s%.*s%s", space, (int)n, text, space);
	for (size_t i = 0; i < ticks; i++)
		strbuf_putc(out, '`');
}

/* As code: nothing in it is a tag, emphasis, a link or a picture, and for GitHub no address, no
 * mention of a person and no reference to an issue or commit. A table's cells end at each bar, so
 * bars are outside. */
static void put_literal(struct strbuf *out, const char *text)
{
	while (*text) {
		size_t n = strcspn(text, "|");

		if (n)
			put_code(out, text, n);
		text += n;
		for (; *text == '|'; text++)
			strbuf_puts(out, "&#124;");
	}
}

static void put_rows(const struct migration *m, enum migration_class c, struct strbuf *out)
{
	strbuf_puts(out, "| object | reasons |\n|---|---|\n");
	for (size_t i = 0; i < json_length(m->objects); i++) {
		struct json_object *o = json_object_array_get_idx(m->objects, i);
		struct json_object *reasons = json_member(o, "reasons");
		_cleanup_free_ char *name = name_of(o);

		if (!is_class(o, c))
			continue;
		strbuf_puts(out, "| ");
		put_literal(out, name);
		strbuf_puts(out, " | ");
		for (size_t k = 0; k < json_length(reasons); k++) {
			_cleanup_free_ char *r = reason_of(json_object_array_get_idx(reasons, k));

			strbuf_puts(out, k ? "<br>" : "");
			put_literal(out, r);
		}
		strbuf_puts(out, " |\n");
	}
}

void migration_report_markdown(const struct migration *m, struct strbuf *out)
{
	size_t n_routes, hosts = count_hosts(m, &n_routes);

	strbuf_printf(out,
		      "# From %s to Portolan\n\n%zu objects; %zu host%s with %zu route%s would "
		      "be served.\n\n",
		      source_name(m), total(m), hosts, plural(hosts), n_routes, plural(n_routes));
	strbuf_puts(out, "| | objects | of them route |\n|---|---|---|\n");
	for (unsigned c = 0; c < MIGRATION_CLASSES_; c++)
		strbuf_printf(out, "| %s | %zu | %zu |\n", words[c].title, m->counts[c],
			      count_routing(m, (enum migration_class)c));
	strbuf_printf(out, "| all | %zu | |\n", total(m));
	if (m->without_secrets)
		strbuf_puts(out, "\n" NO_SECRETS "\n");
	for (unsigned c = 0; c < MIGRATION_CLASSES_; c++) {
		if (!m->counts[c])
			continue;
		strbuf_printf(out, "\n## %s\n\nHere %s.\n\n", words[c].title, words[c].sentence);
		put_rows(m, (enum migration_class)c, out);
		if (c == MIGRATION_NEVER && m->n_passed) {
			strbuf_putc(out, '\n');
			put_passed(m, out, "- ", put_literal);
		}
	}
}

/* ---- JSON ---- */

struct json_object *migration_report_json(const struct migration *m)
{
	struct json_object *o = json_object_new_object(), *summary = json_object_new_object();
	struct json_object *routing = json_object_new_object();
	size_t n_routes, hosts = count_hosts(m, &n_routes);

	for (unsigned c = 0; c < MIGRATION_CLASSES_; c++) {
		const char *name = migration_class_name((enum migration_class)c);

		(void)json_object_object_add(summary, name, json_object_new_uint64(m->counts[c]));
		(void)json_object_object_add(
			routing, name,
			json_object_new_uint64(count_routing(m, (enum migration_class)c)));
	}
	(void)json_object_object_add(o, "from", json_object_new_string(source_name(m)));
	(void)json_object_object_add(o, "total", json_object_new_uint64(total(m)));
	(void)json_object_object_add(o, "hosts", json_object_new_uint64(hosts));
	(void)json_object_object_add(o, "routes", json_object_new_uint64(n_routes));
	(void)json_object_object_add(o, "without_secrets",
				     json_object_new_boolean(m->without_secrets));
	(void)json_object_object_add(o, "summary", summary);
	(void)json_object_object_add(o, "routing", routing);
	(void)json_object_object_add(o, "objects", json_object_get(m->objects));
	(void)json_object_object_add(o, "without_routes", json_object_get(m->passed));
	return o;
}
