/* portolan dump: the objects of a cluster that Portolan reads, in files. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/options.h"
#include "common/decode/object-kind.h"
#include "portolan/commands.h"
#include "portolan/output-file.h"
#include "portolan/world.h"

/* A file of a directory; the next one begins after it. */
#define FILE_BYTES (8u * 1024 * 1024)

static struct world_options world = { .log_level = "warning" };
static const char *arg_output, *arg_redact_key;
static bool arg_redact;

static const struct option_row options[] = {
	{ "output", 'o', OPTION_STRING, &arg_output, "FILE|DIR",
	  "one file; or a new or empty directory, for a file a kind; - is standard output" },
	{ "redact", 0, OPTION_FLAG, &arg_redact, NULL,
	  "take out what is secret in Secrets; translation says the same" },
	{ "redact-key", 0, OPTION_STRING, &arg_redact_key, "FILE",
	  "with --redact: makes fingerprints that are the same each time (16 bytes at least)" },
	WORLD_LIVE_OPTIONS(world),
	{ "log-level", 0, OPTION_STRING, &world.log_level, "LEVEL",
	  "debug, info, warning or error (default: warning)" },
	{ 0 },
};

struct counted {
	size_t kinds[OBJECT_KIND_MAX_];
	size_t all;
};

/* ---- the stream, document by document ---- */

/* Documents begin with a line "---", which no value has in its first column. */
static size_t document_end(const char *text, size_t from, size_t len)
{
	const char *next = len - from > 4 ? strstr(text + from + 4, "\n---\n") : NULL;

	return next ? (size_t)(next - text) + 1 : len;
}

static unsigned document_kind(const char *text, size_t from)
{
	const char *line = strstr(text + from, "\nkind: ");
	_cleanup_free_ char *word = NULL;

	if (!line)
		return 0;
	line += strlen("\nkind: ");
	word = xstrndup(line, strcspn(line, "\n"));
	return object_kind_named(word);
}

static void count(const struct strbuf *text, struct counted *ret)
{
	*ret = (struct counted){ 0 };
	for (size_t at = 0; at < text->len; at = document_end(text->s, at, text->len)) {
		ret->kinds[document_kind(text->s, at)]++;
		ret->all++;
	}
}

static int fail(const char *path, int r)
{
	(void)fprintf(stderr, "portolan dump: cannot write %s: %s\n", path, strerror(-r));
	return r;
}

/* ---- a directory ---- */

static bool is_empty(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *e;
	bool empty = d != NULL;

	while (d && (e = readdir(d)))
		empty &= *e->d_name == '.';
	if (d)
		(void)closedir(d);
	return empty;
}

static int write_piece(const char *dir, unsigned kind, unsigned number, const struct strbuf *text)
{
	const struct object_kind_row *row = object_kind(kind);
	_cleanup_free_ char *path =
		number > 1 ? xasprintf("%s/%02u-%s-%u.yaml", dir, kind, row ? row->plural : "other",
				       number)
			   : xasprintf("%s/%02u-%s.yaml", dir, kind, row ? row->plural : "other");
	int r = output_file_write(path, text, 0);

	return r < 0 ? fail(path, r) : 0;
}

static int write_directory(const char *dir, const struct strbuf *text)
{
	_cleanup_strbuf_ struct strbuf piece = STRBUF_INIT;
	unsigned kind = 0, number = 0;
	int r = 0;

	for (size_t at = 0, end; at < text->len && r == 0; at = end) {
		unsigned next = document_kind(text->s, at);

		end = document_end(text->s, at, text->len);
		if (piece.len && (next != kind || piece.len + (end - at) > FILE_BYTES)) {
			r = write_piece(dir, kind, ++number, &piece);
			strbuf_clear(&piece);
		}
		number = next == kind ? number : 0;
		kind = next;
		strbuf_add(&piece, text->s + at, end - at);
	}
	return r == 0 && piece.len ? write_piece(dir, kind, ++number, &piece) : r;
}

/* Whether the output is a directory; -errno if a requested directory is impossible. */
static int prepare_directory(const char *path)
{
	size_t n = strlen(path);
	struct stat st;

	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
		if (is_empty(path))
			return 1;
		(void)fprintf(stderr,
			      "portolan dump: %s is not empty: what is in it would mix with the "
			      "dump; name a new directory\n",
			      path);
		return -ENOTEMPTY;
	}
	if (n < 2 || path[n - 1] != '/')
		return 0;
	return mkdir(path, 0700) < 0 ? fail(path, -errno) : 1;
}

/* ---- the whole dump ---- */

static void summarize(const struct counted *c)
{
	(void)fprintf(stderr, "portolan dump: %zu objects", c->all);
	for (unsigned k = 1; k < OBJECT_KIND_MAX_; k++)
		if (c->kinds[k])
			(void)fprintf(stderr, ", %zu %s", c->kinds[k], object_kind(k)->plural);
	(void)fprintf(stderr, "%s\n",
		      arg_redact || !c->kinds[OBJECT_SECRET]
			      ? ""
			      : "; the Secrets are IN CLEAR (--redact takes their values out)");
}

static int write_output(const struct strbuf *text, bool directory)
{
	int r;

	if (strcmp(arg_output, "-") == 0)
		return fwrite(strbuf_str(text), 1, text->len, stdout) == text->len &&
				       fflush(stdout) == 0
			       ? 0
			       : fail("standard output", -EIO);
	if (directory)
		return write_directory(arg_output, text);
	r = output_file_write(arg_output, text, 0);
	return r < 0 ? fail(arg_output, r) : 0;
}

static int dump(void)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	_cleanup_close_ int fd = memfd_create("dump", MFD_CLOEXEC);
	int directory = prepare_directory(arg_output), r;
	struct counted counted;
	ssize_t n;

	if (directory < 0)
		return EXIT_FAILURE;
	if (fd < 0)
		return fail(arg_output, -errno) ? EXIT_FAILURE : EXIT_SUCCESS;
	r = world_dump("dump", &world, arg_redact, arg_redact_key, fd);
	if (lseek(fd, 0, SEEK_SET) < 0)
		return EXIT_FAILURE;
	while ((n = read(fd, strbuf_room(&text, 65536), 65536)) > 0) {
		text.len += (size_t)n;
		text.s[text.len] = '\0';
	}
	/* Everything readable is written; the watcher has logged the rest. */
	if (!text.len && r < 0)
		return EXIT_FAILURE;
	if (write_output(&text, directory > 0) < 0)
		return EXIT_FAILURE;
	count(&text, &counted);
	summarize(&counted);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int cmd_dump(const struct command *c, int argc, char **argv)
{
	int exit_code;

	if (command_parse(c, argc, argv, options,
			  "Reads all objects of a cluster that Portolan could need, of any front "
			  "end, and writes them as YAML\nby kind, namespace and name, into files "
			  "of mode 0600: for portolan translate, explain, diff and migrate.\nExits "
			  "0, or 1 if something could not be read or written, 2 on bad usage.",
			  0, &exit_code) < 0)
		return exit_code;
	if (!arg_output)
		return command_misused(c, "say where to: -o FILE or -o DIR");
	if (arg_redact_key && !arg_redact)
		return command_misused(c, "--redact-key goes with --redact");
	return dump();
}
