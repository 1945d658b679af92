/* The objects for a Gateway's Envoys, their names (P-NAM) and the Gateway's addresses. The watcher
 * writes the objects and reports their state, which comes back as a fact of the world. */
#include "translator/gateway/infrastructure.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/link/version.h"
#include "translator/resolve/config.h"
#include "translator/resolve/object.h"

#define LABEL_MAX 63
#define HASH_SIZE 8
#define PORTS_MAX 250 /* of a Service */

/* ---- names ---- */

static const char *short_hash(struct arena *a, const char *text)
{
	uint8_t version[VERSION_SIZE];
	char hex[VERSION_HEX + 1];

	version_of(text, strlen(text), version);
	version_to_hex(version, hex);
	return arena_strndup(a, hex, HASH_SIZE);
}

/* At most 63 characters; a name that had to be changed ends in a hash of the whole (P-NAM-2). */
static const char *shorten(struct arena *a, const char *name, const char *whole, bool changed)
{
	size_t max = LABEL_MAX - HASH_SIZE - 1, n = strlen(name);

	if (!changed && n <= LABEL_MAX)
		return name;
	n = MIN(n, max);
	while (n && !isalnum((unsigned char)name[n - 1]))
		n--;
	return arena_printf(a, "%.*s-%s", (int)n, name, short_hash(a, whole));
}

/* Service names are labels of DNS that begin with a letter (P-NAM-3). */
static const char *object_name(struct arena *a, const char *gateway, const char *class)
{
	const char *whole = arena_printf(a, "%s-%s", gateway, class);
	char *name = arena_printf(a, "%s%s", isalpha((unsigned char)*whole) ? "" : "gw-", whole);
	bool changed = strlen(name) != strlen(whole);

	for (char *p = name; *p; p++)
		if (*p == '.') {
			*p = '-';
			changed = true;
		}
	return shorten(a, name, whole, changed);
}

/* ---- common to all objects ---- */

static void put_name_label(const struct infrastructure *i, struct document *d)
{
	document_put_string(d,
			    i->g->merged ? "gateway.networking.k8s.io/gateway-class-name"
					 : "gateway.networking.k8s.io/gateway-name",
			    i->label_name);
}

void infrastructure_selector(const struct infrastructure *i, struct document *d)
{
	document_map(d);
	put_name_label(i, d);
	document_put_string(d, "portolan.io/fleet", i->fleet_label);
	document_end(d);
}

static bool is_ours(const char *key)
{
	return strcmp(key, "gateway.networking.k8s.io/gateway-name") == 0 ||
	       strcmp(key, "gateway.networking.k8s.io/gateway-class-name") == 0 ||
	       strcmp(key, "app.kubernetes.io/managed-by") == 0 ||
	       strncmp(key, "portolan.io/", strlen("portolan.io/")) == 0;
}

void infrastructure_put_pairs(struct document *d, const char *key,
			      const struct infrastructure_pairs *pairs)
{
	if (!pairs->n)
		return;
	document_key(d, key);
	document_map(d);
	for (size_t k = 0; k < pairs->n; k++)
		document_put_string(d, pairs->all[k].key, pairs->all[k].value);
	document_end(d);
}

static bool has_label(const K8s__GatewayInfrastructure *more, const char *key)
{
	for (size_t k = 0; more && k < more->n_labels; k++)
		if (strcmp(more->labels[k]->key, key) == 0)
			return true;
	return false;
}

static bool has_annotation(const K8s__GatewayInfrastructure *more, const char *key)
{
	for (size_t k = 0; more && k < more->n_annotations; k++)
		if (strcmp(more->annotations[k]->key, key) == 0)
			return true;
	return false;
}

/* Of two settings of one key, the Gateway's own counts. */
static void put_more(struct document *d, const K8s__GatewayInfrastructure *own,
		     const struct infrastructure_pairs *pairs,
		     bool (*has)(const K8s__GatewayInfrastructure *own, const char *key))
{
	for (size_t k = 0; k < pairs->n; k++)
		if (!is_ours(pairs->all[k].key) && !has(own, pairs->all[k].key))
			document_put_string(d, pairs->all[k].key, pairs->all[k].value);
}

