/* Command lines from tables. Used by every program. */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/cleanup.h"
#include "common/base/options.h"
#include "common/base/spelling.h"

#define OPTIONS_MAX 96
enum { OPTION_HELP = 1000, OPTION_VERSION, OPTION_FIRST };

static void print_help(const struct option_row *rows, const char *usage, const char *description)
{
	(void)printf("Usage: %s\n\n%s\n\nOptions:\n", usage, description);
	for (const struct option_row *r = rows; r->name; r++) {
		_cleanup_free_ char *left = NULL;

		left = xasprintf("%c%c%c --%s%s%s%s", r->letter ? '-' : ' ',
				 r->letter ? r->letter : ' ', r->letter ? ',' : ' ', r->name,
				 r->type == OPTION_MAYBE ? "[="
				 : r->arg                ? " "
							 : "",
				 r->arg ? r->arg : "", r->type == OPTION_MAYBE ? "]" : "");
		(void)printf("  %-32s %s\n", left, r->help);
	}
	(void)printf("  %-32s %s\n  %-32s %s\n", "-h, --help", "show this help", "    --version",
		     "show the version");
}

static int set_uint(const struct option_row *r, const char *value)
{
	unsigned long n;
	char *end;

	errno = 0;
	n = strtoul(value, &end, 10);
	if (errno || end == value || *end || value[0] == '-' || n > UINT_MAX) {
		(void)fprintf(stderr, "--%s: \"%s\" is not a number\n", r->name, value);
		return -EINVAL;
	}
	*(unsigned *)r->target = (unsigned)n;
	return 0;
}

static int set(const struct option_row *r, const char *value)
{
	struct option_list *list = r->target;

	switch (r->type) {
	case OPTION_FLAG:
		*(bool *)r->target = true;
		return 0;
	case OPTION_STRING:
		*(const char **)r->target = value;
		return 0;
	case OPTION_MAYBE:
		*(const char **)r->target = value ? value : "";
		return 0;
	case OPTION_UINT:
		return set_uint(r, value);
	case OPTION_LIST:
		list->words = xreallocarray(list->words, list->n + 1, sizeof(*list->words));
		list->words[list->n++] = value;
		return 0;
	}
	return -EINVAL;
}

static struct {
	void (*fn)(void *ctx, const struct option_row *rows);
	void *ctx;
} listing;

void options_list(void (*fn)(void *ctx, const struct option_row *rows), void *ctx)
{
	listing.fn = fn;
	listing.ctx = ctx;
}

bool options_are_listed(void)
{
	return listing.fn != NULL;
}

static void say_unknown(const struct option_row *rows, const char *word)
{
	const char *name = word + 2;
	size_t len = strcspn(name, "=");
	struct spelling s;

	spelling_init(&s, name, len);
	for (const struct option_row *r = rows; r->name; r++)
		spelling_try(&s, r->name);
	spelling_try(&s, "help");
	spelling_try(&s, "version");
	(void)fprintf(stderr, "there is no option --%.*s", (int)len, name);
	if (s.best)
		(void)fprintf(stderr, "; did you mean --%s?", s.best);
	(void)fputc('\n', stderr);
}

/* getopt_long(3) has refused this word. result: ':' for a missing value. */
static void say_refused(const struct option_row *rows, int result, const char *word)
{
	const struct option_row *row = NULL;

	for (const struct option_row *r = rows; r->name && !row; r++)
		if (optopt == OPTION_FIRST + (int)(r - rows) || (r->letter && optopt == r->letter))
			row = r;
	if (result == ':' && row)
		(void)fprintf(stderr, "--%s needs a value: %s\n", row->name, row->arg);
	else if (row)
		(void)fprintf(stderr, "--%s takes no value\n", row->name);
	else if (strncmp(word, "--", 2) == 0)
		say_unknown(rows, word);
	else
		(void)fprintf(stderr, "there is no option -%c\n", optopt);
}

int options_parse(int argc, char **argv, const struct option_row *rows, const char *usage,
		  const char *description, int *ret_exit)
{
	struct option longs[OPTIONS_MAX] = {
		{ "help", no_argument, NULL, OPTION_HELP },
		{ "version", no_argument, NULL, OPTION_VERSION },
	};
	char shorts[2 * OPTIONS_MAX + 4] = ":h";
	size_t n = 2, s = 2;
	int c;

	if (listing.fn) {
		listing.fn(listing.ctx, rows);
		*ret_exit = 0;
		return -1;
	}
	for (const struct option_row *r = rows; r->name && n < OPTIONS_MAX - 1; r++, n++) {
		int has_arg = r->type == OPTION_FLAG    ? no_argument
			      : r->type == OPTION_MAYBE ? optional_argument
							: required_argument;

		longs[n] =
			(struct option){ r->name, has_arg, NULL, OPTION_FIRST + (int)(r - rows) };
		if (r->letter) {
			shorts[s++] = r->letter;
			if (has_arg)
				shorts[s++] = ':';
		}
	}
	optind = 1;
	opterr = 0;
	while ((c = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		const struct option_row *r = NULL;

		if (c == OPTION_HELP || c == 'h') {
			print_help(rows, usage, description);
			*ret_exit = 0;
			return -1;
		}
		if (c == OPTION_VERSION) {
			(void)printf("portolan %s\n", PACKAGE_VERSION);
			*ret_exit = 0;
			return -1;
		}
		for (const struct option_row *row = rows; row->name && !r; row++)
			if (c == OPTION_FIRST + (int)(row - rows) ||
			    (row->letter && c == row->letter))
				r = row;
		if (!r)
			say_refused(rows, c, argv[optind - 1]);
		if (!r || set(r, optarg) < 0) {
			(void)fprintf(stderr, "Usage: %s\n(--help says more)\n", usage);
			*ret_exit = 2;
			return -1;
		}
	}
	return optind;
}
