/* The annotations of one Ingress. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/spelling.h"
#include "translator/nginx/nginx-config.h"
#include "translator/nginx/nginx-doubt.h"
#include "translator/nginx/nginx-global.h"
#include "translator/nginx/nginx-ingress.h"
#include "translator/nginx/nginx-inspect.h"
#include "translator/nginx/nginx-key.h"
#include "translator/nginx/nginx-needs.h"
#include "translator/nginx/nginx-snippet.h"
#include "translator/resolve/annotation.h"
#include "translator/resolve/object.h"

#define INFO    PORTOLAN__IPC__SEVERITY__SEVERITY_INFO
#define WARNING PORTOLAN__IPC__SEVERITY__SEVERITY_WARNING

#define PREFIX_SLIPS 2 /* letters that may differ */

struct reading {
	struct reader *r;
	struct arena *a;
	struct nginx_ingress *in;
	bool say;
};

static _printf_(5, 6) void say(const struct reading *g, Portolan__Ipc__Severity severity,
			       const char *reason, const char *name, const char *fmt, ...)
{
	va_list ap;
	char text[512];

	if (!g->say)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	emit_problem(g->r, OBJECT_INGRESS, g->in->key, severity, reason,
		     arena_printf(g->a, "metadata.annotations[%s]", name), "%s", text);
}

/* ---- values ---- */

/* Each line without the spaces around it, as ingress-nginx reads texts. */
static const char *trim(struct arena *a, const char *value)
{
	const char *end = value + strlen(value);

	value += strspn(value, " \t\r\n");
	while (end > value && strchr(" \t\r\n", end[-1]))
		end--;
	return arena_strndup(a, value, (size_t)(end - value));
}

/* blanks: the value is in its class but for what is around it. */
static void refuse(struct reading *g, const struct nginx_annotation *row, const char *full,
		   bool blanks)
{
	static const char *const outcomes[] = {
		[NGINX_DEFAULTED] = "the default is used",
		[NGINX_IGNORED] = "the whole Ingress is not served, as with ingress-nginx",
		[NGINX_DENIED] = "its paths answer 503",
		[NGINX_DROPPED] = "it has no effect",
	};
	const char *class = nginx_class_text(row->class);
	bool closes = row->invalid == NGINX_DENIED ||
		      (row->invalid == NGINX_DROPPED && row->protects);
	const char *outcome = closes ? outcomes[NGINX_DENIED] : outcomes[row->invalid];
	const char *why = arena_printf(g->a, "%s must be %s%s%s", full, class,
				       row->words ? ": " : "", row->words ? row->words : "");

	say(g, WARNING, "AnnotationInvalid", full, "the value must be %s%s%s%s; %s", class,
	    row->words ? ": " : "", row->words ? row->words : "",
	    blanks ? ", without a blank or a line break before or behind it" : "", outcome);
	if (closes)
		g->in->denied = why;
	else if (row->invalid == NGINX_IGNORED)
		g->in->ignored = why;
}

/* Where ingress-nginx's default would leave a path open that this value closes, it closes it. */
static bool may_have_blanks(const struct nginx_annotation *row)
{
	return !nginx_annotation_is_whole(row) ||
	       (row->protects && row->invalid == NGINX_DEFAULTED && row->fidelity == NGINX_NO);
}

/* A value that asks for what Envoy does anyway. */
static bool asks_nothing(const struct nginx_annotation *row, const char *text)
{
	static const struct {
		const char *name;
		bool value;
	} rows[] = {
		{ "enable-modsecurity", false },
		{ "enable-owasp-core-rules", false },
		{ "ssl-prefer-server-ciphers", true },
		{ "upstream-hash-by-subset", false },
	};
	bool on;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (strcmp(rows[i].name, row->name) == 0)
			return nginx_bool(text, &on) && on == rows[i].value;
	return false;
}

