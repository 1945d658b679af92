/* Objects of unknown kinds, counted for the one line that reports them for all files. */
#pragma once

#include "common/base/strbuf.h"
#include "common/decode/decode.h"

struct passed_over {
	struct decode_passed *rows;
	size_t n;
};

void passed_over_free(struct passed_over *p);
/* Replaces a file's; whether they differ. */
bool passed_over_set(struct passed_over *p, const struct decode_counts *counts);
/* Adds them to a sum of all files. */
void passed_over_add(struct passed_over *sum, const struct passed_over *p);
/* "3 Deployment (apps), 1 IngressRoute (traefik.io)"; most frequent first, then by name. */
void passed_over_print(struct passed_over *p, struct strbuf *out);
