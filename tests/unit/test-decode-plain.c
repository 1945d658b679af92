/* Our own reading of YAML equals libyaml's: common/decode/decode-plain.c */
#include "common/base/strbuf.h"
#include "common/decode/decode-node.h"
#include "common/decode/decode-plain.h"
#include "tests/lib/test.h"

typedef void (*read_fn)(struct arena *arena, const struct decode_limits *limits, const char *text,
			size_t len, node_document_fn fn, void *ctx);

static void print(struct strbuf *out, const struct node *n)
{
	strbuf_printf(out, "(%d@%u w%u b%zu n%u", n->type, n->line, n->weight, n->bytes, n->n);
	if (n->key)
		strbuf_printf(out, " %.*s:", (int)n->key_len, n->key);
	if (n->type == NODE_BOOL || n->type == NODE_INT)
		strbuf_printf(out, " %lld", (long long)n->integer);
	else if (n->type == NODE_FLOAT)
		strbuf_printf(out, " %g", n->number);
	if (n->type != NODE_MAP && n->type != NODE_LIST)
		strbuf_printf(out, " '%.*s'", (int)n->len, n->text);
	else
		for (const struct node *c = n->first; c; c = c->next)
			print(out, c);
	strbuf_puts(out, ")");
}

static bool on_document(void *ctx, unsigned document, unsigned line, struct node *root,
			const struct decode_problem *p)
{
	struct strbuf *out = ctx;

	strbuf_printf(out, "[%u, line %u: ", document, line);
	if (root)
		print(out, root);
	if (p)
		strbuf_printf(out, "%s %s %u", p->reason, p->message, p->line);
	strbuf_puts(out, "]");
	return true;
}

static char *outcome(read_fn read, const char *text, size_t len)
{
	static const struct decode_limits limits = { .bytes = 65536,
						     .objects = 20,
						     .depth = 8,
						     .values = 200,
						     .memory = 1 << 20,
						     .problems = 5 };
	_cleanup_(arena_freep) struct arena *arena = arena_new(65536);
	struct strbuf out = STRBUF_INIT;

	read(arena, &limits, text, len, on_document, &out);
	return strbuf_take(&out);
}

static void compare(const char *text, size_t len)
{
	/* Exactly as long as the text, so that a sanitizer sees reads behind it. */
	_cleanup_free_ char *exact = len ? memcpy(malloc(len), text, len) : NULL;
	_cleanup_free_ char *ours = outcome(node_read_yaml, exact, len);
	_cleanup_free_ char *libyaml = outcome(node_read_libyaml, exact, len);

	if (strcmp(ours, libyaml) != 0)
		fprintf(stderr, "from: %.*s\n", (int)len, text);
	CHECK_STR(ours, libyaml);
}

static bool take_open(void *ctx _unused_, bool map _unused_, unsigned line _unused_)
{
	return true;
}

static bool take_close(void *ctx _unused_, unsigned line _unused_)
{
	return true;
}

static bool take_scalar(void *ctx _unused_, const char *text _unused_, size_t len _unused_,
			bool quoted _unused_, unsigned line _unused_)
{
	return true;
}

static const struct plain_ops take_all = { take_open, take_close, take_scalar };

static const char manifest[] = "# a comment\n"
			       "apiVersion: networking.k8s.io/v1\n"
			       "kind: Ingress\n"
			       "metadata:\n"
			       "  name: app-00001\n"
			       "  annotations:\n"
			       "    example.com/a: \"quoted: text # and more\"\n"
			       "    example.com/b: 'single'\n"
			       "  creationTimestamp: \"2026-01-01T00:00:00Z\"\n"
			       "  generation: 1\n"
			       "spec:\n"
			       "  empty:\n"
			       "  none: {}\n"
			       "  rules:\n"
			       "  - host: a.example.com\n"
			       "    http:\n"
			       "      paths:\n"
			       "\n"
			       "      # in between\n"
			       "      -   path: /\n"
			       "          pathType: Prefix\n"
			       "          backend: {service: {name: s, port: {number: 80}}}\n"
			       "      - path: /b c\n"
			       "        yes: no\n"
			       "    tls: []\n"
			       "  list:\n"
			       "    - 1\n"
			       "    - -1.5\n"
			       "    - a, b [c]\n"
			       "    - http://x/y?z\n"
			       "    - [a, \"b\", 'c', {d: e, f: [g]}]\n"
			       "last:\n";

static const char *const plain[] = {
	manifest,
	"---\na: b\n",
	"---   \n\n# x\na: b",
	"- a\n- b\n",
	"- a: b\n  c: d\n- e: f\n",
	"  a: b\n  c:\n  - d\n",
	"a:\n- b\nc: d\n",
	"- a:\n  - b\n  c: d\n",
	"- a:\n- b: c\n",
	"a: it's\nb: x\"y\"\n",
	"a:   b   \nc: d",
	"a:\n\n\n  b:\n    c:\n",
	"a: \"\"\nb: ''\n",
	"a: .5\nb: +1\nc: -x\n",
	"null: a\n",
	"1: a\ntrue: b\n",
};

