/* Label selectors. */
#include "translator/resolve/label-selector.h"

#include <string.h>

#include "k8s/core.pb-c.h"

#define NAME_LABEL "kubernetes.io/metadata.name"

struct labels {
	const char *namespace;
	const K8s__ObjectMeta *meta; /* or NULL */
};

static const char *find(const struct labels *l, const char *key)
{
	if (strcmp(key, NAME_LABEL) == 0)
		return l->namespace;
	for (size_t i = 0; l->meta && i < l->meta->n_labels; i++)
		if (strcmp(l->meta->labels[i]->key, key) == 0)
			return l->meta->labels[i]->value;
	return NULL;
}

static bool is_among(char *const *values, size_t n, const char *value)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(values[i], value) == 0)
			return true;
	return false;
}

/* An unknown operator matches no object. */
static bool meets(const struct labels *l, const K8s__LabelSelectorRequirement *q)
{
	const char *value = find(l, q->key);
	bool among = value && is_among(q->values, q->n_values, value);

	if (strcmp(q->operator_, "In") == 0)
		return among;
	if (strcmp(q->operator_, "NotIn") == 0)
		return !among;
	if (strcmp(q->operator_, "Exists") == 0)
		return value != NULL;
	return strcmp(q->operator_, "DoesNotExist") == 0 && !value;
}

bool label_selector_has_namespace(struct reader *r, const K8s__LabelSelector *selector,
				  const char *namespace)
{
	const char *key = arena_printf(reader_arena(r), "/%s", namespace);
	const K8s__Namespace *n = selector ? read_message(r, OBJECT_NAMESPACE, key) : NULL;
	struct labels labels = { namespace, n ? n->metadata : NULL };

	if (!selector)
		return false;
	for (size_t i = 0; i < selector->n_match_labels; i++) {
		const char *value = find(&labels, selector->match_labels[i]->key);

		if (!value || strcmp(value, selector->match_labels[i]->value) != 0)
			return false;
	}
	for (size_t i = 0; i < selector->n_match_expressions; i++)
		if (!meets(&labels, selector->match_expressions[i]))
			return false;
	return true;
}
