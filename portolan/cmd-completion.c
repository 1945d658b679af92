/* portolan completion: completion for shells, made from the tables of commands and of their
 * options. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/options.h"
#include "common/base/strbuf.h"
#include "common/daemon/stage.h"
#include "portolan/commands.h"

static const struct option_row own_options[] = { { 0 } };

/* ---- the tables to complete from ---- */

struct shell {
	const char *name;
	void (*begin)(struct strbuf *out);
	void (*command)(struct strbuf *out, const struct command *c);
	void (*option)(struct strbuf *out, const struct command *c, const struct option_row *row);
	void (*command_end)(struct strbuf *out, const struct command *c);
	void (*end)(struct strbuf *out);
};

struct listing {
	const struct shell *shell;
	const struct command *command;
	struct strbuf *out;
};

static void on_options(void *ctx, const struct option_row *rows)
{
	static const struct option_row help = { "help", 'h',  OPTION_FLAG,
						NULL,   NULL, "show its options" };
	struct listing *l = ctx;

	for (const struct option_row *r = rows; r->name; r++)
		l->shell->option(l->out, l->command, r);
	l->shell->option(l->out, l->command, &help);
}

static bool takes_value(const struct option_row *r)
{
	return r->type != OPTION_FLAG && r->type != OPTION_MAYBE;
}

static bool takes_file(const struct option_row *r)
{
	return r->arg && (strcmp(r->arg, "FILE") == 0 || strcmp(r->arg, "PATH") == 0 ||
			  strcmp(r->arg, "DIR") == 0);
}

/* Words that may come first after the command; NULL: files. */
static const char *words_of(const struct command *c)
{
	static char *names;

	if (strcmp(c->name, "help") != 0 && strcmp(c->name, "health") != 0)
		return strcmp(c->name, "config") == 0       ? "check"
		       : strcmp(c->name, "completion") == 0 ? "bash zsh fish"
							    : NULL;
	free(names);
	names = xstrdup("");
	for (size_t i = 0; strcmp(c->name, "help") == 0 && i < n_commands; i++) {
		_cleanup_free_ char *before = names;

		names = xasprintf("%s%s%s", before, i ? " " : "", commands[i].name);
	}
	for (size_t i = 0; strcmp(c->name, "health") == 0 && i < STAGES; i++) {
		_cleanup_free_ char *before = names;

		names = xasprintf("%s%s%s", before, i ? " " : "", stages[i].name);
	}
	return names;
}

/* The text in single quotes, for any of the shells; also: a character that needs a backslash, or 0.
 */
static void put_quoted(struct strbuf *out, const char *text, const char *also)
{
	strbuf_putc(out, '\'');
	for (; *text; text++)
		if (*text == '\'') {
			strbuf_puts(out, "'\\''");
		} else {
			if (strchr(also, *text))
				strbuf_putc(out, '\\');
			strbuf_putc(out, *text);
		}
	strbuf_putc(out, '\'');
}

/* ---- bash ---- */

static void bash_begin(struct strbuf *out)
{
	strbuf_puts(out,
		    "# bash completion for portolan; made by `portolan completion bash`\n"
		    "_portolan() {\n"
		    "\tlocal word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}\n"
		    "\tlocal options= files= words=\n"
		    "\tif [ \"$COMP_CWORD\" = 1 ]; then\n"
		    "\t\tCOMPREPLY=($(compgen -W '");
	for (size_t i = 0; i < n_commands; i++)
		strbuf_printf(out, "%s%s", i ? " " : "", commands[i].name);
	strbuf_puts(out, "' -- \"$word\"))\n\t\treturn\n\tfi\n\tcase ${COMP_WORDS[1]} in\n");
}

static void bash_command(struct strbuf *out, const struct command *c)
{
	const char *words = words_of(c);

	strbuf_printf(out, "\t%s)\n\t\twords='%s'\n\t\toptions='", c->name, words ? words : "");
}

static void bash_option(struct strbuf *out, const struct command *c _unused_,
			const struct option_row *r)
{
	strbuf_printf(out, "--%s ", r->name);
}

static void bash_command_end(struct strbuf *out, const struct command *c _unused_)
{
	strbuf_puts(out, "'\n\t\t;;\n");
}

static void bash_end(struct strbuf *out)
{
	strbuf_puts(out, "\tesac\n"
			 "\tcase $word in\n"
			 "\t-*) COMPREPLY=($(compgen -W \"$options\" -- \"$word\")) ;;\n"
			 "\t*)\n"
			 "\t\tif [ -n \"$words\" ] && [ \"$COMP_CWORD\" = 2 ]; then\n"
			 "\t\t\tCOMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
			 "\t\telse\n"
			 "\t\t\tCOMPREPLY=($(compgen -f -- \"$word\"))\n"
			 "\t\tfi\n"
			 "\t\t;;\n"
			 "\tesac\n"
			 "}\n"
			 "complete -o filenames -F _portolan portolan\n");
}

/* ---- zsh ---- */

