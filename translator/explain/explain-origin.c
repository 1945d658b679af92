/* The owner of a route, by its place: host/ has settled the routes of a host, each with its object
 * and field. The served version may be an earlier one, if Envoy refused the present one. */
#include <string.h>

#include "translator/explain/explain-internal.h"
#include "translator/kinds.h"
#include "translator/model/front-end.h"

#define MADE_FROM_MAX 20
#define OF_NO_HOST  "ingressNginx" /* the setting whose default server answers for unknown hosts */
#define ANNOTATIONS "metadata.annotations"

static const struct item *const *host_facts_of(void *ctx, const char *host, size_t *ret_n)
{
	const struct explain *e = ctx;

	return graph_facts(e->world.graph, FACT_HOST, host, strlen(host), ret_n);
}

void explain_origins_read(struct explain *e, const char *domain, bool tls,
			  struct explain_origins *ret)
{
	*ret = (struct explain_origins){ .tls = tls };
	host_settle(e->a, domain, host_facts_of, e, &ret->host);
	ret->routes = tls ? &ret->host.own : &ret->host.all;
}

/* Hosts with equal routes share a virtual host of this table, made of the versions that the
 * quarantine lets through: FACT_SAME_ROUTES has it, by its version. */
static bool is_let_through(struct explain *e, const struct item *wanted)
{
	const struct item *const *hosts;
	size_t n;

	hosts = graph_facts(e->world.graph, FACT_SAME_ROUTES, item_meta(wanted), wanted->meta_len,
			    &n);
	for (size_t i = 0; i < n; i++)
		if (hosts[i]->key_len == wanted->key_len &&
		    memcmp(hosts[i]->data, wanted->data, wanted->key_len) == 0)
			return true;
	return false;
}

static bool same_version(const struct item *wanted, const struct item *sent)
{
	return wanted && sent && wanted->meta_len == sent->meta_len &&
	       memcmp(item_meta(wanted), item_meta(sent), sent->meta_len) == 0;
}

enum standing {
	NOT_ITS, /* an answer of Portolan's for the name, in the table of another host */
	EARLIER, /* it is served as it was before */
	PRESENT, /* … as its unit wants it now */
};

static enum standing standing_of(struct explain *e, const char *table, const char *domain,
				 bool of_gateway)
{
	bool own = host_table_is_of(table, domain);
	struct graph *g = e->world.graph;
	size_t len;
	const char *key = explain_part_key(e->scratch, table, domain, &len);
	const struct item *wanted;

	wanted = graph_wanted(g, OUTPUT_HOST_ROUTES, key, len);
	if (wanted)
		return is_let_through(e, wanted) ? PRESENT : EARLIER;
	wanted = graph_wanted(g, RESOURCE_PART + RESOURCE_ROUTE, key, len);
	if (wanted)
		return same_version(wanted, explain_sent_part(e, RESOURCE_ROUTE, table, domain))
			       ? PRESENT
			       : EARLIER;
	if (strcmp(table, HOST_ROUTES_TABLE) != 0 && !own && !of_gateway)
		return NOT_ITS;
	wanted = graph_wanted(g, RESOURCE_ROUTE, table, strlen(table));
	return own && same_version(wanted, explain_sent(e, RESOURCE_ROUTE, table)) ? PRESENT
										   : EARLIER;
}

void explain_origins_of_table(struct explain *e, const char *table, const char *domain, bool tls,
			      struct explain_origins *ret)
{
	enum standing standing;

	explain_origins_read(e, domain, tls, ret);
	explain_domain_settle(e, table, domain, &ret->domain);
	standing = standing_of(e, table, domain, ret->domain.n_specs > 0);
	ret->present = standing == PRESENT;
	if (standing == NOT_ITS)
		ret->host = (struct host_settled){ 0 };
}

void explain_origin_set(const struct host_route *route, struct explain_origin *ret)
{
	const char *root = route->of->object_key, *owner = route->route->owner;
	const struct front_end *f = front_end((enum object_kind)route->of->object_kind);
	/* Hosts that objects share are not of one that includes the others. */
	bool included = owner && !(f && f->shares_hosts);

	*ret = (struct explain_origin){ .kind = (enum object_kind)route->of->object_kind,
					.key = owner ? owner : root,
					.root = included ? root : NULL,
					.field = route->route->field,
					.route = route };
}

static void set_domain(const struct domain_entry *d, struct explain_origin *ret)
{
	*ret = (struct explain_origin){ .kind = (enum object_kind)d->of->object_kind,
					.key = d->of->object_key,
					.field = d->route->field,
					.order = &d->route->order };
}

static bool set_at(const struct explain_origins *o, size_t index, struct explain_origin *ret)
{
	const struct host_route *route = host_settled_at(&o->host, o->tls, index);

	if (o->domain.n_specs && index < o->domain.n)
		set_domain(&o->domain.all[index], ret);
	else if (!o->domain.n_specs && route)
		explain_origin_set(route, ret);
	else
		return false;
	return true;
}

static const ProtobufCBinaryData *element_at(const struct explain_origins *o, size_t index)
{
	const struct host_route *route = host_settled_at(&o->host, o->tls, index);

	if (o->domain.n_specs)
		return index < o->domain.n ? &o->domain.all[index].route->route : NULL;
	return !route ? NULL : o->tls ? &route->route->https : &route->route->http;
}

