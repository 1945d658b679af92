/* Statuses of a Gateway and its ListenerSets (reference: the API's conditions and reasons). */
#pragma once

#include "translator/gateway/gateway.h"

/* Emits facts for unit_parent_status(), which adds counts and Envoy's answers. */
void parent_states_emit(struct gateway *g);
