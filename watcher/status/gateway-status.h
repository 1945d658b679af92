/* The statuses of Gateway API's kinds: the translator's verdict is merged into the status at the
 * API. Conditions and entries of other controllers keep all members and their places (S-RT-2,
 * S-W-7). A pure function except for the time of a transition. */
#pragma once

#include "common/base/strbuf.h"
#include "watcher/status/status-render.h"

/* For a row of status-render.h. in->object->status is JSON. */
bool gateway_status_render(const struct status_input *in, struct strbuf *json);

/* Whether the status of the kind is kept as JSON, because others write into it, too. */
bool gateway_status_is_json(unsigned kind);