static void take(struct reading *g, const struct nginx_annotation *row, const char *full,
		 const char *value)
{
	const char *text = trim(g->a, value);
	bool valid = nginx_annotation_valid(row, text);

	if (!*text)
		return;
	if (!valid || !(nginx_annotation_valid(row, value) || may_have_blanks(row))) {
		refuse(g, row, full, valid);
		return;
	}
	g->in->values[g->in->n_values++] = (struct nginx_value){ row, text };
	if (asks_nothing(row, text))
		return;
	if (row->fidelity == NGINX_NO)
		say(g, WARNING, "AnnotationUnsupported", full, "it is not served: %s", row->note);
	else if (row->fidelity == NGINX_NEAR)
		say(g, INFO, "AnnotationDiffers", full, "it is served with a difference: %s",
		    row->note);
}

static void take_unknown(struct reading *g, const char *full, const char *name)
{
	const char *dead = nginx_annotation_dead(name), *near = nginx_annotation_nearest(name);

	if (dead)
		say(g, WARNING, "AnnotationUnknown", full, "it has no effect: %s", dead);
	else if (near)
		say(g, WARNING, "AnnotationUnknown", full,
		    "ingress-nginx has no such annotation; did you mean " NGINX_PREFIX "%s?", near);
	else
		say(g, WARNING, "AnnotationUnknown", full, "ingress-nginx has no such annotation");
}

/* A slip in the prefix takes all effect from an annotation. */
static bool is_near_prefix(const char *full)
{
	size_t len = strlen(NGINX_PREFIX);
	const char *slash = strchr(full, '/');

	if (strncasecmp(full, NGINX_PREFIX, len) == 0)
		return true;
	return slash && spelling_distance(full, (size_t)(slash + 1 - full), NGINX_PREFIX, len,
					  PREFIX_SLIPS) <= PREFIX_SLIPS;
}

static void read_annotation(struct reading *g, const char *full, const char *value)
{
	const struct nginx_annotation *row;
	const char *name;

	if (strncmp(full, NGINX_OLD_PREFIX, strlen(NGINX_OLD_PREFIX)) == 0) {
		say(g, WARNING, "AnnotationUnknown", full,
		    "the old prefix never had an effect; the prefix is " NGINX_PREFIX);
		return;
	}
	if (strncmp(full, NGINX_PREFIX, strlen(NGINX_PREFIX)) != 0) {
		if (is_near_prefix(full))
			say(g, WARNING, "AnnotationUnknown", full,
			    "it has no effect: the prefix is " NGINX_PREFIX);
		return;
	}
	name = full + strlen(NGINX_PREFIX);
	row = nginx_annotation_find(name);
	if (row)
		take(g, row, full, value);
	else
		take_unknown(g, full, name);
}

static void forbid(struct reading *g)
{
	const char *word = nginx_global_forbidden(g->r, g->in);

	if (!word)
		return;
	g->in->ignored = arena_printf(g->a, "a value has the word \"%s\"", word);
	say(g, WARNING, "AnnotationInvalid", "*",
	    "a value has the word \"%s\", which annotation-value-word-blocklist forbids; the whole "
	    "Ingress is not served",
	    word);
}

/* ingress-nginx's "deep inspection": names and paths that could reach into its configuration. */
static void inspect(struct reading *g)
{
	const char *field, *text = nginx_inspect(g->a, g->in->object->spec, &field);

	if (!text)
		return;
	g->in->ignored = arena_printf(g->a, "%s has \"%s\"", field, text);
	if (g->say)
		object_error(g->r, OBJECT_INGRESS, g->in->key, "InvalidPath", field,
			     "it has \"%s\", which ingress-nginx refuses; the whole Ingress is not "
			     "served",
			     text);
}

/* Each path reads all values, and each alias of a host has all paths. */
#define WEIGHT_MAX  (16u * 1024 * 1024)
#define ALIAS_BYTES 256 /* a path of an alias counts as so many bytes of values */

static size_t count_paths(const K8s__IngressSpec *s)
{
	size_t n = 1;

	for (size_t i = 0; i < s->n_rules; i++)
		n += 1 + (s->rules[i]->ingress_rule_value && s->rules[i]->ingress_rule_value->http
				  ? s->rules[i]->ingress_rule_value->http->n_paths
				  : 0);
	return n;
}

