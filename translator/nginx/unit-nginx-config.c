/* ingress-nginx's ConfigMaps: the controller's unsupported keys, and the ports of tcp-services and
 * udp-services. */
#include <stdlib.h>
#include <string.h>

#include "proto/model.pb-c.h"
#include "translator/host/want-listener.h"
#include "translator/host/want-stream.h"
#include "translator/nginx/nginx-config.h"
#include "translator/nginx/nginx-global.h"
#include "translator/nginx/nginx-key.h"
#include "translator/nginx/nginx-plan.h"
#include "translator/resolve/config.h"
#include "translator/resolve/object.h"
#include "translator/resolve/upstream.h"
#include "translator/units.h"

#define PORTS_MAX 256

/* ---- keys ---- */

/* Served keys that are no annotations' names. */
static const struct nginx_annotation values[] = {
	{ .name = "allow-cross-namespace-resources", .class = NGINX_BOOL },
	{ .name = "block-cidrs", .class = NGINX_CIDRS },
	{ .name = "compute-full-forwarded-for", .class = NGINX_BOOL },
	{ .name = "enable-brotli", .class = NGINX_BOOL },
	{ .name = "enable-real-ip", .class = NGINX_BOOL },
	{ .name = "global-auth-always-set-cookie", .class = NGINX_BOOL },
	{ .name = "hsts", .class = NGINX_BOOL },
	{ .name = "hsts-include-subdomains", .class = NGINX_BOOL },
	{ .name = "hsts-max-age", .class = NGINX_INT },
	{ .name = "hsts-preload", .class = NGINX_BOOL },
	{ .name = "http-redirect-code", .class = NGINX_WORD, .words = "301 302 307 308" },
	{ .name = "proxy-add-original-uri-header", .class = NGINX_BOOL },
	{ .name = "proxy-ssl-location-only", .class = NGINX_BOOL },
	{ .name = "retry-non-idempotent", .class = NGINX_BOOL },
	{ .name = "use-forwarded-headers", .class = NGINX_BOOL },
	{ .name = "use-gzip", .class = NGINX_BOOL },
};

static const struct nginx_annotation *find_value(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(values); i++)
		if (strcmp(values[i].name, name) == 0)
			return &values[i];
	return nginx_annotation_find(name);
}

/* A value that ingress-nginx cannot read counts as not set. */
static void report_value(struct reader *r, const char *map, const char *name, const char *value,
			 const char *field)
{
	const struct nginx_annotation *row = find_value(name);

	if (row && *value && !nginx_annotation_valid(row, value))
		object_warning(r, OBJECT_CONFIG_MAP, map, "KeyInvalid", field,
			       "the value must be %s%s%s", nginx_class_text(row->class),
			       row->words ? ": " : "", row->words ? row->words : "");
}

static void report_key(struct reader *r, const char *map, const char *name, const char *value)
{
	const struct nginx_key *row = nginx_key_find(name);
	const char *field = arena_printf(reader_arena(r), "data[%s]", name);

	if (row)
		report_value(r, map, name, value, field);

	if (!row)
		object_warning(
			r, OBJECT_CONFIG_MAP, map, "KeyUnknown", field,
			"ingress-nginx has no such key, or the key lost its effect long ago");
	else if (row->fidelity == NGINX_NO)
		object_warning(r, OBJECT_CONFIG_MAP, map, "KeyUnsupported", field,
			       "it is not served: %s", row->note);
	else if (row->fidelity == NGINX_NEAR)
		emit_problem(r, OBJECT_CONFIG_MAP, map, PORTOLAN__IPC__SEVERITY__SEVERITY_INFO,
			     "KeyDiffers", field, "it is served: %s", row->note);
}

static void report_keys(struct reader *r)
{
	const char *key = nginx_config_map(r);
	const K8s__ConfigMap *map = key ? read_message(r, OBJECT_CONFIG_MAP, key) : NULL;

	if (!map)
		return;
	for (size_t i = 0; i < map->n_data; i++)
		report_key(r, key, map->data[i]->key, map->data[i]->value);
	nginx_global_check(r);
	emit_verdict(r, OBJECT_CONFIG_MAP, key, PORTOLAN__IPC__VERDICT__VERDICT_ACCEPTED);
}

/* ---- ports ---- */

/* port: namespace/service:port[:PROXY[:PROXY]] */
struct port_entry {
	unsigned port;
	const char *namespace, *service, *service_port;
};

static const char *read_entry(struct arena *a, const K8s__ConfigMap__DataEntry *e,
			      struct port_entry *ret)
{
	char *end;
	unsigned long port = strtoul(e->key, &end, 10);
	const char *text = e->value, *slash = strchr(text, '/');
	const char *colon = slash ? strchr(slash, ':') : NULL;

