/* Conditions as Contour's kinds have them: one of type "Valid", with the errors and warnings of the
 * object below it. */
#pragma once

#include "k8s/projectcontour.pb-c.h"
#include "watcher/status-render.h"

/* The conditions that an object is to have: those it has, with ours for "Valid" among them. It keeps
 * the time of its last transition if that was none. kind: as in "Valid HTTPProxy". All in in->arena.
 * False: there is a newer opinion than ours. */
bool status_conditions_make(const struct status_input *in, const char *kind,
			    K8s__DetailedCondition *const *is, size_t n_is,
			    K8s__DetailedCondition ***ret, size_t *ret_n);
/* Ours among them. */
const K8s__DetailedCondition *status_conditions_valid(K8s__DetailedCondition *const *list, size_t n);
/* A JSON array of them. */
void status_conditions_json(K8s__DetailedCondition *const *list, size_t n, struct strbuf *json);
