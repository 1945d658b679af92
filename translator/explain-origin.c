/* Whose a route is. Routes are sent without that: what objects want of the host is merged once more, and
 * compared with what is sent, byte by byte. Runs in the translator. */
#include <string.h>

#include "translator/explain-internal.h"

typedef Portolan__Model__HostRoute HostRoute;
typedef Portolan__Model__HostRoutes HostRoutes;

#define MADE_FROM_MAX 20

struct gathering {
	struct explain *e;
	struct explain_origins *o;
};

static void on_lost(void *ctx, const struct host_route *loser, const struct host_route *winner)
{
	struct gathering *g = ctx;
	struct explain_loss *l = &g->o->losses[g->o->n_losses];

	l->loser = arena_memdup(g->e->a, loser, sizeof(*loser));
	l->winner = arena_memdup(g->e->a, winner, sizeof(*winner));
	g->o->n_losses++;
}

static HostRoutes **wishes_of(struct explain *e, const char *domain, size_t *ret_n, size_t *routes)
{
	const struct item *const *facts =
		graph_facts(e->t->graph, FACT_HOST, domain, strlen(domain), ret_n);

	return host_merge_unpack(e->a, facts, *ret_n, routes);
}

/* As unit-host.c merges them. */
void explain_origins_read(struct explain *e, const char *domain, bool tls, struct explain_origins *ret)
{
	bool wildcard = !tls && strncmp(domain, "*.", 2) == 0;
	struct gathering g = { e, ret };
	size_t routes = 0, n_any = 0;
	HostRoutes **any = NULL;

	*ret = (struct explain_origins){ .tls = tls };
	ret->wishes = wishes_of(e, domain, &ret->n_wishes, &routes);
	if (wildcard)
		any = wishes_of(e, "*", &n_any, &routes);
	ret->losses = arena_new_of(e->a, struct explain_loss, routes + 1);
	host_merge_init(&ret->routes, e->a, routes);
	host_merge_add(&ret->routes, ret->wishes, ret->n_wishes, false);
	if (wildcard)
		host_merge_add(&ret->routes, any, n_any, true);
	host_merge_settle(&ret->routes, on_lost, &g);
}

static bool is_same(const struct explain_origins *o, const HostRoute *route, const uint8_t *bytes, size_t len)
{
	const ProtobufCBinaryData *d = o->tls ? &route->https : &route->http;

	return d->len == len && memcmp(d->data, bytes, len) == 0;
}

static const struct host_route *find(const struct explain_origins *o, const uint8_t *bytes, size_t len,
				     size_t index)
{
	const struct host_route *other = NULL;
	size_t n = 0;

	for (size_t i = 0; i < o->routes.n; i++) {
		const struct host_route *r = &o->routes.all[i];

		if (!(o->tls ? r->route->https : r->route->http).len)
			continue;
		if (is_same(o, r->route, bytes, len)) {
			if (n == index)
				return r;
			other = other ? other : r;
		}
		n++;
	}
	return other;
}

void explain_origin_set(const struct host_route *route, struct explain_origin *ret)
{
	const char *root = route->of->object_key, *owner = route->route->owner;

	*ret = (struct explain_origin){ .kind = (enum object_kind)route->of->object_kind,
					.key = owner ? owner : root,
					.root = owner ? root : NULL,
					.field = route->route->field,
					.route = route };
}

void explain_origin_of(struct explain *e, const struct explain_origins *o, const ExplainRoute *route,
		       size_t index, struct explain_origin *ret)
{
	size_t len = protobuf_c_message_get_packed_size(&route->base);
	uint8_t *packed = arena_alloc(e->scratch, len + 1), *element;
	const struct host_route *found;

	(void)protobuf_c_message_pack(&route->base, packed);
	envoy_element(e->scratch, ENVOY_HOST_ROUTES, packed, len, &element, &len);
	found = find(o, element, len, index);
	*ret = (struct explain_origin){ .earlier = !found && o->n_wishes };
	if (found)
		explain_origin_set(found, ret);
}

