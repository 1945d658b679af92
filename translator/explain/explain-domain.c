/* The routes at a host name of a Gateway's listener, as host/ has settled them. */
#include <stdlib.h>
#include <string.h>

#include "translator/explain/explain-internal.h"
#include "translator/kinds.h"
#include "translator/model/front-end.h"
#include "translator/model/host-name.h"
#include "translator/model/listener.h"
#include "translator/model/precedence.h"

static const struct item *const *domain_facts_of(void *ctx, const char *key, size_t len,
						 size_t *ret_n)
{
	const struct explain *e = ctx;

	return graph_facts(e->world.graph, FACT_DOMAIN, key, len, ret_n);
}

static const ModelListenerSpec *find_socket(struct explain *e)
{
	const struct item *const *facts;
	size_t n = 0;

	facts = e->listener ? graph_facts(e->world.graph, FACT_SOCKET, e->listener,
					  strlen(e->listener), &n)
			    : NULL;
	return n ? message_unpack(e->a, ModelListenerSpec, facts[0]) : NULL;
}

void explain_domain_settle(struct explain *e, const char *table, const char *domain,
			   struct domain_settled *ret)
{
	const ModelListenerSpec *s = find_socket(e);

	*ret = (struct domain_settled){ 0 };
	for (size_t i = 0; s && i < s->n_chains && !ret->n_specs; i++) {
		struct domain_key k = { table, s->chains[i]->host, domain };

		if (s->chains[i]->table && strcmp(s->chains[i]->table, table) == 0 &&
		    host_name_is_within(domain, k.listener_host))
			domain_settle(e->a, &k, domain_facts_of, e, ret);
	}
}

/* ---- one host name, for lists ---- */

static void read_routes(struct explain *e, const struct domain_key *k, struct explain_domain *ret)
{
	struct domain_settled s;

	domain_settle(e->a, k, domain_facts_of, e, &s);
	ret->routes = arena_new_of(e->a, struct domain_entry, s.n + 1);
	for (size_t i = 0; i < s.n; i++)
		if (s.all[i].own)
			ret->routes[ret->n_routes++] = s.all[i];
}

static void read_streams(struct explain *e, const struct item *const *facts, size_t n,
			 struct explain_domain *ret)
{
	ret->streams = arena_new_of(e->a, ModelStreamTargets *, n + 1);
	for (size_t i = 0; i < n; i++) {
		ModelStreamTargets *s = message_unpack(e->a, ModelStreamTargets, facts[i]);

		/* A listener's own behaviour without routes does not lose to a route. */
		if (s && (!front_end((enum object_kind)s->object_kind)->listens || !ret->n_streams))
			ret->streams[ret->n_streams++] = s;
	}
}

static void read_chain(struct explain *e, const ModelListenerSpec *s, const struct domain_key *k,
		       struct explain_domain *ret)
{
	for (size_t i = 0; i < s->n_chains; i++) {
		const ModelListenerChain *c = s->chains[i];

		if (strcmp(c->host, k->listener_host) != 0 ||
		    (!ret->stream && (!c->table || strcmp(c->table, k->table) != 0)))
			continue;
		ret->port = s->port;
		ret->protocol = c->protocol;
		if (c->n_secrets)
			ret->certificate = arena_strdup(e->a, c->secrets[0]);
	}
}

struct finding {
	struct explain *e;
	const struct domain_key *key;
	struct explain_domain *ret;
};

static void on_socket(void *ctx, const char *name, size_t len)
{
	struct finding *f = ctx;
	const struct item *const *facts;
	const ModelListenerSpec *s;
	size_t n;

	facts = graph_facts(f->e->world.graph, FACT_SOCKET, name, len, &n);
	s = n ? message_unpack(f->e->scratch, ModelListenerSpec, facts[0]) : NULL;
	if (s && (!f->ret->stream || strcmp(s->name, f->key->table) == 0))
		read_chain(f->e, s, f->key, f->ret);
	arena_reset(f->e->scratch);
}

void explain_domain_read(struct explain *e, unsigned fact, const char *key, size_t key_len,
			 struct explain_domain *ret)
{
	struct domain_key k = domain_key_parse(e->a, key, key_len);
	struct finding finding = { e, &k, ret };
	const struct item *const *facts;
	size_t n;

	*ret = (struct explain_domain){ .domain = k.domain, .stream = fact == FACT_STREAM };
	facts = graph_facts(e->world.graph, fact, key, key_len, &n);
	if (ret->stream)
		read_streams(e, facts, n, ret);
	else
		read_routes(e, &k, ret);
	graph_fact_keys(e->world.graph, FACT_SOCKET, on_socket, &finding);
	ret->label = explain_domain_label(e, fact, key, key_len);
}

/* Reads a table "gateway/NAMESPACE/NAME/PORT[/HOST]" or a socket "gateway/ADDRESS/PORT[/udp]". */
static const char *port_of_name(struct arena *a, const char *name, size_t slashes)
{
	for (; slashes && (name = strchr(name, '/')); slashes--)
		name++;
	return name ? arena_strndup(a, name, strcspn(name, "/")) : "";
}

const char *explain_domain_label(struct explain *e, unsigned fact, const char *key, size_t key_len)
{
	struct domain_key k = domain_key_parse(e->a, key, key_len);

	return arena_printf(e->a, "%s:%s", k.domain,
			    port_of_name(e->a, k.table, fact == FACT_STREAM ? 2 : 3));
}

const char *explain_domain_scheme(const struct explain_domain *d)
{
	static const char *const words[] = {
		[LISTENER_HTTP] = "http",         [LISTENER_HTTPS] = "https",
		[LISTENER_TLS_TERMINATE] = "tls", [LISTENER_TLS_PASSTHROUGH] = "tls",
		[LISTENER_TCP] = "tcp",           [LISTENER_UDP] = "udp",
	};

	return d->protocol < ARRAY_SIZE(words) ? words[d->protocol] : "http";
}

const char *explain_domain_lost_to(struct explain *e, const struct domain_entry *r)
{
	const struct object_kind_row *row;

	if (!r->winner)
		return NULL;
	row = object_kind((enum object_kind)r->winner->of->object_kind);
	return arena_printf(
		e->a, "%s %s %s has the same match and goes first: here %s", row ? row->kind : "",
		r->winner->of->object_key, r->winner->route->field ? r->winner->route->field : "",
		precedence_why(r->winner->route->order.data, r->winner->route->order.len,
			       r->route->order.data, r->route->order.len));
}
