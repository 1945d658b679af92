/* Merges objects' routes of one host name of a listener. */
#include "translator/host/domain-merge.h"

#include <stdlib.h>
#include <string.h>

#include "translator/model/host-name.h"

struct merge {
	struct arena *a;
	domain_facts *facts;
	void *ctx;
	struct domain_settled *ret;
	size_t cap;
};

static void add(struct merge *m, const ModelDomainRoutes *of, bool own)
{
	struct domain_settled *s = m->ret;

	if (s->n + of->n_routes > m->cap) {
		size_t cap = 2 * (s->n + of->n_routes);
		struct domain_entry *more = arena_new_of(m->a, struct domain_entry, cap);

		if (s->n)
			memcpy(more, s->all, s->n * sizeof(*more));
		s->all = more;
		m->cap = cap;
	}
	for (size_t i = 0; i < of->n_routes; i++)
		s->all[s->n++] = (struct domain_entry){ of->routes[i], of, own, NULL };
}

static ModelDomainRoutes **collect(struct merge *m, const struct domain_key *k, bool own,
				   size_t *ret_n)
{
	const char *key = domain_key_text(m->a, k);
	const struct item *const *facts = m->facts(m->ctx, key, strlen(key), ret_n);
	ModelDomainRoutes **specs = arena_new_of(m->a, ModelDomainRoutes *, *ret_n + 1);

	for (size_t i = 0; i < *ret_n; i++) {
		specs[i] = message_unpack(m->a, ModelDomainRoutes, facts[i]);
		add(m, specs[i], own);
		if (specs[i]->has_options)
			m->ret->options = specs[i]->options;
	}
	return specs;
}

static int compare(const void *a, const void *b)
{
	const ProtobufCBinaryData *x = &((const struct domain_entry *)a)->route->order;
	const ProtobufCBinaryData *y = &((const struct domain_entry *)b)->route->order;
	int d = memcmp(x->data, y->data, MIN(x->len, y->len));

	return d ? d : (x->len > y->len) - (x->len < y->len);
}

/* Of equal matches the first gets all requests; equal ones are adjacent. */
static void find_losers(struct domain_settled *s)
{
	const struct domain_entry *before = NULL;

	for (size_t i = 0; i < s->n; i++) {
		struct domain_entry *x = &s->all[i];

		if (!x->own)
			continue;
		if (before && strcmp(before->route->match, x->route->match) == 0)
			x->winner = before->winner ? before->winner : before;
		before = x;
	}
}

void domain_settle(struct arena *a, const struct domain_key *key, domain_facts *facts, void *ctx,
		   struct domain_settled *ret)
{
	struct merge m = { a, facts, ctx, ret, 0 };
	struct domain_key above = *key;
	size_t n;

	*ret = (struct domain_settled){ 0 };
	ret->specs = collect(&m, key, true, &ret->n_specs);
	while (ret->n_specs && strcmp(above.domain, key->listener_host) != 0 &&
	       (above.domain = host_name_above(a, above.domain)))
		(void)collect(&m, &above, false, &n);
	if (ret->n)
		qsort(ret->all, ret->n, sizeof(*ret->all), compare);
	find_losers(ret);
}