const char *explain_loss_text(struct explain *e, const struct explain_loss *l)
{
	const Portolan__Model__HostRoutes *w = l->winner->of;
	const struct object_kind_row *row = object_kind(w->object_kind);
	bool itself = w->object_kind == l->loser->of->object_kind &&
		      strcmp(w->object_key, l->loser->of->object_key) == 0;

	if (itself)
		return arena_printf(e->a, "%s of the same object has the same match, and stands first",
				    l->winner->route->field);
	return arena_printf(e->a, "%s %s has the same match, and %s", row ? row->kind : "", w->object_key,
			    w->object_kind != l->loser->of->object_kind ?
				    "an HTTPProxy goes before an Ingress" :
				    "is older (or, at the same age, first by name)");
}

/* ---- writing ---- */

const Portolan__Ipc__ObjectStatus *explain_status(struct explain *e, enum object_kind kind, const char *key)
{
	const struct item *i = state_get(e->t->statuses, kind, key, strlen(key));

	return i ? portolan__ipc__object_status__unpack(arena_pb(e->a), i->value_len, item_value(i)) : NULL;
}

static bool is_below(const char *field, const char *above)
{
	size_t n = strlen(above);

	return field && strncmp(field, above, n) == 0 && (!field[n] || field[n] == '.' || field[n] == '[');
}

static void write_problems(struct explain *e, const Portolan__Ipc__ObjectStatus *s, const char *field)
{
	bool any = false;

	for (size_t i = 0; s && field && i < s->n_problems; i++) {
		const Portolan__Ipc__Problem *p = s->problems[i];

		if (!is_below(p->field, field))
			continue;
		if (!any) {
			document_key(e->d, "problems");
			document_list(e->d);
			any = true;
		}
		document_map(e->d);
		explain_string(e, "reason", p->reason);
		explain_string(e, "field", p->field);
		explain_string(e, "message", p->message);
		document_end(e->d);
	}
	if (any)
		document_end(e->d);
}

static void write_fields(struct explain *e, enum object_kind kind, const char *key, const char *field)
{
	const struct object_kind_row *row = object_kind(kind);
	const struct item *object = state_get(e->t->objects, kind, key, strlen(key));
	const char *slash = strchr(key, '/');

	explain_string(e, "kind", row ? row->kind : "?");
	if (slash)
		explain_string(e, "namespace", arena_strndup(e->a, key, (size_t)(slash - key)));
	explain_string(e, "name", slash ? slash + 1 : key);
	if (field)
		explain_string(e, "field", field);
	if (object && object->meta_len)
		explain_string(e, "origin", item_meta(object));
}

void explain_object_write(struct explain *e, enum object_kind kind, const char *key, const char *field)
{
	document_map(e->d);
	write_fields(e, kind, key, field);
	document_end(e->d);
}

void explain_origin_write(struct explain *e, const struct explain_origin *o)
{
	document_map(e->d);
	if (!o->kind) {
		explain_string(e, "note",
			       o->earlier ? "an earlier version of the objects: Envoy refused the present one" :
					    "Portolan itself");
	} else {
		write_fields(e, o->kind, o->key, o->field);
		if (o->root)
			explain_string(e, "included_by", o->root);
		write_problems(e, explain_status(e, o->kind, o->key), o->field);
	}
	document_end(e->d);
}

bool explain_origin_faulty(struct explain *e, const struct explain_origin *o)
{
	const Portolan__Ipc__ObjectStatus *s = o->kind ? explain_status(e, o->kind, o->key) : NULL;

	for (size_t i = 0; s && i < s->n_problems; i++)
		if (s->problems[i]->severity == PORTOLAN__IPC__SEVERITY__SEVERITY_ERROR && o->field &&
		    is_below(s->problems[i]->field, o->field))
			return true;
	return false;
}

struct listing {
	struct explain *e;
	size_t n;
};

static void list_object(void *ctx, enum object_kind kind, const char *key)
{
	struct listing *l = ctx;

	if (l->n++ < MADE_FROM_MAX)
		explain_object_write(l->e, kind, key, NULL);
}

void explain_made_from(struct explain *e, enum resource_kind kind, const char *name)
{
	struct listing l = { e, 0 };

	document_list(e->d);
	graph_provenance(e->t->graph, kind, name, strlen(name), list_object, &l);
	document_end(e->d);
}

