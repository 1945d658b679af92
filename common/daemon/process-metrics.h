/* The process metrics of Prometheus' own clients, under the same names. */
#pragma once

#include "common/base/strbuf.h"

void process_metrics(struct strbuf *out);
