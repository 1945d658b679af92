/* What Prometheus' own clients say of a process, under the same names. */
#pragma once

#include "common/strbuf.h"

void process_metrics(struct strbuf *out);
