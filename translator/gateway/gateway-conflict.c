/* Listeners that get in each other's way. */
#include <string.h>

#include "common/base/hashmap.h"
#include "translator/gateway/gateway-listener.h"
#include "translator/model/host-name.h"

/* Listeners of earlier objects that have a port, or a host name of a port. */
struct place {
	const char *key;
	struct gateway_listener *has;
};

struct comparison {
	struct arena *a;
	struct hashmap ports, hosts; /* struct place by key */
};

static const void *place_key(const void *entry, size_t *ret_len)
{
	const struct place *p = entry;

	*ret_len = strlen(p->key);
	return p->key;
}

/* Listeners of one socket: UDP and TCP ports are independent (G-LST-2). */
static const char *port_key(struct comparison *c, const struct gateway_listener *l)
{
	return arena_printf(c->a, "%d%s", l->spec->port, l->protocol == LISTENER_UDP ? "u" : "");
}

/* A connection's first bytes tell HTTP from the others, server names HTTPS and TLS. */
static const char *host_key(struct comparison *c, const struct gateway_listener *l,
			    const char *host)
{
	return arena_printf(c->a, "%d%s%s", l->spec->port, l->protocol == LISTENER_HTTP ? " " : "/",
			    host);
}

/* Has its port alone. */
static bool is_exclusive(const struct gateway_listener *l)
{
	return l->protocol == LISTENER_TCP || l->protocol == LISTENER_UDP;
}

static bool protocols_conflict(const struct gateway_listener *x, const struct gateway_listener *y)
{
	return x->spec->port == y->spec->port &&
	       (x->protocol == LISTENER_UDP) == (y->protocol == LISTENER_UDP) &&
	       (is_exclusive(x) || is_exclusive(y));
}

static bool hosts_conflict(const struct gateway_listener *x, const struct gateway_listener *y)
{
	return x->spec->port == y->spec->port && !is_exclusive(x) && !is_exclusive(y) &&
	       (x->protocol == LISTENER_HTTP) == (y->protocol == LISTENER_HTTP) &&
	       strcmp(x->host, y->host) == 0;
}

static struct gateway_listener *port_holder(struct comparison *c, const struct gateway_listener *l)
{
	const struct place *p = hashmap_get_str(&c->ports, port_key(c, l));

	return p && protocols_conflict(p->has, l) ? p->has : NULL;
}

static struct gateway_listener *host_holder(struct comparison *c, const struct gateway_listener *l)
{
	const struct place *p =
		is_exclusive(l) ? NULL : hashmap_get_str(&c->hosts, host_key(c, l, l->host));

	return p ? p->has : NULL;
}

struct rule {
	const char *reason, *what;
	bool (*conflict)(const struct gateway_listener *x, const struct gateway_listener *y);
	struct gateway_listener *(*holder)(struct comparison *c, const struct gateway_listener *l);
};

/* Ports first: a listener that lost by its protocol must not win by its host name (G-LS-5). */
static const struct rule rules[] = {
	{ "ProtocolConflict", "its port is used with another protocol by", protocols_conflict,
	  port_holder },
	{ "HostnameConflict", "its port and host name are those of", hosts_conflict, host_holder },
};

static const struct gateway_listener *find_sibling(const struct gateway_listener *l,
						   const struct rule *rule)
{
	const struct listener_owner *o = l->owner;

	for (size_t i = 0; i < o->n_specs; i++)
		if (&o->listeners[i] != l && gateway_listener_is_accepted(&o->listeners[i]) &&
		    rule->conflict(&o->listeners[i], l))
			return &o->listeners[i];
	return NULL;
}

static void set_conflict(struct comparison *c, struct gateway_listener *l, const struct rule *rule,
			 const struct gateway_listener *other)
{
	if (other)
		flaw_set(&l->conflict, rule->reason,
			 arena_printf(c->a, "%s listener %s of %s %s", rule->what,
				      other->spec->name, object_kind(other->owner->kind)->kind,
				      other->owner->key));
}

/* Listeners of an earlier object win (G-LS-3); among conflicting listeners of one object none wins
 * (G-LST-6). */
static void apply(struct comparison *c, struct listener_owner *o, const struct rule *rule)
{
	const struct gateway_listener **siblings =
		arena_new_of(c->a, const struct gateway_listener *, o->n_specs + 1);

	for (size_t i = 0; i < o->n_specs; i++)
		if (gateway_listener_is_accepted(&o->listeners[i]))
			set_conflict(c, &o->listeners[i], rule, rule->holder(c, &o->listeners[i]));
	for (size_t i = 0; i < o->n_specs; i++)
		siblings[i] = gateway_listener_is_accepted(&o->listeners[i])
				      ? find_sibling(&o->listeners[i], rule)
				      : NULL;
	for (size_t i = 0; i < o->n_specs; i++)
		set_conflict(c, &o->listeners[i], rule, siblings[i]);
}

static void put(struct comparison *c, struct hashmap *map, const char *key,
		struct gateway_listener *l)
{
	struct place *p;

	if (hashmap_get_str(map, key))
		return;
	p = arena_new_of(c->a, struct place, 1);
	*p = (struct place){ key, l };
	(void)hashmap_put(map, p);
}

static void keep_survivors(struct comparison *c, struct listener_owner *o)
{
	for (size_t i = 0; i < o->n_specs; i++) {
		struct gateway_listener *l = &o->listeners[i];

		if (!gateway_listener_is_accepted(l))
			continue;
		put(c, &c->ports, port_key(c, l), l);
		if (!is_exclusive(l))
			put(c, &c->hosts, host_key(c, l, l->host), l);
	}
}

/* The less specific listeners of its port lose its host (G-ISO-2). */
static void take_host(struct comparison *c, struct gateway_listener *l)
{
	for (const char *host = host_name_above(c->a, l->host); host;
	     host = host_name_above(c->a, host)) {
		const struct place *p = hashmap_get_str(&c->hosts, host_key(c, l, host));
		struct taken_host *t;

		if (!p)
			continue;
		t = arena_new_of(c->a, struct taken_host, 1);
		*t = (struct taken_host){ l->host, p->has->taken };
		p->has->taken = t;
		if (l->protocol != LISTENER_HTTPS || p->has->protocol != LISTENER_HTTPS)
			continue;
		l->overlaps = p->has->overlaps = true;
	}
}

void gateway_listeners_compare(struct arena *a, struct listener_owner *owners, size_t n)
{
	struct comparison c = { .a = a,
				.ports = HASHMAP_INIT(place_key),
				.hosts = HASHMAP_INIT(place_key) };

	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < ARRAY_SIZE(rules); k++)
			apply(&c, &owners[i], &rules[k]);
		keep_survivors(&c, &owners[i]);
	}
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < owners[i].n_specs; k++)
			if (gateway_listener_is_accepted(&owners[i].listeners[k]) &&
			    !is_exclusive(&owners[i].listeners[k]))
				take_host(&c, &owners[i].listeners[k]);
	hashmap_done(&c.ports);
	hashmap_done(&c.hosts);
}
