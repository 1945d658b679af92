/* The virtual host of a request. Envoy looks in only one: the one with the best fitting domain. */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "translator/explain/explain-internal.h"

/* The host, without its port where the table says so, in lower case. */
static const char *host_of(struct explain *e, const EnvoyRouteConfiguration *table)
{
	char *host = arena_strdup(e->a, e->request.authority), *colon = strrchr(host, ':');
	const char *bracket = strrchr(host, ']');

	if (table->ignore_port_in_host_matching && colon && (!bracket || bracket < colon))
		*colon = '\0';
	for (char *p = host; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	return host;
}

static void consider(struct explain *e, struct explain_hosts *l, const char *host,
		     const EnvoyVirtualHost *v, const struct item *part, size_t index)
{
	struct explain_host best = { .part = part, .index = index };
	size_t at;

	for (size_t i = 0; i < v->n_domains; i++) {
		unsigned fit = explain_domain_fit(v->domains[i], host);

		if (fit > best.fit) {
			best.fit = fit;
			best.domain = v->domains[i];
		}
	}
	for (at = 0; at < l->n && l->found[at].fit >= best.fit; at++)
		;
	if (!best.fit || at == EXPLAIN_HOSTS_MAX)
		return;
	best.domain = arena_strdup(e->a, best.domain);
	l->n = MIN(l->n + 1, (size_t)EXPLAIN_HOSTS_MAX);
	memmove(&l->found[at + 1], &l->found[at], (l->n - 1 - at) * sizeof(best));
	l->found[at] = best;
}

static const EnvoyRouteConfiguration *unpack(struct arena *a, const struct item *i)
{
	return message_unpack(a, EnvoyRouteConfiguration, i);
}

int explain_host_find(struct explain *e, const char *table, struct explain_hosts *ret)
{
	const struct item *head = explain_sent(e, RESOURCE_ROUTE, table);
	struct item *const *parts;
	const char *host;
	size_t n;

	if (!head)
		return -ENOENT;
	*ret = (struct explain_hosts){ .table = table, .head = unpack(e->a, head) };
	if (!ret->head)
		return -EBADMSG;
	host = host_of(e, ret->head);
	for (size_t i = 0; i < ret->head->n_virtual_hosts; i++)
		consider(e, ret, host, ret->head->virtual_hosts[i], NULL, i);
	parts = explain_sent_parts(e, RESOURCE_ROUTE, table, &n);
	for (size_t i = 0; i < n; i++) {
		/* Unpacks one after another, and frees it: there may be many. */
		const EnvoyRouteConfiguration *c = unpack(e->scratch, parts[i]);

		for (size_t k = 0; c && k < c->n_virtual_hosts; k++)
			consider(e, ret, host, c->virtual_hosts[k], parts[i], k);
		arena_reset(e->scratch);
	}
	return 0;
}

const EnvoyVirtualHost *explain_host_get(struct explain *e, const struct explain_hosts *l,
					 const struct explain_host *h)
{
	return (h->part ? unpack(e->a, h->part) : l->head)->virtual_hosts[h->index];
}
