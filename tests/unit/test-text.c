/* common/base: text for people */
#include <stdint.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/text-stream.h"
#include "common/base/text.h"
#include "tests/lib/test.h"

TEST(what_a_terminal_could_take_for_more_than_text_is_escaped)
{
	static const struct {
		const char *what, *in, *out;
	} rows[] = {
		{ "letters of many scripts", "añ日本語🙂 שלום", "añ日本語🙂 שלום" },
		{ "backslashes and quotes stay", "\\d+\"", "\\d+\"" },
		{ "clear screen", "a\033[2Jb", "a\\u001b[2Jb" },
		{ "title of the window", "\033]0;x\007", "\\u001b]0;x\\u0007" },
		{ "line feed, return, tab", "a\nb\rc\td", "a\\u000ab\\u000dc\\u0009d" },
		{ "delete, backspace", "\x7f\b", "\\u007f\\u0008" },
		{ "C1: CSI, NEL",
		  "\xc2\x9b"
		  "2J\xc2\x85",
		  "\\u009b2J\\u0085" },
		{ "bidi overrides", "\xe2\x80\xae", "\\u202e" },
		{ "bidi isolates", "\xe2\x81\xa6\xe2\x81\xa9", "\\u2066\\u2069" },
		{ "marks of direction", "\xe2\x80\x8e\xe2\x80\x8f\xd8\x9c",
		  "\\u200e\\u200f\\u061c" },
		{ "line and paragraph separator", "\xe2\x80\xa8\xe2\x80\xa9", "\\u2028\\u2029" },
		{ "zero width, byte order mark", "\xe2\x80\x8b\xef\xbb\xbf", "\\u200b\\ufeff" },
		{ "tags", "\xf3\xa0\x81\xa1", "\\udb40\\udc61" },
		{ "noncharacters", "\xef\xbf\xbe\xef\xb7\x90\xf0\x9f\xbf\xbf",
		  "\\ufffe\\ufdd0\\ud83f\\udfff" },
		{ "C1 as bytes",
		  "\x9b"
		  "2J",
		  "\\x9b2J" },
		{ "Latin-1", "caf\xe9", "caf\\xe9" },
		{ "overlong", "\xc0\x9b", "\\xc0\\x9b" },
		{ "surrogate", "\xed\xa0\x80", "\\xed\\xa0\\x80" },
		{ "beyond Unicode", "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80" },
		{ "cut short", "\xf0\x9f", "\\xf0\\x9f" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_free_ char *text = text_of(rows[i].in);

		fprintf(stderr, "  %s\n", rows[i].what);
		CHECK_STR(text, rows[i].out);
	}
}

TEST(text_is_the_same_when_it_is_made_text_again)
{
	char all[256];
	_cleanup_free_ char *once = NULL, *twice = NULL;

	for (size_t i = 0; i < sizeof(all); i++)
		all[i] = (char)(i + 1);
	once = text_of(all);
	twice = text_of(once);
	CHECK_STR(once, twice);
}

/* The bytes that reach the descriptor when a program writes s to standard output, so many bytes
 * a time. */
static void through_stream(const char *s, size_t piece, bool colours, char *ret, size_t size)
{
	int fds[2], kept = dup(STDOUT_FILENO);
	FILE *stdio = stdout;
	ssize_t n;

	CHECK_EQ(pipe(fds), 0);
	(void)fflush(stdout);
	CHECK_EQ(dup2(fds[1], STDOUT_FILENO), STDOUT_FILENO);
	text_streams_init();
	text_streams_allow_colours(colours);
	for (size_t at = 0; s[at]; at += piece) {
		(void)printf("%.*s", (int)piece, s + at);
		(void)fflush(stdout);
	}
	(void)fclose(stdout);
	stdout = stdio;
	(void)dup2(kept, STDOUT_FILENO);
	(void)close(kept);
	(void)close(fds[1]);
	n = read(fds[0], ret, size - 1);
	ret[n > 0 ? n : 0] = '\0';
	(void)close(fds[0]);
}

TEST(standard_output_is_text)
{
	static const struct {
		const char *in;
		bool colours;
		const char *out;
	} rows[] = {
		{ "a\tb\nc\n", false, "a\tb\nc\n" },
		{ "\033[2Jx\r\n", false, "\\u001b[2Jx\\u000d\n" },
		{ "\033[1;31mred\033[0m\n", false, "\\u001b[1;31mred\\u001b[0m\n" },
		{ "\033[1;31mred\033[0m\033[2J\n", true, "\033[1;31mred\033[0m\\u001b[2J\n" },
		{ "日本\xe2\x80\xae\n", false, "日本\\u202e\n" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char got[256];

		through_stream(rows[i].in, strlen(rows[i].in), rows[i].colours, got, sizeof(got));
		CHECK_STR(got, rows[i].out);
		/* The stream's buffer may cut characters; colours it may not. */
		if (rows[i].colours)
			continue;
		through_stream(rows[i].in, 1, false, got, sizeof(got));
		CHECK_STR(got, rows[i].out);
	}
}
