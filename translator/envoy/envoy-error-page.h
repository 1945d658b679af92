/* Answers that are replaced, and answers that are slowed down. */
#pragma once

#include "translator/envoy/envoy.h"

#define ENVOY_ERROR_PAGES "envoy.filters.http.custom_response"
#define ENVOY_BANDWIDTH   "envoy.filters.http.bandwidth_limit"

/* For typed_per_filter_config, under the filter's name. */
GoogleAny *envoy_error_pages(struct arena *a, const struct error_pages *pages);
GoogleAny *envoy_bandwidth(struct arena *a, uint32_t kib);