static const char *const not_plain[] = {
	"",
	"# nothing\n",
	"---\n",
	"a\n",
	"\"a\": b\n",
	"{a: b}\n",
	"a: b # comment\n",
	"a: b\n  c\n",
	"a: b\n  c: d\n",
	"a:\n  b\n",
	"a:\n    b: c\n  d: e\n",
	"a:\n  - b\n - c\n",
	"a: |\n  b\n",
	"a: >-\n  b\n",
	"a: &x b\nc: *x\n",
	"a: !!str b\n",
	"<<: {a: b}\n",
	"a: \"b\\n\"\n",
	"a: 'it''s'\n",
	"a: \"b\n  c\"\n",
	"a: [b,\n  c]\n",
	"a: [b, ]\n",
	"a: [b c]\n",
	"a: [b: c]\n",
	"a: {b}\n",
	"a: {b: }\n",
	"a: {b: c\n",
	"a: b: c\n",
	"a: b:\n",
	"a: - b\n",
	"a: -\n",
	"- - a\n",
	"-\n  a: b\n",
	"a:\tb\n",
	"\ta: b\n",
	"a: b\r\n",
	"a: \xc3\xa4\n",
	"a: b\n...\n",
	"%YAML 1.1\n---\na: b\n",
	"? a\n: b\n",
	"a: b\na: c\n" /* plain, but an error */,
	"a: [[[[[[[[[[b]]]]]]]]]]\n" /* likewise */,
};

TEST(plain_manifests_are_read_without_libyaml_and_the_same)
{
	for (size_t i = 0; i < ARRAY_SIZE(plain); i++) {
		if (!plain_read(plain[i], strlen(plain[i]), &take_all, NULL))
			fprintf(stderr, "from: %s\n", plain[i]);
		CHECK(plain_read(plain[i], strlen(plain[i]), &take_all, NULL));
		compare(plain[i], strlen(plain[i]));
	}
}

TEST(what_is_not_plain_is_left_to_libyaml)
{
	for (size_t i = 0; i < ARRAY_SIZE(not_plain); i++) {
		bool error = i + 2 >= ARRAY_SIZE(not_plain);

		if (plain_read(not_plain[i], strlen(not_plain[i]), &take_all, NULL) != error)
			fprintf(stderr, "from: %s\n", not_plain[i]);
		CHECK_EQ(plain_read(not_plain[i], strlen(not_plain[i]), &take_all, NULL), error);
		compare(not_plain[i], strlen(not_plain[i]));
	}
}

TEST(a_file_may_be_partly_plain)
{
	static const char text[] =
		"a: b\n---\nc: [\n---\nd: \"\\x41\"\n---\ne: f\n---\ng: g\ng: g\n"
		"---\n# nothing\n---\nh: i\n";

	compare(text, strlen(text));
}

/* Characters that mean something to YAML, and lines' beginnings. */
static const char *const pieces[] = {
	" ",    "  ",    "\n",   "\n  ",   "- ",     "-",     ": ",  ":",   "#",    " #",
	", ",   ",",     "[",    "]",      "{",      "}",     "\"",  "'",   "a",    "b c",
	"1",    "~",     "null", "? ",     "&a ",    "*a",    "!t ", "|\n", ">\n",  "%",
	"@",    "`",     "\\",   "<<: ",   "...",    "---\n", "\t",  "\r",  "\xc3", "a: ",
	"a:\n", "- a: ", "\n- ", "\n  - ", "\n    ", "=",     "$",   "(",
};

TEST(whatever_is_changed_in_a_manifest_both_read_the_same)
{
	unsigned seed = 1;

	for (int i = 0; i < 60000; i++) {
		struct strbuf b = STRBUF_INIT;
		const char *from = plain[(size_t)rand_r(&seed) % ARRAY_SIZE(plain)];

		if (i % 2)
			from = manifest;
		strbuf_puts(&b, from);
		for (int n = rand_r(&seed) % 3; n >= 0; n--) {
			const char *piece = pieces[(size_t)rand_r(&seed) % ARRAY_SIZE(pieces)];
			size_t at = (size_t)rand_r(&seed) % (b.len + 1);
			size_t cut = (size_t)rand_r(&seed) % 4;
			_cleanup_free_ char *tail = NULL;

			cut = MIN(cut, b.len - at);
			tail = strndup(b.s + at + cut, b.len - at - cut);
			b.len = at;
			strbuf_puts(&b, piece);
			strbuf_puts(&b, tail);
		}
		compare(b.s, b.len);
		strbuf_done(&b);
	}
}