void infrastructure_labels(const struct infrastructure *i, struct document *d,
			   const struct infrastructure_pairs *annotations)
{
	const K8s__GatewayInfrastructure *more = i->g->merged ? NULL
							      : i->g->object->spec->infrastructure;

	document_key(d, "labels");
	document_map(d);
	document_put_string(d, "app.kubernetes.io/managed-by", "portolan");
	if (!i->g->merged)
		document_put_string(d, "gateway.networking.k8s.io/gateway-class-name",
				    shorten(i->g->a, i->class, i->class, false));
	put_name_label(i, d);
	document_put_string(d, "portolan.io/fleet", i->fleet_label);
	for (size_t k = 0; more && k < more->n_labels; k++)
		if (!is_ours(more->labels[k]->key))
			document_put_string(d, more->labels[k]->key, more->labels[k]->value);
	put_more(d, more, &i->parameters.labels, has_label);
	document_end(d);
	document_key(d, "annotations");
	document_map(d);
	document_put_string(d, "portolan.io/gateway", i->g->fleet);
	for (size_t k = 0; more && k < more->n_annotations; k++)
		if (!is_ours(more->annotations[k]->key))
			document_put_string(d, more->annotations[k]->key,
					    more->annotations[k]->value);
	if (annotations)
		put_more(d, more, annotations, has_annotation);
	document_end(d);
}

static void begin(const struct infrastructure *i, struct document *d, struct strbuf *b,
		  const char *api_version, const char *kind, const char *name)
{
	bool service = strcmp(kind, "Service") == 0;

	document_init(d, b, DOCUMENT_LINE);
	document_map(d);
	document_put_string(d, "apiVersion", api_version);
	document_put_string(d, "kind", kind);
	document_key(d, "metadata");
	document_map(d);
	document_put_string(d, "name", name);
	if (*i->namespace)
		document_put_string(d, "namespace", i->namespace);
	infrastructure_labels(i, d, service ? &i->parameters.service_annotations : NULL);
	document_end(d);
}

static void emit_desired(struct reader *r, const Portolan__Ipc__DesiredObject *m)
{
	const char *key =
		arena_printf(reader_arena(r), "%s %s/%s", m->kind, m->namespace_, m->name);
	size_t len;
	uint8_t *packed = reader_pack(r, &m->base, &len);

	emit_output(r, OBJECT_DESIRED, key, packed, len);
}

static void finish(const struct infrastructure *i, struct document *d, const char *kind,
		   const char *name)
{
	Portolan__Ipc__DesiredObject m = PORTOLAN__IPC__DESIRED_OBJECT__INIT;

	document_end(d);
	m.gateway = (char *)i->g->fleet;
	m.kind = (char *)kind;
	m.namespace_ = (char *)i->namespace;
	m.name = (char *)name;
	m.has_json = 1;
	m.json = (ProtobufCBinaryData){ d->out->len, (uint8_t *)d->out->s };
	m.has_fixed_replicas = m.fixed_replicas = i->parameters.fixed_replicas &&
						  strcmp(kind, "Deployment") == 0;
	emit_desired(i->g->r, &m);
}

/* Whatever there is stays as it is. */
static void keep(const struct infrastructure *i)
{
	static const char *const kinds[] = { "ServiceAccount", "Secret", "Deployment", "DaemonSet",
					     "Service" };

	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
		Portolan__Ipc__DesiredObject m = PORTOLAN__IPC__DESIRED_OBJECT__INIT;

		m.gateway = (char *)i->g->fleet;
		m.kind = (char *)kinds[k];
		m.namespace_ = (char *)i->namespace;
		m.name = (char *)(strcmp(kinds[k], "Secret") == 0 ? i->secret : i->name);
		emit_desired(i->g->r, &m);
	}
}

/* ---- the objects ---- */

