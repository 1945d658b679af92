/* Source: files of manifests, watched. */
#pragma once

#include "common/base/event-loop.h"
#include "common/base/options.h"
#include "watcher/manifests/passed-over.h"
#include "watcher/source.h"
#include "watcher/store.h"

struct manifests_config {
	const char *const
		*paths; /* files and directories; "-" is standard input, without a loop only */
	size_t n_paths;
	bool silent;       /* problems are noted in the store, and not logged */
	size_t file_max;   /* bytes; 0: MANIFESTS_FILE_MAX */
	int64_t poll_usec; /* interval of reading again what cannot be watched or read; 0:
			      MANIFESTS_POLL_USEC */
};

#define MANIFESTS_FILE_MAX  (16u * 1024 * 1024)
#define MANIFESTS_POLL_USEC (2 * 1000 * 1000)

/* Reads all files and commits their objects; goes on watching if there is a loop (it may be NULL).
 * Strings are borrowed. -ENOENT: a path does not exist and there is no loop to wait for it. */
int manifests_new(struct event_loop *loop, struct store *store,
		  const struct manifests_config *config, struct source **ret);
/* Adds the objects skipped in all files. */
void manifests_passed_over(const struct source *source, struct passed_over *ret);
