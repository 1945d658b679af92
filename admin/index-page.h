/* The page that lists what there is. */
#pragma once

#include "admin/gather.h"
#include "common/strbuf.h"

/* Of each stage the gather holds the answers to /readyz and to "/". */
void index_page_write(struct gather *g, struct strbuf *out);
