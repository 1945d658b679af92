/* portolan-watcher: reads Kubernetes objects where they are (manifests, an API server) and hands them to
 * the translator. */
#include "watcher/watcher.h"

static const struct option_row options[] = {
	{ "manifests", 0, OPTION_LIST, &watcher_options.manifests, "PATH",
	  "file or directory with objects in YAML or JSON, watched for changes; may be repeated" },
	{ "once", 0, OPTION_FLAG, &watcher_options.once, NULL,
	  "read everything once, write it where --write-stream says, and exit: 0, or 1 if something "
	  "could not be read" },
	{ "write-stream", 0, OPTION_STRING, &watcher_options.write_stream, "FILE",
	  "with --once: where the objects go, as frames of the link; - is standard output" },
	{ 0 },
};

static const struct daemon_def def = {
	.name = "watcher",
	.description = "Reads Kubernetes objects from manifests or an API server, keeps them, and "
		       "hands them to portolan-translator over a socket in the runtime directory.",
	.options = options,
	.once = watcher_once,
	.start = watcher_start,
	.stop = watcher_stop,
	.reload = watcher_reload,
	.ready = watcher_ready,
};

int main(int argc, char **argv)
{
	return daemon_main(&def, argc, argv);
}