/* An earlier version of the host is served, and its sources are gone. If a route of it is the same
 * today, it has today's owner. */
static bool set_unchanged(struct explain *e, const struct explain_origins *o,
			  const EnvoyRoute *route, struct explain_origin *ret)
{
	size_t len = protobuf_c_message_get_packed_size(&route->base);
	uint8_t *packed = arena_alloc(e->scratch, len + 1), *bytes;
	const ProtobufCBinaryData *d;

	(void)protobuf_c_message_pack(&route->base, packed);
	envoy_element(e->scratch, ENVOY_HOST_ROUTES, packed, len, &bytes, &len);
	for (size_t i = 0; (d = element_at(o, i)); i++)
		if (d->len == len && memcmp(d->data, bytes, len) == 0)
			return set_at(o, i, ret);
	return false;
}

void explain_origin_of(struct explain *e, const struct explain_origins *o, const EnvoyRoute *route,
		       size_t index, struct explain_origin *ret)
{
	*ret = (struct explain_origin){ 0 };
	if (o->present)
		(void)set_at(o, index, ret);
	else if (!set_unchanged(e, o, route, ret))
		ret->earlier = o->host.n_specs || o->domain.n_specs;
}

const char *explain_loss_text(struct explain *e, const struct host_loss *l)
{
	const ModelHostRoutes *w = l->winner.of;
	const struct front_end *winner = front_end((enum object_kind)w->object_kind);
	const struct front_end *loser = front_end((enum object_kind)l->loser.of->object_kind);
	const char *why = "is older (or, at the same age, first by name)";

	if (winner == loser && strcmp(w->object_key, l->loser.of->object_key) == 0)
		return arena_printf(e->a,
				    "%s of the same object has the same match, and stands first",
				    l->winner.route->field);
	if (winner != loser)
		why = arena_printf(e->a, "%s goes before %s", winner->one, loser->one);
	return arena_printf(e->a, "%s %s has the same match, and %s",
			    object_kind(winner->kind)->kind, w->object_key, why);
}

/* ---- writing ---- */

const Portolan__Ipc__ObjectStatus *explain_status(struct explain *e, enum object_kind kind,
						  const char *key)
{
	const struct item *i = state_get(e->world.statuses, kind, key, strlen(key));

	return i ? portolan__ipc__object_status__unpack(arena_pb(e->a), i->value_len, item_value(i))
		 : NULL;
}

static bool is_below(const char *field, const char *above)
{
	size_t n = strlen(above);

	return field && strncmp(field, above, n) == 0 &&
	       (!field[n] || field[n] == '.' || field[n] == '[');
}

static void write_problems(struct explain *e, const Portolan__Ipc__ObjectStatus *s,
			   const char *field)
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
		explain_problems_said(e, p->message);
	}
	if (any)
		document_end(e->d);
}

static void write_fields(struct explain *e, enum object_kind kind, const char *key,
			 const char *field)
{
	const struct object_kind_row *row = object_kind(kind);
	const struct item *object = state_get(e->world.objects, kind, key, strlen(key));
	const char *slash = strchr(key, '/');

	explain_problems_of(e, kind, key);
	explain_string(e, "kind", row ? row->kind : "?");
	if (slash)
		explain_string(e, "namespace", arena_strndup(e->a, key, (size_t)(slash - key)));
	explain_string(e, "name", slash ? slash + 1 : key);
	if (field)
		explain_string(e, "field", field);
	if (object && object->meta_len)
		explain_string(e, "origin", item_meta(object));
}

void explain_object_write(struct explain *e, enum object_kind kind, const char *key,
			  const char *field)
{
	document_map(e->d);
	write_fields(e, kind, key, field);
	document_end(e->d);
}

void explain_origin_write(struct explain *e, const struct explain_origin *o)
{
	document_map(e->d);
	if (!o->kind) {
		explain_string(
			e, "note",
			o->earlier
				? "an earlier version of the objects: Envoy refused the present one"
				: "Portolan itself");
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
	const struct front_end *f = front_end(o->kind);

	/* Nobody can ask for such an answer there; nor for those of ingress-nginx where no path
	 * matches, or no host. */
	if (e->status >= 400 &&
	    ((f && f->parents) || (o->field && (strcmp(o->field, ANNOTATIONS) == 0 ||
						strcmp(o->field, OF_NO_HOST) == 0))))
		return true;
	for (size_t i = 0; s && e->status >= 400 && i < s->n_problems; i++)
		if (is_below(s->problems[i]->field, ANNOTATIONS) &&
		    s->problems[i]->severity >=
			    (e->status < 500 ? PORTOLAN__IPC__SEVERITY__SEVERITY_ERROR
					     : PORTOLAN__IPC__SEVERITY__SEVERITY_WARNING))
			return true;
	for (size_t i = 0; s && i < s->n_problems; i++)
		if (s->problems[i]->severity == PORTOLAN__IPC__SEVERITY__SEVERITY_ERROR &&
		    o->field && is_below(s->problems[i]->field, o->field))
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
	graph_provenance(e->world.graph, kind, name, strlen(name), list_object, &l);
	document_end(e->d);
}
