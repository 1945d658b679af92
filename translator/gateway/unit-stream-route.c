/* One TLSRoute, TCPRoute or UDPRoute. */
#include <string.h>

#include "translator/gateway/gateway.h"
#include "translator/gateway/route-work.h"
#include "translator/host/want-domain.h"
#include "translator/host/want-stream.h"
#include "translator/kinds.h"
#include "translator/model/cluster.h"
#include "translator/model/message.h"
#include "translator/resolve/object.h"
#include "translator/resolve/upstream.h"
#include "translator/units.h"

struct backends {
	K8s__BackendRef *const *all;
	size_t n;
};

static uint32_t weight_of(const K8s__BackendRef *b)
{
	return b->has_weight ? (uint32_t)MAX(b->weight, 0) : 1;
}

/* That is what the author asks for, but seldom means. */
static void tell_no_backend(const struct route_work *w, const struct backends *b)
{
	object_warning(w->r, w->head.kind, w->head.key, "NoBackend", "spec.rules[0].backendRefs",
		       "%s: %s", b->n ? "all have weight 0" : "none is there",
		       w->head.kind == OBJECT_UDP_ROUTE ? "datagrams are dropped"
							: "connections are closed");
}

/* A backend that cannot be reached keeps its share: its connections are closed (G-L4-2). */
static struct host_tcp find_targets(struct route_work *w, const struct backends *b)
{
	struct host_tcp tcp = { .targets = arena_new_of(w->a, struct tcp_target, b->n + 1) };

	for (size_t i = 0; i < b->n; i++) {
		const K8s__BackendRef *from = b->all[i];
		const struct backend_ref ref = { from->group,
						 from->kind,
						 from->namespace_,
						 from->name,
						 from->has_port ? (uint32_t)from->port : 0,
						 w->head.kind == OBJECT_UDP_ROUTE,
						 false };
		const char *cluster = rule_backend_find(
			w, &ref, arena_printf(w->a, "spec.rules[0].backendRefs[%zu]", i), NULL);

		if (weight_of(from))
			tcp.targets[tcp.n++] = (struct tcp_target){
				cluster ? cluster : NO_CLUSTER,
				weight_of(from),
			};
	}
	if (!tcp.n)
		tell_no_backend(w, b);
	return tcp;
}

/* Envoy's UDP proxy knows one cluster: of several backends one is made, with a locality a backend
 * (E-L4-4). Its name is the route's, so that a change of shares touches no listener. */
static const char *find_spread(struct route_work *w, const struct backends *b,
			       const struct host_tcp *tcp)
{
	ModelSpreadSpec spec = ModelSpreadSpec__INIT;
	size_t n = 0;

	if (tcp->n <= 1)
		return tcp->n ? tcp->targets[0].cluster : NULL;
	spec.name = arena_printf(w->a, "gateway/udp/%s", w->head.key);
	spec.shares = arena_new_of(w->a, ModelSpreadShare *, b->n + 1);
	for (size_t i = 0; i < b->n; i++) {
		const K8s__BackendRef *from = b->all[i];
		ModelSpreadShare *s;

		if (!weight_of(from))
			continue;
		s = message_new(w->a, ModelSpreadShare);
		s->service = arena_printf(w->a, "%s/%s",
					  from->namespace_ ? from->namespace_ : w->head.namespace,
					  from->name);
		s->port = (uint32_t)from->port;
		s->weight = weight_of(from);
		s->missing = strcmp(tcp->targets[n++].cluster, NO_CLUSTER) == 0;
		spec.shares[spec.n_shares++] = s;
	}
	upstream_find_spread(w->r, &spec);
	return spec.name;
}

static void want(struct route_work *w, const struct host_tcp *tcp, const char *spread)
{
	const Portolan__Model__ParentListener *l = w->at->listener;
	struct stream_spec spec = {
		.socket = l->table,
		.listener_host = l->host,
		.kind = w->head.kind,
		.object = w->head.key,
		.sort = gateway_sort_key(w->a, w->meta, w->head.key),
	};

	if (w->head.kind == OBJECT_UDP_ROUTE)
		spec.cluster = spread;
	else if (tcp->n)
		spec.tcp = tcp;
	for (size_t i = 0; i < w->at->n_names; i++) {
		spec.domain = w->at->names[i].domain;
		/* The route with the more specific host name of its own, of two routes for one
		 * name. */
		if (w->head.has_hosts)
			spec.sort = arena_printf(w->a, "%d%05zu %s", *w->at->names[i].own == '*',
						 (size_t)99999 - strlen(w->at->names[i].own),
						 gateway_sort_key(w->a, w->meta, w->head.key));
		want_stream(w->r, &spec);
	}
}

static char *stream_key(struct route_work *w, const struct attachment *at,
			const struct attached_name *name)
{
	const struct domain_key key = { at->listener->table, at->listener->host, name->domain };

	return domain_key_text(w->a, &key);
}

