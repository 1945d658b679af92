/* The headers that ingress-nginx sets on every request of plain HTTP that it forwards. */
#pragma once

#include "translator/model/header-edits.h"

void proxy_headers(struct arena *a, struct header_edits *ret);