static size_t count_words(const char *list)
{
	size_t n = 0;

	for (; list && *list; list++)
		n += *list == ',' || n == 0;
	return n;
}

/* Looks at what the Ingress multiplies before it is made. */
static void weigh(struct reading *g)
{
	const K8s__IngressSpec *spec = g->in->object->spec;
	size_t bytes = 0, paths = spec ? count_paths(spec) : 0;
	const char *aliases = nginx_own_text(g->in, "server-alias");

	for (size_t i = 0; i < g->in->n_values; i++)
		if (g->in->values[i].text != aliases)
			bytes += strlen(g->in->values[i].text);
	bytes += count_words(aliases) * ALIAS_BYTES;
	if (bytes * paths <= WEIGHT_MAX)
		return;
	g->in->ignored = "its paths, aliases and annotations are too many together";
	if (g->say)
		object_error(g->r, OBJECT_INGRESS, g->in->key, "TooLarge", "metadata.annotations",
			     "%zu paths read %zu bytes of annotations each (an alias of "
			     "server-alias counts as %d); at most %u MiB in all: the whole Ingress "
			     "is not served; make several of it",
			     paths, bytes, ALIAS_BYTES, WEIGHT_MAX >> 20);
}

static bool is_canary(const struct nginx_ingress *in)
{
	bool canary;

	return nginx_bool(nginx_own_text(in, "canary") ?: "", &canary) && canary;
}

struct nginx_ingress *nginx_ingress_read(struct reader *r, const char *key, bool say)
{
	static const char *const served[] = { NGINX_PREFIX, NGINX_OLD_PREFIX, NULL };
	struct arena *a = reader_arena(r);
	const K8s__Ingress *object = read_message(r, OBJECT_INGRESS, key);
	struct nginx_ingress *in;
	struct reading g;
	const K8s__ObjectMeta *meta;
	const char *name;

	if (!object)
		return NULL;
	meta = object->metadata;
	in = arena_new_of(a, struct nginx_ingress, 1);
	in->key = arena_strdup(a, key);
	object_split_key(r, key, &in->namespace, &name);
	in->object = object;
	in->values = arena_new_of(a, struct nginx_value, meta->n_annotations + 1);
	g = (struct reading){ r, a, in, say };
	for (size_t i = 0; i < meta->n_annotations; i++)
		read_annotation(&g, meta->annotations[i]->key, meta->annotations[i]->value);
	in->canary = is_canary(in);
	weigh(&g);
	if (say) {
		annotation_check_foreign(r, OBJECT_INGRESS, key, meta, served);
		nginx_needs_check(r, in);
		nginx_doubt_check(r, in);
	}
	forbid(&g);
	inspect(&g);
	nginx_snippet_values(r, in);
	return in;
}

/* ---- questions ---- */

static const char *find(const struct nginx_ingress *in, const char *name)
{
	for (size_t i = 0; name && i < in->n_values; i++)
		if (strcmp(in->values[i].row->name, name) == 0)
			return in->values[i].text;
	return NULL;
}

const char *nginx_own_text(const struct nginx_ingress *in, const char *name)
{
	const char *text = find(in, name);

	return text ? text : find(in, nginx_annotation_alias(name));
}

const char *nginx_text(struct reader *r, const struct nginx_ingress *in, const char *name)
{
	const char *text = nginx_own_text(in, name);

	return text || !nginx_key_find(name) ? text : nginx_config_text(r, name);
}

bool nginx_flag(struct reader *r, const struct nginx_ingress *in, const char *name, bool otherwise)
{
	const char *text = nginx_text(r, in, name);
	bool flag;

	return text && nginx_bool(text, &flag) ? flag : otherwise;
}

long nginx_number(struct reader *r, const struct nginx_ingress *in, const char *name,
		  long otherwise)
{
	const char *text = nginx_text(r, in, name);
	char *end;
	long n;

	if (!text)
		return otherwise;
	n = strtol(text, &end, 10);
	return *end || n < INT32_MIN || n > INT32_MAX ? otherwise : n;
}