static void zsh_begin(struct strbuf *out)
{
	strbuf_puts(out, "#compdef portolan\n# made by `portolan completion zsh`\n"
			 "_portolan() {\n\tlocal -a commands=(\n");
	for (size_t i = 0; i < n_commands; i++) {
		_cleanup_free_ char *text =
			xasprintf("%s:%s", commands[i].name, commands[i].summary);

		strbuf_puts(out, "\t\t");
		put_quoted(out, text, "");
		strbuf_putc(out, '\n');
	}
	strbuf_puts(out, "\t)\n"
			 "\tif (( CURRENT == 2 )); then\n"
			 "\t\t_describe command commands\n"
			 "\t\treturn\n"
			 "\tfi\n"
			 "\tlocal name=$words[2]\n"
			 "\tshift words\n"
			 "\t(( CURRENT-- ))\n"
			 "\tcase $name in\n");
}

static void zsh_command(struct strbuf *out, const struct command *c)
{
	const char *words = words_of(c);

	strbuf_printf(out, "\t%s)\n\t\t_arguments -s", c->name);
	if (words)
		strbuf_printf(out, " '1:word:(%s)'", words);
	else
		strbuf_puts(out, " '*:file:_files'");
}

static void zsh_option(struct strbuf *out, const struct command *c _unused_,
		       const struct option_row *r)
{
	_cleanup_free_ char *text = xasprintf("--%s%s[%s]%s", r->name, takes_value(r) ? "=" : "",
					      r->help,
					      !takes_value(r) ? ""
					      : takes_file(r) ? ":file:_files"
							      : ":value:");
	_cleanup_strbuf_ struct strbuf plain = STRBUF_INIT;

	/* Brackets and colons of the help would end it. */
	for (const char *p = text; *p; p++) {
		bool inside = p > strchr(text, '[') && p < strrchr(text, ']');

		if (inside && strchr("[]:", *p))
			strbuf_putc(&plain, '\\');
		strbuf_putc(&plain, *p);
	}
	strbuf_puts(out, " \\\n\t\t\t");
	put_quoted(out, plain.s, "");
}

static void zsh_command_end(struct strbuf *out, const struct command *c _unused_)
{
	strbuf_puts(out, "\n\t\t;;\n");
}

static void zsh_end(struct strbuf *out)
{
	strbuf_puts(out, "\tesac\n}\ncompdef _portolan portolan 2>/dev/null || _portolan \"$@\"\n");
}

/* ---- fish ---- */

static void fish_begin(struct strbuf *out)
{
	strbuf_puts(out, "# fish completion for portolan; made by `portolan completion fish`\n");
	for (size_t i = 0; i < n_commands; i++) {
		strbuf_printf(out, "complete -c portolan -f -n __fish_use_subcommand -a %s -d ",
			      commands[i].name);
		put_quoted(out, commands[i].summary, "");
		strbuf_putc(out, '\n');
	}
}

static void fish_command(struct strbuf *out, const struct command *c)
{
	const char *words = words_of(c);

	if (words)
		strbuf_printf(
			out,
			"complete -c portolan -f -n '__fish_seen_subcommand_from %s' -a '%s'\n",
			c->name, words);
}

static void fish_option(struct strbuf *out, const struct command *c, const struct option_row *r)
{
	strbuf_printf(out, "complete -c portolan -n '__fish_seen_subcommand_from %s' -l %s",
		      c->name, r->name);
	if (r->letter)
		strbuf_printf(out, " -s %c", r->letter);
	if (takes_value(r))
		strbuf_puts(out, takes_file(r) ? " -r -F" : " -x");
	strbuf_puts(out, " -d ");
	put_quoted(out, r->help, "\\");
	strbuf_putc(out, '\n');
}

static void fish_command_end(struct strbuf *out _unused_, const struct command *c _unused_)
{
}

static void fish_end(struct strbuf *out _unused_)
{
}

static const struct shell shells[] = {
	{ "bash", bash_begin, bash_command, bash_option, bash_command_end, bash_end },
	{ "zsh", zsh_begin, zsh_command, zsh_option, zsh_command_end, zsh_end },
	{ "fish", fish_begin, fish_command, fish_option, fish_command_end, fish_end },
};

/* Each command reads its options first: it is run, and stops there. */
static void write_script(const struct shell *s, struct strbuf *out)
{
	struct listing l = { .shell = s, .out = out };

	s->begin(out);
	options_list(on_options, &l);
	for (size_t i = 0; i < n_commands; i++) {
		char *words[] = { (char *)(uintptr_t)commands[i].name, NULL };

		l.command = &commands[i];
		s->command(out, l.command);
		/* help reads no options. */
		if (strcmp(l.command->name, "help") != 0)
			(void)l.command->run(l.command, 1, words);
		s->command_end(out, l.command);
	}
	options_list(NULL, NULL);
	s->end(out);
}

int cmd_completion(const struct command *c, int argc, char **argv)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	const struct shell *found = NULL;
	int at, exit_code;

	at = command_parse(c, argc, argv, own_options,
			   "Writes a script that completes commands and options: for bash, zsh or "
			   "fish. Once:\n  source <(portolan completion bash)",
			   1, &exit_code);
	if (at < 0)
		return exit_code;
	for (size_t i = 0; at < argc && i < ARRAY_SIZE(shells); i++)
		if (strcmp(shells[i].name, argv[at]) == 0)
			found = &shells[i];
	if (!found)
		return command_misused(c, "say for which shell: bash, zsh or fish");
	write_script(found, &out);
	(void)fwrite(strbuf_str(&out), 1, out.len, stdout);
	return EXIT_SUCCESS;
}
