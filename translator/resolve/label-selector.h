/* Namespaces selected by their labels (meta/v1, LabelSelector). */
#pragma once

#include "k8s/meta.pb-c.h"
#include "translator/graph/graph.h"

/* Whether the namespace's labels satisfy the selector; a namespace that does not exist as an object
 * has only the label kubernetes.io/metadata.name (V-DEF-5). NULL selects nothing, an empty selector
 * everything (G-ATT-4). */
bool label_selector_has_namespace(struct reader *r, const K8s__LabelSelector *selector,
				  const char *namespace);
