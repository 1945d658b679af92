/* Pods by their labels: the Service with the same selector. */
#include "translator/resolve/pod-selector.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/strbuf.h"
#include "k8s/core.pb-c.h"
#include "translator/kinds.h"

#define TEXT_MAX 200

struct label {
	const char *key, *value;
};

struct labels {
	struct label *all; /* in order of their keys */
	size_t n;
};

static int compare(const void *a, const void *b)
{
	const struct label *x = a, *y = b;

	return strcmp(x->key, y->key);
}

static void sort(struct labels *l)
{
	if (l->n)
		qsort(l->all, l->n, sizeof(*l->all), compare);
}

static struct labels labels_of_service(struct arena *a, const K8s__ServiceSpec *s)
{
	struct labels l = { arena_new_of(a, struct label, s->n_selector + 1), s->n_selector };

	for (size_t i = 0; i < l.n; i++)
		l.all[i] = (struct label){ s->selector[i]->key, s->selector[i]->value };
	sort(&l);
	return l;
}

static struct labels labels_of_selector(struct arena *a, const K8s__XBackendEndpointSelector *s)
{
	struct labels l = { arena_new_of(a, struct label, s->n_match_labels + 1),
			    s->n_match_labels };

	for (size_t i = 0; i < l.n; i++)
		l.all[i] = (struct label){ s->match_labels[i]->key, s->match_labels[i]->value };
	sort(&l);
	return l;
}

static bool are_equal(const struct labels *x, const struct labels *y)
{
	if (x->n != y->n)
		return false;
	for (size_t i = 0; i < x->n; i++)
		if (strcmp(x->all[i].key, y->all[i].key) != 0 ||
		    strcmp(x->all[i].value, y->all[i].value) != 0)
			return false;
	return true;
}

static const char *text_of_labels(struct arena *a, const struct labels *l)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;

	for (size_t i = 0; i < l->n; i++)
		strbuf_printf(&b, "%s%s=%s", i ? "," : "", l->all[i].key, l->all[i].value);
	return arena_strdup(a, strbuf_str(&b));
}

static const char *index_key(struct arena *a, const char *namespace, const struct labels *l)
{
	return arena_printf(a, "%s/%s", namespace, text_of_labels(a, l));
}

/* The selector of a Service of type ExternalName selects nothing. */
static bool has_pods(const K8s__Service *s)
{
	return s && s->spec && s->spec->n_selector && strcmp(s->spec->type, "ExternalName") != 0;
}

static const K8s__Service *unpack(struct arena *a, const struct item *i)
{
	const K8s__Service *s = k8s__service__unpack(arena_pb(a), i->value_len, item_value(i));

	return has_pods(s) ? s : NULL;
}

int pod_selector_index(const struct item *object, struct arena *scratch, const char **ret_key)
{
	const K8s__Service *s = unpack(scratch, object);
	struct labels l;

	if (!s || !s->metadata)
		return -1;
	l = labels_of_service(scratch, s->spec);
	*ret_key = index_key(scratch, s->metadata->namespace_, &l);
	return (int)strlen(*ret_key);
}

static int64_t created(const K8s__Service *s)
{
	return s->metadata && s->metadata->creation_timestamp
		       ? s->metadata->creation_timestamp->seconds
		       : 0;
}

const char *pod_selector_service(struct reader *r, const char *namespace,
				 const K8s__XBackendEndpointSelector *selector)
{
	struct arena *a = reader_arena(r);
	const struct labels wanted = labels_of_selector(a, selector);
	const struct item *const *items;
	const K8s__Service *best = NULL;
	const char *ret = NULL;
	size_t n;

	items = read_index(r, INDEX_SERVICES_OF_PODS, index_key(a, namespace, &wanted), &n);
	for (size_t i = 0; i < n; i++) {
		const K8s__Service *s = unpack(a, items[i]);
		struct labels l;

		if (!s)
			continue;
		l = labels_of_service(a, s->spec);
		if (!are_equal(&l, &wanted) || (best && created(best) <= created(s)))
			continue;
		best = s;
		ret = item_key(items[i]);
	}
	return ret;
}

const char *pod_selector_text(struct arena *a, const K8s__XBackendEndpointSelector *selector)
{
	const struct labels l = labels_of_selector(a, selector);
	const char *text = text_of_labels(a, &l);

	return strlen(text) <= TEXT_MAX ? text : arena_printf(a, "%.*s…", TEXT_MAX, text);
}