static void want_account(const struct infrastructure *i)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	struct document d;

	begin(i, &d, &b, "v1", "ServiceAccount", i->name);
	document_put_bool(&d, "automountServiceAccountToken", false);
	finish(i, &d, "ServiceAccount", i->name);
}

/* The watcher adds a certificate by which xds-server knows the fleet. */
static void want_secret(const struct infrastructure *i)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	struct document d;

	begin(i, &d, &b, "v1", "Secret", i->secret);
	document_put_string(&d, "type", "kubernetes.io/tls");
	finish(i, &d, "Secret", i->secret);
}

static void put_share(struct document *d, const char *key, const K8s__IntOrString *share,
		      const char *by_default)
{
	if (share && share->type)
		document_put_string(d, key, share->str_val);
	else if (share)
		document_put_int(d, key, share->int_val);
	else if (strchr(by_default, '%'))
		document_put_string(d, key, by_default);
	else
		document_put_uint(d, key, strtoul(by_default, NULL, 10));
}

/* The API server's defaults, too: only members that we have set go when another type has none. */
static void put_strategy(struct document *d, const char *key, const K8s__UpdateStrategy *s,
			 const char *unavailable, const char *surge)
{
	const K8s__RollingUpdate *r = s ? s->rolling_update : NULL;
	const char *type = s && *s->type ? s->type : "RollingUpdate";

	document_key(d, key);
	document_map(d);
	document_put_string(d, "type", type);
	if (strcmp(type, "RollingUpdate") == 0) {
		document_key(d, "rollingUpdate");
		document_map(d);
		/* A DaemonSet may have one of them only. */
		put_share(d, "maxUnavailable", r ? r->max_unavailable : NULL,
			  r && r->max_surge && !strchr(unavailable, '%') ? "0" : unavailable);
		put_share(d, "maxSurge", r ? r->max_surge : NULL, surge);
		document_end(d);
	}
	document_end(d);
}

static void want_workload(const struct infrastructure *i)
{
	const struct infrastructure_parameters *p = &i->parameters;
	const char *kind = p->daemon_set ? "DaemonSet" : "Deployment";
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	struct document d;

	begin(i, &d, &b, "apps/v1", kind, i->name);
	document_key(&d, "spec");
	document_map(&d);
	if (p->daemon_set) {
		put_strategy(&d, "updateStrategy", p->daemon_set_strategy, "1", "0");
	} else {
		document_put_int(&d, "replicas", p->replicas);
		put_strategy(&d, "strategy", p->deployment_strategy, "25%", "25%");
	}
	document_put_int(&d, "revisionHistoryLimit", 3);
	document_key(&d, "selector");
	document_map(&d);
	document_key(&d, "matchLabels");
	infrastructure_selector(i, &d);
	document_end(&d);
	pod_template(i, &d);
	document_end(&d);
	finish(i, &d, kind, i->name);
}

struct service_port {
	uint32_t port;
	bool udp;
};

static int compare_ports(const void *a, const void *b)
{
	const struct service_port *x = a, *y = b;

	if (x->port != y->port)
		return x->port < y->port ? -1 : 1;
	return x->udp - y->udp;
}

/* One for each port and protocol of valid listeners. */
static size_t find_ports(const struct gateway *g, struct service_port **ret)
{
	struct service_port *all;
	size_t n = 0, kept = 0;

	for (size_t i = 0; i < g->n_owners; i++)
		n += g->owners[i].n_specs;
	all = arena_new_of(g->a, struct service_port, n + 1);
	n = 0;
	for (size_t i = 0; i < g->n_owners; i++)
		for (size_t k = 0; k < g->owners[i].n_specs; k++) {
			const struct gateway_listener *l = &g->owners[i].listeners[k];

			if (gateway_listener_is_served(l))
				all[n++] = (struct service_port){ (uint32_t)l->spec->port,
								  l->protocol == LISTENER_UDP };
		}
	if (n)
		qsort(all, n, sizeof(*all), compare_ports);
	for (size_t i = 0; i < n; i++)
		if (!kept || compare_ports(&all[kept - 1], &all[i]) != 0)
			all[kept++] = all[i];
	*ret = all;
	return MIN(kept, (size_t)PORTS_MAX);
}

