/* The page that lists all pages. */
#pragma once

#include "admin/gather.h"
#include "common/base/strbuf.h"

/* The gather holds each stage's answers to /readyz and to "/". */
void index_page_write(struct gather *g, struct strbuf *out);
