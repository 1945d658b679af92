/* portolan-passwords: checks passwords for Envoy. It has no network and no file, and knows only the
 * files of users that the translator sends. */
#include <string.h>

#include "common/base/alloc.h"
#include "passwords/passwords.h"

static const struct option_row options[] = {
	{ "listen", 0, OPTION_STRING, &passwords_options.listen, "PATH",
	  "the Unix socket where Envoy asks (default: check.sock in the runtime directory)" },
	{ "group", 0, OPTION_STRING, &passwords_options.group, "GROUP",
	  "let processes of this group connect there, beside those of our user and root" },
	{ "threads", 0, OPTION_UINT, &passwords_options.threads, "N",
	  "that compute hashes at a time (default: half of the processors, 4 at most)" },
	{ "waiting", 0, OPTION_UINT, &passwords_options.waiting, "N",
	  "questions that may wait, a quarter of them for one file; more are refused (default: "
	  "256)" },
	{ 0 },
};

static unsigned allow_more(const struct daemon *d _unused_, struct sandbox_paths *paths)
{
	const char *path = passwords_options.listen, *slash = path ? strrchr(path, '/') : NULL;
	_cleanup_free_ char *folder = slash ? xstrndup(path, (size_t)(slash - path) + 1) : NULL;

	(void)passwords_group();
	if (folder)
		sandbox_list_add(&paths->sockets, folder);
	return 0;
}

static const struct daemon_def def = {
	.name = "passwords",
	.description =
		"Checks passwords of HTTP basic authentication for Envoy, by the files of users "
		"that Ingresses of ingress-nginx name in auth-secret. Where it is away, nobody "
		"is let in.",
	.options = options,
	.start = passwords_start,
	.stop = passwords_stop,
	.ready = passwords_ready,
	.sandbox = { .on = true,
		     .allow = SANDBOX_THREADS,
		     .connects = "users.sock",
		     .more = allow_more },
};

int main(int argc, char **argv)
{
	return daemon_main(&def, argc, argv);
}