static void put_port(struct document *d, const struct service_port *p)
{
	char name[24];

	(void)snprintf(name, sizeof(name), "p-%u-%s", p->port, p->udp ? "udp" : "tcp");
	document_map(d);
	document_put_string(d, "name", name);
	document_put_uint(d, "port", p->port);
	document_put_uint(d, "targetPort", p->port);
	document_put_string(d, "protocol", p->udp ? "UDP" : "TCP");
	document_end(d);
}

/* A Service must have a port, so there is no Service if no listener is served (P-OBJ-2). */
static void want_service(const struct infrastructure *i)
{
	const struct infrastructure_parameters *p = &i->parameters;
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	struct service_port *ports;
	size_t n = find_ports(i->g, &ports);
	struct document d;

	if (!n)
		return;
	begin(i, &d, &b, "v1", "Service", i->name);
	document_key(&d, "spec");
	document_map(&d);
	document_put_string(&d, "type", p->service_type);
	if (p->external_traffic_policy && strcmp(p->service_type, "ClusterIP") != 0)
		document_put_string(&d, "externalTrafficPolicy", p->external_traffic_policy);
	if (p->ip_family_policy)
		document_put_string(&d, "ipFamilyPolicy", p->ip_family_policy);
	if (i->address && strcmp(p->service_type, "LoadBalancer") == 0)
		document_put_string(&d, "loadBalancerIP", i->address);
	document_key(&d, "selector");
	infrastructure_selector(i, &d);
	document_key(&d, "ports");
	document_list(&d);
	for (size_t k = 0; k < n; k++)
		put_port(&d, &ports[k]);
	document_end(&d);
	document_end(&d);
	finish(i, &d, "Service", i->name);
}

/* ---- how far it has got ---- */

static bool has_address(const Portolan__Ipc__Infrastructure *s, const char *address)
{
	for (size_t i = 0; s && i < s->n_addresses; i++)
		if (strcmp(s->addresses[i]->value, address) == 0)
			return true;
	return false;
}

static const char *place_of(const struct infrastructure *i)
{
	if (!*i->namespace)
		return arena_printf(i->g->a, "%s in Portolan's own namespace", i->name);
	return arena_printf(i->g->a, "%s/%s", i->namespace, i->name);
}

static void check_addresses(struct infrastructure *i, const Portolan__Ipc__Infrastructure *s)
{
	const K8s__GatewaySpec *spec = i->g->object->spec;
	struct flaw *programmed = &i->g->addresses.programmed;

	i->g->addresses.n_usable = !spec->n_addresses && s && s->n_addresses;
	for (size_t k = 0; k < spec->n_addresses; k++) {
		const char *value = spec->addresses[k]->value;

		if (*value ? has_address(s, value) : s && s->n_addresses) {
			i->g->addresses.n_usable++;
			continue;
		}
		if (!*value)
			continue;
		flaw_set(programmed, "AddressNotUsable",
			 arena_printf(i->g->a, "spec.addresses[%zu]: the Service %s has not got %s",
				      k, place_of(i), value));
	}
	if (!s || !s->n_addresses)
		flaw_set(programmed, "AddressNotAssigned",
			 arena_printf(i->g->a, "the Service %s has no address yet", place_of(i)));
}

