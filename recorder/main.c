/* portolan-recorder: writes the watcher's objects, with times, into a file. `portolan record` runs
 * it. */
#include <string.h>

#include "common/base/alloc.h"
#include "recorder/recorder.h"

static const struct option_row options[] = {
	{ "max-mib", 0, OPTION_UINT, &recorder_options.max_mib, "MIB",
	  "begin the next file when one has this size (default: 256; 0: never)" },
	{ "max-age-seconds", 0, OPTION_UINT, &recorder_options.max_age_seconds, "SECONDS",
	  "begin the next file when one is so old (default: 86400; 0: never)" },
	{ "keep", 0, OPTION_UINT, &recorder_options.keep, "N",
	  "files to keep besides FILE: FILE.1 is the one before it (default: 7)" },
	{ "sync", 0, OPTION_STRING, &recorder_options.sync, "WHEN",
	  "force it to the disk: never, after each block, or after each change (default: block)" },
	{ "flush-msec", 0, OPTION_UINT, &recorder_options.flush_msec, "MSEC",
	  "write a block that is not full after so long (default: 1000)" },
	{ "redact", 0, OPTION_FLAG, &recorder_options.redact, NULL,
	  "replace what is in Secrets by fingerprints: equal ones stay equal, and a certificate "
	  "gets "
	  "another key" },
	{ "redact-key", 0, OPTION_STRING, &recorder_options.redact_key, "FILE",
	  "with --redact: what makes the fingerprints, 16 bytes or more, for recordings that are "
	  "to be "
	  "compared (default: random)" },
	{ 0 },
};

/* Files rotate there. */
static unsigned allow_more(const struct daemon *d, struct sandbox_paths *paths)
{
	const char *path = d->words[0] ? d->words[0] : "", *slash = strrchr(path, '/');
	_cleanup_free_ char *folder = slash ? xstrndup(path, (size_t)(slash - path) + 1)
					    : xstrdup(".");

	sandbox_list_add(&paths->own, folder);
	sandbox_list_add(&paths->read, recorder_options.redact_key);
	return 0;
}

static const struct daemon_def def = {
	.name = "recorder",
	.description =
		"Records what portolan-watcher holds, and every change of it, with the time. It "
		"runs "
		"beside the other stages and nothing waits for it. portolan replay, at and inspect "
		"read the file.",
	.options = options,
	.words = "FILE",
	.start = recorder_start,
	.stop = recorder_stop,
	.ready = recorder_ready,
	.sandbox = { .on = true, .connects = "objects.sock", .more = allow_more },
};

int main(int argc, char **argv)
{
	return daemon_main(&def, argc, argv);
}
