/* One host name of a listener: all that routes want of it, in order. */
#include <string.h>

#include "translator/envoy/envoy.h"
#include "translator/host/domain-merge.h"
#include "translator/kinds.h"
#include "translator/model/front-end.h"
#include "translator/resolve/object.h"
#include "translator/units.h"

static const struct item *const *read_domain(void *ctx, const char *key, size_t len, size_t *ret_n)
{
	return read_facts(ctx, FACT_DOMAIN, key, len, ret_n);
}

/* A later route of another object with the same match is never reached. */
static void report_losers(struct reader *r, const char *domain, const struct domain_settled *s)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct domain_entry *x = &s->all[i];
		const ModelDomainRoutes *winner = x->winner ? x->winner->of : NULL;

		if (winner && strcmp(winner->object_key, x->of->object_key) != 0)
			object_warning(r, (enum object_kind)x->of->object_kind, x->of->object_key,
				       "PathConflict", x->route->field,
				       "host %s: requests of this match go to %s%s instead", domain,
				       front_end((enum object_kind)winner->object_kind)->winner,
				       winner->object_key);
	}
}

static void blame(struct reader *r, const struct domain_settled *s)
{
	const ModelDomainRoutes *last = NULL;

	for (size_t i = 0; i < s->n; i++) {
		const ModelDomainRoutes *of = s->all[i].of;

		if (of != last)
			reader_blame(r, (enum object_kind)of->object_kind, of->object_key);
		last = of;
	}
}

static const uint8_t *join(struct arena *a, const struct domain_settled *s, size_t *ret_len)
{
	size_t len = s->options.len, at = 0;
	uint8_t *out;

	for (size_t i = 0; i < s->n; i++)
		len += s->all[i].route->route.len;
	out = arena_alloc(a, len + 1);
	for (size_t i = 0; i < s->n; i++) {
		const ProtobufCBinaryData *d = &s->all[i].route->route;

		memcpy(out + at, d->data, d->len);
		at += d->len;
	}
	if (s->options.len)
		memcpy(out + at, s->options.data, s->options.len);
	*ret_len = len;
	return out;
}

void unit_domain(struct reader *r, const char *key, size_t key_len)
{
	struct arena *a = reader_arena(r);
	struct domain_key own = domain_key_parse(a, key, key_len);
	struct domain_settled s;
	const uint8_t *routes;
	size_t len;

	domain_settle(a, &own, read_domain, r, &s);
	if (!s.n_specs)
		return;
	blame(r, &s);
	report_losers(r, own.domain, &s);
	routes = join(a, &s, &len);
	emit_part_output(r, OUTPUT_HOST_ROUTES, own.table, own.domain, routes, len);
}
