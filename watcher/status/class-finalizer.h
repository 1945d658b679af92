/* The finalizer of a GatewayClass that a Gateway uses: a deleted class stays until its last Gateway
 * goes (G-CLS-3). */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>

#include "common/base/strbuf.h"
#include "ipc.pb-c.h"
#include "watcher/kube/kube-object.h"

/* Notes which finalizers the object has. json: as the API has it, or NULL. */
void class_finalizer_keep(struct kube_object *class, struct json_object *json);
/* The wanted list, if it differs from the present one. */
bool class_finalizer_render(const struct kube_object *class,
			    const Portolan__Ipc__ObjectStatus *status, struct strbuf *list);
