/* Conditions as Contour's kinds have them: one of type "Valid", with the errors and warnings of the
 * object below it. */
#pragma once

#include "k8s/projectcontour.pb-c.h"
#include "watcher/status/status-render.h"

/* The conditions for an object: its present ones, with ours for "Valid" among them. That one keeps
 * its transition time if its status did not change. kind: as in "Valid HTTPProxy". All in
 * in->arena. False: the object has a newer verdict than ours. */
bool status_conditions_make(const struct status_input *in, const char *kind,
			    K8s__DetailedCondition *const *is, size_t n_is,
			    K8s__DetailedCondition ***ret, size_t *ret_n);
/* Ours among them. */
const K8s__DetailedCondition *status_conditions_valid(K8s__DetailedCondition *const *list,
						      size_t n);
/* Returns them as a JSON array. */
void status_conditions_json(K8s__DetailedCondition *const *list, size_t n, struct strbuf *json);