	if (*end || end == e->key || !port || port > 65535)
		return "the key is not a port";
	if (!slash || !colon || slash == text || colon == slash + 1 || !colon[1])
		return "the value must be namespace/service:port";
	if (strchr(colon + 1, ':'))
		return "PROXY is not served: the port is not opened";
	*ret = (struct port_entry){
		.port = (unsigned)port,
		.namespace = arena_strndup(a, text, (size_t)(slash - text)),
		.service = arena_strndup(a, slash + 1, (size_t)(colon - slash - 1)),
		.service_port = colon + 1,
	};
	return NULL;
}

static const char *taken(struct reader *r, unsigned port, bool udp)
{
	const K8s__ContourConfigurationSpec *c = config_read(r);

	if (!udp && (unsigned)c->envoy->http->port == port)
		return "the port is that of HTTP";
	if ((!udp || c->portolan->http3->enabled) && (unsigned)c->envoy->https->port == port)
		return udp ? "the port is that of HTTP/3" : "the port is that of HTTPS";
	return NULL;
}

/* The cluster of the Service's port, or NULL with a sentence. */
static const char *find_cluster(struct reader *r, const struct port_entry *e, bool udp,
				const char **ret_why)
{
	Portolan__Model__ClusterSpec spec = PORTOLAN__MODEL__CLUSTER_SPEC__INIT;
	const Portolan__Model__ClusterResult *result;

	spec.namespace_ = (char *)e->namespace;
	spec.service = (char *)e->service;
	spec.port = (char *)e->service_port;
	spec.protocol = udp ? NULL : (char *)"http";
	spec.has_gateway = spec.gateway = spec.has_udp = spec.udp = udp;
	result = upstream_find(r, &spec);
	*ret_why = result->message;
	return result->name;
}

static void open_port(struct reader *r, const char *map, const struct port_entry *e, bool udp,
		      const char *cluster)
{
	struct arena *a = reader_arena(r);
	const char *address = config_read(r)->envoy->http->address;
	const char *name = arena_printf(a, "nginx/%s/%u", udp ? "udp" : "tcp", e->port);
	struct listener_chain chain = { .protocol = udp ? LISTENER_UDP : LISTENER_TCP,
					.host = "*",
					.table = name };
	struct listener_spec listener = { .name = name,
					  .fleet = "",
					  .addresses = &address,
					  .n_addresses = 1,
					  .port = e->port,
					  .udp = udp,
					  .chains = &chain,
					  .n_chains = 1 };
	struct tcp_target target = { cluster, 1 };
	struct host_tcp tcp = { &target, 1 };
	struct stream_spec stream = { .socket = name,
				      .listener_host = "*",
				      .domain = "*",
				      .kind = OBJECT_CONFIG_MAP,
				      .object = map,
				      .sort = "0" };

	if (udp)
		stream.cluster = cluster;
	else
		stream.tcp = &tcp;
	want_listener(r, &listener, OBJECT_CONFIG_MAP, map);
	want_stream(r, &stream);
}

static void open_ports(struct reader *r, const char *key, bool udp)
{
	const K8s__ConfigMap *map = key ? read_message(r, OBJECT_CONFIG_MAP, key) : NULL;

	for (size_t i = 0; map && i < map->n_data; i++) {
		const char *field = arena_printf(reader_arena(r), "data[%s]", map->data[i]->key);
		struct port_entry e = { 0 };
		const char *why = i < PORTS_MAX ? read_entry(reader_arena(r), map->data[i], &e)
						: "there are too many ports";
		const char *cluster = NULL;

		if (!why)
			why = taken(r, e.port, udp);
		if (!why)
			cluster = find_cluster(r, &e, udp, &why);
		if (cluster)
			open_port(r, key, &e, udp, cluster);
		else
			object_warning(r, OBJECT_CONFIG_MAP, key, "PortNotServed", field, "%s",
				       why ? why : "there is no such Service");
	}
	if (map)
		emit_verdict(r, OBJECT_CONFIG_MAP, key, PORTOLAN__IPC__VERDICT__VERDICT_ACCEPTED);
}

void unit_nginx_config(struct reader *r, const char *key _unused_, size_t key_len _unused_)
{
	if (!nginx_config_enabled(r))
		return;
	if (nginx_config_believes(r) || nginx_config_flag(r, "enable-real-ip", false))
		emit_fact(r, FACT_FORWARDED, "", 0, "", 0, NULL, 0);
	nginx_unknown_want(r);
	report_keys(r);
	open_ports(r, nginx_config_tcp_services(r), false);
	open_ports(r, nginx_config_udp_services(r), true);
}