static Portolan__Model__StreamParent *list_streams(struct route_work *w,
						   const struct route_parent *from)
{
	Portolan__Model__StreamParent *p = arena_new_of(w->a, Portolan__Model__StreamParent, 1);
	size_t n = 0;

	portolan__model__stream_parent__init(p);
	for (size_t i = 0; i < from->n_attachments; i++)
		n += from->attachments[i].n_names;
	p->streams = arena_new_of(w->a, char *, n + 1);
	for (size_t i = 0; i < from->n_attachments; i++)
		for (size_t k = 0; k < from->attachments[i].n_names; k++)
			p->streams[p->n_streams++] = stream_key(w, &from->attachments[i],
								&from->attachments[i].names[k]);
	return p;
}

/* unit-stream-state.c makes its status. */
static void emit_state(struct route_work *w, const struct route_parent *parents, size_t n)
{
	Portolan__Model__StreamState state = PORTOLAN__MODEL__STREAM_STATE__INIT;
	const char *key = arena_printf(w->a, "%u %s", w->head.kind, w->head.key);
	const Portolan__Ipc__ObjectStatus *s =
		route_status_make(w->r, &w->head, parents, n, &w->flaws);
	uint8_t *packed;
	size_t len;

	if (!n)
		return;
	state.status.data = reader_pack(w->r, &s->base, &state.status.len);
	state.parents = arena_new_of(w->a, Portolan__Model__StreamParent *, n + 1);
	for (size_t i = 0; i < n; i++)
		state.parents[state.n_parents++] = list_streams(w, &parents[i]);
	packed = reader_pack(w->r, &state.base, &len);
	emit_fact(w->r, FACT_STREAM_STATE, key, strlen(key), "", 0, packed, len);
}

static void translate(struct route_work *w, const struct backends *b)
{
	Portolan__Model__Parent no_parent = PORTOLAN__MODEL__PARENT__INIT;
	struct attachment nowhere = { .parent = &no_parent };
	struct route_parent *parents;
	size_t n, attached = 0;

	no_parent.gateway = (char *)"";
	parents = attach_find(w->r, &w->head, &n);
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < parents[i].n_attachments; k++, attached++) {
			struct host_tcp tcp;

			w->at = &parents[i].attachments[k];
			tcp = find_targets(w, b);
			want(w, &tcp,
			     w->head.kind == OBJECT_UDP_ROUTE ? find_spread(w, b, &tcp) : NULL);
		}
	if (n && !attached) {
		w->at = &nowhere;
		(void)find_targets(w, b);
	}
	emit_state(w, parents, n);
}

static void start(struct route_work *w, struct reader *r, enum object_kind kind, const char *key,
		  const K8s__ObjectMeta *meta)
{
	const char *name;

	*w = (struct route_work){ .r = r, .a = reader_arena(r), .meta = meta };
	w->head.kind = kind;
	w->head.key = key;
	object_split_key(r, key, &w->head.namespace, &name);
}

static void set_parents(struct route_work *w, K8s__ParentReference *const *refs, size_t n,
			const char *use_default)
{
	w->head.refs = refs;
	w->head.n_refs = n;
	w->head.use_default_gateways = use_default && strcmp(use_default, "All") == 0;
}

void unit_tls_route(struct reader *r, const char *key, size_t key_len _unused_)
{
	const K8s__TLSRoute *route = read_message(r, OBJECT_TLS_ROUTE, key);
	struct backends b = { 0 };
	struct route_work w;

	if (!route || !route->spec)
		return;
	start(&w, r, OBJECT_TLS_ROUTE, key, route->metadata);
	set_parents(&w, route->spec->parent_refs, route->spec->n_parent_refs,
		    route->spec->use_default_gateways);
	w.head.has_hosts = true;
	w.head.hosts = route->spec->hostnames;
	w.head.n_hosts = route->spec->n_hostnames;
	if (route->spec->n_rules)
		b = (struct backends){ route->spec->rules[0]->backend_refs,
				       route->spec->rules[0]->n_backend_refs };
	translate(&w, &b);
}

static void translate_stream(struct reader *r, enum object_kind kind, const char *key,
			     const K8s__ObjectMeta *meta, const K8s__StreamRouteSpec *spec)
{
	struct backends b = { 0 };
	struct route_work w;

	if (!spec)
		return;
	start(&w, r, kind, key, meta);
	set_parents(&w, spec->parent_refs, spec->n_parent_refs, spec->use_default_gateways);
	if (spec->n_rules)
		b = (struct backends){ spec->rules[0]->backend_refs,
				       spec->rules[0]->n_backend_refs };
	translate(&w, &b);
}

void unit_tcp_route(struct reader *r, const char *key, size_t key_len _unused_)
{
	const K8s__TCPRoute *route = read_message(r, OBJECT_TCP_ROUTE, key);

	if (route)
		translate_stream(r, OBJECT_TCP_ROUTE, key, route->metadata, route->spec);
}

void unit_udp_route(struct reader *r, const char *key, size_t key_len _unused_)
{
	const K8s__UDPRoute *route = read_message(r, OBJECT_UDP_ROUTE, key);

	if (route)
		translate_stream(r, OBJECT_UDP_ROUTE, key, route->metadata, route->spec);
}
