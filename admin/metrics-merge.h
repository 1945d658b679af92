/* Several pages of Prometheus' text format (version 0.0.4) made into one. */
#pragma once

#include "common/base/hashmap.h"
#include "common/base/strbuf.h"

struct metrics_merge {
	struct hashmap families;             /* by name */
	struct metrics_family *first, **end; /* in order of appearance */
};

void metrics_merge_init(struct metrics_merge *m);
void metrics_merge_done(struct metrics_merge *m);
/* Takes one stage's page. Every sample without a label stage="…" gets one, so that equal names of
 * several stages stay apart. Lines that do not follow the format are left out. */
void metrics_merge_add(struct metrics_merge *m, const char *stage, const char *page, size_t len);
/* HELP and TYPE once a family, its samples together. */
void metrics_merge_write(const struct metrics_merge *m, struct strbuf *out);
