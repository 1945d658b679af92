/* One file of manifests: reads it, decodes it, and keeps its claims. Unreadable text removes
 * nothing:
 *  - a document whose object can be told keeps that object's last good version;
 *  - if it cannot be told (broken YAML), the file's former objects that no document of it defines
 *    now are kept, since they may be in there;
 *  - a file that cannot be read at all keeps everything. */
#pragma once

#include <sys/stat.h>

#include "watcher/manifests/claim.h"
#include "watcher/manifests/passed-over.h"

struct manifest_dir;

/* What is to be said of a file. */
struct manifest_remarks {
	uint32_t *bad; /* documents with a note of their own; 0: the file */
	size_t n_bad, cap_bad;
	uint64_t *said; /* hashes of the messages logged */
	size_t n_said, cap_said;
	size_t unreadable; /* documents */
	size_t ignored;    /* objects of other kinds */
	struct passed_over passed;
};

/* Keep it small: there may be a hundred thousand. */
struct manifest_file {
	struct claim **claims;            /* in the order of the documents */
	struct manifest_remarks *remarks; /* NULL: nothing */
	uint64_t stamp; /* tells whether it has changed since it was read; 0: never read */

	/* For manifest-tree.c. */
	struct manifest_dir *dir; /* NULL: not found there at present */
	struct manifest_file *next_in_dir, **prev_in_dir;
	int64_t gone_until; /* missing: its objects go then; 0: it exists */
	uint32_t root;      /* under which path of the command line */

	uint32_t n_claims;
	bool dirty;  /* must be read */
	bool failed; /* for a reason that may pass: to be tried again */
	bool met;    /* by the present scan */
	char path[];
};

struct manifest_reader {
	struct store *store;
	struct claims *claims;
	struct decoder *decoder;
	struct status_log log;
	size_t file_max;
	char *buffer;
	size_t buffer_size;
	uint64_t reads, bytes;
	bool passed_changed; /* of some file, since it was last looked at */
};

struct manifest_file *manifest_file_new(const char *path);
/* Its claims are the claims' table's, or were taken back. */
void manifest_file_free(struct manifest_file *f);
/* Takes back its claims and notes. */
void manifest_file_withdraw(struct manifest_reader *r, struct manifest_file *f);

/* Only *.yaml, *.yml and *.json, and no hidden files. */
bool manifest_file_is_name(const char *name);
const struct manifest_remarks *manifest_file_remarks(const struct manifest_file *f);
bool manifest_file_exists(const struct manifest_file *f);
/* Somebody has it open for writing, as far as can be told. */
bool manifest_file_is_being_written(const struct manifest_file *f);
/* Has it changed since it was read, or was it never? -errno of stat(2). */
int manifest_file_changed(const struct manifest_file *f);
/* Reads it and updates claims and notes. -ENOENT: the file does not exist; nothing was changed.
 * -EAGAIN: it could not be read for a reason that may pass. Other failures become notes: 0. "-" is
 * standard input. */
int manifest_file_read(struct manifest_reader *r, struct manifest_file *f);
/* A note on a path as a whole; NULL takes it back. */
void manifest_note(struct manifest_reader *r, const char *path, const char *message);
/* The file is missing, or exists again. */
void manifest_file_set_gone(struct manifest_reader *r, struct manifest_file *f, bool gone);