/* The state of the objects that were desired for the Gateway. */
static void find_state(struct infrastructure *i)
{
	const struct item *known = read_object(i->g->r, OBJECT_INFRASTRUCTURE, i->g->fleet);
	const Portolan__Ipc__Infrastructure *s =
		known ? portolan__ipc__infrastructure__unpack(arena_pb(i->g->a), known->value_len,
							      item_value(known))
		      : NULL;
	struct gateway_addresses *addresses = &i->g->addresses;

	addresses->shown =
		arena_new_of(i->g->a, Portolan__Ipc__AddressStatus *, (s ? s->n_addresses : 0) + 1);
	for (size_t k = 0; s && k < s->n_addresses; k++)
		addresses->shown[addresses->n_shown++] = s->addresses[k];
	for (size_t k = 0; s && k < s->n_problems; k++)
		flaw_set(&addresses->programmed, "NoResources",
			 arena_printf(i->g->a, "%s: %s", s->problems[k]->field,
				      s->problems[k]->message));
	if (s && s->upgrade)
		emit_problem(i->g->r, OBJECT_GATEWAY, i->g->key, s->upgrade->severity,
			     s->upgrade->reason, s->upgrade->field, "%s", s->upgrade->message);
	check_addresses(i, s);
	if (!s || !s->available)
		flaw_set(&addresses->programmed, "NoResources",
			 arena_printf(i->g->a, "no Envoy of %s %s is ready yet",
				      i->parameters.daemon_set ? "DaemonSet" : "Deployment",
				      place_of(i)));
}

static const char *asked_address(const K8s__GatewaySpec *spec)
{
	for (size_t i = 0; i < spec->n_addresses; i++)
		if (*spec->addresses[i]->value)
			return spec->addresses[i]->value;
	return NULL;
}

static void check_images(struct infrastructure *i, const K8s__ConfigPortolanGateway *c)
{
	if (!*c->envoy_image || !*c->image)
		flaw_set(&i->g->addresses.programmed, "NoResources",
			 arena_printf(i->g->a,
				      "the configuration has no portolan.gateway.%s, so no Envoy "
				      "can be made for it",
				      *c->image ? "envoy-image" : "image"));
}

struct infrastructure_parameters infrastructure_defaults(void)
{
	return (struct infrastructure_parameters){
		.replicas = 2,
		.service_type = "LoadBalancer",
		.external_traffic_policy = "Local",
		.log_level = "warning",
	};
}

static struct infrastructure describe(struct gateway *g,
				      const struct infrastructure_parameters *parameters)
{
	struct infrastructure i = { .g = g, .class = g->object->spec->gateway_class_name };
	const char *name;

	object_split_key(g->r, g->key, &i.namespace, &name);
	if (g->merged)
		i.namespace = "";
	i.name = object_name(g->a, g->merged ? "merged" : name, i.class);
	i.secret = shorten(g->a, arena_printf(g->a, "%s-xds", i.name),
			   arena_printf(g->a, "%s-xds", i.name), false);
	i.label_name = g->merged ? shorten(g->a, i.class, i.class, false)
				 : shorten(g->a, name, name, false);
	i.fleet_label = short_hash(g->a, g->fleet);
	i.address = g->merged ? NULL : asked_address(g->object->spec);
	i.parameters = parameters ? *parameters : infrastructure_defaults();
	return i;
}

/* Without an address of xds-server the operator runs the Envoys. */
static bool is_made(const struct gateway *g)
{
	return *g->fleet && *config_read(g->r)->portolan->gateway->xds_address;
}

void infrastructure_want(struct gateway *g, const struct infrastructure_parameters *parameters)
{
	const K8s__ConfigPortolanGateway *c = config_read(g->r)->portolan->gateway;
	struct infrastructure i;

	if (!is_made(g))
		return;
	i = describe(g, parameters);
	if (!parameters) {
		keep(&i);
	} else if (*c->envoy_image && *c->image) {
		want_account(&i);
		want_secret(&i);
		want_workload(&i);
		want_service(&i);
	}
}

void infrastructure_find_state(struct gateway *g,
			       const struct infrastructure_parameters *parameters)
{
	const K8s__GatewayInfrastructure *own = g->object->spec->infrastructure;
	struct infrastructure i;

	if (!is_made(g))
		return;
	i = describe(g, parameters);
	if (g->merged && own && (own->n_labels || own->n_annotations))
		object_warning(g->r, OBJECT_GATEWAY, g->key, "FieldIgnored", "spec.infrastructure",
			       "ignored: the objects are those of all Gateways of GatewayClass %s",
			       i.class);
	check_images(&i, config_read(g->r)->portolan->gateway);
	find_state(&i);
}
