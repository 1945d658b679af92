/* KUBE_PROPAGATED, the annotation of an Ingress in place of the condition Propagated: the words
 * "GENERATION STATUS REASON". */
#pragma once

#include "watcher/status/status-render.h"

/* The value to write, if it differs from the present one. */
bool propagated_annotation_render(const struct status_input *in, struct strbuf *value);
